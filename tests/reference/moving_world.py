"""The task of the table: push one disc to its place in the goal image (the push world's own task), told in every form at once.

Goal image, goal points, the nearest of nine places as a sentence, and a goal state of the kind that a model predicts.
Also the recorded episodes, on the world's clock and on the slower one that models think on.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from tests.reference.reach import PLACES, SENTENCES
from tests.reference.sensing import SensedWorld
from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import NoisyExpert, Play, PushConfig, Wander
from wam.world import EnvSpec, Episodes, Noise, Observation, Physical, Policy, State, Task, Tracks, concatenate

SIZE, SKIP = 16, 3  # px; world steps per model step
SHARES: tuple[tuple[Callable[..., Policy], float], ...] = ((Play, 0.7), (NoisyExpert, 0.15), (partial(Wander, memory=0.8), 0.15))

GoalState = Callable[[Observation, Physical], State]  # what would be seen at the goal, and its physical state "B 1 ..."


def as_physical(seen: Observation, state: Physical) -> State:
    """The physical state itself."""
    return state


def as_tracks(seen: Observation, state: Physical) -> State:
    """Where the tracked points would be, in the plane."""
    return Tracks(xyz=seen.points.xyz[..., :2], visible=seen.points.valid)


class MovingWorld(SensedWorld):
    """`Env`. The reward is minus the disc's distance (m) from the place that the sentence names."""

    def __init__(self, batch: int, goal_state: GoalState = as_physical, budget: int = PushConfig.budget):
        super().__init__(batch, PushConfig(size=SIZE, budget=budget))
        self.spec: EnvSpec = replace(self.spec, name="push, one disc", sentences=tuple(one.replace("go", "push the disc") for one in SENTENCES))
        self.goal_state = goal_state

    def reset(self, mask, seeds):
        observation, _ = super().reset(mask, seeds)
        return observation, self._task()

    def step(self, actions):
        outcome = super().step(actions)
        named = PLACES[self._sentence()][:, None]
        return replace(outcome, reward=-(outcome.observation.points.xyz[:, :, 0, :2] - named).norm(dim=-1))

    def _sentence(self) -> Tensor:
        return (self.world.moment.scene.goal[:, 0, None, :2] - PLACES).norm(dim=-1).argmin(1)

    def _task(self) -> Task:
        seen, state = self.shown_at(self.world.moment.scene.goal)
        return Task(instruction=self._sentence(), goal=seen, goal_state=self.goal_state(seen, state))


def recorded(count: int, seed: int = 0) -> Episodes:
    """`count` episodes of play, a noisy expert and wandering, on the world's clock."""
    parts, start = [], seed
    for policy, share in SHARES:
        env = MovingWorld(round(count * share))
        seeds = range(start, start + env.batch)
        done = rollout(env, policy(env.world), env.spec.budget, seeds=seeds, noise=Noise.of(seeds).fork("record"))
        parts.append(done)
        start += env.batch
    return concatenate(parts, "B")


def slower(episodes: Episodes, count: int = SKIP) -> Episodes:
    """Every `count`th instant, once from each of the first `count` instants on: `count` times as many rows, R = `count`."""
    return concatenate([_from(episodes, offset, count) for offset in range(count)], "B")


def _from(episodes: Episodes, offset: int, count: int) -> Episodes:
    steps = (episodes.alive.shape[1] - count) // count  # the same for every offset
    seen = torch.arange(steps + 1) * count + offset
    done = seen[1:, None] + torch.arange(1 - count, 1)  # world steps since the instant before, "H R"

    def folded(axes: tuple[str, ...], leaf: Tensor) -> Tensor:
        fast = leaf[:, done].squeeze(3)
        return torch.cat([torch.zeros_like(fast[:, :1]), fast], 1)

    return replace(episodes.take("T", seen), actions=episodes.actions.map(folded))


def slow_world(batch: int, goal_state: GoalState = as_physical) -> Skip:
    """The task on the models' clock."""
    return Skip(MovingWorld(batch, goal_state), SKIP)
