"""Skills in order: plan from facts, run each skill until its operator's promise holds, plan again when things go otherwise.

A skill is a policy of its own, made by a factory from the operator's arguments. Its operator says how to tell that it is done:
its added atoms hold and its deleted ones do not. It has failed when `patience` steps were not enough. After each skill the
rest of the plan is played through in thought from the facts as they are; where it no longer reaches the goal, the row plans
again. A row that is at its goal, or that has no plan, does nothing (`valid` = False).

Knows: facts, operators, whose turn it is.   Does not know: what skills do, how facts are seen (the model's `observe`).
The model sees only frames: what the skills did in between is theirs to say in low-level actions, not in the model's symbols.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.plan.chain import chain, unchain
from wam.plan.skills import Condition, after, needs, promises, state_bits
from wam.world import (
    Actions,
    Exposes,
    Facts,
    Noise,
    Operator,
    Operators,
    Past,
    Policy,
    PolicySpec,
    Record,
    SkillPlan,
    SkillPlanner,
    SpecError,
    Task,
    WorldModel,
    record,
)


@record
class SkillMemory(Record):
    """Where each row stands in its plan, and the memory of every skill."""

    carry: Record  # of the symbolic model
    task: Task
    queue: Int[Tensor, "B Z"]  # operators still to run, the current one first; -1 = none
    spent: Int[Tensor, "B"]  # steps given to the current one
    skills: Record  # a chain of memories, one per operator


class SkillExecutor:
    """A policy that plans over a symbolic model and runs skills."""

    def __init__(
        self,
        model: WorldModel[Any],
        planner: SkillPlanner,
        skills: Mapping[int, Callable[[tuple[float, ...]], Policy[Any]]],
        *,
        patience: int,
        longest: int = 16,
    ) -> None:
        """`model`: declares Operators and Exposes, and shows Facts. `skills`: skill id -> factory(arguments) -> policy.

        `patience`: steps given to a skill before the row plans again; `longest`: skills kept of a plan.
        """
        if not isinstance(model, Operators) or not isinstance(model, Exposes):
            raise SpecError(f"{type(model).__name__} must declare Operators (for the search) and Exposes (for its facts) by inheriting from them.")
        self.model, self.facts, self.planner, self.patience, self.longest = model, model, planner, patience, longest
        self.operators: tuple[Operator, ...] = model.operators()
        if missing := {operator.skill for operator in self.operators} - skills.keys():
            raise SpecError(f"no policy for the skills {sorted(missing)} that the model's operators use, only for {sorted(skills)}.")
        self.policies = [skills[operator.skill](operator.arguments) for operator in self.operators]
        self.spec = _common_spec(self.policies, model)
        self.found: dict[tuple[int, Condition], SkillPlan] = {}  # searches are pure: the same question has the same answer

    def begin(self, batch: int, task: Task) -> SkillMemory:
        """Nothing planned yet."""
        if not isinstance(task.goal_state, Facts):
            raise SpecError(f"SkillExecutor needs Facts in task.goal_state, got {type(task.goal_state).__name__}. `known` says which atoms matter.")
        carry: Record = self.model.begin(batch, task)
        queue = torch.full((batch, self.longest), -1, device=carry.device)
        skills = chain([policy.begin(batch, task) for policy in self.policies])
        return SkillMemory(carry=carry, task=task, queue=queue, spent=queue[:, 0] * 0, skills=skills)

    def act(self, memory: SkillMemory, since: Past, *, noise: Noise | None = None) -> tuple[SkillMemory, Actions]:
        """The actions of the skills whose turn it is."""
        frame = Past(observation=since.observation.narrow("T", -1), actions=self.model.spec.consumes.nothing(len(memory.spent), 1, since.observation.device))
        carry = self.model.observe(memory.carry, frame, noise=noise)
        facts = self.facts.state(carry)
        if not isinstance(facts, Facts):
            raise SpecError(f"{type(self.model).__name__} shows {type(facts).__name__}, SkillExecutor needs Facts.")
        spent = memory.spent + since.actions.valid.any(-1).sum(1)
        queue, starting = self._next(facts, memory.task, memory.queue, spent)
        skills, actions = self._run(memory, queue[:, 0], starting, since, noise)
        spent = torch.where(starting, 0, spent)
        return dataclasses.replace(memory, carry=carry, queue=queue, spent=spent, skills=skills), actions

    def _next(self, facts: Facts, task: Task, queue: Int[Tensor, "B Z"], spent: Int[Tensor, "B"]) -> tuple[Int[Tensor, "B Z"], Bool[Tensor, "B"]]:
        """The operators to run from now on, and the rows in which a new one starts."""
        queues, starting = [], []
        assert isinstance(task.goal_state, Facts)
        for row, (waiting, steps) in enumerate(zip(queue.tolist(), spent.tolist(), strict=True)):
            place = torch.tensor([row])
            here, wanted = facts.select(place), task.goal_state.select(place)
            state, goal = state_bits(here), Condition.goal(wanted)
            plan = [index for index in waiting if index >= 0]
            done = bool(plan) and promises(self.operators[plan[0]]).met(state)
            failed = bool(plan) and not done and steps >= self.patience
            plan = plan[1:] if done else plan
            if failed or ((done or not plan) and not self._leads(plan, state, goal)):
                plan = self._plan(here, wanted, state, goal)
                starting.append(True)
            else:
                starting.append(done)
            queues.append((plan + [-1] * self.longest)[: self.longest])
        return torch.tensor(queues, device=queue.device), torch.tensor(starting, device=queue.device)

    def _leads(self, plan: list[int], state: int, goal: Condition) -> bool:
        """Does the plan lead from this state to the goal?"""
        for operator in (self.operators[index] for index in plan):
            if not needs(operator).met(state):
                return False
            state = after(operator, state)
        return goal.met(state)

    def _plan(self, facts: Facts, wanted: Facts, state: int, goal: Condition) -> list[int]:
        if (state, goal) not in self.found:
            self.found[state, goal] = self.planner.plan(self.operators, facts, wanted)
        return [self.operators.index(operator) for operator in self.found[state, goal].operators]

    def _run(self, memory: SkillMemory, current: Int[Tensor, "B"], starting: Bool[Tensor, "B"], since: Past, noise: Noise | None) -> tuple[Record, Actions]:
        """Ask every skill that some row needs; the other rows of its answer are not used."""
        batch = len(current)
        actions = self.spec.acts.nothing(batch, self.spec.chunk, current.device)
        skills = unchain(memory.skills)
        for index in sorted(set(current.tolist()) - {-1}):
            policy, mine = self.policies[index], current == index
            if bool((starting & mine).any()):
                skills[index] = policy.begin(batch, memory.task).where(starting & mine, skills[index])
            skills[index], asked = policy.act(skills[index], since, noise=noise.fork(self.operators[index].name) if noise is not None else None)
            actions = asked.where(mine, actions)
        return chain(skills), actions


def _common_spec(policies: list[Policy[Any]], model: WorldModel[Any]) -> PolicySpec:
    """All skills must act alike; what is seen must serve the model."""
    if not policies:
        raise SpecError(f"{type(model).__name__} has no operators. Fit it first.")
    first, *rest = (policy.spec for policy in policies)
    for other in rest:
        if (other.acts, other.chunk, other.execute, other.rate) != (first.acts, first.chunk, first.execute, first.rate):
            raise SpecError("the skills' policies differ in their actions, chunk, execute or rate. Give all of them one action spec and clock.")
    return dataclasses.replace(first, observes=model.spec.observes, goal_conditioned=True)
