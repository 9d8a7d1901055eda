"""A robot's own loop, one step at a time, and what must hold of it however the link was: nothing is executed twice, and holding is holding."""

import time
from collections.abc import Callable

import torch

from tests.serve.mocks import Robot
from wam.plan.control.chunks import changes
from wam.plan.control.latency import Metered
from wam.serve import AsyncRemotePolicy
from wam.world import Past


class Drive:
    """`slot`: the action that says which step it is, 1, 2, 3, ..."""

    def __init__(self, policy: AsyncRemotePolicy, world=None, *, seed: int = 0, slot: int = 0) -> None:
        self.policy, self.meter, self.world, self.slot = policy, Metered(policy), world or Robot(1), slot
        observation, task = self.world.reset(torch.tensor([True]), torch.tensor([seed]))
        self.since = Past(observation=observation, actions=self.world.spec.acts.nothing(1, 1))
        self.memory = self.meter.begin(1, task)
        self.executed, self.outcome, self.moves = list[tuple[torch.Tensor, bool]](), None, False

    @property
    def solved(self) -> bool:
        """Does the world say so now?"""
        return bool(self.outcome.success[0, -1])

    def place(self, readings: int) -> torch.Tensor:
        """The first readings of what is felt now."""
        return self.since.observation.proprio[0, -1, :readings]

    def step(self, pause: float = 0.002) -> bool:
        """One step, and `pause` seconds; did the robot move?"""
        before = self.policy.executed
        self.memory, actions = self.meter.act(self.memory, self.since)
        self.outcome = self.world.step(actions)
        self.since = Past(observation=self.outcome.observation, actions=actions)
        self.executed.append((actions.low_level[0, 0, 0], bool(actions.valid)))
        time.sleep(pause)
        self.moves = self.policy.executed > before
        return self.moves

    def until(self, moved: bool, most: int = 2000, pause: float = 0.002) -> None:
        """Step until the robot moves, or holds."""
        self.go(lambda: self.moves == moved, most, pause)

    def go(self, done: Callable[[], bool], most: int = 2000, pause: float = 0.002) -> None:
        """Step until something holds true."""
        for _ in range(most):
            self.step(pause)
            if done():
                return
        raise AssertionError(f"after {most} steps, {self.policy.executed} of them executed, it did not come to that")

    def check(self) -> int:
        """The steps came one after the other, each once, and in between it held: changes of 0, the last values again, nothing before the first."""
        place, last = 0, None
        relative = changes(self.world.spec.acts)
        for action, valid in self.executed:
            if valid and action[self.slot] != place:
                place += 1
                assert action[self.slot] == place, f"step {action[self.slot]:g} came after step {place - 1}"
            else:
                held = valid == (place > 0) and bool((action[relative] == 0).all())
                assert held and (last is None or torch.equal(action[~relative], last[~relative])), f"{action.tolist()} after step {place} is no holding"
            last = action
        assert place == self.policy.executed
        return place
