"""Search over grounded STRIPS operators: which skills, in which order, make the goal's facts true.

States are sets of atoms, held as the bits of an integer (closed world: an atom that is not known to hold does not). Where an
operator both adds and deletes an atom, the atom holds afterwards (Fikes & Nilsson 1971).

`BreadthFirst` finds the fewest skills. `AStar` finds the lowest cost, guided by the largest of the goal's parts
(h_max, Bonet & Geffner 2001), which never overestimates.

Knows: sets, costs.   Does not know: what a skill does in the world, and what to do when it fails (`control/skills`).
"""

import heapq
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from wam.world import Facts, Operator, SkillPlan, SpecError

UNSOLVED = SkillPlan(operators=(), cost=float("inf"), solved=False)


@dataclass(frozen=True)
class Condition:
    """Atoms that must hold and atoms that must not, as bits."""

    holds: int
    absent: int

    @staticmethod
    def of(holds: Iterable[int], absent: Iterable[int]) -> "Condition":
        """From indices of atoms."""
        return Condition(bits(holds), bits(absent))

    @staticmethod
    def goal(goal: Facts) -> "Condition":
        """The last instant of one row of goal facts, the known ones."""
        holds = goal.holds[0, -1]
        known = torch.ones_like(holds) if goal.known is None else goal.known[0, -1]
        return Condition.of(torch.nonzero(holds & known).flatten().tolist(), torch.nonzero(~holds & known).flatten().tolist())

    def met(self, state: int) -> bool:
        """Is it true in this state?"""
        return state & self.holds == self.holds and not state & self.absent


def bits(atoms: Iterable[int]) -> int:
    """A set of atoms as an integer."""
    return sum(1 << atom for atom in set(atoms))


def state_bits(facts: Facts) -> int:
    """The last instant of one row of facts as an integer; unknown atoms do not hold."""
    holds = facts.holds[0, -1] if facts.known is None else facts.holds[0, -1] & facts.known[0, -1]
    return bits(torch.nonzero(holds).flatten().tolist())


def needs(operator: Operator) -> Condition:
    """What must be true before."""
    return Condition.of(operator.needs, operator.forbids)


def promises(operator: Operator) -> Condition:
    """What is true afterwards."""
    return Condition.of(operator.adds, operator.deletes - operator.adds)


def after(operator: Operator, state: int) -> int:
    """The state afterwards."""
    return state & ~bits(operator.deletes) | bits(operator.adds)


@dataclass(frozen=True)
class BreadthFirst:
    """Fewest skills, whatever they cost."""

    states: int = 100_000  # looked at before giving up

    def plan(self, operators: tuple[Operator, ...], facts: Facts, goal: Facts) -> SkillPlan:
        """One row of facts (B = 1). `solved` is False where there is no way, or none was found."""
        start, wanted = _bits(facts, goal)
        return _search(operators, [1.0] * len(operators), start, wanted, lambda state: 0.0, self.states)


@dataclass(frozen=True)
class AStar:
    """Lowest sum of the operators' costs."""

    states: int = 100_000  # looked at before giving up

    def plan(self, operators: tuple[Operator, ...], facts: Facts, goal: Facts) -> SkillPlan:
        """One row of facts (B = 1). `solved` is False where there is no way, or none was found."""
        start, wanted = _bits(facts, goal)
        estimate = Estimate(operators, len(facts.atoms), wanted)
        return _search(operators, [operator.cost for operator in operators], start, wanted, estimate, self.states)


def _search(operators: tuple[Operator, ...], costs: list[float], start: int, goal: Condition, estimate: Callable[[int], float], states: int) -> SkillPlan:
    """Best first. `estimate` must be consistent, so that a state's first visit is the cheapest."""
    if any(cost < 0 for cost in costs):
        raise SpecError("an operator has a negative cost: doing it for ever would be best. Costs must not be negative.")
    moves = [(needs(one), ~bits(one.deletes), bits(one.adds), cost) for one, cost in zip(operators, costs, strict=True)]
    order = itertools.count()  # first come, first served among equals
    best, visited = {start: (0.0, start, -1)}, set[int]()  # state: (cost so far, state before, operator)
    queue = [(estimate(start), next(order), start)]
    while queue and len(visited) < states:
        expected, _, state = heapq.heappop(queue)
        if state in visited or expected == float("inf"):
            continue
        if goal.met(state):
            return _trace(operators, best, state)
        visited.add(state)
        for index, (need, keep, adds, cost) in enumerate(moves):
            reached = state & keep | adds
            spent = best[state][0] + cost
            if need.met(state) and reached not in visited and (reached not in best or spent < best[reached][0]):
                best[reached] = (spent, state, index)
                heapq.heappush(queue, (spent + estimate(reached), next(order), reached))
    return UNSOLVED


def _trace(operators: tuple[Operator, ...], best: dict[int, tuple[float, int, int]], state: int) -> SkillPlan:
    """Walk back from the goal."""
    path = []
    while (step := best[state])[2] >= 0:
        path.append(operators[step[2]])
        state = step[1]
    return SkillPlan(operators=tuple(reversed(path)), cost=sum(one.cost for one in path), solved=True)


class Estimate:
    """h_max: the cost of the dearest single part of the goal if operators never undid anything. A lower bound."""

    def __init__(self, operators: tuple[Operator, ...], atoms: int, goal: Condition):
        self.atoms = atoms
        self.cost = np.array([one.cost for one in operators])
        self.needs = np.array([self._literals(needs(one)) for one in operators], bool).reshape(-1, 2 * atoms)
        self.gives = np.array([self._literals(promises(one)) for one in operators], bool).reshape(-1, 2 * atoms)
        self.goal = self._literals(goal)

    def __call__(self, state: int) -> float:
        reached = self._literals(Condition(state, ~state))
        price = np.where(reached, 0.0, np.inf)
        while True:
            paid = np.where(self.needs, price, 0.0).max(1, initial=0.0) + self.cost
            cheaper = np.minimum(price, np.where(self.gives, paid[:, None], np.inf).min(0, initial=np.inf))
            if (cheaper == price).all():
                return float(price[self.goal].max(initial=0.0))
            price = cheaper

    def _literals(self, condition: Condition) -> np.ndarray:
        """Which atoms must hold, then which must not."""
        places = range(self.atoms)
        return np.array([condition.holds >> place & 1 for place in places] + [condition.absent >> place & 1 for place in places], bool)


def _bits(facts: Facts, goal: Facts) -> tuple[int, Condition]:
    if facts.atoms != goal.atoms:
        raise SpecError(f"the facts are about {facts.atoms[:3]}..., the goal about {goal.atoms[:3]}.... Both must use the table of one FactsSpec.")
    if (rows := facts.size("B")) != 1 or goal.size("B") != 1:
        raise SpecError(f"a skill planner takes one row of facts and goal, got {rows} and {goal.size('B')}. Pick it with select().")
    return state_bits(facts), Condition.goal(goal)
