"""The true simulator as a model: what it predicts happens, and predicting changes nothing."""

import pytest
import torch

from tests.evaluate.dots import DotWorld
from tests.plan.mocks import PointWorld
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.use.true_model import TrueModel
from wam.world import Actions, Noise, Past, SpecError, Task, to_float

CONFIG = PushConfig(budget=12)


def live(rows: int = 3) -> tuple[PushWorld, Past, Task]:
    env = PushWorld(rows, CONFIG)
    observation, task = env.reset(torch.ones(rows).bool(), torch.arange(rows))
    return env, Past(observation=observation, actions=env.spec.acts.nothing(rows, 1)), task


def test_what_it_predicts_happens_and_the_live_world_stays():
    env, past, task = live()
    model = TrueModel(env, lambda rows: PushWorld(rows, CONFIG))
    carry = model.observe(model.begin(3, task), past)
    before = env.save()
    actions = env.spec.acts.sample(6, 5, Noise.of(range(6)))  # two candidates per row
    _, future = model.predict(carry.repeat(2), actions)
    assert env.save() is before and not model.spec.predicts.problems(future, 5)
    for which in (0, 1):
        env.restore(before)
        outcome = env.step(actions.select(torch.arange(3) * 2 + which))
        mine = future.select(torch.arange(3) * 2 + which)
        assert torch.equal(mine.observation.rgb["top"], to_float(outcome.observation.rgb["top"]))
        assert torch.equal(mine.reward, outcome.reward) and torch.equal(mine.alive > 0.5, outcome.alive)


def test_it_continues_and_looks_again():
    env, past, task = live()
    model = TrueModel(env, lambda rows: PushWorld(rows, CONFIG))
    start = model.observe(model.begin(3, task), past)
    actions = env.spec.acts.sample(3, 6, Noise.of(range(3)))
    carry, first = model.predict(start, actions.narrow("T", 0, 2))
    _, second = model.predict(carry, actions.narrow("T", 2))
    _, whole = model.predict(start, actions)
    assert torch.equal(torch.cat([first.reward, second.reward], 1), whole.reward)
    env.step(actions.narrow("T", 0, 2))
    _, again = model.predict(model.observe(carry, past), actions.narrow("T", 2))
    assert torch.equal(again.reward, second.reward)


def test_other_worlds_with_records_do_too():
    env = DotWorld(2)
    observation, task = env.reset(torch.ones(2).bool(), torch.arange(2))
    model = TrueModel(env, DotWorld)
    past = Past(observation=observation, actions=env.spec.acts.nothing(2, 1))
    actions = Actions(valid=torch.ones(2, 3, 1).bool(), low_level=torch.ones(2, 3, 1, 2))
    _, future = model.predict(model.observe(model.begin(2, task), past), actions)
    assert torch.equal(future.observation.rgb["top"], to_float(env.step(actions).observation.rgb["top"]))


def test_what_does_not_fit_explains_itself():
    env, _, task = live()
    with pytest.raises(SpecError, match="3 rows, asked for 4"):
        TrueModel(env, PushWorld).begin(4, task)
    with pytest.raises(SpecError, match="expected a Record"):
        TrueModel(PointWorld(2), PointWorld).begin(2, Task())
