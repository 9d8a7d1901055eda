"""How a pusher gets things done on the table: around obstacles to a place, and behind an object to shove it somewhere.

Pure functions of true poses, closed loop: each call gives the next displacement. Used by experts, play and skills.

Shapes: B tables, N objects. Units: m.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.sim.engines import contacts, planar
from wam.sim.engines.planar import PlanarState
from wam.sim.worlds.push.scene import HALF_TABLE, PUSHER_RADIUS, Scene, length

KEEP = 0.012  # m between the pusher and an object that it goes around
PROBES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a way round an object, looked at for walls
STRIDE = 0.055  # m per step, cruising


@dataclass(frozen=True)
class Table:
    """What steering sees."""

    pusher: Float[Tensor, "B 2"]
    objects: Float[Tensor, "B N 3"]
    half: Float[Tensor, "B N 2"]  # m, outer half extents: of a disc, its radius twice
    around: Float[Tensor, "B N"]  # m, circle around the object
    gap: Float[Tensor, "B N"]  # m, from the pusher to the object
    walls: Float[Tensor, "B W 4"]  # m, inner walls: centre and half extents

    @staticmethod
    def of(scene: Scene, state: PlanarState) -> "Table":
        """The table at this instant."""
        parameters = scene.parameters
        half, radius = parameters.half[:, :-1], parameters.radius[:, :-1]
        count = half.shape[1]
        last = [first * count - first * (first - 1) // 2 + count - first - 1 for first in range(count)]  # pairs (object, pusher)
        return Table(
            pusher=state.pose[:, -1, :2],
            objects=state.pose[:, :-1],
            half=half + radius[..., None],
            around=planar.reach(half, radius),
            gap=contacts.gaps(state.pose, parameters.half, parameters.radius)[:, last],
            walls=parameters.walls[:, 4:],
        )


def go(table: Table, place: Float[Tensor, "B 2"], ignore: Int[Tensor, "B"] | None = None) -> Float[Tensor, "B 2"]:
    """Displacement towards a place, around walls and objects. The object `ignore` may be touched."""
    place = _beside_walls(table.pusher, place, table.walls, torch.full_like(place[:, 0], PUSHER_RADIUS + 0.005))
    keep = table.around + PUSHER_RADIUS + KEEP
    centre, here = table.objects[..., :2], table.pusher[:, None]
    if ignore is not None:
        keep = torch.where(torch.arange(keep.shape[1], device=keep.device) == ignore[:, None], 0, keep)
    way = place - table.pusher
    far = length(way)[:, None].clamp(min=1e-6)
    ahead = (way / far)[:, None]
    to = centre - here
    along = dot(to, ahead).clamp(min=0)
    along = torch.minimum(along, far)
    beside = length(to - along[..., None] * ahead)
    apart = length(to)
    blocked = (beside < keep - 0.004) & (along > 0)
    first = torch.where(blocked, apart - keep, math.inf).argmin(1)
    rows = torch.arange(len(keep), device=keep.device)
    detour = _around(table.pusher, place, centre[rows, first], keep[rows, first], table.walls)
    return stride(torch.where(blocked.any(1)[:, None], detour, place) - table.pusher)


def _around(here: Tensor, place: Tensor, centre: Tensor, keep: Tensor, walls: Tensor) -> Tensor:
    """The next waypoint on the circle around `centre`: the tangent point, or a bit further along, on the shorter side that is open."""
    start, end = here - centre, place - centre
    bearing = torch.atan2(start[:, 1], start[:, 0])
    turn = torch.remainder(torch.atan2(end[:, 1], end[:, 0]) - bearing + math.pi, 2 * math.pi) - math.pi
    free = torch.acos((keep / length(start).clamp(min=1e-6)).clamp(max=1)).clamp(min=0.45)
    left = torch.where(turn < 0, turn + 2 * math.pi, turn)
    both = torch.stack([left, left - 2 * math.pi], 1)  # the two ways round
    ahead = both.sign()[..., None] * torch.minimum(both.abs()[..., None], torch.maximum(free[:, None, None], here.new_tensor(PROBES) * both.abs()[..., None]))
    angle = bearing[:, None, None] + ahead
    ring = centre[:, None, None] + 1.04 * keep[:, None, None, None] * torch.stack([angle.cos(), angle.sin()], -1)
    inside = (ring[..., None, :] - walls[:, None, None, :, :2]).abs() - walls[:, None, None, :, 2:] < PUSHER_RADIUS
    shut = (inside.all(-1).any(-1) | (ring.abs().amax(-1) > HALF_TABLE - PUSHER_RADIUS + 0.01)).any(-1)
    side = (both.abs() + 10 * shut).argmin(1)
    limit = HALF_TABLE - PUSHER_RADIUS
    return ring[torch.arange(len(here), device=here.device), side, 0].clamp(-limit, limit)


def _beside_walls(here: Tensor, place: Tensor, walls: Tensor, keep: Tensor) -> Tensor:
    """The place, or the corner of a wall to go to first where the wall, grown by `keep` "B", blocks the way."""
    limit = HALF_TABLE - keep[:, None]
    for wall in walls.unbind(1):
        half = wall[:, None, 2:] + keep[:, None, None]
        corners = wall[:, None, :2] + half * here.new_tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * 1.03
        start, end = here[:, None].expand_as(corners), place[:, None].expand_as(corners)
        first, second = _crosses(start, corners, wall, half), _crosses(corners, end, wall, half)
        outside = corners.abs().amax(-1) > limit
        cost = length(corners - start) + length(corners - end) + 2.0 * first + 0.3 * second + 4.0 * outside
        best = corners[torch.arange(len(here), device=here.device), cost.argmin(1)]
        blocked = _crosses(start[:, :1], end[:, :1], wall, half)
        place = torch.where(blocked, best, place)
    return place


def _crosses(start: Tensor, end: Tensor, wall: Tensor, half: Tensor) -> Bool[Tensor, "B K"]:
    """Does the segment from `start` to `end` "B K 2" pass through the grown wall?"""
    way = end - start
    way = torch.where(way.abs() < 1e-9, 1e-9, way)
    one = (wall[:, None, :2] - half - start) / way
    two = (wall[:, None, :2] + half - start) / way
    enter, leave = torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)
    return (enter < leave) & (leave > 0.02) & (enter < 0.98)


def dot(one: Tensor, two: Tensor) -> Tensor:
    """Scalar product in the plane, "... 2" -> "..."."""
    both = one * two
    return both[..., 0] + both[..., 1]


def stride(way: Float[Tensor, "B 2"], most: float = STRIDE) -> Float[Tensor, "B 2"]:
    """A displacement along `way`, no longer than it and than `most`."""
    return way * (most / length(way)[:, None].clamp(min=1e-6)).clamp(max=1)


def shove(table: Table, which: Int[Tensor, "B"], place: Float[Tensor, "B 2"]) -> Float[Tensor, "B 2"]:
    """Displacement that gets the pusher behind object `which`, and then the object towards a place."""
    rows = torch.arange(len(which), device=which.device)
    body, half, around = table.objects[rows, which], table.half[rows, which], table.around[rows, which]
    centre = body[:, :2]
    way = _beside_walls(centre, place, table.walls, around + KEEP) - centre
    left = length(way)[:, None]
    ahead = way / left.clamp(min=1e-6)
    side = torch.stack([-ahead[:, 1], ahead[:, 0]], 1)
    rel = table.pusher - centre
    along, across = dot(rel, ahead), dot(rel, side)
    contact = _depth(ahead, body[:, 2], half, around) + PUSHER_RADIUS

    behind = (along < 0) & (across.abs() < 0.3 * contact) & (-along < around + PUSHER_RADIUS + 0.05)
    station = centre - ahead * (around + PUSHER_RADIUS + 1.2 * KEEP)[:, None]
    approach = go(table, station)
    forward = (0.55 * left[:, 0] + 0.004).clamp(max=STRIDE) + (-along - contact).clamp(min=0)
    push = stride(ahead * forward[:, None] - side * (1.2 * across)[:, None])
    return torch.where(behind[:, None], push, approach)


def _depth(ahead: Tensor, angle: Tensor, half: Tensor, around: Tensor) -> Tensor:
    """Distance from an object's centre to its outline, against the direction `ahead`: "B"."""
    disc = half[:, 0] == around
    c, s = angle.cos(), angle.sin()
    u, v = (c * ahead[:, 0] + s * ahead[:, 1]).abs(), (c * ahead[:, 1] - s * ahead[:, 0]).abs()
    box = torch.minimum(half[:, 0] / u.clamp(min=1e-6), half[:, 1] / v.clamp(min=1e-6))
    return torch.where(disc, around, torch.minimum(box, around))
