"""Scenes from seeds: solvable, unsolved, apart, and split as promised."""

import dataclasses
import math

import pytest
import torch

from tests.sim.worlds.push.worlds import FULL
from wam.sim.engines import contacts
from wam.sim.worlds.push.config import COLOURS, HELD_OUT, HELD_OUT_GOALS, SHAPES, ZONE_COLOURS, PushConfig
from wam.sim.worlds.push.draw import HELD_OUT as HELD_OUT_DYNAMICS
from wam.sim.worlds.push.draw import TRAIN, draw
from wam.sim.worlds.push.looks import HELD_OUT_BACKGROUNDS, TRAIN_BACKGROUNDS
from wam.sim.worlds.push.scene import Scene
from wam.world import SpecError

MANY = PushConfig(objects=4, moves=2, shapes=SHAPES, colours=COLOURS, radius=0.065, varied_dynamics=True, varied_background=True)


def scenes(config: PushConfig, count: int = 400) -> Scene:
    return draw(config, torch.arange(count), torch.float32).check()


@pytest.mark.parametrize("config", [PushConfig(), MANY, FULL], ids=["one disc", "four objects", "full"])
def test_nothing_overlaps_at_the_start_or_in_the_goal(config: PushConfig) -> None:
    scene = scenes(config)
    for pose in (scene.start, scene.goal):
        gaps = contacts.gaps(pose, scene.parameters.half, scene.parameters.radius).amin(1)
        assert (gaps > 0).float().mean() > 0.99 and gaps.min() > -0.02
        assert pose[..., :2].abs().max() < 0.45


@pytest.mark.parametrize("config", [PushConfig(), MANY], ids=["one disc", "four objects"])
def test_goals_lie_two_to_five_radii_away_and_only_for_what_moves(config: PushConfig) -> None:
    scene = scenes(config)
    radii = (scene.goal - scene.start)[:, :-1, :2].norm(dim=-1) / scene.radius
    assert radii[:, : config.moves].min() >= 2.0 and radii[:, : config.moves].max() <= 5.0
    assert bool((radii[:, config.moves :] == 0).all())


def test_the_goal_shows_the_pusher_on_any_side_of_the_object() -> None:
    """Else driving there would push the object to its goal."""
    scene = scenes(PushConfig(pusher="anywhere"))
    way = (scene.goal - scene.start)[:, 0, :2]
    beside = (scene.goal[:, 1] - scene.goal[:, 0])[:, :2]
    cosine = (way * beside).sum(1) / (way.norm(dim=1) * beside.norm(dim=1))
    assert 0.35 < (cosine < 0).float().mean() < 0.65


def test_seeds_decide_alone() -> None:
    together = draw(FULL, torch.arange(50), torch.float32)
    alone = draw(FULL, torch.tensor([41, 7]), torch.float32)
    assert all(torch.equal(a, b) for (_, _, a), (_, _, b) in zip(alone.leaves(), together.select(torch.tensor([41, 7])).leaves(), strict=True))
    assert not torch.equal(together.start[0], together.start[1])


def test_no_two_objects_of_a_table_share_a_colour_and_zones_neither() -> None:
    scene = scenes(FULL)
    for part in (scene.colour, scene.zone_colour):
        ordered = part.sort(1).values
        assert bool((ordered[:, 1:] > ordered[:, :-1]).all())
        assert len(part.unique()) == part.max() + 1 >= 4


def combinations(scene: Scene) -> set[tuple[str, str]]:
    pairs = torch.stack([scene.colour, scene.shape], -1).flatten(0, 1).unique(dim=0).tolist()
    return {(COLOURS[colour], SHAPES[shape]) for colour, shape in pairs}


def test_colours_and_shapes_are_held_out_together() -> None:
    everything = {(colour, shape) for colour in COLOURS for shape in SHAPES}
    train = combinations(scenes(MANY))
    held = combinations(scenes(dataclasses.replace(MANY, split="colour_shape")))
    assert train == everything - set(HELD_OUT) and held == set(HELD_OUT)
    assert {colour for colour, _ in train} == set(COLOURS) and {shape for _, shape in train} == set(SHAPES)


@pytest.mark.parametrize("zones", [1, 2, 4])
def test_what_an_instruction_asks_of_a_colour_is_held_out(zones: int) -> None:
    config = dataclasses.replace(FULL, zones=zones, inner_walls=0)
    asked = {}
    for split in ("train", "colour_goal"):
        scene, rows = scenes(dataclasses.replace(config, split=split)), torch.arange(400)
        pairs = zip(scene.colour[rows, scene.target].tolist(), scene.zone_colour[rows, scene.target_zone].tolist(), strict=True)
        asked[split] = {(COLOURS[colour], ZONE_COLOURS[zone]) for colour, zone in pairs}
    assert asked["colour_goal"] == set(HELD_OUT_GOALS.items())
    assert asked["train"] == {(colour, zone) for colour in COLOURS for zone in ZONE_COLOURS} - asked["colour_goal"]


def test_dynamics_are_held_out() -> None:
    train, held = (scenes(dataclasses.replace(MANY, split=split)).parameters for split in ("train", "dynamics"))
    for name, usual, other in (("mass", TRAIN.mass, HELD_OUT_DYNAMICS.mass), ("friction", TRAIN.friction, HELD_OUT_DYNAMICS.friction)):
        known, new = getattr(train, name)[:, :-1], getattr(held, name)[:, :-1]
        assert usual.low <= known.min() and known.max() <= usual.high < other.low <= new.min() and new.max() <= other.high
        assert known.std() > 0.05
    assert torch.equal(scenes(PushConfig()).parameters.mass[:, 0], torch.full((400,), 0.5))


def test_backgrounds_are_held_out() -> None:
    train = set(scenes(MANY).background.tolist())
    held = set(scenes(dataclasses.replace(MANY, split="background")).background.tolist())
    assert train == set(TRAIN_BACKGROUNDS) and held == set(HELD_OUT_BACKGROUNDS)
    assert set(scenes(PushConfig()).background.tolist()) == {TRAIN_BACKGROUNDS[0]}


def test_instructions_are_not_done_at_the_start() -> None:
    scene, rows = scenes(FULL), torch.arange(400)
    here, zone = scene.start[rows, scene.target, :2], scene.zones[rows, scene.target_zone]
    assert bool(((here - zone[:, :2]).abs().amax(1) > zone[:, 2]).all())
    assert len(scene.instruction.unique()) > 20


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"objects": 5}, "1 to 4 objects"),
        ({"colours": ("red", "pink")}, "'pink'"),
        ({"objects": 2}, "allows only"),
        ({"moves": 2}, "displace 1 to 1"),
        ({"zones": 5}, "0 to 4 zones"),
        ({"task": "instruction"}, "set zones=2"),
        ({"split": "colour_shape"}, "Held out are"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        PushConfig(**changes)


def test_beside_means_near_the_object_and_within_the_angle() -> None:
    """The start lies round the object by less than `around`; the goal image shows the pusher behind, as a push leaves it."""
    scene = scenes(PushConfig(around=60.0))
    back = (scene.start - scene.goal)[:, 0, :2]
    for poses, degrees in ((scene.start, 60.5), (scene.goal, 30.5)):
        beside = (poses[:, 1] - poses[:, 0])[:, :2]
        cosine = (back * beside).sum(1) / (back.norm(dim=1) * beside.norm(dim=1))
        assert (cosine >= math.cos(math.radians(degrees))).float().mean() > 0.97  # a few have a wall there
        gap = beside.norm(dim=1) - scene.parameters.radius.sum(1)
        assert (gap > 0).all() and (gap < 0.125).all()
