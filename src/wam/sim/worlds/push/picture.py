"""Pictures of the `push` world from above: anti-aliased signed distances, drawn straight into uint8.

The camera looks down on a square of half width VIEW; row 0 is at the top, where y is largest. The table, zones and walls of a
row do not change, so they are drawn once (`backdrop`). Then each body is drawn only where it can be, in a square patch of
pixels around it, objects first and the pusher on top. Work follows the area of the bodies, not of the picture.

Shapes: B tables, M bodies, h = w = size pixels.
"""

import math
from functools import cache

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from wam.sim.worlds.push import looks
from wam.sim.worlds.push.scene import Scene

VIEW = 0.5 * 32 / 30  # m, half width of the picture: the table and a rim of one pixel in 32


@cache
def centres(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """x of the columns in m; y of the rows is the same, from the last to the first."""
    return (torch.arange(size, dtype=dtype, device=device) + 0.5) * (2 * VIEW / size) - VIEW


def backdrop(scene: Scene, size: int) -> UInt8[Tensor, "B 3 h w"]:
    """Table, zones and walls."""
    walls = scene.parameters.walls
    x = centres(size, walls.dtype, walls.device)
    y = x.flip(0)
    column, row = x.expand(size, size), y[:, None].expand(size, size)
    tables = torch.stack([looks.table(index, column, row) for index in range(len(looks.BACKGROUNDS))])
    image = tables[scene.background]
    palette = image.new_tensor(looks.ZONE_RGB)
    for zone in range(scene.zones.shape[1]):
        place, half = scene.zones[:, zone, :2], scene.zones[:, zone, 2:]
        image = _box(image, x, y, place, half.expand(-1, 2), palette[scene.zone_colour[:, zone]], looks.ZONE_ALPHA)
    for wall in range(walls.shape[1]):
        image = _box(image, x, y, walls[:, wall, :2], walls[:, wall, 2:], image.new_tensor(looks.WALL_RGB).expand(len(image), 3), 1.0)
    return (image * 255).round().to(torch.uint8)


def _box(image: Tensor, x: Tensor, y: Tensor, place: Tensor, half: Tensor, colour: Tensor, alpha: float) -> Tensor:
    """The image with a rectangle along the axes; coverage is exact."""
    pixel = x[1] - x[0]
    cover = []
    for at, axis in ((x, 0), (y, 1)):
        low, high = (place[:, axis] - half[:, axis])[:, None], (place[:, axis] + half[:, axis])[:, None]
        cover.append(((torch.minimum(high, at + pixel / 2) - torch.maximum(low, at - pixel / 2)) / pixel).clamp(0, 1))
    share = alpha * (cover[1][:, None, :, None] * cover[0][:, None, None, :])
    return image + share * (colour[..., None, None] - image)


class Brush:
    """Where bodies fall into a picture of `size` pixels, patch by patch; no body reaches farther than `reach` (m)."""

    def __init__(self, size: int, reach: float) -> None:
        self.size = size
        self.per_metre = size / (2 * VIEW)
        self.patch = min(size, math.ceil(2 * reach * self.per_metre) + 2)

    def cover(self, pose: Float[Tensor, "B M 3"], scene: Scene) -> tuple[Float[Tensor, "B M p p"], Int[Tensor, "B M p p"]]:
        """Share of each pixel that each body covers (0..1), and the pixels' places in the flat picture."""
        scale, size, patch = self.per_metre, self.size, self.patch
        x, y = (pose[..., 0] + VIEW) * scale, (VIEW - pose[..., 1]) * scale
        ahead = torch.arange(patch, device=pose.device)
        columns = (x - patch / 2).round().long().clamp(0, size - patch)[..., None] + ahead
        rows = (y - patch / 2).round().long().clamp(0, size - patch)[..., None] + ahead
        right = (columns + 0.5 - x[..., None])[..., None, :]  # px, from the centre of the body
        up = (y[..., None] - rows - 0.5)[..., :, None]
        half, radius = scene.parameters.half * scale, scene.parameters.radius * scale
        c, s = pose[..., 2, None, None].cos(), pose[..., 2, None, None].sin()
        u = ((c * right) + (s * up)).abs() - half[..., 0, None, None]
        v = ((c * up) - (s * right)).abs() - half[..., 1, None, None]
        outside = (u.clamp(min=0).square() + v.clamp(min=0).square()).sqrt()
        distance = outside + torch.maximum(u, v).clamp(max=0)
        return ((radius + 0.5)[..., None, None] - distance).clamp(0, 1), rows[..., :, None] * size + columns[..., None, :]


def picture(
    brush: Brush, base: UInt8[Tensor, "B 3 h w"], pose: Float[Tensor, "B M 3"], scene: Scene, colours: Float[Tensor, "B M 3"]
) -> UInt8[Tensor, "B 3 h w"]:
    """The backdrop with the bodies on it. `colours` are 0..255."""
    cover, place = brush.cover(pose, scene)
    image = base.flatten(2).clone()
    for body in range(pose.shape[1]):
        index = place[:, body].flatten(1)[:, None].expand(-1, 3, -1)
        share = cover[:, body].flatten(1)[:, None]
        under = image.gather(2, index).to(pose.dtype)
        image.scatter_(2, index, (under + share * (colours[:, body, :, None] - under)).round().to(torch.uint8))
    return image.view_as(base)


def body_colours(scene: Scene) -> Float[Tensor, "B M 3"]:
    """0..255, pusher last."""
    like = scene.start
    objects = like.new_tensor(looks.OBJECT_RGB)[scene.colour]
    return 255 * torch.cat([objects, like.new_tensor(looks.PUSHER_RGB).expand(len(like), 1, 3)], 1)
