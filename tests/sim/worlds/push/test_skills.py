"""Skills do what they say, where there is something to do it with."""

import pytest
import torch

from wam.plan.control import rollout
from wam.sim.worlds.push import COLOURS, SHAPES, SKILLS, PushConfig, PushSkill, PushWorld, skill_policies
from wam.sim.worlds.push.words import ATOMS, NAMES, ZONES
from wam.world import Episodes

CONFIG = PushConfig(task="play", objects=3, zones=3, shapes=SHAPES, colours=COLOURS, radius=0.065, budget=70)
ROWS = 80
RED = float(NAMES.index("red disc"))


def run(skill: str, arguments: tuple[float, ...]) -> tuple[PushWorld, Episodes, torch.Tensor]:
    """The world, the episodes, and which rows have the red disc."""
    world = PushWorld(ROWS, CONFIG)
    index = next(index for index, known in enumerate(SKILLS) if known.name == skill)
    done = rollout(world, skill_policies(world)[index](arguments), 60, seeds=torch.arange(ROWS), truth=True)
    scene = world.moment.scene
    return world, done, (2 * scene.colour + scene.shape == int(RED)).any(1)


def holds(done: Episodes, atom: str) -> torch.Tensor:
    """In the end."""
    return done.truth.facts.holds[:, -1, ATOMS.index(atom)]


def test_push_brings_an_object_into_a_zone() -> None:
    world, done, here = run("push", (RED, float(ZONES.index("blue zone"))))
    able = here & (world.moment.scene.zone_colour == ZONES.index("blue zone")).any(1)
    assert able.sum() > 8
    assert holds(done, "in(red disc, blue zone)")[able].float().mean() > 0.9
    assert bool((done.actions.low_level[~able] == 0).all())


def test_reach_touches_an_object_without_shoving_it() -> None:
    world, done, here = run("reach", (RED,))
    assert here.sum() > 8
    assert holds(done, "touching(pusher, red disc)")[here].float().mean() > 0.9
    scene = world.moment.scene
    slot = (2 * scene.colour + scene.shape == int(RED)).to(torch.int64).argmax(1)
    rows = torch.arange(ROWS)[here]
    moved = (world.moment.state.pose[rows, slot[here], :2] - scene.start[rows, slot[here], :2]).norm(dim=1)
    assert moved.median() < 0.02


def test_push_to_brings_an_object_to_a_place() -> None:
    world, _, here = run("push_to", (RED, 0.1, -0.1))
    scene = world.moment.scene
    slot = (2 * scene.colour + scene.shape == int(RED)).to(torch.int64).argmax(1)
    rows = torch.arange(ROWS)[here]
    assert ((world.moment.state.pose[rows, slot[here], :2] - torch.tensor([0.1, -0.1])).norm(dim=1) < 0.03).float().mean() > 0.85


def test_reach_place_drives_there_and_stops() -> None:
    world, done, _ = run("reach_place", (-0.35, 0.35))
    there = (world.moment.state.pose[:, -1, :2] - torch.tensor([-0.35, 0.35])).norm(dim=1) < 0.03
    assert there.float().mean() > 0.85
    assert bool((done.actions.low_level[there, -1] == 0).all())


def test_a_skill_gives_up_after_its_limit() -> None:
    world = PushWorld(4, CONFIG)
    done = rollout(world, PushSkill(world, 3, (0.4, 0.4), limit=3), 8, seeds=torch.arange(4))
    assert bool((done.actions.low_level[:, 4:] == 0).all()) and bool((done.actions.low_level[:, 1:4].abs().amax(-1) > 0).all())


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"push takes \['object', 'zone'\]"):
        PushSkill(PushWorld(2, CONFIG), 0, (1.0,))
