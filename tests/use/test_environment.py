"""Imagined worlds: the double integrator imagined is the double integrator; episodes end by budget or by prediction."""

import dataclasses

import torch

from tests.plan.mocks import DoubleIntegrator
from wam.check import check_env
from wam.use.environment import ImaginedWorld
from wam.world import Actions, Exposes, Future, FutureSpec, Noise, Observation, Past, Physical, Task

EVERYONE = torch.ones(3, dtype=torch.bool)
SEEDS = torch.arange(3)
EDGE = 0.5  # m; beyond it the mortal model says that the episode ends


class Shown(DoubleIntegrator, Exposes):
    """Shows its state; actions that are not valid push nothing."""

    def predict(self, carry, actions, *, noise=None):
        return super().predict(carry, dataclasses.replace(actions, low_level=actions.low_level * actions.valid[..., None]), noise=noise)

    def state(self, carry):
        return Physical(q=carry.now.x[:, None, :2], v=carry.now.x[:, None, 2:])


class Mortal(Shown):
    """Predicts a reward of one per step, and the end where x leaves the edge."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=self.spec.predicts.state, reward=True, alive=True))

    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        x = future.state.q[..., 0]
        return carry, dataclasses.replace(future, reward=torch.ones_like(x), alive=(x.abs() < EDGE).float())


def starts() -> Past:
    proprio = Noise.of(range(7)).normal(1, 4) * 0.1
    return Past(observation=Observation(proprio=proprio), actions=DoubleIntegrator().spec.consumes.nothing(7, 1))


def world(model: DoubleIntegrator | None = None, **options) -> ImaginedWorld:
    return ImaginedWorld(model or Shown(), starts(), Task(), 3, **options)


def pushes(steps: int, value: float = 1.0) -> Actions:
    return Actions(valid=torch.ones(3, steps, 1, dtype=torch.bool), low_level=torch.full((3, steps, 1, 2), value))


def at_the_right(future: Future, task: Task) -> torch.Tensor:
    return future.state.q[..., 0] > EDGE


def test_conforms() -> None:
    assert check_env(world(budget=9)).failed == ()


def test_episodes_end_with_the_budget_in_one_call_or_many() -> None:
    whole, pieces = world(budget=4), world(budget=4)
    outcome = whole.step(pushes(6))
    assert outcome.alive.tolist() == [[True, True, True, False, False, False]] * 3
    q = outcome.observation.state.q
    assert not torch.equal(q[:, 3], q[:, 2])  # the step that ends the episode still happens
    assert torch.equal(q[:, 4:], q[:, 3:4].expand(-1, 2, -1))
    for step in range(6):
        piece = pieces.step(pushes(1))
        torch.testing.assert_close(piece.observation.state.q[:, 0], q[:, step])
        assert torch.equal(piece.alive[:, 0], outcome.alive[:, step])


def test_each_row_has_a_clock_of_its_own_and_ended_rows_stay_ended() -> None:
    imagined = world(budget=4)
    imagined.step(pushes(2))
    imagined.reset(torch.tensor([True, False, False]), SEEDS)
    snapshot = imagined.save()
    assert snapshot.clock.tolist() == [0, 2, 2]
    assert imagined.step(pushes(2)).alive[:, -1].tolist() == [True, False, False]
    imagined.reset(torch.tensor([False, True, False]), SEEDS)
    assert imagined.step(pushes(1)).alive[:, 0].tolist() == [True, True, False]
    imagined.restore(snapshot)
    assert imagined.step(pushes(2)).alive[:, -1].tolist() == [True, False, False]


def test_the_step_that_ends_an_episode_counts_and_is_shown() -> None:
    imagined = world(Mortal(), success=at_the_right)
    outcome = imagined.step(pushes(12, 3.0))
    ended = (~outcome.alive).long().argmax(1)
    assert (outcome.reward.sum(1) == ended + 1).all()
    last = outcome.observation.state.q[torch.arange(3), ended]
    assert (last[:, 0] >= EDGE).all() and torch.equal(outcome.observation.state.q[:, -1], last)
    assert outcome.success[:, -1].all() and not outcome.success[:, 0].any()
    after = imagined.step(pushes(1))
    assert after.success.all() and not after.alive.any() and not after.reward.any()
    imagined.reset(EVERYONE, SEEDS)
    assert imagined.save().alive.all() and not imagined.save().solved.any()


def test_actions_that_are_not_valid_take_no_time() -> None:
    imagined = world(budget=2)
    still = dataclasses.replace(pushes(3), valid=torch.zeros(3, 3, 1, dtype=torch.bool))
    assert imagined.step(still).alive.all() and imagined.save().clock.tolist() == [0, 0, 0]


def test_where_the_model_predicts_no_reward_a_judge_gives_one_for_each_solved_step() -> None:
    imagined = world(budget=12, success=at_the_right)
    outcome = imagined.step(pushes(15, 3.0))
    assert torch.equal(outcome.reward[:, :12], outcome.success[:, :12].float()) and outcome.reward[:, :12].sum() > 0
    assert outcome.success[:, 12:].all() and not outcome.reward[:, 12:].any()  # nothing is given to a row that is over
    imagined.reset(EVERYONE, SEEDS)
    imagined.step(pushes(11, 3.0))
    still = dataclasses.replace(pushes(1), valid=torch.zeros(3, 1, 1, dtype=torch.bool))
    assert not imagined.step(still).reward.any()  # nor where nothing was done
    assert not world(budget=12).step(pushes(15, 3.0)).reward.any()
    assert (world(Mortal(), success=at_the_right).step(pushes(2, 3.0)).reward == 1).all()  # the model's own goes before


def test_limits_may_be_narrower_than_the_model_s() -> None:
    acts = DoubleIntegrator().spec.consumes
    near = dataclasses.replace(acts, low_level=tuple(dataclasses.replace(slot, low=-0.5, high=0.5) for slot in acts.low_level))
    narrow, wide = world(acts=near), world()
    assert narrow.spec.acts == near and wide.spec.acts == acts
    assert torch.equal(narrow.step(pushes(2, 3.0)).observation.state.q, wide.step(pushes(2, 0.5)).observation.state.q)
