"""The worlds of the experiment: what is drawn, what the three splits hold out, and what the instrument of agreement has to find in each.

Knows: the simulators' own view of a row, for that instrument alone.   Does not know: what was asked, models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from wam.jobs.paradigms.finder import Colours
from wam.sim.worlds.push import NAMES, ZONES
from wam.world.names import suggestion

FIRST = "in distribution"
SPLITS = (FIRST, "new appearance", "held-out pairs")


@dataclass(frozen=True)
class Sought:
    """What the instrument looks for in each row: first the thing that the instruction names."""

    looks: Int[Tensor, "B K"]  # the number of its name in the world's NAMES; beyond them, of what has no name
    bodies: Int[Tensor, "B K"]  # which they are in truth: of poses and segmentation


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A world as the experiment uses it."""

    options: Mapping[str, Any]
    labelled: Mapping[str, Any]  # further options under which truth says what each pixel shows
    splits: Mapping[str, str]  # of SPLITS -> option `split` of the world
    budget: int  # steps of an episode
    camera: str  # that the instrument reads
    sought: Callable[[Any], Sought]  # in a world that was reset
    fitted_on: tuple[str, ...]  # splits that show every name which has to be found
    colours: Colours  # how it reads them
    held_out: str  # by the second and third split, in words
    doing: str  # what is done there, in words
    finds: str  # what the instrument finds, in words


def sought_in_push(world: Any) -> Sought:
    """The disc, and the pusher, which is the last body."""
    scene = world.moment.scene
    named, pusher = scene.instruction // len(ZONES), torch.full_like(scene.target, len(world.spec.objects) - 1)
    return Sought(torch.stack([named, torch.full_like(named, len(NAMES))], 1), torch.stack([scene.target, pusher], 1))


def sought_in_tabletop(world: Any) -> Sought:
    """The thing alone: one picture says too little of where a gripper is, which moves up and down."""
    things = [row.scene.errand.thing for row in world.rows]
    named = [row.scene.things[thing].name for row, thing in zip(world.rows, things, strict=True)]
    return Sought(torch.tensor(named)[:, None], torch.tensor(things)[:, None])


PUSH = Setting(
    options=MappingProxyType({"task": "instruction", "objects": 2, "zones": 2, "colours": ("red", "blue", "yellow", "cyan")}),
    labelled=MappingProxyType({}),
    splits=MappingProxyType(dict(zip(SPLITS, ("train", "background", "colour_goal"), strict=True))),
    budget=42,
    camera="top",
    sought=sought_in_push,
    fitted_on=(FIRST,),
    colours=Colours(),
    held_out="held-out looks of the table; held-out pairs of colour and zone",
    doing="push a disc to a zone",
    finds="the named object and the pusher",
)
TABLETOP = Setting(
    options=MappingProxyType({"tasks": ("push", "sink"), "blocks": 1, "dishes": 1, "cameras": ("front", "wrist"), "varied_looks": True, "segmentation": False}),
    labelled=MappingProxyType({"segmentation": True, "cameras": ("front",)}),
    splits=MappingProxyType(dict(zip(SPLITS, ("train", "looks", "colours"), strict=True))),
    budget=80,
    camera="front",
    sought=sought_in_tabletop,
    fitted_on=(FIRST, SPLITS[2]),
    colours=Colours(own=3, other=48, softness=0.05),  # boxes in light and shade, zones and furniture of like colours
    held_out="held-out looks of table, room and light; held-out pairs of colour and kind of thing",
    doing="push a block to a zone, or put a dish into the sink",
    finds="the named thing",
)
SETTINGS = MappingProxyType({"push": PUSH, "tabletop": TABLETOP})


def setting_of(world: str) -> Setting:
    """By the world's name. ValueError that suggests what was meant."""
    if world not in SETTINGS:
        raise ValueError(f"the experiment has no setting in {world!r}. {suggestion(world, SETTINGS)}")
    return SETTINGS[world]
