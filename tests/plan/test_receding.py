from dataclasses import replace

import pytest
import torch

from tests.plan.mocks import PUSHES, SEES, DoubleIntegrator, LatentIntegrator, PointWorld
from wam.plan import CEM, ICEM, MPPI, GoalImage, GoalState, Gradient, Habit, Penalty, RandomShooting, Weighted
from wam.plan.control import RecedingHorizon, Safety, SafetyError, precision, rollout
from wam.plan.control.receding import shifted
from wam.world import Noise, Past, Plan, Proposes, SpecError, Task

SMALL = CEM(samples=100, iterations=5, elites=10)
PLANNERS = [SMALL, ICEM(samples=60), MPPI(samples=60, elites=20, iterations=4), Gradient(starts=3, steps=20)]


def controller(planner=SMALL, model=None, objective=None, **options) -> RecedingHorizon:
    objective = objective or GoalState(slots=("x", "y", "vx", "vy"), earlier=1.0)
    return RecedingHorizon(model or DoubleIntegrator(), planner, objective, **{"horizon": 8, **options})


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: type(planner).__name__)
def test_planning_reaches_the_goal(planner) -> None:
    episodes = rollout(PointWorld(4), controller(planner, execute=2), 30, seeds=range(4), noise=Noise.of(range(4)))
    assert (episodes.observation.proprio[:, 0, :2].norm(dim=-1) > 0.3).any()
    assert episodes.success[:, -1].all()
    assert episodes.decided[0].tolist() == [False] + [True, False] * 15


def test_the_same_through_a_goal_image_encoded_once() -> None:
    model, encoded = LatentIntegrator(), []
    encode = model.encode
    model.encode = lambda observation: encoded.append(observation) or encode(observation)  # type: ignore[method-assign,func-returns-value]
    episodes = rollout(PointWorld(4), controller(model=model, objective=GoalImage(earlier=1.0), execute=2), 30, seeds=range(4), noise=Noise.of(range(4)))
    assert episodes.success[:, -1].all() and len(encoded) == 1


def test_options_of_imagination_agree_where_there_is_no_chance() -> None:
    runs = [
        rollout(PointWorld(2), controller(model=DoubleIntegrator(shares_context=shared), **options), 4, seeds=[1, 2], noise=Noise.of([1, 2]))
        for shared, options in ((False, {}), (True, {}), (False, {"at_once": 7}), (False, {"futures": "shared"}), (False, {"futures": "own"}))
    ]
    for run in runs[1:]:
        torch.testing.assert_close(run.observation.proprio, runs[0].observation.proprio, atol=1e-4, rtol=1e-4)


def test_stochastic_models_meet_their_chance() -> None:
    def first_action(futures: str) -> torch.Tensor:
        policy = controller(model=DoubleIntegrator(noise=0.3), futures=futures)
        return rollout(PointWorld(2), policy, 1, seeds=[1, 2], noise=Noise.of([1, 2])).actions.low_level

    mode, shared, own = (first_action(futures) for futures in ("mode", "shared", "own"))
    assert not torch.equal(mode, shared) and not torch.equal(shared, own)


def test_lower_precision_plans_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    policy = controller(bf16=True, execute=2)
    episodes = rollout(PointWorld(2), policy, 30, seeds=[1, 2], noise=Noise.of([1, 2]))
    assert (episodes.observation.proprio[:, -1, :2].norm(dim=-1) < 0.3).all()


def test_plans_are_shifted_row_by_row() -> None:
    actions = torch.arange(4.0).view(1, 4, 1, 1).expand(3, 4, 1, 1)
    plan = Plan(actions=actions, cost=torch.zeros(3), spread=actions + 10, valid=torch.ones(3, dtype=torch.bool))
    later = shifted(plan, torch.tensor([0, 2, 4]))
    assert later.actions[:, :, 0, 0].tolist() == [[0, 1, 2, 3], [2, 3, 3, 3], [3, 3, 3, 3]]
    assert later.spread is not None and later.spread[1, :, 0, 0].tolist() == [12, 13, 13, 13]
    assert later.valid.tolist() == [True, True, False]


def test_the_next_search_starts_from_the_shifted_plan() -> None:
    class Spy:
        def __init__(self) -> None:
            self.warms = list[Plan]()

        def plan(self, problem, *, warm, noise):
            self.warms.append(warm)
            return RandomShooting(samples=20).plan(problem, warm=warm, noise=noise)

    spy = Spy()
    episodes = rollout(PointWorld(2), controller(spy, execute=3), 6, seeds=[1, 2], noise=Noise.of([1, 2]))
    first, second = spy.warms
    assert not first.valid.any() and second.valid.all()
    torch.testing.assert_close(second.actions[:, -1], second.actions[:, -4])  # the last action, repeated for the three new steps
    assert episodes.size("T") == 7


def test_a_restarted_row_starts_cold_and_alone() -> None:
    policy, world, noise = controller(), PointWorld(2), Noise.of([1, 2])
    observation, task = world.reset(torch.ones(2, dtype=torch.bool), torch.tensor([1, 2]))
    since = Past(observation=observation, actions=world.spec.acts.nothing(2, 1))
    memory, actions = policy.act(policy.begin(2, task), since, noise=noise)
    mixed = policy.begin(2, task).where(torch.tensor([True, False]), memory)
    assert mixed.warm.valid.tolist() == [False, True]
    _, again = policy.act(mixed, since, noise=noise)
    assert torch.equal(again.low_level[0], actions.low_level[0]) and not torch.equal(again.low_level[1], actions.low_level[1])


def test_a_row_without_a_plan_is_an_error_or_stands_still() -> None:
    never = Weighted(parts=((1.0, Penalty(lambda future, actions: future.state.q[:, 0, 0] * torch.nan)),))
    with pytest.raises(SafetyError, match=r"rows \[0, 1\]"):
        rollout(PointWorld(2), controller(objective=never), 2, seeds=[1, 2], noise=Noise.of([1, 2]))
    episodes = rollout(PointWorld(2), controller(objective=never, safety=Safety(tolerate=5)), 2, seeds=[1, 2], noise=Noise.of([1, 2]))
    assert not episodes.actions.valid.any()


def test_errors_explain() -> None:
    with pytest.raises(SpecError, match="horizon of 8"):
        controller(execute=9)
    with pytest.raises(ValueError, match=r"Noise\.of"):
        rollout(PointWorld(2), controller(), 2, seeds=[1, 2])


class Guided(DoubleIntegrator, Proposes):
    """Proposes one plan, shifted a little for every candidate."""

    def propose(self, carry, count, horizon, *, noise):
        return (torch.arange(count)[None, :, None, None, None] * 0.1 + 0.5).expand(carry.size("B"), count, horizon, 1, 2)


class Spreadless(CEM):
    """Keeps how sure it is to itself."""

    def plan(self, problem, *, warm, noise):
        return replace(super().plan(problem, warm=warm, noise=noise), spread=None)


def decided(planner, **options) -> torch.Tensor:
    policy = controller(planner, Guided(), Penalty(lambda future, actions: (actions.low_level - 0.7).abs().flatten(1).sum(1)), **options)
    past = Past(observation=SEES.sample(3, 1), actions=PUSHES.nothing(3, 1))
    return policy.act(policy.begin(3, Task()), past, noise=Noise.of(range(3)))[1].low_level


def test_the_models_own_proposals_are_tried() -> None:
    torch.testing.assert_close(decided(CEM(samples=8, iterations=1, elites=2), proposals=4), torch.full((3, 8, 1, 2), 0.7))
    torch.testing.assert_close(decided(Habit(), proposals=4), torch.full((3, 8, 1, 2), 0.5))
    with pytest.raises(SpecError, match="does not declare Proposes"):
        controller(proposals=2)
    with pytest.raises(SpecError, match="the problem has none"):
        decided(Habit())


def test_exploring_adds_what_spread_is_left() -> None:
    plain, explored = (decided(Habit(spread=0.1), proposals=1, exploring=exploring) for exploring in (False, True))
    away = explored - plain  # the range is 5 wide: the standard deviation is 0.25
    assert 0.15 < away.std() < 0.35 and explored.min() >= -2 and explored.max() <= 3
    with pytest.raises(SpecError, match="leaves no spread to explore with"):
        decided(Spreadless(samples=8, iterations=1, elites=2), exploring=True)


def test_the_search_keeps_to_tighter_limits() -> None:
    near = replace(PUSHES, low_level=tuple(replace(slot, low=0.1, high=0.3) for slot in PUSHES.low_level))
    found = decided(SMALL, acts=near)  # the best of all lies at 0.7
    assert found.min() >= 0.1 and found.max() <= 0.301 and found.mean() > 0.25
    explored = decided(Habit(spread=0.5), proposals=1, exploring=True, acts=near)
    assert explored.min() >= 0.1 and explored.max() <= 0.301
