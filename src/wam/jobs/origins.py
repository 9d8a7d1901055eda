"""Where figures of trained runs come from: what every command says of the runs that it measured. Does not know: what was measured."""

from wam.evaluate.origin import Origin
from wam.evaluate.sources import Sources
from wam.recipes.runs import Run, sources_of
from wam.world import EVALUATION_SEEDS

JUDGED = f"evaluation {EVALUATION_SEEDS:,} and up"


def origin_of(*runs: Run, started: float, protocol: str, sources: Sources, device: str = "cpu", seeds: str | None = None, data: str | None = None) -> Origin:
    """Of figures that are done now; the first run is what they are about, the others count along. Rest as `Origin.now`.

    `seeds`: by default those of the trainings, and of evaluation. `data`: by default what the first run learned from.
    """
    run = runs[0]
    return Origin.now(
        started=started,
        protocol=protocol,
        seeds=f"training {', '.join(str(each.seed) for each in runs)}; {JUDGED}" if seeds is None else seeds,
        sources=sources,
        device=device,
        recipe=run.name,
        data=run.trained_on.fingerprint if data is None else data,
        statistics=run.trained_on.statistics,
        weights=sources_of(*runs),
    )
