"""The full state as a record: a simulator that starts from it goes where the world goes."""

import torch

from tests.sim.worlds.push.test_world import shoves
from tests.sim.worlds.push.worlds import FULL, started
from wam.sim.engines import planar
from wam.sim.worlds.push import from_physical, to_physical


def test_a_simulator_started_from_the_truth_replays_the_world() -> None:
    world = started(FULL, 10)
    world.step(shoves(10, 6))
    state, parameters = from_physical(world.truth().physical)
    actions = shoves(10, 12, seed=4)
    world.step(actions)
    for step in range(12):
        state = planar.step(state, actions.low_level[:, step, 0], parameters)
    assert torch.allclose(state.pose, world.moment.state.pose, atol=1e-6)


def test_the_record_reads_back() -> None:
    physical = started(FULL, 3).truth().physical
    again = to_physical(*from_physical(physical))
    assert all(torch.equal(a, b) for (_, _, a), (_, _, b) in zip(physical.leaves(), again.leaves(), strict=True))
