"""A frozen policy re-ranked and refined: brute force says which chunk is best, and gradients only help."""

import dataclasses

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from tests.plan.mocks import PUSHES, SEES, DoubleIntegrator, PointWorld
from wam.check import check_policy
from wam.plan import GoalState, Gradient, Penalty, Problem, Reward
from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.use.reranking import BestProposal, Reranking
from wam.use.true_model import TrueModel
from wam.world import Actions, ActionSpec, Noise, ObservationSpec, Past, Physical, PolicySpec, Record, SpecError, Task, record

SLOW = Gradient(steps=15, rate=0.1)


@record
class Asked(Record):
    times: Int[Tensor, "B"]


class Drawing:
    """Chunks of chance, within the limits."""

    def __init__(self, acts: ActionSpec = PUSHES, observes: ObservationSpec = SEES, chunk: int = 4, execute: int = 2) -> None:
        self.spec = PolicySpec(observes=observes, acts=acts, chunk=chunk, execute=execute)

    def begin(self, batch: int, task: Task) -> Asked:
        return Asked(times=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Asked, since: Past, *, noise: Noise | None = None) -> tuple[Asked, Actions]:
        return Asked(times=memory.times + 1), self.spec.acts.sample(len(memory.times), self.spec.chunk, noise)


def asked(policy, rows: int = 3) -> tuple[Record, Actions, Past, Task]:
    past = Past(observation=SEES.sample(rows, 1, Noise.of(range(rows))), actions=PUSHES.nothing(rows, 1))
    task = Task(goal_state=Physical(q=torch.zeros(rows, 1, 2), v=torch.zeros(rows, 1, 2)))
    memory, actions = policy.act(policy.begin(rows, task), past, noise=Noise.of(range(rows)))
    return memory, actions, past, task


def costs(low_level: Tensor, past: Past) -> Tensor:
    """Of single chunks "B H R A", by hand."""
    model = DoubleIntegrator()
    carry = model.observe(model.begin(len(low_level), Task()), past)
    _, future = model.predict(carry, Actions(valid=torch.ones(low_level.shape[:3]).bool(), low_level=low_level))
    return future.state.q[:, -1].square().sum(-1)


@pytest.mark.parametrize("mode", ["rank", "opt", "both"])
def test_conforms(mode):
    check_policy(Reranking(Drawing(), DoubleIntegrator(), Penalty(away), mode=mode, draws=4, descent=SLOW)).require()


def away(future, actions) -> Tensor:
    return future.state.q[:, -1].square().sum(-1)


def test_the_first_draw_is_the_policys_own():
    own = asked(Drawing())[1]
    alone = asked(Reranking(Drawing(), DoubleIntegrator(), GoalState(), draws=1))[1]
    assert torch.equal(own.low_level, alone.low_level)


def test_ranking_takes_the_best_of_all_draws():
    policy = Reranking(Drawing(), DoubleIntegrator(), GoalState(), draws=7)
    seen: list[Tensor] = []

    class Watching(Drawing):
        def act(self, memory, since, *, noise=None):
            memory, actions = super().act(memory, since, noise=noise)
            seen.append(actions.low_level)
            return memory, actions

    policy.policy = Watching()
    memory, actions, past, _ = asked(policy)
    (candidates,) = seen
    by_hand = costs(candidates, past.repeat(7)).view(3, 7)
    best = candidates.unflatten(0, (3, 7))[torch.arange(3), by_hand.argmin(1)]
    assert torch.equal(actions.low_level, best)
    assert memory.policy.times.tolist() == [1, 1, 1]


def test_refining_only_helps_and_both_is_best():
    cost = {}
    for mode, draws in (("rank", 1), ("rank", 6), ("opt", 6), ("both", 6)):
        _, actions, past, _ = asked(Reranking(Drawing(), DoubleIntegrator(), GoalState(), mode=mode, draws=draws, descent=SLOW))
        cost[mode, draws] = costs(actions.low_level, past)
        low, high = PUSHES.limits()
        assert ((actions.low_level >= low) & (actions.low_level <= high)).all()
    slack = 1e-5
    assert (cost["opt", 6] < cost["rank", 1]).all() and (cost["rank", 6] <= cost["rank", 1]).all()
    assert (cost["both", 6] <= cost["opt", 6] + slack).all() and (cost["both", 6] <= cost["rank", 6] + slack).all()


def test_without_a_finite_cost_the_policy_goes_on_by_itself():
    def broken(future, actions) -> Tensor:
        cost = actions.low_level.sum((1, 2, 3))
        return torch.where(torch.arange(len(cost)) < 4, torch.nan, cost)  # all four candidates of row 0

    for mode in ("rank", "both"):
        actions = asked(Reranking(Drawing(), DoubleIntegrator(), Penalty(broken), mode=mode, draws=4, descent=SLOW))[1]
        own = asked(Drawing())[1]
        assert torch.equal(actions.low_level[0], own.low_level[0]) and not torch.equal(actions.low_level[1:], own.low_level[1:])


def test_it_acts_better_in_closed_loop():
    """The double integrator is its own model here."""
    far = {}
    for draws in (1, 24):
        env = PointWorld(6)
        done = rollout(env, Reranking(Drawing(), DoubleIntegrator(), GoalState(earlier=1.0), draws=draws), 20, seeds=range(6), noise=Noise.of(range(6)))
        far[draws] = float(-done.reward[:, -5:].mean())
        assert (done.seconds[done.decided] > 0).all()
    assert far[24] < 0.5 * far[1]


def test_a_stochastic_model_meets_all_candidates_with_the_same_chance():
    policy, found = Reranking(Same(), DoubleIntegrator(noise=1.0), GoalState(), draws=5), list[Tensor]()

    class Costs(BestProposal):
        def plan(self, problem, *, warm, noise):
            found.append(problem.cost(problem.proposals))
            return super().plan(problem, warm=warm, noise=noise)

    policy.planner = Costs()
    asked(policy)
    torch.testing.assert_close(found[0], found[0][:, :1].expand(-1, 5))  # equal chunks cost the same
    assert not torch.allclose(found[0][0], found[0][1])
    check_policy(Reranking(Drawing(), DoubleIntegrator(noise=0.3), Penalty(away), draws=4)).require()


class Same(Drawing):
    """The same chunk whatever is drawn."""

    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        return memory, dataclasses.replace(actions, low_level=torch.ones_like(actions.low_level))


def test_the_true_simulator_picks_the_best_proposal():
    """Push, brute force: every draw is tried in the world itself."""
    config, rows, draws = PushConfig(budget=12), 4, 6
    env = PushWorld(rows, config)
    base = Drawing(env.spec.acts, ObservationSpec(), chunk=6, execute=6)
    model = TrueModel(env, lambda count: PushWorld(count, config))
    done = rollout(env, Reranking(base, model, Reward(), draws=draws), 6, seeds=range(rows), noise=Noise.of(range(rows)))
    collected = []
    for draw in range(draws):
        seeds = torch.arange(rows) if draw == 0 else Noise.of(range(rows)).spread(draws).seed.view(rows, draws)[:, draw]
        alone = rollout(env, base, 6, seeds=range(rows), noise=Noise.of(seeds))
        collected.append(alone.reward.sum(1))
    torch.testing.assert_close(done.reward.sum(1), torch.stack(collected).amax(0))


def test_what_does_not_fit_explains_itself():
    model = DoubleIntegrator()
    with pytest.raises(SpecError, match="expected at least 1 chunk"):
        Reranking(Drawing(), model, GoalState(), draws=0)
    with pytest.raises(SpecError, match="at one clock"):
        Reranking(Drawing(dataclasses.replace(PUSHES, per_step=2)), model, GoalState())
    with pytest.raises(SpecError, match="predicts 3 steps at once"):
        Reranking(Drawing(), DoubleIntegrator(chunk=3), GoalState())
    with pytest.raises(SpecError, match=r"proprioception.* differently"):
        Reranking(Drawing(observes=ObservationSpec(proprio=SEES.proprio[:2])), model, GoalState())
    model.spec = dataclasses.replace(model.spec, differentiable=False)
    with pytest.raises(SpecError, match="Use mode='rank'"):
        Reranking(Drawing(), model, GoalState(), mode="both")


def test_choosing_needs_proposals():
    model = DoubleIntegrator()
    carry, task = model.begin(1, Task()), Task(goal_state=Physical(q=torch.zeros(1, 1, 2), v=torch.zeros(1, 1, 2)))
    bare = Problem(model=model, carry=carry, objective=GoalState(), goal=GoalState().prepare(model, task), horizon=2)
    with pytest.raises(SpecError, match="chooses among proposals"):
        BestProposal().plan(bare, warm=None, noise=Noise.of([0]))
