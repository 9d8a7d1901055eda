"""Scenes from seeds: each row depends on its own seed only, whatever else is in the batch.

Things get different colours, places where the gripper fits between them, and a start that does not already solve the task.
Places are found by looking at a fixed number of random candidates and taking the first that fits, or the roomiest.
"""

import math

import numpy as np
from numpy.typing import NDArray

from wam.sim.worlds.tabletop.config import COLOURS, HELD_OUT, KINDS, ZONE_COLOURS, TabletopConfig
from wam.sim.worlds.tabletop.scene import AREA, DRAWER_TRAVEL, HOME, ZONE_HALF, Errand, Gripper, Look, Scene, Thing, Zone
from wam.world import Noise, SpecError

Numbers = NDArray[np.float64]

CANDIDATES = 128  # places looked at
APART = 0.048  # m between outlines: room for a finger on each side
USUAL = {"mass": (0.08, 0.08), "friction": (0.6, 0.6), "resistance": (1.0, 1.0)}  # kg, coefficient, N
TRAIN = {"mass": (0.05, 0.12), "friction": (0.45, 0.8), "resistance": (0.5, 2.0)}
DYNAMICS = {"mass": (0.16, 0.25), "friction": (0.32, 0.4), "resistance": (3.0, 5.0)}  # held out
LONG = Gripper(length=0.09, width=0.03, thickness=0.009)  # held out


class Dice:
    """Random numbers of one row, by name."""

    def __init__(self, seed: int) -> None:
        self.noise = Noise.of([seed]).fork("tabletop")

    def uniform(self, name: str, *shape: int) -> Numbers:
        """Numbers in (0, 1)."""
        drawn: Numbers = self.noise.fork(name).uniform(1, *shape)[0, 0].double().numpy()
        return drawn

    def between(self, name: str, low: float, high: float) -> float:
        """One number."""
        return low + (high - low) * float(self.uniform(name, 1)[0])

    def constant(self, name: str, low: float, high: float) -> float:
        """One float32 number: a constant of the physics can be recorded as it is."""
        return float(np.float32(self.between(name, low, high)))

    def order(self, name: str, count: int) -> list[int]:
        """0 .. count - 1, shuffled."""
        return [int(index) for index in self.uniform(name, count).argsort()]


def draw(config: TabletopConfig, seed: int) -> Scene:
    """The scene of a row. SpecError where the colours cannot be shared out."""
    dice = Dice(seed)
    task = config.tasks[dice.order("task", len(config.tasks))[0]]
    kinds = ["block"] * config.blocks + _dishes(dice, config.dishes) + ["block", "cup"][: config.clutter]
    colours = _colours(dice, kinds, config)
    halves = [_half(dice, index, kind, config) for index, kind in enumerate(kinds)]
    free = [(zone_place, ZONE_HALF) for zone_place in _places(dice, "zones", [ZONE_HALF] * config.zones, [])]
    places = _places(dice, "things", [math.hypot(half[0], half[1]) if outline == "box" else half[0] for outline, half in halves], free)
    ranges = DYNAMICS if config.split == "dynamics" else TRAIN if config.varied_dynamics else USUAL
    things = tuple(
        Thing(
            name=len(KINDS) * colour + KINDS.index(kind),
            kind=kind,
            outline=outline,
            colour=colour,
            half=half,
            mass=dice.constant(f"mass {index}", *ranges["mass"]),
            friction=dice.constant(f"friction {index}", *ranges["friction"]),
            place=place,
            yaw=dice.between(f"yaw {index}", -math.pi, math.pi),
            sides=6 if config.split == "shapes" else 8,
        )
        for index, (kind, colour, (outline, half), place) in enumerate(zip(kinds, colours, halves, places, strict=True))
    )
    errand = _errand(dice, task, config)
    zone_colours = dice.order("zone colours", len(ZONE_COLOURS))
    return Scene(
        things=things,
        zones=tuple(Zone(colour=colour, place=place) for colour, (place, _) in zip(zone_colours, free, strict=False)),
        drawer=_drawer(dice, task),
        resistance=dice.constant("resistance", *ranges["resistance"]),
        errand=errand,
        look=_look(dice, config),
        gripper=LONG if config.split == "gripper" else Gripper(),
        tip=_tip(dice),
        stored=errand.thing if task == "fetch" else -1,
    )


def _dishes(dice: Dice, count: int) -> list[str]:
    return [("cup", "bowl")[int(share > 0.5)] for share in dice.uniform("dishes", 2)[:count]]


def _colours(dice: Dice, kinds: list[str], config: TabletopConfig) -> list[int]:
    """Different colours, of combinations with the kind that the split allows; the first assignment that works."""
    held = config.split == "colours"
    order = [colour for colour in dice.order("colours", len(COLOURS)) if COLOURS[colour] in config.colours]

    def share_out(index: int, taken: tuple[int, ...]) -> tuple[int, ...] | None:
        if index == len(kinds):
            return taken
        for colour in order:
            matters = index < config.blocks + config.dishes  # clutter may have any colour
            if colour not in taken and (not matters or ((COLOURS[colour], kinds[index]) in HELD_OUT) == held):
                found = share_out(index + 1, (*taken, colour))
                if found is not None:
                    return found
        return None

    found = share_out(0, ())
    if found is None:
        raise SpecError(
            f"the things {kinds} cannot all get different colours of {config.colours} with split={config.split!r}. "
            f"Held out are {HELD_OUT}; name more colours or ask for fewer things of a kind."
        )
    return list(found)


def _half(dice: Dice, index: int, kind: str, config: TabletopConfig) -> tuple[str, tuple[float, float, float]]:
    """Outline and half extents. Training has cubes and bricks; split="shapes" has cylinders and slabs, and hexagonal dishes."""
    which, size = dice.uniform(f"half {index}", 2)
    if kind == "cup":
        radius = 0.03 + 0.003 * size
        return "shell", (radius, radius, 0.034 + 0.006 * size)
    if kind == "bowl":
        radius = 0.044 + 0.006 * size
        return "shell", (radius, radius, 0.021)
    side = 0.022 + 0.004 * size
    if config.split == "shapes":
        return ("cylinder", (side, side, 0.024)) if which < 0.5 else ("box", (0.015, 0.034, 0.024))
    return ("box", (side, side, side)) if which < 0.6 else ("box", (0.034, 0.021, 0.021))


def _places(dice: Dice, name: str, reaches: list[float], taken: list[tuple[tuple[float, float], float]]) -> list[tuple[float, float]]:
    """A place for each reach, apart from each other and from what is taken (place and half width)."""
    found: list[tuple[float, float]] = []
    left, right, low, high = AREA
    for index, reach in enumerate(reaches):
        candidates = np.array([left, low]) + np.array([right - left, high - low]) * dice.uniform(f"{name} {index}", CANDIDATES, 2)
        room = np.full(CANDIDATES, np.inf)
        for place, half in taken:
            room = np.minimum(room, np.abs(candidates - place).max(1) - half - reach)
        for place, half in zip(found, reaches, strict=False):
            room = np.minimum(room, np.linalg.norm(candidates - place, axis=1) - half - reach - APART)
        fits = np.flatnonzero(room >= 0)
        x, y = candidates[fits[0] if len(fits) else int(room.argmax())]
        found.append((float(x), float(y)))
    return found


def _tip(dice: Dice) -> tuple[float, float, float]:
    """Around the home place: 8 cm to each side, 3 cm up and down."""
    x, y, z = (2 * dice.uniform("tip", 3) - 1) * np.array([0.08, 0.12, 0.03]) + np.array(HOME)
    return float(x), float(y), float(z)


def _drawer(dice: Dice, task: str) -> float:
    share = dice.between("drawer", 0.0, 1.0)
    if task == "close":
        return DRAWER_TRAVEL * (0.75 + 0.2 * share)
    return 0.0


def _errand(dice: Dice, task: str, config: TabletopConfig) -> Errand:
    blocks = dice.order("errand block", config.blocks) if config.blocks else []
    dishes = [config.blocks + index for index in dice.order("errand dish", config.dishes)] if config.dishes else []
    if task in ("store", "fetch"):
        return Errand(task, thing=blocks[0])
    if task == "push":
        return Errand(task, thing=blocks[0], zone=dice.order("errand zone", config.zones)[0])
    if task == "sink":
        return Errand(task, thing=(dishes or blocks)[0])
    if task == "stack":
        return Errand(task, thing=blocks[0], other=blocks[1])
    return Errand(task)


def _look(dice: Dice, config: TabletopConfig) -> Look:
    """Training: warm table tops and cool rooms in white light from above; held out: the other way round, light from low aside."""
    held = config.split == "looks"
    if not config.varied_looks and not held:
        return Look()
    shade, warm, ground, wall, side, depth, bright = dice.uniform("look", 7)
    light, tint = 0.45 + 0.35 * shade, 0.05 + 0.12 * warm
    table = (light - 2 * tint, light, light + tint) if held else (light + tint, light, light - tint)
    grey, room = 0.25 + 0.3 * ground, 0.4 + 0.4 * wall
    angle = 2 * math.pi * side
    slant = 1.2 + 0.8 * depth if held else 0.5 * depth
    return Look(
        table=_rgb(*table),
        floor=_rgb(grey + 0.15, grey, grey) if held else _rgb(grey, grey + 0.02, grey + 0.05),
        wall=_rgb(room, room - 0.15, room - 0.2) if held else _rgb(room, room + 0.03, room + 0.05),
        sun=(slant * math.cos(angle), slant * math.sin(angle), -1.0),
        bright=0.3 + 0.4 * float(bright),
        ambient=0.22 if held else 0.35,
    )


def _rgb(red: float, green: float, blue: float) -> tuple[float, float, float]:
    return float(np.clip(red, 0, 1)), float(np.clip(green, 0, 1)), float(np.clip(blue, 0, 1))
