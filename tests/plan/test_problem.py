import dataclasses

import jaxtyping
import pytest
import torch
from torch import Tensor

from tests.plan.mocks import PUSHES, DoubleIntegrator, Step
from wam.plan import GoalState, Penalty, Problem
from wam.plan.chain import Empty
from wam.world import Actions, Future, Grounded, Noise, Physical, SpecError, Task

STARTS = Noise.of(range(3)).normal(1, 4)[:, 0]
CANDIDATES = Noise.of(range(3)).uniform(1, 7, 5, 1, 2)[:, 0] - 0.5
GOALS = Task(goal_state=Physical(q=Noise.of(range(9, 12)).normal(1, 2), v=torch.zeros(3, 1, 2)))


def problem(model: DoubleIntegrator | None = None, **options) -> Problem:
    model = model or DoubleIntegrator()
    carry = Grounded(seen=Step(x=STARTS), now=Step(x=STARTS))
    objective = GoalState(earlier=0.5)
    return Problem(model=model, carry=carry, objective=objective, goal=objective.prepare(model, GOALS), horizon=5, **options)


def one_by_one() -> Tensor:
    """The costs, one row and one candidate at a time."""
    model, objective, costs = DoubleIntegrator(), GoalState(earlier=0.5), torch.zeros(3, 7)
    goal = objective.prepare(model, GOALS)
    for row in range(3):
        for candidate in range(7):
            start = Step(x=STARTS[row : row + 1])
            actions = Actions(valid=torch.ones(1, 5, 1, dtype=torch.bool), low_level=CANDIDATES[row, candidate][None])
            _, future = model.predict(Grounded(seen=start, now=start), actions)
            costs[row, candidate] = objective.cost(model, goal.select(torch.tensor([row])), future, actions)
    return costs


def test_costs_equal_those_of_single_candidates() -> None:
    torch.testing.assert_close(problem().cost(CANDIDATES), one_by_one())


@pytest.mark.parametrize("at_once", [1, 6, 9, 1000])
def test_memory_can_be_bounded(at_once: int) -> None:
    model = DoubleIntegrator()
    torch.testing.assert_close(problem(model, at_once=at_once).cost(CANDIDATES), one_by_one())
    assert max(rows for _, rows in model.predicted_rows) <= max(3, at_once)


def test_a_shared_context_gives_the_same_costs_without_repeating_the_carry() -> None:
    model = DoubleIntegrator(shares_context=True)
    torch.testing.assert_close(problem(model).cost(CANDIDATES), one_by_one())
    assert model.predicted_rows == [(3, 21)]
    plain = DoubleIntegrator()
    problem(plain).cost(CANDIDATES)
    assert plain.predicted_rows == [(21, 21)]


def test_chance_is_shared_by_the_candidates_or_their_own() -> None:
    same = CANDIDATES[:, :1].expand(-1, 7, -1, -1, -1)
    noise = Noise.of([4, 5, 6])
    calm = problem(DoubleIntegrator(noise=0.1)).cost(same)
    shared = problem(DoubleIntegrator(noise=0.1), noise=noise).cost(same)
    own = problem(DoubleIntegrator(noise=0.1), noise=noise, own_noise=True).cost(same)
    assert torch.equal(shared, shared[:, :1].expand(-1, 7)) and not torch.equal(shared, calm)
    assert all(len(row.unique()) == 7 for row in own)
    torch.testing.assert_close(problem(DoubleIntegrator(noise=0.1), noise=noise, own_noise=True, at_once=6).cost(same), own)
    torch.testing.assert_close(problem(DoubleIntegrator(noise=0.1), noise=noise, at_once=6).cost(same), shared)


def test_gradients_reach_the_candidates() -> None:
    candidates = CANDIDATES.double().requires_grad_()
    setting = problem(dtype=torch.float64)
    setting.carry = Grounded(seen=Step(x=STARTS.double()), now=Step(x=STARTS.double()))
    setting.goal = setting.goal.to(dtype=torch.float64)
    assert torch.autograd.gradcheck(setting.cost, (candidates,))


def test_errors_explain() -> None:
    with pytest.raises(SpecError, match="no multiple of 2"):
        problem(DoubleIntegrator(chunk=2))
    endless = dataclasses.replace(PUSHES.low_level[0], high=float("inf"))
    model = DoubleIntegrator()
    model.spec = dataclasses.replace(model.spec, consumes=dataclasses.replace(PUSHES, low_level=(endless, PUSHES.low_level[1])))
    with pytest.raises(SpecError, match=r"'ax'.*no limits"):
        problem(model)
    model.spec = dataclasses.replace(model.spec, consumes=dataclasses.replace(PUSHES, keys=("w",)))
    with pytest.raises(SpecError, match="keys"):
        problem(model)
    with pytest.raises(SpecError, match="1 x 1 numbers a step"):
        problem(acts=dataclasses.replace(PUSHES, low_level=PUSHES.low_level[:1]))


def test_the_search_may_be_narrower_than_the_model() -> None:
    tight = dataclasses.replace(PUSHES, low_level=tuple(dataclasses.replace(slot, low=-0.1, high=0.1) for slot in PUSHES.low_level))
    assert problem(acts=tight).high.tolist() == pytest.approx([0.1, 0.1])


def test_a_penalty_sees_futures_and_actions() -> None:
    def effort(future: Future, actions: Actions) -> Tensor:
        assert future.size("H") == actions.size("T") == 5
        return actions.low_level.square().sum((1, 2, 3))

    carry = Grounded(seen=Step(x=STARTS), now=Step(x=STARTS))
    cost = Problem(model=DoubleIntegrator(), carry=carry, objective=Penalty(effort), goal=Empty(), horizon=5).cost(CANDIDATES)
    torch.testing.assert_close(cost, CANDIDATES.square().sum((2, 3, 4)))


@pytest.mark.parametrize("shares", [False, True])
def test_a_goal_of_another_batch_is_an_error(shares: bool) -> None:
    model, objective = DoubleIntegrator(shares_context=shares), GoalState()
    goal = objective.prepare(model, GOALS).repeat(2)
    with pytest.raises(SpecError, match=r"the goal has 6 rows, the carry 3, expected one goal per row.*prepare\(model, task\)"):
        Problem(model=model, carry=Grounded(seen=Step(x=STARTS), now=Step(x=STARTS)), objective=objective, goal=goal, horizon=5)


def test_a_goal_that_was_not_prepared_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # outside tests nobody checks types
    with pytest.raises(SpecError, match=r"the goal is a Task, expected what the objective made of the task: goal=objective\.prepare\(model, task\)"):
        Problem(model=DoubleIntegrator(), carry=Grounded(seen=Step(x=STARTS), now=Step(x=STARTS)), objective=GoalState(), goal=GOALS, horizon=5).cost(
            CANDIDATES
        )
