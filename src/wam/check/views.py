"""Conformance of a model together with all that it can be used as: a joint model's world model and inverse dynamics, the video inside a policy."""

from collections.abc import Callable
from typing import Any

import torch

from wam.check.inverse import check_inverse
from wam.check.policy import check_policy
from wam.check.report import Report
from wam.check.world_model import check_world_model
from wam.world import WorldModelSpec, offers


def check_views(model: Any, *, make: Callable[[], Any] | None = None, device: torch.device | str = "cpu", name: str = "") -> tuple[Report, ...]:
    """A report of a world model or policy, and one of each view that it gives. What it declines to be (SpecError) is no view of it.

    make: makes a fresh model, for the saving check.   device: where copies and their inputs lie.
    """
    name, spec, found = name or type(model).__name__, model.spec, offers(model)
    check = check_world_model if isinstance(spec, WorldModelSpec) else check_policy
    reports = [check(model, make=make, device=device, name=name)]
    for view, called in ((found.world_model, "as_world_model()"), (found.video, "as_video()")):
        if view is not None and view is not model:
            reports.append(check_world_model(view, device=device, name=f"{name}, {called}"))
    if found.inverse is not None and found.inverse is not model:
        reports.append(check_inverse(found.inverse, spec.observes, spec.acts, device=device, name=f"{name}, as_inverse()"))
    return tuple(reports)
