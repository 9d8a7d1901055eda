"""What is wanted of a future, as a cost per candidate: lower is better.

An objective is prepared once per task (`prepare` encodes the goal into a record with one row per task) and then judges
futures row by row (`cost`; the problem repeats the goal's rows for the candidates).

Knows: goals, rewards, penalties, their weighted sum.   Does not know: how futures are made, who searches them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from wam.plan.chain import Empty, chain, unchain
from wam.plan.distances import StateGoal, distance, state_goal
from wam.world import Actions, Encodes, Future, Observation, Record, SpecError, State, Task, Values, WorldModel, to_float

Goal = TypeVar("Goal", bound=Record)


@runtime_checkable
class Objective(Protocol[Goal]):
    """Judges futures."""

    @property
    def goal_conditioned(self) -> bool:
        """Does `prepare` need the task's goal?"""
        ...

    def prepare(self, model: WorldModel, task: Task) -> Goal:
        """What `cost` compares with, one row per task. SpecError where task or model lack what it needs."""
        ...

    def cost(self, model: WorldModel, goal: Goal, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Lower is better; goal, future and actions have one row per candidate."""
        ...


@dataclass(frozen=True)
class GoalImage:
    """Look like the goal image (the last frame of `task.goal`).

    A model that `Encodes` and predicts states is judged in its own state space (`distances`); a model that predicts pictures
    by the mean squared error of its pixels (0..1), averaged over the cameras.
    """

    earlier: float = 0.0  # weight of a step relative to the next one: 0 = only the last step counts, 1 = all steps alike

    goal_conditioned = True

    def prepare(self, model: WorldModel, task: Task) -> StateGoal | Observation:
        """The goal's state where the model encodes and predicts states, its pictures (float 0..1, T = 1) where it predicts those.

        SpecError where the task has no goal image, or the model neither encodes nor predicts its cameras.
        """
        if task.goal is None:
            raise SpecError(
                "plans go towards a goal image, and this task has none. Where a world asks in words, leave out the option that says so; "
                "in Python GoalState and Reward need no image."
            )
        goal, predicts = task.goal.narrow("T", -1), model.spec.predicts
        if isinstance(model, Encodes) and predicts.state is not None:
            return state_goal(model.spec, model.encode(goal))
        if predicts.observation is None or not predicts.observation.cameras:
            raise SpecError(
                f"{type(model).__name__} neither declares Encodes nor predicts pictures, so it cannot be compared with a goal image. "
                "Inherit from Encodes, or use GoalState or Reward."
            )
        missing = predicts.observation.cameras.keys() - (goal.rgb or {}).keys()
        if missing:
            raise SpecError(f"the goal image lacks the cameras {sorted(missing)} that the model predicts, it has {sorted(goal.rgb or {})}.")
        return Observation(rgb={name: to_float((goal.rgb or {})[name]) for name in predicts.observation.cameras})

    def cost(self, model: WorldModel, goal: StateGoal | Observation, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Distance of states (`distances`) or mean squared error of pixels, averaged over the steps that count."""
        future = _counting(future, self.earlier)
        if isinstance(goal, StateGoal):
            return _over_time(distance(goal, _state(future)), self.earlier)
        shown, wanted = (future.observation.rgb if future.observation is not None else None) or {}, goal.rgb or {}
        errors = [(to_float(shown[name]) - wanted[name]).square().flatten(2).mean(-1) for name in wanted]
        return _over_time(torch.stack(errors).mean(0), self.earlier)


@dataclass(frozen=True)
class GoalState:
    """Be in the state `task.goal_state` (its last instant), measured as in `distances`."""

    slots: tuple[str, ...] = ()  # physical slots that matter, by name; empty = all of q
    earlier: float = 0.0  # weight of a step relative to the next one: 0 = only the last step counts, 1 = all steps alike

    goal_conditioned = True

    def prepare(self, model: WorldModel, task: Task) -> StateGoal:
        """The last instant of the goal state, T = 1.

        SpecError where the task has none, or it is not of the kind or lacks the slots that the model predicts.
        """
        if task.goal_state is None:
            raise SpecError("GoalState needs task.goal_state, and this task has none. Use GoalImage or Reward, or give the task a goal state.")
        return state_goal(model.spec, task.goal_state, self.slots)

    def cost(self, model: WorldModel, goal: StateGoal, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Distance from the goal, in the unit that `distances` gives, averaged over the steps that count."""
        return _over_time(distance(goal, _state(_counting(future, self.earlier))), self.earlier)


@dataclass(frozen=True)
class Reward:
    """Collect predicted reward while the episode goes on: the step that ends it still counts, later ones do not."""

    discount: float = 1.0  # per step

    goal_conditioned = False

    def prepare(self, model: WorldModel, task: Task) -> Empty:
        """Nothing to compare with. SpecError where the model predicts no reward."""
        if not model.spec.predicts.reward:
            raise SpecError(f"{type(model).__name__} predicts no reward. Use GoalImage or GoalState, or train it with a reward head.")
        return Empty()

    def cost(self, model: WorldModel, goal: Empty, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Minus the discounted sum of the reward "B H", each step weighted by the chance that it is reached."""
        if future.reward is None:
            raise SpecError("the model's spec promises a reward, its future has none.")
        reward = future.reward
        if future.alive is not None:
            going = future.alive.cumprod(1)
            reward = torch.cat([reward[:, :1], reward[:, 1:] * going[:, :-1]], 1)
        weights = self.discount ** torch.arange(reward.shape[1], device=reward.device)
        return -(reward * weights).sum(1)


@dataclass(frozen=True)
class Return:
    """Collect predicted reward, and end where the model expects most: sum of d^h r_h + d^H V(last state), d = the model's discount.

    The objective of TD-MPC (arXiv 2310.16828, equation 6).
    """

    goal_conditioned = False

    def prepare(self, model: WorldModel, task: Task) -> Empty:
        """Nothing to compare with. SpecError where the model predicts no reward or state, or does not value states."""
        if not isinstance(model, Values) or not model.spec.predicts.reward or model.spec.predicts.state is None:
            raise SpecError(f"{type(model).__name__} does not predict reward and states that it can value. Use Reward, or a model that declares Values.")
        return Empty()

    def cost(self, model: WorldModel, goal: Empty, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Minus the expected return; a future that has ended is worth nothing more."""
        assert isinstance(model, Values)  # `prepare` has seen to it
        collected = Reward(model.discount).cost(model, goal, future, actions)
        worth = model.value(_state(future.narrow("H", -1)))[:, 0]
        going = 1.0 if future.alive is None else future.alive.prod(1)
        return collected - model.discount ** actions.valid.shape[1] * going * worth


@dataclass(frozen=True)
class Penalty:
    """Any cost of what happens or of what is done, e.g. `Penalty(lambda future, actions: effort(actions))`."""

    function: Callable[[Future, Actions], Tensor]  # (future, actions) -> "B"

    goal_conditioned = False

    def prepare(self, model: WorldModel, task: Task) -> Empty:
        """Nothing to compare with."""
        return Empty()

    def cost(self, model: WorldModel, goal: Empty, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """What the function says of the H steps and their actions."""
        return self.function(future, actions)


@dataclass(frozen=True)
class Weighted:
    """A weighted sum of objectives."""

    parts: tuple[tuple[float, Objective[Any]], ...]  # (weight, objective)

    @property
    def goal_conditioned(self) -> bool:
        """Is one of its parts?"""
        return any(objective.goal_conditioned for _, objective in self.parts)

    def prepare(self, model: WorldModel, task: Task) -> Record:
        """What each part prepares, linked in order. SpecError where one of them lacks something."""
        return chain([objective.prepare(model, task) for _, objective in self.parts])

    def cost(self, model: WorldModel, goal: Record, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """The parts' costs times their weights, summed."""
        goals = zip(self.parts, unchain(goal), strict=True)
        costs = [weight * objective.cost(model, one, future, actions) for (weight, objective), one in goals]
        return torch.stack(costs).sum(0)


def _state(future: Future) -> State:
    if future.state is None:
        raise SpecError("the model's spec promises a state, its future has none.")
    return future.state


def _counting(future: Future, earlier: float) -> Future:
    """Only the steps that count."""
    return future.narrow("H", -1) if earlier == 0 else future


def _over_time(per_step: Float[Tensor, "B H"], earlier: float) -> Float[Tensor, "B"]:
    """Mean over the steps, each weighing `earlier` times its successor."""
    steps = per_step.shape[1]
    weights = earlier ** torch.arange(steps - 1, -1, -1, device=per_step.device, dtype=per_step.dtype)
    return (per_step * weights).sum(1) / weights.sum()
