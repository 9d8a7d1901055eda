"""Oracle: the finite-horizon linear-quadratic regulator, solved by the Riccati recursion in float64."""

import dataclasses
import itertools

import pytest
import torch
from torch import Tensor

from tests.plan.mocks import PUSHES, A, B, DoubleIntegrator, Step
from wam.plan import CEM, ICEM, MPPI, Gradient, Penalty, Problem, RandomShooting
from wam.plan.chain import Empty
from wam.plan.planners.search import coloured
from wam.world import Actions, Future, Grounded, Noise, Plan, SpecError

HORIZON = 10
Q = torch.diag(torch.tensor([1.0, 1.0, 0.1, 0.1]))
R = torch.tensor([[0.2, 0.05], [0.05, 0.1]])
STARTS = Noise.of(range(8)).normal(1, 4)[:, 0] * torch.tensor([0.4, 0.4, 0.3, 0.3])

OPTIMISERS = [
    CEM(iterations=50),
    ICEM(iterations=70, samples=300, decay=1.0, colour=0.5),
    MPPI(iterations=40),
    Gradient(steps=120),
]
QUICK = [CEM(samples=60, iterations=3, elites=10), ICEM(samples=60, iterations=3, elites=10), MPPI(samples=60, iterations=3, elites=20)]
QUICK = [*QUICK, Gradient(starts=4, steps=5), RandomShooting(samples=60)]


def name(planner: object) -> str:
    return type(planner).__name__


def quadratic(future: Future, actions: Actions) -> Tensor:
    x, u = torch.cat([future.state.q, future.state.v], -1), actions.low_level[:, :, 0]
    return ((x @ Q.to(x)) * x).sum((1, 2)) + ((u @ R.to(u)) * u).sum((1, 2))


def problem(starts: Tensor = STARTS, cost=quadratic, model: DoubleIntegrator | None = None, **options) -> Problem:
    carry = Grounded(seen=Step(x=starts), now=Step(x=starts))
    options = {"horizon": HORIZON, "objective": Penalty(cost), "goal": Empty(), **options}
    return Problem(model=model or DoubleIntegrator(), carry=carry, **options)


def noise(rows: int = 8) -> Noise:
    return Noise.of(range(rows))


def riccati(starts: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest cost "B" and the actions that reach it "B H A"."""
    a, b, q, r = (matrix.double() for matrix in (A, B, Q, R))
    value, gains = torch.zeros(4, 4, dtype=torch.float64), []
    for _ in range(HORIZON):
        value = q + value  # cost-to-go of arriving, the cost of the state included
        gains.append(torch.linalg.solve(r + b.T @ value @ b, b.T @ value @ a))
        value = a.T @ value @ (a - b @ gains[-1])
    x, actions = starts.double(), []
    for gain in reversed(gains):
        actions.append(-x @ gain.T)
        x = x @ a.T + actions[-1] @ b.T
    return ((starts.double() @ value) * starts.double()).sum(-1), torch.stack(actions, 1)


def test_the_oracle_agrees_with_itself() -> None:
    lowest, actions = riccati(STARTS)
    low, high = PUSHES.limits()
    assert ((actions > low) & (actions < high)).all()  # the limits do not bind
    again = problem(STARTS.double(), dtype=torch.float64).cost(actions[:, None, :, None])[:, 0]
    torch.testing.assert_close(again, lowest)


@pytest.mark.parametrize("planner", OPTIMISERS, ids=name)
def test_optimisers_are_within_two_percent_of_riccati(planner) -> None:
    plan = planner.plan(problem(), warm=None, noise=noise()).check()
    lowest, _ = riccati(STARTS)
    assert (plan.cost / lowest - 1).max() < 0.02
    assert (plan.cost / lowest - 1).min() > -1e-4
    assert plan.valid.all()


@pytest.mark.parametrize("planner", [*OPTIMISERS[:1], *QUICK], ids=name)
def test_the_cost_is_that_of_the_actions(planner) -> None:
    plan = planner.plan(problem(), warm=None, noise=noise())
    torch.testing.assert_close(problem().cost(plan.actions[:, None])[:, 0], plan.cost)


def test_random_shooting_improves_with_samples() -> None:
    costs = [RandomShooting(samples=count).plan(problem(), warm=None, noise=noise()).cost.mean() for count in (3, 30, 300, 3000, 30000)]
    assert all(more < fewer for fewer, more in itertools.pairwise(costs))


@pytest.mark.parametrize("planner", OPTIMISERS, ids=name)
def test_a_warm_start_saves_iterations(planner) -> None:
    few = dataclasses.replace(planner, **({"steps": 15} if isinstance(planner, Gradient) else {"iterations": 5}))
    warm = planner.plan(problem(), warm=None, noise=noise())
    nearby = STARTS + 0.01
    cold, again = few.plan(problem(nearby), warm=None, noise=noise()), few.plan(problem(nearby), warm=warm, noise=noise())
    lowest, _ = riccati(nearby)
    assert ((again.cost - lowest) < 0.5 * (cold.cost - lowest)).all()


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_rows_whose_warm_plan_is_not_valid_start_cold(planner) -> None:
    warm = planner.plan(problem(), warm=None, noise=noise())
    half = dataclasses.replace(warm, valid=torch.arange(8) < 4)
    cold, warmed, mixed = (planner.plan(problem(), warm=start, noise=noise()) for start in (None, warm, half))
    torch.testing.assert_close(mixed.actions[:4], warmed.actions[:4])
    torch.testing.assert_close(mixed.actions[4:], cold.actions[4:])
    assert not torch.equal(warmed.actions, cold.actions) or isinstance(planner, RandomShooting)


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_rows_are_independent(planner) -> None:
    plan = planner.plan(problem(), warm=None, noise=noise())
    other = STARTS.clone()
    other[0] = 0.7
    changed = planner.plan(problem(other), warm=None, noise=noise())
    assert torch.equal(plan.actions[1:], changed.actions[1:]) and not torch.equal(plan.cost[0], changed.cost[0])
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    permuted = planner.plan(problem(STARTS[order]), warm=None, noise=noise().select(order))
    torch.testing.assert_close(permuted.actions, plan.actions[order], atol=1e-4, rtol=1e-4)
    again = planner.plan(problem(), warm=None, noise=noise())
    assert torch.equal(again.actions, plan.actions)
    fresh = planner.plan(problem(), warm=None, noise=Noise.of(range(100, 108)))
    assert not torch.equal(fresh.actions, plan.actions)


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_limits_are_kept_and_reached(planner) -> None:
    planner = dataclasses.replace(planner, **({"steps": 30} if isinstance(planner, Gradient) else {}))
    plan = planner.plan(problem(cost=lambda future, actions: -actions.low_level.sum((1, 2, 3))), warm=None, noise=noise())
    low, high = PUSHES.limits()
    assert (plan.actions >= low).all() and (plan.actions <= high).all()
    assert (plan.actions == high).any() or isinstance(planner, RandomShooting)


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_candidates_that_cost_nan_are_never_chosen(planner) -> None:
    def half_bad(future: Future, actions: Actions) -> Tensor:
        cost = quadratic(future, actions)
        return torch.where(actions.low_level[:, 0, 0, 0] > 1, torch.nan, cost)

    plan = planner.plan(problem(cost=half_bad), warm=None, noise=noise())
    assert plan.cost.isfinite().all() and (plan.actions[:, 0, 0, 0] <= 1).all() and plan.valid.all()


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_rows_without_a_finite_cost_have_no_valid_plan(planner) -> None:
    hopeless = STARTS.clone()
    hopeless[2] = torch.nan
    plan = planner.plan(problem(hopeless), warm=None, noise=noise())
    assert plan.valid.tolist() == [row != 2 for row in range(8)]
    assert plan.actions.isfinite().all()


@pytest.mark.parametrize("planner", [CEM(200, 25, 10), ICEM(200, 25, 10, decay=1.0), MPPI(200, 25, 10)], ids=name)
def test_a_search_that_finds_nothing_feasible_looks_on(planner) -> None:
    """One in some 500 candidates is feasible: who closes in on nothing finds it by luck or not at all."""

    def corner(future: Future, actions: Actions) -> Tensor:
        u = actions.low_level[:, 0, 0]
        far = (u < 0.85 * PUSHES.limits()[1]).any(-1)
        return torch.where(far, torch.nan, -u.sum(-1))

    plan = planner.plan(problem(STARTS[:1].expand(64, 4), cost=corner, horizon=1), warm=None, noise=noise(64))
    assert plan.valid.all()


@pytest.mark.parametrize("planner", QUICK, ids=name)
def test_a_good_proposal_is_taken_up(planner) -> None:
    lowest, actions = riccati(STARTS)
    proposals = torch.stack([torch.zeros_like(actions), actions], 1)[:, :, :, None].float()
    plan = planner.plan(problem(proposals=proposals), warm=None, noise=noise())
    torch.testing.assert_close(plan.cost, lowest.float(), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="60 proposals"):
        planner.plan(problem(proposals=proposals[:, :1].expand(-1, 60, -1, -1, -1)), warm=None, noise=noise())


@pytest.mark.parametrize("planner", [*OPTIMISERS, *QUICK], ids=name)
def test_several_actions_per_step_and_double_precision(planner) -> None:
    planner = dataclasses.replace(planner, **({"steps": 3} if isinstance(planner, Gradient) else {"iterations": 2} if hasattr(planner, "elites") else {}))
    acts = dataclasses.replace(PUSHES, per_step=3)
    model = DoubleIntegrator()
    model.spec = dataclasses.replace(model.spec, consumes=acts)
    plan = planner.plan(problem(STARTS.double(), model=model, dtype=torch.float64), warm=None, noise=noise())
    assert plan.actions.shape == (8, HORIZON, 3, 2) and plan.actions.dtype == torch.float64


def test_planners_that_sample_leave_no_graph_and_gradient_needs_one() -> None:
    weight = torch.ones(1, requires_grad=True)
    plan = CEM(samples=20, iterations=1, elites=4).plan(problem(cost=lambda f, a: quadratic(f, a) * weight), warm=None, noise=noise())
    assert not plan.cost.requires_grad
    plan = Gradient(steps=2).plan(problem(cost=lambda f, a: quadratic(f, a) * weight), warm=None, noise=noise())
    assert not plan.cost.requires_grad and weight.grad is None
    with pytest.raises(ValueError, match="differentiable"):
        Gradient(steps=2).plan(problem(cost=lambda f, a: quadratic(f, a).detach()), warm=None, noise=noise())


def test_a_warm_plan_of_another_horizon_is_an_error() -> None:
    plan: Plan = CEM(samples=20, iterations=1, elites=4).plan(problem(), warm=None, noise=noise())
    with pytest.raises(ValueError, match="one horizon"):
        CEM().plan(problem(horizon=5), warm=plan, noise=noise())


@pytest.mark.parametrize("steps", [1, 2, 9, 10])
@pytest.mark.parametrize("colour", [0.0, 1.0, 2.0])
def test_coloured_noise_has_unit_variance_and_the_asked_correlation(steps: int, colour: float) -> None:
    drawn = coloured(noise(), problem(horizon=steps), 4000, colour)
    assert drawn.shape == (8, 4000, steps, 1, 2)
    torch.testing.assert_close(drawn.std((0, 1, 3, 4)), torch.ones(steps), atol=0.03, rtol=0)
    if steps == 10:
        neighbours = (drawn[:, :, 1:] * drawn[:, :, :-1]).mean()
        assert (neighbours < 0.02) if colour == 0 else (neighbours > 0.3 * colour)


REFUSED = [
    (CEM, {"samples": 10, "elites": 30}, r"CEM got elites = 30 of samples = 10, expected at most as many\. Raise samples or lower elites"),
    (ICEM, {"samples": 10}, r"ICEM got elites = 20 of samples = 10"),
    (MPPI, {"samples": 10}, r"MPPI got elites = 60 of samples = 10"),
    (CEM, {"iterations": -1}, r"CEM got iterations = -1, expected at least 1: .*nothing to search\. Raise it"),
    (ICEM, {"elites": 0}, r"ICEM got elites = 0, expected at least 1"),
    (MPPI, {"iterations": 0, "elites": 0}, r"MPPI got iterations = 0, elites = 0, expected"),
    (Gradient, {"starts": 0}, r"Gradient got starts = 0, expected"),
    (Gradient, {"steps": -3}, r"Gradient got steps = -3, expected"),
    (RandomShooting, {"samples": 0}, r"RandomShooting got samples = 0, expected"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_settings_that_search_nothing_are_refused(kind, settings, message) -> None:
    with pytest.raises(SpecError, match=message):
        kind(**settings)


def test_the_smallest_search_is_a_search() -> None:
    for planner in (CEM(samples=1, iterations=1, elites=1), MPPI(samples=1, iterations=1, elites=1), Gradient(starts=1, steps=1), RandomShooting(samples=1)):
        assert planner.plan(problem(), warm=None, noise=noise()).valid.all()
