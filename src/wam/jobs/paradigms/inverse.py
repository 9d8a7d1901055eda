"""Inverse dynamics against what the expert did: read off real frames, and off frames that the video model imagines from the same starts.

The frames are of the expert's own held-out episodes, so what it did next is known. Off generated frames the error is that of imagining and of
reading together: a video of another good way counts as an error too.
Does not know: training. Only arms that imagine and read actions off frames have these figures.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.data import DataSpec, WindowDataset, cut, frames_of
from wam.evaluate.intervals import Interval, bootstrap_mean
from wam.jobs.paradigms.cell import InverseErrors
from wam.models.world_action.grounding import ByInverseDynamics
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.plan.control.rollout import rollout
from wam.use.futures import pictures
from wam.world import Actions, Future, Noise, Policy


def inverse_errors(
    model: ImagineThenExecute, world: Any, expert: Policy[Any], seeds: Sequence[int], *, skip: int, usual: Sequence[float]
) -> InverseErrors | None:
    """On the expert's episodes with these seeds, one per row of `world`; windows do not overlap. None for a grounder of another kind.

    Distances are of the slots in metres: turns and openings have units of their own.
    `usual`: the mean action "A" of the training data, which always answering counts as the trivial reader.
    """
    if not isinstance(model.grounder, ByInverseDynamics):
        return None
    done = rollout(world, expert, world.spec.budget, seeds=seeds)
    steps = model.video.spec.chunk
    frames = frames_of(cut(done.to("cpu"), world.spec.sentences), DataSpec.of_world(world.spec)).in_table(world.spec.sentences)
    windows = WindowDataset(frames, past=1, horizon=steps, skip=skip, stride=steps * skip)
    indices, device = torch.arange(len(windows)), next(model.parameters()).device
    window = windows.batch(indices).to(device)
    memory, noise = model.begin(len(window.valid), window.task), Noise.of(indices, device)
    true, episode = window.actions.low_level, windows.episode_of(indices)
    assert true is not None and window.future.observation is not None  # the world has low-level actions and pictures
    known = window.valid[..., None] & window.actions.valid
    metres = [place for place, slot in enumerate(world.spec.acts.low_level) if slot.unit == "m"]

    def error(found: Tensor | None) -> Interval:
        assert found is not None
        return bootstrap_mean(per_window((found - true)[..., metres].norm(dim=-1), known), groups=episode)

    def read(future: Future) -> Tensor | None:
        actions: Actions = model.grounder.ground(window.past, future, window.task)
        return actions.low_level

    with torch.no_grad():
        real = Future(observation=pictures(window.future.observation))
        return InverseErrors(
            real=error(read(real)), generated=error(read(model.imagine(memory, window.past, noise=noise))), mean=error(true.new_tensor(usual).expand_as(true))
        )


def per_window(values: Float[Tensor, "B H R"], known: Bool[Tensor, "B H R"]) -> Float[Tensor, "B"]:
    """Means over what was done."""
    return (values * known).sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
