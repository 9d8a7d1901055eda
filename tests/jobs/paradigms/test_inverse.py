"""Inverse dynamics on the expert's episodes: errors that are known by how world, reader and dreams are made."""

from dataclasses import replace

import pytest
import torch

from tests.evaluate.dots import DotWorld, Wanderer, find
from wam.jobs.paradigms.inverse import Reader, inverse_errors
from wam.world import Actions, Future, Infers, Observation, to_float

PUSH, WRONG, USUAL = torch.tensor([0.3, 0.4]), torch.tensor([0.06, 0.08]), (0.3, 0.2)  # each step; what the reader adds; the mean action


class Straight(Wanderer):
    """The same step again and again."""

    def act(self, memory, since, *, noise=None):
        return memory, self._acts(PUSH.expand(len(memory.drift), 2))


class ReadsDots(Infers):
    """Says how far the dot went, and a little more."""

    def infer_actions(self, observation, *, noise=None):
        place = find(to_float(observation.rgb["top"]))
        moved = torch.diff(place, dim=1, prepend=place[:, :1]) + WRONG
        return Actions(valid=torch.ones_like(moved[..., :1], dtype=torch.bool), low_level=moved[:, :, None])


def imagines_that_nothing_moves(window, noise):
    last = window.past.observation.rgb["top"][:, -1:]
    return Future(observation=Observation(rgb={"top": last.expand(-1, 3, -1, -1, -1)}))


@pytest.mark.parametrize(("units", "real", "generated", "mean"), [(("m", "m"), 0.1, 0.4, 0.2), (("m", "rad"), 0.06, 0.24, 0.0)])
def test_errors_on_real_frames_and_on_generated_ones_are_told_apart(units, real, generated, mean):
    """On real frames the reader errs by what it adds; on dreams in which nothing moves, by the step without it. Slots in metres alone count."""
    world = DotWorld(6)
    slots = tuple(replace(slot, unit=unit) for slot, unit in zip(world.spec.acts.low_level, units, strict=True))
    world.spec = replace(world.spec, acts=replace(world.spec.acts, low_level=slots))
    reader = Reader(inverse=ReadsDots(), imagine=imagines_that_nothing_moves, steps=3)
    found = inverse_errors(reader, world, Straight(), range(6), skip=1, usual=USUAL, device="cpu")
    for interval, expected in ((found.real, real), (found.generated, generated), (found.mean, mean)):  # pictures of uint8 are known to about 0.005 px
        assert interval.value == pytest.approx(expected, abs=0.01) and interval.low - 1e-9 <= interval.value <= interval.high + 1e-9
