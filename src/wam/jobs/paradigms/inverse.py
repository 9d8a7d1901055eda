"""Inverse dynamics against what the expert did: read off real frames, and off frames that the video model imagines from the same starts.

The frames are of the expert's own held-out episodes, so what it did next is known. Off generated frames the error is that of imagining and of
reading together: a video of another good way counts as an error too.
Does not know: training. Only arms that imagine and read actions off frames have these figures: a video model with inverse dynamics, and a joint
model, by its views.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.data import DataSpec, WindowDataset, cut, frames_of
from wam.evaluate.intervals import Interval, bootstrap_mean
from wam.jobs.paradigms.cell import InverseErrors
from wam.models.world_action.grounding import ByInverseDynamics
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.models.world_action.joint import JointModel
from wam.plan.control.rollout import rollout
from wam.use.futures import pictures
from wam.world import Actions, Future, Infers, Noise, Observation, Policy, SpecError, Window, concatenate


@dataclass(frozen=True)
class Reader:
    """How a model reads actions off frames, and what it imagines after a window's past: `steps` frames."""

    inverse: Infers
    imagine: Callable[[Window, Noise], Future]
    steps: int


def reader_of(model: Any) -> Reader | None:
    """None for a model that does not do both."""
    if isinstance(model, ImagineThenExecute):
        if not isinstance(model.grounder, ByInverseDynamics):
            return None
        inverse: Infers = model.grounder.inverse
        video: Any = model.video
    elif isinstance(model, JointModel):
        try:
            inverse, video = model.as_inverse(), model.as_video()
        except SpecError:
            return None
    else:
        return None

    def imagine(window: Window, noise: Noise) -> Future:
        carry = video.observe(video.begin(len(window.valid), window.task), window.past)
        imagined: Future = video.predict(carry, Actions(valid=torch.ones_like(window.actions.valid)), noise=noise)[1]
        return imagined

    return Reader(inverse, imagine, video.spec.chunk)


def inverse_errors(reader: Reader, world: Any, expert: Policy[Any], seeds: Sequence[int], *, skip: int, usual: Sequence[float], device: str) -> InverseErrors:
    """On the expert's episodes with these seeds, one per row of `world`; windows do not overlap.

    Distances are of the slots in metres: turns and openings have units of their own.
    `usual`: the mean action "A" of the training data, which always answering counts as the trivial reader.
    """
    done = rollout(world, expert, world.spec.budget, seeds=seeds)
    frames = frames_of(cut(done.to("cpu"), world.spec.sentences), DataSpec.of_world(world.spec)).in_table(world.spec.sentences)
    windows = WindowDataset(frames, past=1, horizon=reader.steps, skip=skip, stride=reader.steps * skip)
    indices = torch.arange(len(windows))
    window, noise = windows.batch(indices).to(device), Noise.of(indices, device)
    true, episode = window.actions.low_level, windows.episode_of(indices)
    assert true is not None and window.future.observation is not None  # the world has low-level actions and pictures
    known = window.valid[..., None] & window.actions.valid
    metres = [place for place, slot in enumerate(world.spec.acts.low_level) if slot.unit == "m"]

    def error(found: Tensor | None) -> Interval:
        assert found is not None
        return bootstrap_mean(per_window((found - true)[..., metres].norm(dim=-1), known), groups=episode)

    def read(frames: Observation | None) -> Tensor | None:
        assert frames is not None
        shown = concatenate([pictures(window.past.observation), pictures(frames)], "T")
        return reader.inverse.infer_actions(shown, noise=noise.fork("read")).narrow("T", 1).low_level

    with torch.no_grad():
        imagined = reader.imagine(window, noise.fork("imagine")).observation
        return InverseErrors(real=error(read(window.future.observation)), generated=error(read(imagined)), mean=error(true.new_tensor(usual).expand_as(true)))


def per_window(values: Float[Tensor, "B H R"], known: Bool[Tensor, "B H R"]) -> Float[Tensor, "B"]:
    """Means over what was done."""
    return (values * known).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
