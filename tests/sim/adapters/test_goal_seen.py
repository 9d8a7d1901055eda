"""The goal stands beside each frame, whatever is done; what the world does stays the same."""

import pytest
import torch

from wam.check import check_env
from wam.sim.adapters.goal_seen import GoalSeen
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Noise, SpecError

EVERYONE = torch.ones(3, dtype=torch.bool)


@pytest.mark.parametrize("sees", ["pixels", "state"])
def test_conforms(sees):
    check_env(GoalSeen(PushWorld(4, PushConfig(sees=sees)))).require()


def test_the_goal_is_shown_beside_what_the_world_shows():
    seen, plain = GoalSeen(PushWorld(3)), PushWorld(3)
    seeds = torch.arange(3)
    first, task = seen.reset(EVERYONE, seeds)
    plain.reset(EVERYONE, seeds)
    actions = plain.spec.acts.sample(3, 5, Noise.of(seeds))
    one, two = seen.step(actions), plain.step(actions)
    assert one.observation.rgb["top"].equal(two.observation.rgb["top"]) and one.reward.equal(two.reward)
    for frames in (first, one.observation):
        steps = frames.size("T")
        assert frames.rgb["goal_top"].equal(task.goal.rgb["top"].expand(-1, steps, -1, -1, -1))
        assert frames.proprio[..., 2:].equal(task.goal.proprio.expand(-1, steps, -1))
    assert [slot.name for slot in seen.spec.observes.proprio] == ["pusher x", "pusher y", "goal pusher x", "goal pusher y"]


def test_a_restored_row_wants_what_it_wanted():
    world = GoalSeen(PushWorld(3))
    before, _ = world.reset(EVERYONE, torch.arange(3))
    snapshot = world.save()
    world.reset(EVERYONE, torch.arange(50, 53))
    world.restore(snapshot)
    assert world.step(world.spec.acts.nothing(3, 1)).observation.rgb["goal_top"].equal(before.rgb["goal_top"])


def test_a_world_without_goals_is_refused():
    with pytest.raises(SpecError, match="states no goal image"):
        GoalSeen(PushWorld(3, PushConfig(task="play"))).reset(EVERYONE, torch.arange(3))
