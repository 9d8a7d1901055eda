"""A world whose records are taken to another device, and its actions back."""

import torch

from wam.check import check_env
from wam.sim.adapters.moved import Moved
from wam.sim.worlds.push import PushWorld


def test_conforms():
    check_env(Moved(PushWorld(4), torch.device("cpu"))).require()


def test_what_it_shows_lies_on_the_device():
    moved = Moved(PushWorld(2), torch.device("meta"))
    observation, task = moved.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    assert observation.device.type == task.device.type == moved.truth().device.type == "meta"
    assert moved.spec == moved.env.spec and moved.batch == 2


def test_actions_go_where_the_world_computes():
    class Elsewhere(PushWorld):
        def step(self, actions):
            assert actions.device.type == "cpu"
            return super().step(actions)

    moved = Moved(Elsewhere(2), torch.device("meta"))
    moved.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    assert moved.step(moved.spec.acts.sample(2, 3)).observation.device.type == "meta"
