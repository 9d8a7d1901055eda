"""Uses of a model: as an environment, to evaluate policies, to make data."""
