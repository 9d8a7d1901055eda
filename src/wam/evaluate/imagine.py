"""Open-loop prediction: a model sees the past of a window and imagines what the given actions lead to.

Pictures come from the predicted observation, or from `Decodes.decode` of a predicted state. Stochastic models imagine one
sample per row, as a planner would see it; row i has seed i.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.evaluate.baselines import Pictures
from wam.world import (
    Actions,
    Encodes,
    Future,
    Latent,
    LatentSpec,
    Noise,
    Observation,
    SpecError,
    Window,
    WorldModel,
    concatenate,
    pictures_of,
    to_float,
)

AT_ONCE = 64  # rows given to a model at once


@dataclass(frozen=True)
class Imagined:
    """What a model predicts, in forms that can be judged."""

    future: Future
    pictures: Pictures | None  # camera -> "B H 3 h w", float 0..1, clipped
    latents: Float[Tensor, "B H D"] | None  # flattened, of models that predict latents


@torch.no_grad()
def imagine(model: WorldModel, window: Window, actions: Actions | None = None, *, seeds: Int[Tensor, "B"] | None = None) -> Imagined:
    """Open loop over the window's horizon, with its own actions unless others are given ("B H ..."). SpecError for unfit windows."""
    actions = actions_of(window) if actions is None else actions
    steps, rows = actions.size("T"), window.size("B")
    if steps % model.spec.chunk:
        raise SpecError(f"the window looks {steps} steps ahead, the model predicts {model.spec.chunk} at once. Make the horizon a multiple of it.")
    if window.past.actions.size("T") < model.spec.context[0]:
        raise SpecError(
            f"the window shows {window.past.actions.size('T')} past frames, the model needs {model.spec.context[0]}. Cut windows with a longer past."
        )
    model.spec.observes.require(window.past.observation, f"{type(model).__name__}, rollout card")
    seeds = torch.arange(rows) if seeds is None else seeds
    parts = []
    for start in range(0, rows, AT_ONCE):
        some, acts = window.narrow("B", start, start + AT_ONCE), actions.narrow("B", start, start + AT_ONCE)
        noise = Noise.of(seeds[start : start + AT_ONCE], some.device) if model.spec.stochastic else None
        carry = model.observe(model.begin(some.size("B"), some.task), some.past, noise=noise)
        future = model.predict(carry, acts, noise=noise.advance(some.past.actions.size("T")) if noise is not None else None)[1]
        parts.append((future, _pictures(model, future)))
    future = concatenate([part for part, _ in parts], "B")
    pictures = None
    if parts[0][1] is not None:
        pictures = {name: torch.cat([shown[name] for _, shown in parts if shown is not None]) for name in parts[0][1]}
    return Imagined(future=future, pictures=pictures, latents=future.state.z.flatten(2) if isinstance(future.state, Latent) else None)


def actions_of(window: Window) -> Actions:
    """The actions of the future; those beyond the end of an episode are not valid."""
    return replace(window.actions, valid=window.actions.valid & window.valid[..., None])


def encoded(model: WorldModel, observation: Observation) -> Float[Tensor, "B T D"] | None:
    """Latents of single frames, flattened; None of a model that has none, or does not predict them."""
    if not isinstance(model, Encodes) or not isinstance(model.spec.predicts.state, LatentSpec):
        return None
    parts = [model.encode(observation.narrow("B", start, start + AT_ONCE)) for start in range(0, observation.size("B"), AT_ONCE)]
    return torch.cat([state.z.flatten(2) for state in parts if isinstance(state, Latent)])


def others(count: int, seed: int = 0) -> Int[Tensor, "B"]:
    """For each row another one, each used once: a random order, shifted by one. ValueError for a single row."""
    if count < 2:
        raise ValueError(f"actions are exchanged between windows, and {count} came: two at least. Name more or longer episodes, or a shorter horizon.")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    found = torch.empty_like(order)
    found[order] = order.roll(1)
    return found


def _pictures(model: WorldModel, future: Future) -> Pictures | None:
    rgb = pictures_of(model, future)
    return None if rgb is None else {name: to_float(frames).clamp(0, 1) for name, frames in rgb.items()}
