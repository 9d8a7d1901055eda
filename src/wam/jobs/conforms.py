"""`wam check RUN`: does a trained run keep the promises of its interfaces, in everything that it can be used as?"""

from pathlib import Path
from typing import Any

from wam.check import Report, check_policy, check_views
from wam.recipes import Run, load


def check_run(folder: Path, *, device: str = "cpu") -> tuple[Report, ...]:
    """A report of the model, of each view that it gives, and of how it plans, where its recipe says how. CheckpointError where it cannot be loaded."""
    run = load(folder, device=device)
    reports = check_views(run.model, make=lambda: _fresh(folder, device), device=device, name=run.name)
    if run.preset.planner is None or run.recipe.objective is None or run.offers.world_model is None:
        return reports
    return *reports, check_policy(run.policy(plan=True), device=device, name=f"{run.name}, planning")


def _fresh(folder: Path, device: str) -> Any:
    run: Run = load(folder, device=device)
    return run.model
