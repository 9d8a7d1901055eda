"""How a world model stands in time: causality, chaining, memory, re-grounding, restarts."""

import contextlib
import copy
import dataclasses
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from wam.check import samples
from wam.check.compare import difference, record_difference
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.subject import ROWS
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Actions, Future, Noise, Past, concatenate

FEW = 3  # rows of the pieces check
LONGEST = 300  # most frames of the pieces check: a ring of more than half of them is not seen to wrap; check a smaller preset


def actions_act_from_their_step_on(subject: WorldModelSubject) -> None:
    """Another action t leaves the steps before its chunk as they were and changes step t."""
    consumes = subject.spec.consumes
    if not (consumes.low_level or consumes.camera or consumes.keys or consumes.latent or consumes.sentences or consumes.skills):
        raise CheckSkipped("the model is told no actions")
    carry, noise = subject.looked(1), subject.noise(1)
    actions, chunk, steps = subject.actions(1), subject.spec.chunk, subject.horizon
    _, base = subject.imagine(carry, actions, noise)
    for step in (0, steps // 2, steps - 1):
        start, changed, later = step // chunk * chunk, False, False
        for seed in range(2, 2 + subject.tries):
            _, other = subject.imagine(carry, samples.splice(actions, subject.actions(seed), slice(step, step + 1)), noise)
            early = _differ(base, other, 0, start, exact=False) if start else None
            if early:
                raise CheckFailed(
                    f"another action {step} changed what comes before its chunk (steps 0 .. {start - 1}): {early}",
                    "The model looks ahead: a missing causal mask, a time axis that is mixed, or actions shifted by one step (step h uses action h + 1).",
                    "Step h may use actions 0 .. h only (with chunks: those of its own chunk and earlier).",
                )
            changed = _differ(base, other, step, step + 1, exact=True) is not None
            later = later or (step + 1 < steps and _differ(base, other, step + 1, steps, exact=True) is not None)
            if changed:
                break
        if not changed:
            raise CheckFailed(
                f"{subject.tries} other choices of action {step} left step {step} unchanged" + (", while later steps changed" if later else ""),
                "Off by one in time: step h is what action h LEADS TO, so it must use it." if later else "The actions are ignored, wholly or at this step.",
                "Apply action h before giving step h.",
            )


def _differ(one: Future, two: Future, start: int, stop: int, *, exact: bool) -> str | None:
    return record_difference(one.narrow("H", start, stop), two.narrow("H", start, stop), exact=exact)


def chained_calls_equal_one_call(subject: WorldModelSubject) -> None:
    """Predicting H steps at once equals chained calls at multiples of the chunk, with noise.advance in between."""
    if found := _beyond_rounding(subject, _chained_differs):
        raise CheckFailed(
            found,
            "The carry of predict lacks something (a clock, the noise step, the last frame), its memory wraps wrongly, or each call starts a fresh mask.",
            "Continue from the returned carry exactly where the call stopped; draw i of a call is noise step i.",
        )


def _beyond_rounding(subject: WorldModelSubject, differs: Callable[[WorldModelSubject, torch.dtype | None], str | None]) -> str | None:
    """What differs, and in double precision too: rounding may grow from step to step, in trained networks more than in fresh ones."""
    found = differs(subject, None)
    if found and isinstance(subject.model, nn.Module):
        doubled = dataclasses.replace(subject, model=copy.deepcopy(subject.model).double())
        with contextlib.suppress(RuntimeError):  # where it cannot be cast, as another check says
            found = differs(doubled, torch.float64)
    return found


def _chained_differs(subject: WorldModelSubject, dtype: torch.dtype | None) -> str | None:
    """In words; None where one call and chained calls agree. `dtype`: of floating inputs; None = as they are."""
    chunk, most = subject.spec.chunk, min(subject.spec.context[1], 32)
    steps = chunk * max(3, -(-(2 * most + 3) // chunk))
    actions, noise = subject.actions(1, steps).to(dtype=dtype), subject.noise(1)
    carry = subject.looked(1, dtype=dtype)
    _, once = subject.imagine(carry, actions, noise)
    for name, cuts in (("chunk by chunk", range(0, steps, chunk)), ("two chunks and the rest", (0, 2 * chunk))):
        chained = _chain(subject, carry, actions, noise, [*cuts, steps])
        if found := record_difference(once, chained, exact=False):
            return f"{steps} steps at once against {name}: {found}"
    return None


def _chain(subject: WorldModelSubject, carry: Any, actions: Actions, noise: Noise, cuts: list[int]) -> Future:
    futures = []
    for start, stop in pairwise(cuts):
        carry, future = subject.imagine(carry, actions.narrow("T", start, stop), noise.advance(start))
        futures.append(future)
    return concatenate(futures, "H")


def pieces_equal_one_observation(subject: WorldModelSubject) -> None:
    """More than two contexts of frames observed at once, one by one, and long-then-short lead to the same future."""
    if found := _beyond_rounding(subject, _pieces_differ):
        raise CheckFailed(
            found,
            "The memory depends on how it was filled: a ring buffer with a wrong position, a mask (band) that differs between the two paths, "
            "or frames beyond the context that are kept in one path and dropped in the other.",
            "Process many frames with the same mask that single frames see; test the ring with more than twice its length.",
        )


def _pieces_differ(subject: WorldModelSubject, dtype: torch.dtype | None) -> str | None:
    """In words; None where all ways of looking lead to one future. `dtype`: of floating inputs; None = as they are."""
    steps = max(min(2 * subject.spec.context[1] + 3, LONGEST), subject.spec.context[0] + 3)
    past = subject.past(1, steps, FEW).to(dtype=dtype)
    whole = _after(subject, past, [0, steps], dtype)
    for name, cuts in (("one by one", [*range(steps + 1)]), ("long then short", [0, steps - 2, steps]), ("short then long", [0, 2, steps])):
        if found := record_difference(whole, _after(subject, past, cuts, dtype), exact=False):
            return f"{steps} frames at once against {name}: {found}"
    return None


def _after(subject: WorldModelSubject, past: Past, cuts: list[int], dtype: torch.dtype | None) -> Future:
    """The future after the pieces `cuts` of a past."""
    batch = past.size("B")
    carry, noise = subject.model.begin(batch, subject.task(1, batch).to(dtype=dtype)), subject.noise(1, batch).fork("look")
    with torch.no_grad():
        for start, stop in pairwise(cuts):
            carry = subject.model.observe(carry, past.narrow("T", start, stop), noise=noise.advance(start))
    return subject.imagine(carry, subject.actions(1, batch=batch).to(dtype=dtype), subject.noise(1, batch))[1]


def observing_forgets_predictions(subject: WorldModelSubject) -> None:
    """Observing real frames after wrong predictions equals never having predicted."""
    carry, noise, since = subject.looked(1), subject.noise(1), subject.past(2, 1, first=False)
    wrong, _ = subject.imagine(carry, subject.actions(3), noise)
    wrong, _ = subject.imagine(wrong, subject.actions(4), noise)
    with torch.no_grad():
        clean = subject.model.observe(carry, since, noise=noise)
        after = subject.model.observe(wrong, since, noise=noise)
    one, two = (subject.imagine(start, subject.actions(1), noise)[1] for start in (clean, after))
    if found := difference([("the carry", clean), ("the future", one)], [("the carry", after), ("the future", two)], exact=True):
        raise CheckFailed(
            f"with and without predictions in between: {found}",
            "predict writes where observe continues from, so imagination leaks into memory.",
            "Use Grounded(seen, now): observe continues from `seen` and writes both, predict writes `now` only.",
        )


def rows_can_restart(subject: WorldModelSubject) -> None:
    """begin(B, task).where(first, carry), then observe, equals a fresh episode in the first rows and the old one elsewhere."""
    model, noise, task = subject.model, subject.noise(1), subject.task(1)
    first = torch.arange(ROWS, device=subject.device) % 2 == 0
    carry = subject.looked(1)
    old, _ = subject.imagine(carry, subject.actions(2), noise)
    fresh, since = subject.task(3), subject.past(3, subject.spec.context[0])
    since = dataclasses.replace(since, actions=since.actions.where(first, subject.past(3, subject.spec.context[0], first=False).actions))
    mixed_task = fresh.where(first, task)
    with torch.no_grad():
        started = model.observe(model.begin(ROWS, mixed_task), since, noise=noise)
        went_on = model.observe(old, since, noise=noise)
        mixed = model.observe(model.begin(ROWS, mixed_task).where(first, old), since, noise=noise)
    futures = [subject.imagine(start, subject.actions(4), noise)[1] for start in (started, went_on, mixed)]
    for name, rows, expected in (("restarted", first, futures[0]), ("other", ~first, futures[1])):
        if found := record_difference(futures[2].select(rows), expected.select(rows), exact=False):
            raise CheckFailed(
                f"the {name} rows differ: {found}",
                "Rows share a clock or ring position, or something of the old episode stands outside the carry.",
                "Keep a count per row in the carry, and mask what the row has not seen.",
            )
