"""The world as an `Env`: conformance, snapshots, rows, errors."""

import dataclasses
import os
import subprocess
import sys

import pytest
import torch

from tests.sim.worlds.tabletop.tables import BLIND, FULL, THINGS, actions, needs_pictures, run, started
from wam.check import check_env
from wam.sim.worlds import tabletop
from wam.sim.worlds.tabletop import Play, TabletopConfig, TabletopWorld
from wam.world import Noise, SpecError


def test_conforms_with_everything_on() -> None:
    needs_pictures()
    check_env(TabletopWorld(3, FULL)).require()


def test_conforms_without_pictures() -> None:
    check_env(TabletopWorld(4, dataclasses.replace(BLIND, blocks=2, dishes=1, budget=8))).require()


def test_branches_share_their_past_and_differ_by_their_actions() -> None:
    world = started(BLIND, 2)
    world.step(actions([(0.03, 0, -0.03, 0, 1)] * 3, 2))
    branches = TabletopWorld(6, BLIND)
    branches.restore(world.save().repeat(3))
    rows = torch.arange(2).repeat_interleave(3)
    assert torch.equal(branches.truth().pose, world.truth().pose[rows])
    several = branches.spec.acts.sample(6, 3, Noise.of(range(6)))
    outcome = branches.step(several)
    again = world.step(several.select(torch.tensor([0, 3])))
    assert torch.equal(outcome.observation.proprio[[0, 3]], again.observation.proprio)
    assert (outcome.observation.proprio[0] - outcome.observation.proprio[1]).abs().max() > 0.01


def test_rows_are_bit_identical_in_any_company() -> None:
    config = dataclasses.replace(THINGS["push"], ask="nothing", varied_dynamics=True)
    together, alone = TabletopWorld(5, config), TabletopWorld(1, config)
    one, two = run(together, Play(together), 25, truth=True), run(alone, Play(alone), 25, first_seed=3, truth=True)
    assert torch.equal(one.truth.pose[3], two.truth.pose[0])
    assert torch.equal(one.actions.low_level[3], two.actions.low_level[0])


def test_make_takes_options_and_computes_on_the_cpu() -> None:
    assert tabletop.make(2, cameras=(), blocks=2).config.blocks == 2
    assert tabletop.make(1, tasks="open,close", cameras=["front"]).config == TabletopConfig(tasks=("open", "close"))
    world = tabletop.make(1, cameras=(), device="cuda")  # `sim.adapters.Moved` takes what it shows there
    assert world.reset(torch.ones(1, dtype=torch.bool), torch.arange(1))[0].device.type == "cpu"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ("fly",)}, "asked for"),
        ({"tasks": ("stack",)}, "set blocks=2"),
        ({"tasks": ("push",), "zones": 0}, "set blocks=1, zones=1"),
        ({"cameras": (), "ask": "goal_image"}, "where it asks with images"),
        ({"blocks": 3, "colours": ("red", "blue")}, "as many colours"),
        ({"cameras": ("free",), "free_place": (0.0, 0.1, 0.2), "free_target": (0.0, 0.1, 0.2)}, "that is no direction.* at least 1 cm apart"),
        ({"cameras": ("free",), "free_place": (0.0, float("nan"), 0.2)}, "that is no direction"),
        ({"steered_camera": True}, "not among cameras"),
        ({"tasks": ("tower",)}, "set blocks=3"),
    ],
)
def test_impossible_configurations_are_refused(options: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        TabletopConfig(**options)


def test_errors_say_what_came_and_what_to_do() -> None:
    world = TabletopWorld(2, BLIND)
    with pytest.raises(RuntimeError, match="before its first reset"):
        world.truth()
    with pytest.raises(RuntimeError, match="the first reset must restart every row"):
        world.reset(torch.tensor([True, False]), torch.arange(2))
    with pytest.raises(SpecError, match="made for 2 rows"):
        world.reset(torch.ones(3, dtype=torch.bool), torch.arange(3))
    world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    with pytest.raises(SpecError, match=r"shape \(2, T, 1, 5\), got \(1, 1, 1, 5\)"):
        world.step(actions([(0, 0, 0, 0, 1)]))
    with pytest.raises(SpecError, match="NaN or infinite"):
        world.step(actions([(float("nan"), 0, 0, 0, 1)], 2))
    with pytest.raises(SpecError, match="the snapshot has 4 rows"):
        world.restore(world.save().repeat(2))


def test_without_graphics_physics_works_and_pictures_say_what_to_install() -> None:
    script = """
import torch
from wam.sim.engines.mujoco import PictureError
from wam.sim.worlds import tabletop
everyone, seeds = torch.ones(1, dtype=torch.bool), torch.arange(1)
tabletop.make(1, cameras=()).reset(everyone, seeds)
try:
    tabletop.make(1).reset(everyone, seeds)
except PictureError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "MUJOCO_GL": "disable"}, check=True)
    assert "libegl1" in done.stdout and "cameras=()" in done.stdout
