"""Three lamps and a lever. A lamp lights once it was pressed in two steps in a row, and only while the lever is up; the lever needs one."""

import dataclasses

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from tests.plan.mocks import DoubleIntegrator
from wam.plan.control import SkillExecutor, rollout
from wam.plan.skills import AStar
from wam.world import (
    Actions,
    ActionSpec,
    EnvSpec,
    Exposes,
    Facts,
    FactsSpec,
    FutureSpec,
    Observation,
    ObservationSpec,
    Operator,
    Operators,
    Outcome,
    Past,
    PolicySpec,
    Record,
    SpecError,
    Task,
    Truth,
    WorldModelSpec,
    record,
)
from wam.world.slots import Slot
from wam.world.specs import Skill

ATOMS = ("lamp 0", "lamp 1", "lamp 2", "lever")
SEES = ObservationSpec(proprio=tuple(Slot(name=atom) for atom in ATOMS))
PRESSES = ActionSpec(low_level=(Slot(name="button", low=0.0, high=3.0),))


def wanted(batch: int, lamps: set[int]) -> Facts:
    row = torch.tensor([[[atom in lamps for atom in range(4)]]]).expand(batch, 1, 4)
    return Facts(holds=row, known=row, atoms=ATOMS)


class Lamps:
    def __init__(self, batch: int, goal: set[int], mishaps: dict[int, tuple[int, int]] | None = None) -> None:
        self.batch, self.goal, self.mishaps = batch, goal, mishaps or {}  # mishaps: time -> (row, atom that goes out)
        self.spec = EnvSpec(name="lamps", observes=SEES, acts=PRESSES)

    def reset(self, mask, seeds):
        self.on, self.held, self.time = torch.zeros(self.batch, 4), torch.full((self.batch,), -1), 0
        return Observation(proprio=self.on[:, None]), Task(goal_state=wanted(self.batch, self.goal))

    def step(self, actions: Actions) -> Outcome:
        self.time += 1
        button = torch.where(actions.valid[:, 0, 0], actions.low_level[:, 0, 0, 0].round().long(), -1)
        pressed = torch.arange(4) == button[:, None]
        works = (button == 3) | ((button == self.held) & (self.on[:, 3] > 0))
        self.on = torch.where(pressed & works[:, None], 1.0, self.on)
        self.held = button
        if self.time in self.mishaps:
            self.on = self.on.clone()
            self.on[self.mishaps[self.time]] = 0
        alive = torch.ones(self.batch, 1, dtype=torch.bool)
        lit = (self.on[:, sorted(self.goal)] > 0).all(-1, keepdim=True)
        return Outcome(observation=Observation(proprio=self.on[:, None]), reward=lit.float(), alive=alive, success=lit)

    def truth(self):
        return Truth()

    def save(self):
        return self.on, self.held, self.time

    def restore(self, snapshot):
        self.on, self.held, self.time = snapshot


@record
class Seen(Record):
    on: Float[Tensor, "B F"]


class LampModel(Operators, Exposes):
    def __init__(self) -> None:
        skills = (Skill(name="press", parameters=(Slot(name="button"),)),)
        predicts = FutureSpec(state=FactsSpec(predicates=(), atoms=ATOMS))
        self.spec = WorldModelSpec(observes=SEES, predicts=predicts, consumes=ActionSpec(skills=skills))

    def begin(self, batch, task):
        return Seen(on=torch.zeros(batch, 4))

    def observe(self, carry, since, *, noise=None):
        return Seen(on=since.observation.proprio[:, -1])

    def predict(self, carry, actions, *, noise=None):
        raise NotImplementedError

    def state(self, carry):
        return Facts(holds=carry.on[:, None] > 0, atoms=ATOMS)

    def operators(self):
        def press(button: int, *needs: int) -> Operator:
            name, none = f"press {ATOMS[button]}", frozenset[int]()
            return Operator(name=name, skill=0, arguments=(float(button),), needs=frozenset(needs), forbids=none, adds=frozenset({button}), deletes=none)

        return (press(0, 3), press(1, 3), press(2, 3), press(3))


@record
class Presses(Record):
    count: Float[Tensor, "B"]


class Press:
    def __init__(self, arguments: tuple[float, ...]) -> None:
        (self.button,) = arguments
        self.spec = PolicySpec(observes=SEES, acts=PRESSES)

    def begin(self, batch, task):
        return Presses(count=torch.zeros(batch))

    def act(self, memory, since, *, noise=None):
        low_level = torch.full((len(memory.count), 1, 1, 1), self.button)
        return Presses(count=memory.count + 1), Actions(valid=torch.ones(len(low_level), 1, 1, dtype=torch.bool), low_level=low_level)


def executor(**options) -> SkillExecutor:
    return SkillExecutor(LampModel(), AStar(), {0: Press}, **{"patience": 4, **options})


def buttons(episodes) -> list[list[float]]:
    """What each row pressed, -1 = nothing."""
    return torch.where(episodes.actions.valid, episodes.actions.low_level[..., 0], -1)[:, 1:, 0].tolist()


def test_skills_run_in_the_order_of_the_plan_and_then_nothing_happens() -> None:
    policy = executor()
    episodes = rollout(Lamps(2, {0, 2}), policy, 7, seeds=[1, 2])
    assert buttons(episodes) == [[3, 0, 0, 2, 2, -1, -1]] * 2
    assert episodes.success[:, -1].all() and len(policy.found) == 1


def test_a_row_plans_again_when_the_facts_are_not_as_promised() -> None:
    policy = executor()
    episodes = rollout(Lamps(3, {0, 2}, mishaps={3: (1, 3), 6: (2, 0)}), policy, 9, seeds=[1, 2, 3])
    undisturbed, no_lever, lamp_out = buttons(episodes)
    assert undisturbed == [3, 0, 0, 2, 2, -1, -1, -1, -1]
    assert no_lever == [3, 0, 0, 3, 2, 2, -1, -1, -1]  # the lever fell as lamp 0 came on: the plan no longer leads to the goal
    assert lamp_out == [3, 0, 0, 2, 2, -1, 0, 0, -1]  # a goal that is lost again is planned for again
    assert episodes.success[:, -1].all()


def test_a_skill_that_fails_is_given_up_after_its_patience() -> None:
    class Feeble(Press):
        def begin(self, batch, task):
            self.started = getattr(self, "started", 0) + 1
            return super().begin(batch, task)

        def act(self, memory, since, *, noise=None):
            memory, actions = super().act(memory, since, noise=noise)
            return memory, dataclasses.replace(actions, low_level=torch.where(memory.count[:, None, None, None] % 2 == 0, 1.0, actions.low_level))

    made = []
    policy = SkillExecutor(LampModel(), AStar(), {0: lambda arguments: made.append(Feeble(arguments)) or made[-1]}, patience=2)
    episodes = rollout(Lamps(1, {0}), policy, 8, seeds=[1])
    assert not episodes.success.any()
    assert buttons(episodes) == [[3, 0, 1, 0, 1, 0, 1, 0]]  # two steps, then the skill begins anew, from its first step
    assert made[0].started == 1 + 4


def test_rows_without_a_plan_do_nothing() -> None:
    class Broken(LampModel):
        def operators(self):
            return super().operators()[:2]

    episodes = rollout(Lamps(2, {0}), SkillExecutor(Broken(), AStar(), {0: Press}, patience=3), 3, seeds=[1, 2])
    assert buttons(episodes) == [[-1, -1, -1]] * 2


def test_a_restarted_row_plans_on_its_own() -> None:
    policy, world = executor(), Lamps(2, {0})
    observation, task = world.reset(torch.ones(2, dtype=torch.bool), torch.tensor([1, 2]))
    memory, actions = policy.act(policy.begin(2, task), Past(observation=observation, actions=PRESSES.nothing(2, 1)))
    seen = Past(observation=world.step(actions).observation, actions=actions)
    restarted = policy.begin(2, task).where(torch.tensor([True, False]), memory)
    memory, actions = policy.act(restarted, seen)
    assert memory.queue[:, :2].tolist() == [[0, -1], [0, -1]] and actions.low_level.flatten().tolist() == [0.0, 0.0]
    assert memory.spent.tolist() == [0, 0]


def test_errors_explain() -> None:
    with pytest.raises(SpecError, match=r"no policy for the skills \[0\]"):
        SkillExecutor(LampModel(), AStar(), {1: Press}, patience=3)
    with pytest.raises(SpecError, match="must declare Operators"):
        SkillExecutor(DoubleIntegrator(), AStar(), {0: Press}, patience=3)
    with pytest.raises(SpecError, match="needs Facts"):
        executor().begin(1, Task())

    class Slow(Press):
        def __init__(self, arguments):
            super().__init__(arguments)
            self.spec = dataclasses.replace(self.spec, rate=10.0 + arguments[0])

    with pytest.raises(SpecError, match="differ in their actions"):
        SkillExecutor(LampModel(), AStar(), {0: Slow}, patience=3)
