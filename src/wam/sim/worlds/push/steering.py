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
WALL_KEEP = 0.005  # m between the pusher and a wall
STRIDE = 0.055  # m per step, cruising
RING = 12  # points around an object that a way can lead by
DETOUR = 20.0  # m of detour per m of cutting into an object's ring


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
    """Displacement of the pusher towards a place, around walls and objects. The object `ignore` may be touched."""
    keep = table.around + PUSHER_RADIUS + KEEP
    if ignore is not None:
        keep = torch.where(torch.arange(keep.shape[1], device=keep.device) == ignore[:, None], 0, keep)
    corner = torch.full_like(place[:, 0], PUSHER_RADIUS + WALL_KEEP)
    return stride(_next_stop(table.pusher, place, table.objects[..., :2], keep, table.walls, corner) - table.pusher)


def _next_stop(here: Tensor, place: Tensor, centres: Tensor, keep: Tensor, walls: Tensor, corner: Tensor) -> Float[Tensor, "B 2"]:
    """Where to go first on the way to a place: there, to a point of a ring around an object, or past a corner of a wall.

    Whatever makes the shortest way of two straight pieces, where cutting into the ring of an object (`keep` "B N") or a wall
    grown by `corner` "B" counts as a detour, and the more, the deeper.
    """
    angle = torch.arange(RING, device=here.device, dtype=here.dtype) * (2 * math.pi / RING)
    ring = centres[:, :, None] + 1.05 * keep[..., None, None] * torch.stack([angle.cos(), angle.sin()], -1)
    ends = walls[:, :, None, :2] + 1.05 * (walls[:, :, None, 2:] + corner[:, None, None, None]) * here.new_tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    stops = torch.cat([place[:, None], ring.flatten(1, 2), ends.flatten(1, 2)], 1)
    extra = torch.cat([0 * corner[:, None], (keep == 0).to(keep.dtype).repeat_interleave(RING, 1) + 0.002, 0.002 + 0 * ends[..., 0].flatten(1)], 1)
    start, end = here[:, None].expand_as(stops), place[:, None].expand_as(stops)
    outside = (stops.abs().amax(-1) - (HALF_TABLE - corner[:, None])).clamp(min=0)
    first = length(stops - start) + DETOUR * _cuts(start, stops, centres, keep, walls, corner)
    second = length(end - stops) + 0.5 * DETOUR * _cuts(stops, end, centres, keep, walls, corner)
    best = (first + second + extra + DETOUR * outside).argmin(1)
    return stops[torch.arange(len(here), device=here.device), best]


def _cuts(start: Tensor, end: Tensor, centres: Tensor, keep: Tensor, walls: Tensor, corner: Tensor) -> Float[Tensor, "B K"]:
    """How deep the segments "B K 2" cut into rings and walls, m; a wall counts as 10 cm."""
    way = end - start
    far = length(way).clamp(min=1e-6)
    ahead = (way / far[..., None])[:, :, None]
    to = centres[:, None] - start[:, :, None]
    along = torch.minimum(dot(to, ahead).clamp(min=0), far[..., None])
    deep = (keep[:, None] - length(to - along[..., None] * ahead)).clamp(min=0).amax(-1)
    if not walls.shape[1]:
        return deep
    slow = torch.where(way.abs() < 1e-9, 1e-9, way)[:, :, None]
    half, middle = walls[:, None, :, 2:] + corner[:, None, None, None], walls[:, None, :, :2] - start[:, :, None]
    one, two = (middle - half) / slow, (middle + half) / slow
    enter, leave = torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)
    return deep + 0.1 * ((enter < leave) & (leave > 0.02) & (enter < 0.98)).any(-1)


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
    keep = torch.where(torch.arange(table.around.shape[1], device=which.device) == which[:, None], 0, table.around + around[:, None] + KEEP)
    way = _next_stop(centre, place, table.objects[..., :2], keep, table.walls, around + KEEP) - centre
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
