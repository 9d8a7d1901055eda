"""Which seeds are for evaluation: recording refuses them, and success is measured on nothing else."""

EVALUATION_SEEDS = 2_000_000  # the first of them
