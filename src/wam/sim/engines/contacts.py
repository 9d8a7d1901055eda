"""Contacts between rounded boxes in the plane, solved by impulses.

Two convex outlines that do not overlap are closest at a corner of one of them: each corner of the inner rectangle of one body
is measured against the rounded box of the other, both ways round. A disc has one corner, its centre.

The impulses follow from a projected Jacobi iteration with mass splitting (Tonge, Benevolenski and Voroshilov, 2012): a body
with n contacts lends each of them 1/n of its mass, which keeps any pile stable. Contacts act just before they close (no
visible overlap), a part of an overlap is pushed out per substep, and Coulomb friction is bounded by the normal impulse.

Only pairs that are near each other are computed, listed row by row: the work follows the number of contacts, not of pairs.
Both bodies of a contact get the same impulse, so momentum is conserved to rounding. Sums are written out in a fixed order, so
that a contact does not depend on its place in the list, and a row not on other rows.

Shapes: B tables, T = M moving bodies + W walls, P pairs, L measured pairs (both ways), C contacts. Units: m, rad, s, kg.
"""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SKIN = 0.002  # m, contacts that close to less than this within the substep take part
MARGIN = 0.03  # m, bodies nearer than this are measured
SLOP = 0.0002  # m, overlap that is left alone, so that touching bodies rest
PUSH_OUT = 0.5  # share of an overlap that is removed per substep
PUSH_SPEED = 0.5  # m/s, overlap is not removed faster than this
BOUNCE_SPEED = 0.05  # m/s, slower impacts do not bounce


@dataclass(frozen=True)
class Shapes:
    """What contacts need to know of the bodies, walls at the end."""

    half: Float[Tensor, "2 B T"]  # m
    radius: Float[Tensor, "B T"]  # m
    reach: Float[Tensor, "B M"]  # m, circle around the body; negative infinity where it is absent
    inverse_mass: Float[Tensor, "3 B T"]  # 1/kg, 1/kg, 1/(kg m^2); zero for what cannot move
    grip: Float[Tensor, "B"]
    bounce: Float[Tensor, "B"]


@dataclass(frozen=True)
class Touch:
    """Four corners of each of the bodies `corner_of` against the boxes `box_of`, places in the flat (B T)."""

    corner_of: Int[Tensor, "L"]
    box_of: Int[Tensor, "L"]
    gap: Float[Tensor, "4 L"]  # m
    normal: tuple[Float[Tensor, "4 L"], Float[Tensor, "4 L"]]  # x, y, from the box to the corner's body
    corner_arm: tuple[Float[Tensor, "4 L"], Float[Tensor, "4 L"]]  # m, from the centre of the corner's body to the contact
    box_arm: tuple[Float[Tensor, "4 L"], Float[Tensor, "4 L"]]  # m, from the centre of the box
    real: Bool[Tensor, "4 L"]  # False for what is measured twice


@dataclass(frozen=True)
class Drive:
    """A servo per axis on one body: it seeks a speed, and has a limited impulse for the substep."""

    body: int
    speed: Float[Tensor, "2 B"]  # m/s, wanted
    mass: Float[Tensor, "B"]  # kg, of the body
    limit: Float[Tensor, "B"]  # N s, per axis
    spent: Float[Tensor, "2 B"]  # N s, already in the velocities


def solve(pose: Float[Tensor, "3 B T"], velocity: Float[Tensor, "3 B T"], shapes: Shapes, drive: Drive, time: float, iterations: int) -> Float[Tensor, "3 B T"]:
    """Velocities after the contacts of one substep of `time` seconds. The drive pushes on against them."""
    bodies, total = shapes.reach.shape[1], pose.shape[2]
    row, pair = _near(pose, shapes).nonzero(as_tuple=True)
    if not len(row):
        return velocity
    first, second = _pairs(bodies, total - bodies, pose.device)
    touch = _measure(pose, shapes, first[pair] + row * total, second[pair] + row * total)
    jacobian, index = _jacobian(touch, pose.shape[1] * total)
    approach = _total(jacobian[:, 0] * velocity.flatten()[index])
    corner, place = (touch.real & (touch.gap + time * approach.clamp(max=0) < SKIN)).nonzero(as_tuple=True)
    if not len(corner):
        return velocity
    jacobian, index = jacobian[:, :, corner, place], index[:, corner, place]
    table = index[0] // total
    gap, approach = touch.gap[corner, place], approach[corner, place]
    wanted = _wanted_speed(gap, approach, shapes.bounce[table], time)
    return _iterate(velocity, shapes.inverse_mass, jacobian, index, wanted, shapes.grip[table], drive, iterations)


def gaps(pose: Float[Tensor, "B M 3"], half: Float[Tensor, "B M 2"], radius: Float[Tensor, "B M"]) -> Float[Tensor, "B P"]:
    """Distance between the outlines of all pairs of bodies in m, negative where they overlap; pairs as in `torch.triu_indices`."""
    batch, bodies = radius.shape
    first, second = _pairs(bodies, 0, pose.device)
    start = torch.arange(batch, device=pose.device)[:, None] * bodies
    shapes = Shapes(half.permute(2, 0, 1), radius, radius, radius.expand(3, -1, -1), radius[:, 0], radius[:, 0])
    touch = _measure(pose.permute(2, 0, 1), shapes, (start + first).flatten(), (start + second).flatten())
    return torch.where(touch.real, touch.gap, torch.inf).amin(0).view(2, batch, -1).amin(0)


@cache
def _pairs(bodies: int, walls: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Body indices of all pairs: moving-moving in the order of `torch.triu_indices`, then moving-wall."""
    first, second = torch.triu_indices(bodies, bodies, 1, device=device)
    index = torch.arange(bodies * walls, device=device)
    return torch.cat([first, index // max(walls, 1)]), torch.cat([second, bodies + index % max(walls, 1)])


def _near(pose: Tensor, shapes: Shapes) -> Bool[Tensor, "B P"]:
    """True for pairs whose circles (or circle and wall) are closer than MARGIN."""
    bodies, walls = shapes.reach.shape[1], pose.shape[2] - shapes.reach.shape[1]
    x, y = pose[0, :, :bodies], pose[1, :, :bodies]
    first, second = _pairs(bodies, 0, pose.device)
    apart = (x[:, first] - x[:, second]).square() + (y[:, first] - y[:, second]).square()
    limit = (shapes.reach[:, first] + shapes.reach[:, second] + MARGIN).clamp(min=0)
    beside = (pose[:2, :, None, bodies:] - pose[:2, :, :bodies, None]).abs() - shapes.half[:, :, None, bodies:]
    at_wall = torch.maximum(beside[0], beside[1]) < shapes.reach[:, :, None] + MARGIN
    return torch.cat([apart < limit.square(), at_wall.view(-1, bodies * walls)], 1)


def _measure(pose: Tensor, shapes: Shapes, one: Int[Tensor, "K"], two: Int[Tensor, "K"]) -> Touch:
    """All corners of bodies `one` against `two`, then of `two` against `one`: L = 2 K."""
    corner_of, box_of = torch.cat([one, two]), torch.cat([two, one])
    second_way = torch.arange(len(corner_of), device=pose.device) >= len(one)
    x, y, angle = pose.flatten(1)
    half_x, half_y = shapes.half.flatten(1)
    radius = shapes.radius.flatten()
    sign_x = pose.new_tensor([1.0, 1.0, -1.0, -1.0])[:, None]
    sign_y = pose.new_tensor([1.0, -1.0, 1.0, -1.0])[:, None]

    c, s, hx, hy = angle[corner_of].cos(), angle[corner_of].sin(), half_x[corner_of], half_y[corner_of]
    out_x, out_y = sign_x * (hx * c) - sign_y * (hy * s), sign_x * (hx * s) + sign_y * (hy * c)
    real = ((sign_x > 0) | (hx > 0)) & ((sign_y > 0) | (hy > 0))

    apart_x, apart_y = x[corner_of] - x[box_of], y[corner_of] - y[box_of]
    c, s, hx, hy = angle[box_of].cos(), angle[box_of].sin(), half_x[box_of], half_y[box_of]
    to_x, to_y = out_x + apart_x, out_y + apart_y
    u, v = c * to_x + s * to_y, c * to_y - s * to_x
    over_u, over_v = u.abs() - hx, v.abs() - hy
    beyond_u, beyond_v = over_u.clamp(min=0), over_v.clamp(min=0)
    outside = (beyond_u.square() + beyond_v.square()).clamp(min=1e-18).sqrt()
    inside = torch.maximum(over_u, over_v)
    in_core = inside < 0
    flat_u = (over_u > over_v).to(u.dtype)
    normal_u = torch.where(in_core, flat_u, beyond_u / outside) * u.sign()
    normal_v = torch.where(in_core, 1 - flat_u, beyond_v / outside) * v.sign()
    normal_x, normal_y = c * normal_u - s * normal_v, s * normal_u + c * normal_v

    gap = torch.where(in_core, inside, outside) - radius[corner_of] - radius[box_of]
    depth = radius[corner_of] + gap / 2
    arm_x, arm_y = out_x - normal_x * depth, out_y - normal_y * depth
    found_before = second_way & (over_u > 0) & (over_v > 0)  # corner against corner
    return Touch(
        corner_of=corner_of,
        box_of=box_of,
        gap=gap,
        normal=(normal_x, normal_y),
        corner_arm=(arm_x, arm_y),
        box_arm=(arm_x + apart_x, arm_y + apart_y),
        real=real & ~found_before,
    )


def _jacobian(touch: Touch, size: int) -> tuple[Float[Tensor, "6 2 4 L"], Int[Tensor, "6 4 L"]]:
    """Speeds along the normal and across it, as sums over x, y, turn of both bodies; and where those lie in the flat (3 B T)."""
    (nx, ny), (ax, ay), (bx, by) = touch.normal, touch.corner_arm, touch.box_arm
    normal = torch.stack([nx, ny, ax * ny - ay * nx, -nx, -ny, by * nx - bx * ny])
    across = torch.stack([-ny, nx, ax * nx + ay * ny, ny, -nx, -(bx * nx + by * ny)])
    a, b = touch.corner_of, touch.box_of
    index = torch.stack([a, a + size, a + 2 * size, b, b + size, b + 2 * size])
    return torch.stack([normal, across], 1), index[:, None].expand(-1, 4, -1)


def _wanted_speed(gap: Tensor, approach: Tensor, bounce: Tensor, time: float) -> Float[Tensor, "C"]:
    """Least speed along the normal after the impulse: just close the gap, push an overlap out, or bounce."""
    push_out = ((-gap - SLOP).clamp(min=0) * (PUSH_OUT / time)).clamp(max=PUSH_SPEED)
    wanted = torch.where(gap > 0, -gap / time, push_out)
    return torch.where(approach < -BOUNCE_SPEED, torch.maximum(wanted, -bounce * approach), wanted)


def _iterate(
    velocity: Float[Tensor, "3 B T"],
    inverse_mass: Float[Tensor, "3 B T"],
    jacobian: Float[Tensor, "6 2 C"],
    index: Int[Tensor, "6 C"],
    wanted: Float[Tensor, "C"],
    grip: Float[Tensor, "C"],
    drive: Drive,
    iterations: int,
) -> Float[Tensor, "3 B T"]:
    """Velocities after the impulses: `normal` is never negative, `across` at most `grip` times as large."""
    light = inverse_mass.flatten()[index]
    sharing = wanted.new_zeros(velocity.numel()).index_add(0, index.flatten(), torch.ones_like(light).flatten())[index]
    mass = 1 / _total((light * sharing)[:, None] * jacobian.square()).clamp(min=1e-9)
    along, aside = (light[:, None] * jacobian).unbind(1)
    moving, flat = velocity.flatten(), index.flatten()
    normal, across = torch.zeros_like(wanted), torch.zeros_like(wanted)

    bodies = velocity.shape[2]
    touched = torch.zeros_like(drive.mass, dtype=torch.bool).index_fill(0, index[0] // bodies, True).nonzero()[:, 0]
    place = touched * bodies + drive.body
    place = torch.stack([place, place + velocity[0].numel()])
    speed, spent, heavy, limit = drive.speed[:, touched], drive.spent[:, touched], drive.mass[touched], drive.limit[touched]
    for iteration in range(iterations):
        if iteration < iterations // 2:  # then the contacts alone, so that a press against a wall leaves no overlap
            given = torch.minimum(torch.maximum(spent + (speed - moving[place]) * heavy, -limit), limit)
            moving, spent = moving.index_add(0, place.flatten(), ((given - spent) / heavy).flatten()), given
        closing, slip = _total(jacobian * moving[index][:, None]) * mass
        press = (normal + (wanted * mass[0] - closing)).clamp(min=0)
        bound = grip * press
        drag = torch.minimum(torch.maximum(across - slip, -bound), bound)
        change = along * (press - normal) + aside * (drag - across)
        moving = moving.index_add(0, flat, change.flatten())
        normal, across = press, drag
    return moving.view_as(velocity)


def _total(parts: Float[Tensor, "6 *n"]) -> Float[Tensor, "*n"]:
    """Sum over the six velocities of a contact in a fixed order."""
    both: Tensor = parts[:3] + parts[3:]
    return both[0] + both[1] + both[2]
