"""Recorded actions from recorded states give the recorded poses: from a snapshot, and from what a data set on disk holds."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.tabletop.tables import BLIND, THINGS, actions, run, started
from wam.data import Episode, open_dataset
from wam.jobs.record import record_world
from wam.sim.worlds import tabletop
from wam.sim.worlds.tabletop import Expert, TabletopWorld
from wam.world import Physical, SpecError

BOUND = 1e-6  # m and quaternion parts


def test_recorded_actions_from_a_restored_state_reproduce_the_poses() -> None:
    """In another world too, while something is carried about."""
    world = started(THINGS["sink"], 3)
    expert = Expert(world)
    memory = expert.begin(3, None)
    for _ in range(20):
        memory, action = expert.act(memory, None)
        world.step(action)
    snapshot, done, poses = world.save(), [], []
    for _ in range(20):
        memory, action = expert.act(memory, None)
        world.step(action)
        done.append(action)
        poses.append(world.truth().pose)
    assert any(row.held() for row in world.rows)
    other = started(THINGS["sink"], 3, first_seed=50)
    other.restore(snapshot)
    for action, pose in zip(done, poses, strict=True):
        other.step(action)
        assert (other.truth().pose - pose).abs().max() < BOUND


@pytest.mark.parametrize(
    "options",
    [
        {"tasks": ("push", "open", "close"), "budget": 40},
        {"tasks": ("clear",), "blocks": 2, "dishes": 2, "varied_dynamics": True, "budget": 60},
    ],
)
def test_a_recorded_data_set_replays_from_any_of_its_states(options, tmp_path) -> None:
    """Actions, states and seeds as read from disk; things are pushed and carried, the drawer is pulled."""
    options = {"cameras": (), **options}
    record_world("tabletop", tmp_path / "set", episodes=6, policies={"play": 1.0, "expert": 1.0}, truth=("all",), options=options)
    worst, moved = 0.0, 0.0
    for number in range(6):
        episode = open_dataset(tmp_path / "set").read(number)
        for start in (0, 13, 27):
            poses, recorded = replayed(episode, start, options), episode.truth.pose[:, start:]
            worst = max(worst, float((poses - recorded).abs().max()))
            moved = max(moved, float((recorded[:, 1:, :-2] - recorded[:, :-1, :-2]).abs().max()))
    assert worst < BOUND and moved > 0.01


def replayed(episode: Episode, start: int, options: dict) -> torch.Tensor:
    """Poses "1 T N 7" from the state of instant `start` on."""
    world = tabletop.make(1, **options)
    world.reset(torch.tensor([True]), torch.tensor([episode.seed]))
    world.restore(world.at(episode.truth.physical.narrow("T", start, start + 1)))
    poses = [world.truth().pose]
    for step in range(start + 1, episode.length):
        world.step(episode.actions.narrow("T", step, step + 1))
        poses.append(world.truth().pose)
    return torch.cat(poses, 1)


def test_the_same_seed_and_actions_give_the_same_episode() -> None:
    config = dataclasses.replace(THINGS["store"], varied_dynamics=True)
    one, two = (TabletopWorld(2, config) for _ in range(2))
    done = run(one, Expert(one), 60, truth=True)
    two.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    for step in range(1, 61):
        two.step(done.actions.narrow("T", step, step + 1))
    assert torch.equal(two.truth().physical.q, done.truth.physical.q[:, -1:])


def test_other_constants_make_other_things() -> None:
    """A block of four times the mass presses four times as hard on the table."""
    world = started(THINGS["push"], 1)
    physical = world.truth().physical
    index = [slot.name for slot in world.spec.physical.parameters].index("block 1 mass")
    heavier = physical.parameters.clone()
    heavier[:, index] *= 4
    world.restore(world.at(Physical(q=physical.q, v=physical.v, parameters=heavier)))
    assert world.rows[0].scene.things[0].mass == pytest.approx(4 * float(physical.parameters[0, index]))
    world.step(actions([(0, 0, 0, 0, 1)] * 3))
    found = world.truth()
    assert torch.equal(found.physical.parameters, heavier)
    assert found.contacts.force[0, 0, 0, 2].item() == pytest.approx(float(heavier[0, index]) * 9.81, rel=0.02)


def test_records_of_another_table_are_refused() -> None:
    world, other = started(BLIND, 2), started(THINGS["clear"], 1)
    with pytest.raises(SpecError, match=r"state has \(q, v, parameters\) sizes"):
        world.at(other.truth().physical)
    with pytest.raises(SpecError, match="the record has 1 rows, this world 2"):
        world.at(world.truth().physical.select(torch.tensor([0])))
