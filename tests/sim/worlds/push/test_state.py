"""Seeing the state instead of pictures: the same world, the numbers that the simulator has, and nothing is drawn on the way."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.push.test_world import shoves
from tests.sim.worlds.push.worlds import started
from wam.check import check_env
from wam.evaluate import evaluation_seeds, measure_success
from wam.sim.worlds.push import COLOURS, DriveToGoal, Expert, PushConfig, PushWorld, make
from wam.world import SpecError

STATE = PushConfig(sees="state")
ZONE = PushConfig(sees="state", task="instruction", zones=1)
BLOCKS = PushConfig(sees="state", objects=2, moves=2, shapes=("block",), colours=COLOURS, budget=30)


@pytest.mark.parametrize("config", [dataclasses.replace(one, budget=12) for one in (STATE, ZONE, BLOCKS)], ids=["disc", "zone", "two blocks"])
def test_conforms(config: PushConfig) -> None:
    check_env(PushWorld(5, config)).require()


def test_slots_are_the_numbers_of_the_simulator() -> None:
    world = started(BLOCKS, 4)
    outcome = world.step(shoves(4, 12))
    column = {slot.name: outcome.observation.proprio[:, -1, index] for index, slot in enumerate(world.spec.observes.proprio)}
    physical, spec = world.truth().physical, world.spec.physical
    slots, values = (*spec.q, *spec.v), torch.cat([physical.q, physical.v], 2)[:, -1]
    true = {slot.name: values[:, index] for index, slot in enumerate(slots)}
    assert set(column) - set(true) == {f"object {index} {part}" for index in (1, 2) for part in ("cosine", "sine")}
    assert all(torch.equal(column[name], true[name]) for name in column.keys() & true.keys())
    assert torch.allclose(column["object 2 sine"], true["object 2 angle"].sin())
    assert max(float(column[name].abs().max()) for name in column if name.endswith("rate")) > 0.05


def test_the_goal_has_the_slots_of_the_frames_and_its_distance_is_the_reward() -> None:
    world = PushWorld(6, STATE)
    _, task = world.reset(torch.ones(6, dtype=torch.bool), torch.arange(6))
    assert world.spec.observes.problems(task.goal) == [] and task.goal.rgb is None
    names = [slot.name for slot in world.spec.observes.proprio]
    places = [names.index("object 1 x"), names.index("object 1 y")]
    outcome = world.step(shoves(6, 10))
    away = (outcome.observation.proprio[..., places] - task.goal.proprio[..., places]).norm(dim=-1)
    assert torch.allclose(outcome.reward, -away, atol=1e-6) and outcome.observation.rgb is None
    assert torch.equal(outcome.success, away < 0.085 / 2)
    assert bool((task.goal.proprio[..., [names.index("object 1 x rate"), names.index("object 1 y rate")]] == 0).all())


def test_with_one_zone_the_frames_alone_say_what_is_wanted() -> None:
    """For learners that read no goals: the distance of object and zone is the reward, and both are in the frame."""
    world = started(ZONE, 6)
    outcome, names = world.step(shoves(6, 10)), [slot.name for slot in world.spec.observes.proprio]
    disc, zone = (outcome.observation.proprio[..., [names.index(f"{name} x"), names.index(f"{name} y")]] for name in ("object 1", "zone 1"))
    assert torch.allclose(outcome.reward, -(disc - zone).norm(dim=-1), atol=1e-6) and len(names) == 8


def test_it_is_the_world_of_the_pictures() -> None:
    """Same seeds and actions: same rewards, success and truth bit for bit; a snapshot moves into the world that draws."""
    seen, felt, actions = started(PushConfig(), 7), started(STATE, 7), shoves(7, 15)
    one, two = seen.step(actions), felt.step(actions)
    assert torch.equal(one.reward, two.reward) and torch.equal(one.success, two.success) and torch.equal(one.alive, two.alive)
    assert torch.equal(seen.truth().physical.q, felt.truth().physical.q) and felt.truth().segmentation is None
    assert torch.equal(one.observation.proprio, two.observation.proprio[..., :2])
    other = PushWorld(7, PushConfig())
    other.restore(felt.save())
    more = shoves(7, 3, seed=9)
    assert torch.equal(other.step(more).observation.rgb["top"], seen.step(more).observation.rgb["top"])


def test_nothing_is_drawn_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = started(STATE, 2)
    monkeypatch.setattr(PushWorld, "_frames", lambda *_: pytest.fail("a picture was drawn"))
    world.step(shoves(2, 3))


def test_policies_act_in_it() -> None:
    world = make(12, sees="state")
    rates = {policy.__name__: measure_success(world, policy(world), name="", seeds=evaluation_seeds(12)).success for policy in (Expert, DriveToGoal)}
    assert rates["Expert"] > 0.9 and rates["DriveToGoal"] < 0.5


@pytest.mark.parametrize(
    "options",
    [
        {"task": "instruction", "zones": 2},
        {"inner_walls": 1},
        {"size": 64},
        {"varied_background": True},
        {"shapes": ("disc", "block")},
        {"split": "background"},
    ],
)
def test_what_the_state_does_not_say_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="cannot show"):
        make(1, sees="state", **options)
