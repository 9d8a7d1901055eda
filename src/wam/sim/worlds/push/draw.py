"""Scenes from seeds: each row depends on its own seed only, whatever else is in the batch.

Places are found by looking at a fixed number of random candidates and taking the first that fits (the roomiest, if none does),
so that all rows are drawn at once. Goals can be reached: they lie where the pusher can get behind an object, the way is clear,
and so is the place to start pushing from. Where the goal image shows the pusher says little about where the object must go.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from wam.sim.engines import planar
from wam.sim.engines.planar import PlanarParameters
from wam.sim.worlds.push.config import COLOURS, HELD_OUT_GOALS, SHAPES, ZONE_COLOURS, PushConfig
from wam.sim.worlds.push.looks import HELD_OUT_BACKGROUNDS, TRAIN_BACKGROUNDS
from wam.sim.worlds.push.scene import HALF_TABLE, PUSHER_MASS, PUSHER_RADIUS, Scene, length, outer_walls
from wam.world import Noise

CANDIDATES = 96  # places looked at
ROUNDING = 0.15  # of a block's corners, in radii
BLOCK = (1.15, 0.8)  # half extents of a block in radii, rounding included
CLEARANCE = 0.015  # m between bodies at the start
PUSHER_FORCE = 12.0  # N
GRIP, BOUNCE = 0.3, 0.1
WALL_LENGTH, WALL_THICKNESS = 0.14, 0.02  # m, half length and half thickness of an inner wall
ZONE_HALF = 1.4  # half width of a zone in radii


@dataclass(frozen=True)
class Range:
    """Uniform between low and high."""

    low: float
    high: float

    def of(self, uniform: Tensor) -> Tensor:
        """Map numbers in (0, 1)."""
        return self.low + (self.high - self.low) * uniform


@dataclass(frozen=True)
class Dynamics:
    """From where the constants of the objects are drawn."""

    mass: Range  # kg
    friction: Range  # coefficient
    damping: Range  # N s/m


USUAL = Dynamics(Range(0.5, 0.5), Range(0.4, 0.4), Range(0.5, 0.5))
TRAIN = Dynamics(Range(0.3, 0.8), Range(0.3, 0.5), Range(0.2, 1.0))
HELD_OUT = Dynamics(Range(1.0, 1.4), Range(0.55, 0.7), Range(1.2, 2.0))


def largest_reach(config: PushConfig) -> float:
    """No body of the configuration reaches farther from its centre, m."""
    corner = math.hypot(BLOCK[0] - ROUNDING, BLOCK[1] - ROUNDING) + ROUNDING
    return max(PUSHER_RADIUS, config.radius * (corner if "block" in config.shapes else 1.0))


def draw(config: PushConfig, seeds: Tensor, dtype: torch.dtype) -> Scene:
    """Scenes for seeds "B", on their device."""
    noise = Noise.of(seeds, seeds.device).fork("push")
    colour, shape = _looks(config, noise.fork("looks"))
    half, rounding = _outlines(config, shape, dtype)
    walls = _walls(config, noise.fork("walls"), dtype)
    parameters = _parameters(config, noise.fork("dynamics"), half, rounding, walls)
    radius = (planar.area(half, rounding) / math.pi).sqrt()[:, :-1]
    start = _start(config, noise.fork("start"), parameters)
    goal = _goal(config, noise.fork("goal"), parameters, start, radius) if config.task == "goal_image" else start
    if config.task == "goal_image" and config.pusher == "beside":
        start, goal = _beside(config, noise.fork("beside"), parameters, start, goal)
    target, rows = noise.fork("target").integers(1, config.objects)[:, 0], torch.arange(len(seeds), device=seeds.device)
    held = torch.tensor([ZONE_COLOURS.index(HELD_OUT_GOALS[name]) for name in COLOURS], device=seeds.device)[colour[rows, target]]
    zones, zone_colour = _zones(config, noise.fork("zones"), start, radius, walls, held)
    allowed = (zone_colour == held[:, None]) == (config.split == "colour_goal")
    target_zone = _target_zone(config, noise.fork("target"), parameters, start, zones, target, allowed)
    backgrounds = HELD_OUT_BACKGROUNDS if config.split == "background" else TRAIN_BACKGROUNDS if config.varied_background else TRAIN_BACKGROUNDS[:1]
    background = torch.tensor(backgrounds, device=seeds.device)[noise.fork("background").integers(1, len(backgrounds))[:, 0]]
    instruction = torch.full_like(target, -1)
    if config.task == "instruction":
        name = len(SHAPES) * colour[rows, target] + shape[rows, target]
        instruction = len(ZONE_COLOURS) * name + zone_colour[rows, target_zone]
    return Scene(
        parameters=parameters,
        start=start,
        goal=goal,
        colour=colour,
        shape=shape,
        radius=radius,
        zones=zones,
        zone_colour=zone_colour,
        background=background,
        target=target,
        target_zone=target_zone,
        instruction=instruction,
    )


def _looks(config: PushConfig, noise: Noise) -> tuple[Tensor, Tensor]:
    """Different colours, and for each a shape that the split allows: "B N" twice."""
    usable = [colour for colour in config.colours if config.shapes_of(colour)]
    allowed = torch.tensor([[shape in config.shapes_of(colour) for shape in SHAPES] for colour in usable], device=noise.device)
    order = noise.uniform(1, len(usable))[:, 0].argsort(1)[:, : config.objects]
    shape = (noise.fork("shape").uniform(1, config.objects, len(SHAPES))[:, 0] * allowed[order]).argmax(2)
    return torch.tensor([COLOURS.index(colour) for colour in usable], device=noise.device)[order], shape


def _outlines(config: PushConfig, shape: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Half extents of the cores "B M 2" and roundings "B M", pusher last."""
    block = shape.bool()
    core = [side * config.radius - ROUNDING * config.radius for side in BLOCK]
    half = torch.where(block[..., None], torch.tensor(core, dtype=dtype, device=shape.device), 0)
    rounding = torch.where(block, ROUNDING * config.radius, config.radius).to(dtype)
    pusher = torch.zeros_like(rounding[:, :1])
    return torch.cat([half, pusher[..., None].expand(-1, 1, 2)], 1), torch.cat([rounding, pusher + PUSHER_RADIUS], 1)


def _walls(config: PushConfig, noise: Noise, dtype: torch.dtype) -> Tensor:
    """Four outer walls, then inner ones, horizontal or vertical, near the middle: "B W 4"."""
    outer = outer_walls(torch.zeros((), dtype=dtype, device=noise.device)).expand(len(noise.seed), 4, 4)
    if not config.inner_walls:
        return outer
    place = 0.3 * (noise.uniform(1, config.inner_walls, 2, dtype=dtype)[:, 0] - 0.5)
    place = place + torch.tensor([[-0.2, -0.2], [0.2, 0.2]], dtype=dtype, device=noise.device)[: config.inner_walls]
    upright = noise.fork("upright").uniform(1, config.inner_walls, 1)[:, 0] < 0.5
    sides = torch.tensor([WALL_THICKNESS, WALL_LENGTH], dtype=dtype, device=noise.device)
    return torch.cat([outer, torch.cat([place, torch.where(upright, sides, sides.flip(0))], 2)], 1)


def _parameters(config: PushConfig, noise: Noise, half: Tensor, rounding: Tensor, walls: Tensor) -> PlanarParameters:
    ranges = HELD_OUT if config.split == "dynamics" else TRAIN if config.varied_dynamics else USUAL
    mass, friction, damping = noise.uniform(1, 3, config.objects, dtype=half.dtype)[:, 0].unbind(1)
    last = torch.zeros_like(mass[:, :1])
    row = last[:, 0]
    return PlanarParameters(
        half=half,
        radius=rounding,
        mass=torch.cat([ranges.mass.of(mass), last + PUSHER_MASS], 1),
        friction=torch.cat([ranges.friction.of(friction), last], 1),
        damping=torch.cat([ranges.damping.of(damping), last], 1),
        present=torch.ones_like(rounding, dtype=torch.bool),
        walls=walls,
        grip=row + GRIP,
        bounce=row + BOUNCE,
        force=row + PUSHER_FORCE,
    )


# -- places --------------------------------------------------------------------------------------------------------------


def _first_fit(candidates: Tensor, room: Tensor) -> Tensor:
    """The first candidate "B K 2" whose room "B K" (m) is not negative, else the roomiest: "B 2"."""
    rank = torch.arange(room.shape[1], 0, -1, device=room.device)
    best = torch.where(room >= 0, rank, room.clamp(max=0)).argmax(1)
    return candidates[torch.arange(len(candidates), device=room.device), best]


def _inner(parameters: PlanarParameters) -> Tensor:
    """How far from the middle an object may stand so that the pusher fits behind it: "B M", m."""
    return HALF_TABLE - planar.reach(parameters.half, parameters.radius) - 2 * PUSHER_RADIUS - CLEARANCE


def _room_inside(places: Tensor, limit: Tensor | float) -> Tensor:
    """Distance to leaving the square |x|, |y| <= limit, times ten: leaving the table is worse than being crowded. "B K"."""
    room: Tensor = limit - places.abs().amax(-1)
    return 10 * room


def _room_beside(places: Tensor, others: Tensor, apart: Tensor | float) -> Tensor:
    """Least free distance between places "B K 2" and others "B J 2" that must be `apart` ("B 1 J" or number): "B K"."""
    if not others.shape[1]:
        return torch.full_like(places[..., 0], math.inf)
    return (length(places[:, :, None] - others[:, None]) - apart).amin(-1)


def _room_walls(places: Tensor, walls: Tensor, apart: Tensor | float) -> Tensor:
    """Least free distance to the inner walls: "B K"."""
    inner = walls[:, None, 4:]
    if not inner.shape[2]:
        return torch.full_like(places[..., 0], math.inf)
    beside = ((places[:, :, None] - inner[..., :2]).abs() - inner[..., 2:]).clamp(min=0)
    return length(beside).amin(-1) - apart


def _start(config: PushConfig, noise: Noise, parameters: PlanarParameters) -> Tensor:
    """Objects where the pusher can get around them, then the pusher anywhere free: "B M 3"."""
    around, inner = planar.reach(parameters.half, parameters.radius), _inner(parameters)
    uniform = noise.uniform(config.objects + 1, CANDIDATES, 2, dtype=around.dtype)
    placed: list[Tensor] = []
    for body in range(config.objects + 1):
        pusher = body == config.objects
        limit = torch.full_like(around[:, :1], HALF_TABLE - 1.4 * PUSHER_RADIUS) if pusher else inner[:, body, None]
        places = (2 * uniform[:, body] - 1) * limit[..., None]
        others = torch.stack(placed, 1) if placed else places[:, :0]
        own = around[:, body, None]
        gap = CLEARANCE if pusher else 2 * PUSHER_RADIUS + CLEARANCE  # the pusher fits between objects, where it can be had
        room = _room_beside(places, others, own[..., None] + around[:, None, :body] + gap)
        placed.append(_first_fit(places, torch.minimum(room, _room_walls(places, parameters.walls, own + gap))))
    angle = math.pi * (2 * noise.fork("angle").uniform(1, config.objects + 1, dtype=around.dtype)[:, 0] - 1)
    angle = torch.cat([angle[:, :-1], torch.zeros_like(angle[:, :1])], 1)
    return torch.cat([torch.stack(placed, 1), angle[..., None]], 2)


def _goal(config: PushConfig, noise: Noise, parameters: PlanarParameters, start: Tensor, radius: Tensor) -> Tensor:
    """The first `moves` objects somewhere else, one after the other; the pusher at a random place around the last of them."""
    around, inner = planar.reach(parameters.half, parameters.radius), _inner(parameters)
    goal, objects = start.clone(), slice(0, config.objects)
    far, turn = noise.uniform(config.moves, 2, CANDIDATES, dtype=around.dtype).unbind(2)
    for body in range(config.moves):
        here, own = goal[:, body, None, :2], around[:, body, None]
        ahead = _directions(turn[:, body])
        least, most = 1.02 * config.nearest * radius[:, body, None], config.farthest * radius[:, body, None]
        places = here + (least + (most - least) * far[:, body])[..., None] * ahead
        behind = here - ahead * (own + PUSHER_RADIUS + CLEARANCE)[..., None]
        others = torch.cat([goal[:, :body, :2], goal[:, body + 1 : config.objects, :2]], 1)
        width = torch.cat([around[:, :body], around[:, body + 1 : config.objects]], 1)[:, None]
        room = [_room_inside(places, inner[:, body, None]), _room_walls(behind, parameters.walls, PUSHER_RADIUS + CLEARANCE)]
        room += [_room_beside(behind, others, width + PUSHER_RADIUS + CLEARANCE)]
        for share in (0.25, 0.5, 0.75, 1.0):
            way = here + share * (places - here)
            room += [_room_beside(way, others, own[..., None] + width + CLEARANCE), _room_walls(way, parameters.walls, own + CLEARANCE)]
        goal[:, body, :2] = _first_fit(places, torch.stack(room).amin(0))
    pusher = noise.fork("pusher")
    far, turn = pusher.uniform(2, CANDIDATES, dtype=around.dtype).unbind(1)
    last = config.moves - 1
    least = around[:, last, None] + PUSHER_RADIUS + CLEARANCE
    places = goal[:, last, None, :2] + (least + 0.12 * far)[..., None] * _directions(turn)
    room = [_room_inside(places, HALF_TABLE - 1.4 * PUSHER_RADIUS), _room_walls(places, parameters.walls, PUSHER_RADIUS + CLEARANCE)]
    room += [_room_beside(places, goal[:, objects, :2], around[:, None, objects] + PUSHER_RADIUS + 0.9 * CLEARANCE)]
    goal[:, -1, :2] = _first_fit(places, torch.stack(room).amin(0))
    return goal


def _beside(config: PushConfig, noise: Noise, parameters: PlanarParameters, start: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """The pusher starts beside the first object to move, and the goal image shows it as a push leaves it: behind the last one."""
    start, goal, bodies = start.clone(), goal.clone(), planar.reach(parameters.half, parameters.radius)
    (turn, far), (late, _) = (pair.unbind(1) for pair in noise.uniform(2, 2, CANDIDATES, dtype=start.dtype).unbind(1))
    for body, poses, angle, gap in ((0, start, config.around * (2 * turn - 1), 0.02 + 0.08 * far), (config.moves - 1, goal, 30 * (2 * late - 1), 0 * far)):
        back = start[:, body, :2] - goal[:, body, :2]
        facing = torch.atan2(back[:, 1], back[:, 0])[:, None] + angle * (math.pi / 180)
        away = bodies[:, body, None] + PUSHER_RADIUS + 0.2 * CLEARANCE + gap
        places = poses[:, body, None, :2] + away[..., None] * torch.stack([facing.cos(), facing.sin()], -1)
        others = poses[:, : config.objects, :2]
        room = [_room_inside(places, HALF_TABLE - 1.05 * PUSHER_RADIUS), _room_walls(places, parameters.walls, PUSHER_RADIUS)]
        room += [_room_beside(places, others, bodies[:, None, : config.objects] + PUSHER_RADIUS + 0.1 * CLEARANCE)]
        poses[:, -1, :2] = _first_fit(places, torch.stack(room).amin(0))
    return start, goal


def _directions(uniform: Tensor) -> Tensor:
    """Unit vectors "B K 2"."""
    angle = 2 * math.pi * uniform
    return torch.stack([angle.cos(), angle.sin()], -1)


def _zones(config: PushConfig, noise: Noise, start: Tensor, radius: Tensor, walls: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Squares of different colours away from each other and from the objects: "B Z 3", "B Z".

    `held` "B": the zone that the target is held out from. split="colour_goal" has it on the table, a training table of one zone has not.
    """
    half = ZONE_HALF * config.radius
    limit = HALF_TABLE - half - PUSHER_RADIUS
    uniform = noise.uniform(config.zones, CANDIDATES, 2, dtype=start.dtype) if config.zones else start.new_zeros(len(start), 0, CANDIDATES, 2)
    placed: list[Tensor] = []
    for zone in range(config.zones):
        places = (2 * uniform[:, zone] - 1) * limit
        room = [_room_beside(places, start[:, :-1, :2], 1.2 * half + radius[:, None]), _room_walls(places, walls, half)]
        room += [_room_beside(places, torch.stack(placed, 1), 2.1 * half)] if placed else []
        placed.append(_first_fit(places, torch.stack(room).amin(0)))
    centres = torch.stack(placed, 1) if placed else start.new_zeros(len(start), 0, 2)
    order = noise.fork("colour").uniform(1, len(ZONE_COLOURS))[:, 0]
    if config.task == "instruction" and (config.split == "colour_goal" or config.zones == 1):
        order = order.scatter(1, held[:, None], -1.0 if config.split == "colour_goal" else 2.0)
    colour = order.argsort(1)[:, : config.zones]
    return torch.cat([centres, torch.full_like(centres[..., :1], half)], 2), colour


def _target_zone(config: PushConfig, noise: Noise, parameters: PlanarParameters, start: Tensor, zones: Tensor, target: Tensor, allowed: Tensor) -> Tensor:
    """Where the target goes, "B": a zone that the split allows, in which it does not stand, with no inner wall in the way where that can be had."""
    if not config.zones:
        return torch.full_like(target, -1)
    rows = torch.arange(len(start), device=start.device)
    here, own = start[rows, target, None, :2], planar.reach(parameters.half, parameters.radius)[rows, target, None]
    way = zones[..., :2] - here
    outside = way.abs().amax(-1) > zones[..., 2]
    behind = here - way / length(way)[..., None] * (own + PUSHER_RADIUS + CLEARANCE)[..., None]
    room = [_room_walls(behind, parameters.walls, PUSHER_RADIUS + CLEARANCE)]
    room += [_room_walls(here + share * way, parameters.walls, own + CLEARANCE) for share in (0.25, 0.5, 0.75, 1.0)]
    open_way = torch.stack(room).amin(0) > 0
    return (noise.fork("zone").uniform(1, config.zones)[:, 0] + 4.0 * allowed + 2.0 * outside + 1.0 * open_way).argmax(1)
