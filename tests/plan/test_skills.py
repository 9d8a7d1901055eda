"""Oracle: on small domains every state can be visited, so the cheapest way is found by relaxing all operators in all states."""

import dataclasses
import math
import random

import pytest
import torch

from wam.plan.skills import AStar, BreadthFirst, Condition, Estimate, after, needs, state_bits
from wam.world import Facts, Operator, SkillPlan, SpecError

ATOMS = tuple("abcde")


def facts(holds: set[int], known: set[int] | None = None, atoms: tuple[str, ...] = ATOMS) -> Facts:
    row = torch.tensor([[[atom in holds for atom in range(len(atoms))]]])
    return Facts(holds=row, known=None if known is None else torch.tensor([[[atom in known for atom in range(len(atoms))]]]), atoms=atoms)


def domain(seed: int) -> tuple[tuple[Operator, ...], Facts, Facts]:
    """Twelve random operators over five atoms, a start and a goal."""
    chance = random.Random(seed)

    def some(most: int, least: int = 0) -> frozenset[int]:
        return frozenset(chance.sample(range(len(ATOMS)), chance.randint(least, most)))

    operators = tuple(
        Operator(
            name=f"op {index}",
            skill=0,
            arguments=(),
            needs=some(2),
            forbids=some(1),
            adds=some(1, 1),
            deletes=some(2, 1),
            cost=chance.choice([0.0, 1.0, 2.5]),
        )
        for index in range(12)
    )
    return operators, facts(set(some(2, 1))), facts(set(some(4, 2)), known=set(some(4, 3)))


def cheapest(operators: tuple[Operator, ...], start: Facts, goal: Facts, unit: bool) -> float:
    cost = [math.inf] * 2 ** len(ATOMS)
    cost[state_bits(start)] = 0.0
    ways = [(state, after(operator, state), 1 if unit else operator.cost) for operator in operators for state in range(len(cost)) if needs(operator).met(state)]
    for _ in cost:
        for state, reached, price in ways:
            cost[reached] = min(cost[reached], cost[state] + price)
    return min((value for state, value in enumerate(cost) if Condition.goal(goal).met(state)), default=math.inf)


def play(plan: SkillPlan, start: Facts, goal: Facts) -> bool:
    state = state_bits(start)
    for operator in plan.operators:
        assert needs(operator).met(state)
        state = after(operator, state)
    return Condition.goal(goal).met(state)


@pytest.mark.parametrize("planner", [AStar(), BreadthFirst()], ids=lambda planner: type(planner).__name__)
def test_plans_are_the_cheapest(planner) -> None:
    solved = 0
    for seed in range(120):
        operators, start, goal = domain(seed)
        plan, lowest = planner.plan(operators, start, goal), cheapest(operators, start, goal, unit=isinstance(planner, BreadthFirst))
        assert plan.solved == (lowest < math.inf)
        if plan.solved:
            assert play(plan, start, goal)
            assert (len(plan.operators) if isinstance(planner, BreadthFirst) else plan.cost) == pytest.approx(lowest)
            assert plan.cost == pytest.approx(sum(operator.cost for operator in plan.operators))
            solved += len(plan.operators) > 1
    assert solved > 20  # the domains are not trivial


def test_the_estimate_never_overestimates() -> None:
    informed = 0
    for seed in range(60):
        operators, start, goal = domain(seed)
        estimate = Estimate(operators, len(ATOMS), Condition.goal(goal))(state_bits(start))
        assert estimate <= cheapest(operators, start, goal, unit=False) + 1e-9
        informed += estimate > 0
    assert informed > 10


def tower(blocks: int) -> tuple[tuple[Operator, ...], Facts, Facts]:
    """Blocks on a table, to be turned from one tower into the reversed one."""
    names = [f"on({a},{b})" for a in range(blocks) for b in [*range(blocks), "table"] if a != b] + [f"clear({a})" for a in range(blocks)]
    atom = {name: index for index, name in enumerate(names)}
    moves = []
    for a in range(blocks):
        for source in [*range(blocks), "table"]:
            for target in [*range(blocks), "table"]:
                if a in (source, target) or source == target:
                    continue
                before = {atom[f"on({a},{source})"], atom[f"clear({a})"]} | ({atom[f"clear({target})"]} if target != "table" else set())
                adds = {atom[f"on({a},{target})"]} | ({atom[f"clear({source})"]} if source != "table" else set())
                deletes = {atom[f"on({a},{source})"]} | ({atom[f"clear({target})"]} if target != "table" else set())
                move = Operator(
                    name=f"move {a} {source} {target}",
                    skill=0,
                    arguments=(),
                    needs=frozenset(before),
                    forbids=frozenset(),
                    adds=frozenset(adds),
                    deletes=frozenset(deletes),
                )
                moves.append(move)
    start = {atom[f"on({a},{a + 1})"] for a in range(blocks - 1)} | {atom[f"on({blocks - 1},table)"], atom["clear(0)"]}
    goal = {atom[f"on({a + 1},{a})"] for a in range(blocks - 1)}
    return tuple(moves), facts(start, atoms=tuple(names)), facts(goal, known=goal, atoms=tuple(names))


def test_a_tower_is_turned_round() -> None:
    operators, start, goal = tower(4)
    for planner in (AStar(), BreadthFirst()):
        plan = planner.plan(operators, start, goal)
        assert plan.solved and len(plan.operators) == 4 and play(plan, start, goal)  # one move each, the lowest block last


def test_nothing_to_do_and_nothing_found() -> None:
    operators, start, goal = tower(3)
    assert AStar().plan(operators, start, start) == SkillPlan(operators=(), cost=0.0, solved=True)
    assert not AStar(states=2).plan(operators, start, goal).solved
    assert not AStar().plan((), start, goal).solved and not BreadthFirst().plan((), start, goal).solved


def test_errors_explain() -> None:
    operators, start, goal = tower(3)
    with pytest.raises(SpecError, match="one FactsSpec"):
        AStar().plan(operators, start, facts(set()))
    with pytest.raises(SpecError, match="one row"):
        AStar().plan(operators, start.repeat(2), goal.repeat(2))
    with pytest.raises(SpecError, match="negative"):
        AStar().plan((dataclasses.replace(operators[0], cost=-1.0),), start, goal)
