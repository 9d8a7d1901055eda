"""Random inputs that fit a spec, and small changes to them.

Knows: specs and records.   Does not know: what is checked with them.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from wam.world import (
    Actions,
    ActionSpec,
    Facts,
    FutureSpec,
    Latent,
    LatentSpec,
    Noise,
    Observation,
    ObservationSpec,
    Past,
    Physical,
    Record,
    Task,
    Tracks,
    Truth,
)
from wam.world.states import StateSpec, sample_state

R = TypeVar("R", bound=Record)


def noise(seed: int, batch: int, device: torch.device) -> Noise:
    """One sequence per row, different for every (seed, row)."""
    return Noise.of(range(1000 * seed, 1000 * seed + batch), device)


def past(observes: ObservationSpec, acts: ActionSpec, steps: int, noise: Noise, *, first: bool) -> Past:
    """`steps` random frames and the actions that led to them; `first` marks the first frame as an episode's first."""
    batch = len(noise.seed)
    made = Past(observation=observes.sample(batch, steps, noise), actions=acts.sample(batch, steps, noise))
    return dataclasses.replace(made, actions=invalid_at(made.actions, 0)) if first else made


def instruction(sentences: tuple[str, ...], noise: Noise) -> Task:
    """A task with a random sentence of the table."""
    return Task(instruction=noise.fork("task").integers(1, len(sentences))[:, 0])


def invalid_at(actions: Actions, step: int | slice) -> Actions:
    """The same actions, of which those of a step (or of steps) were not executed."""
    valid = actions.valid.clone()
    valid[:, step] = False
    return dataclasses.replace(actions, valid=valid)


def splice(base: R, other: R, steps: slice) -> R:
    """`base`, with the content of `other` at these steps of axis 1; leaves without a time axis are kept."""

    def join(axes: tuple[str, ...], leaf: Tensor, new: Tensor) -> Tensor:
        if axes[1:2] not in (("T",), ("H",)):
            return leaf
        joined = leaf.clone()
        joined[:, steps] = new[:, steps]
        return joined

    return base.map(join, other)


def swap_values(actions: Actions, other: Actions, where: Callable[[Tensor], Tensor] = lambda valid: ~valid) -> Actions:
    """`actions` whose values come from `other` wherever `where(valid "B T R")` is True; the masks stay."""
    chosen = where(actions.valid)

    def pick(axes: tuple[str, ...], leaf: Tensor, new: Tensor) -> Tensor:
        mask = chosen if axes[2:3] == ("R",) else chosen.all(2)
        return torch.where(mask.view(*mask.shape, *[1] * (leaf.ndim - mask.ndim)), new, leaf)

    return dataclasses.replace(actions.map(pick, other), valid=actions.valid)


def at_fraction(acts: ActionSpec, actions: Actions, fraction: float) -> Actions:
    """The same actions with every limited low-level slot at this fraction of its range."""
    assert actions.low_level is not None
    low, high = acts.limits(actions.device, actions.low_level.dtype)
    limited = low.isfinite() & high.isfinite()
    level = torch.where(limited, low, 0) + fraction * torch.where(limited, high - low, 0)
    return dataclasses.replace(actions, low_level=torch.where(limited, level, actions.low_level))


def float_frames(observation: Observation, dtype: torch.dtype) -> Observation:
    """The same observation, RGB as floats 0..1."""
    rgb = observation.rgb
    return dataclasses.replace(observation, rgb=None if rgb is None else {name: frame.to(dtype) / 255 for name, frame in rgb.items()})


def union(one: ObservationSpec, two: ObservationSpec | None) -> ObservationSpec:
    """A spec with the parts of both."""
    if two is None:
        return one
    return dataclasses.replace(
        one,
        cameras={**two.cameras, **one.cameras},
        proprio=one.proprio or two.proprio,
        points=one.points or two.points,
        point_features=one.point_features or two.point_features,
        state=one.state or two.state,
    )


def truth(state: StateSpec | None, steps: int, noise: Noise) -> Truth | None:
    """What a simulator would know where the model predicts tracks, facts or physical states."""
    if state is None:
        return None
    made = sample_state(state, len(noise.seed), steps, noise)
    if isinstance(made, Latent):
        return None
    return Truth(
        tracks=made if isinstance(made, Tracks) else None,
        facts=made if isinstance(made, Facts) else None,
        physical=made if isinstance(made, Physical) else None,
    )


def recorded_state(predicts: FutureSpec) -> StateSpec | None:
    """The predicted state where it can stand in recorded data; a learned latent cannot."""
    return None if predicts.state is None or isinstance(predicts.state, LatentSpec) else predicts.state
