"""What only the simulator knows of the `push` world: poses, tracks, segmentation, facts, physics. One instant, T = 1.

Bodies are the objects in order, then the pusher. Atoms name objects by colour and shape, the same table for every row:
atoms about objects that are not on the table are false.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.sim.engines import contacts
from wam.sim.engines.planar import PlanarState
from wam.sim.worlds.push.config import SHAPES, ZONE_COLOURS
from wam.sim.worlds.push.picture import Brush
from wam.sim.worlds.push.scene import Scene, length
from wam.sim.worlds.push.words import ATOMS, INSIDE_ATOMS, NAMES, TOUCHING_ATOMS
from wam.world import Facts, Tracks

TOUCHING = 0.004  # m between outlines
NEAR = 0.06  # m
TRACKED = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (-0.6, 0.0), (0.0, -0.6))  # points on an object, in outer half extents


def poses(state: PlanarState) -> Float[Tensor, "B 1 M 7"]:
    """Places (z = 0) and quaternions about the vertical."""
    x, y, angle = state.pose.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([x, y, zero, (angle / 2).cos(), zero, zero, (angle / 2).sin()], -1)[:, None]


def tracks(scene: Scene, state: PlanarState) -> Tracks:
    """Five points per object that move with it, then the pusher's centre, in m. Under the pusher a point is not visible."""
    parameters, pusher = scene.parameters, state.pose[:, -1, None, :2]
    outer = parameters.half[:, :-1] + parameters.radius[:, :-1, None]
    local = outer[:, :, None] * outer.new_tensor(TRACKED)
    x, y, angle = (part[..., None] for part in state.pose[:, :-1].unbind(-1))
    c, s, u, v = angle.cos(), angle.sin(), local[..., 0], local[..., 1]
    points = torch.stack([x + c * u - s * v, y + s * u + c * v], -1).flatten(1, 2)
    visible = length(points - pusher) > parameters.radius[:, -1, None]
    return Tracks(xyz=torch.cat([points, pusher], 1)[:, None], visible=torch.cat([visible, torch.ones_like(visible[:, :1])], 1)[:, None])


def segmentation(brush: Brush, scene: Scene, state: PlanarState) -> Int[Tensor, "B 1 h w"]:
    """The body that covers at least half of each pixel, the upper one where two do; -1 elsewhere."""
    cover, place = brush.cover(state.pose, scene)
    labels = torch.full((len(cover), brush.size**2), -1, dtype=torch.int64, device=cover.device)
    for body in range(cover.shape[1]):
        index = place[:, body].flatten(1)
        labels.scatter_(1, index, torch.where(cover[:, body].flatten(1) >= 0.5, body, labels.gather(1, index)))
    return labels.view(-1, 1, brush.size, brush.size)


def inside(scene: Scene, state: PlanarState) -> Bool[Tensor, "B N Z"]:
    """Is the centre of the object in the zone?"""
    apart = (state.pose[:, :-1, None, :2] - scene.zones[:, None, :, :2]).abs().amax(-1)
    return apart < scene.zones[:, None, :, 2]


def facts(scene: Scene, state: PlanarState) -> Facts:
    """`in`, `touching` and `near` for everything on the table."""
    names = len(SHAPES) * scene.colour + scene.shape
    count, zones = names.shape[1], scene.zones.shape[1]
    holds = torch.zeros(len(names), len(ATOMS), dtype=torch.bool, device=names.device)
    if zones:
        atom = len(ZONE_COLOURS) * names[:, :, None] + scene.zone_colour[:, None]
        holds = holds.scatter(1, atom.flatten(1), inside(scene, state).flatten(1))

    gap = contacts.gaps(state.pose, scene.parameters.half, scene.parameters.radius)
    first, second = torch.triu_indices(count + 1, count + 1, 1, device=names.device)
    table = torch.cat([names, torch.full_like(names[:, :1], -1)], 1)  # the pusher is -1
    low, high = torch.minimum(table[:, first], table[:, second]), torch.maximum(table[:, first], table[:, second])
    pair = low * (2 * len(NAMES) - low - 1) // 2 + high - low - 1  # as the loop in words.PAIRS counts
    atom = torch.where(low < 0, high, len(NAMES) + pair)
    for start, limit in ((len(INSIDE_ATOMS), TOUCHING), (len(INSIDE_ATOMS) + len(TOUCHING_ATOMS), NEAR)):
        holds = holds.scatter(1, start + atom, gap < limit)
    return Facts(holds=holds[:, None], atoms=ATOMS)
