"""Rotations in space: matrices, quaternions, rotation vectors, Euler angles, 6-D.

A rotation matrix "... 3 3" takes coordinates of the turned frame to the fixed one. Other forms: `quaternion` w x y z, of any
length but zero, q and -q the same rotation; `vector` axis times angle (rad); `euler` angles about x, y, z (rad) with
R = Rz Ry Rx, as in DROID; `six` the first two columns, not necessarily orthonormal (Zhou et al. 2019, made for networks).
Functions are called result_from_input. A rotation has no scale: functions that read a matrix expect an orthonormal one.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

SERIES_BELOW = 0.5  # angle^2 up to which eight terms of a power series reach float64 precision


def _series(squared: Tensor, first: int) -> Tensor:
    """Sum of (-x)^k / (2k + first)!. With x = angle^2: cos for first = 0, sin(angle) / angle for 1, (1 - cos) / angle^2 for 2."""
    total = torch.zeros_like(squared)
    for k in reversed(range(8)):
        total = 1 / math.factorial(2 * k + first) - squared * total
    return total


def angle_functions(squared: Float[Tensor, "..."]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of x = angle^2: sin(a) / a, (1 - cos a) / a^2, (a - sin a) / a^3 and (1/2 - (1 - cos a) / a^2) / a^2, smooth at zero."""
    small = squared < SERIES_BELOW
    inner, outer = torch.where(small, squared, 0), torch.where(small, 1, squared)
    angle = outer.sqrt()
    sine = angle.sin() / angle
    cosine = 2 * (angle / 2).sin().square() / outer
    far = (sine, cosine, (1 - sine) / outer, (0.5 - cosine) / outer)
    return tuple(torch.where(small, _series(inner, first), value) for first, value in enumerate(far, 1))  # type: ignore[return-value]


# -- rotation vectors: the exponential map and its inverse -------------------------------------------------------------------


def hat(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """The skew matrix with hat(a) b = a x b."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(*x.shape, 3, 3)


def exp(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Rotation by |vector| rad about its direction (Rodrigues)."""
    sine, cosine, _, _ = angle_functions(vector.square().sum(-1))
    cross = hat(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + sine[..., None, None] * cross + cosine[..., None, None] * (cross @ cross)


def log(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """The shortest rotation vector, length 0 .. pi. At pi its sign is arbitrary and its gradient is that of one side."""
    return vector_from_quaternion(quaternion_from_matrix(matrix))


def left_jacobian(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """J with exp(vector + d) = exp(J d) exp(vector) to first order in d."""
    _, cosine, third, _ = angle_functions(vector.square().sum(-1))
    cross = hat(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + cosine[..., None, None] * cross + third[..., None, None] * (cross @ cross)


def left_jacobian_inverse(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Inverse of `left_jacobian`, for vectors shorter than 2 pi."""
    _, cosine, third, fourth = angle_functions(vector.square().sum(-1))
    cross = hat(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity - cross / 2 + ((third / 2 - fourth) / cosine)[..., None, None] * (cross @ cross)


def angle_between(first: Float[Tensor, "... 3 3"], second: Float[Tensor, "... 3 3"]) -> Float[Tensor, "..."]:
    """The angle (rad, 0 .. pi) that turns one rotation into the other. Its gradient is zero where they agree."""
    quaternion = quaternion_from_matrix(first.mT @ second)
    squared = quaternion[..., 1:].square().sum(-1)
    same = squared == 0
    return 2 * torch.where(same, 0, torch.atan2(torch.where(same, 1, squared).sqrt(), quaternion[..., 0]))


# -- quaternions -------------------------------------------------------------------------------------------------------------


def quaternion_multiply(first: Float[Tensor, "... 4"], second: Float[Tensor, "... 4"]) -> Float[Tensor, "... 4"]:
    """Hamilton product: the rotation `second`, then `first`."""
    w, v = first[..., :1], first[..., 1:]
    s, u = second[..., :1], second[..., 1:]
    v, u = torch.broadcast_tensors(v, u)
    return torch.cat([w * s - (v * u).sum(-1, keepdim=True), w * u + s * v + torch.linalg.cross(v, u)], -1)


def quaternion_conjugate(quaternion: Float[Tensor, "... 4"]) -> Float[Tensor, "... 4"]:
    """The inverse rotation."""
    return torch.cat([quaternion[..., :1], -quaternion[..., 1:]], -1)


def quaternion_rotate(quaternion: Float[Tensor, "... 4"], points: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3"]:
    """Turn points; the quaternion is normalised on the way."""
    w, v = quaternion[..., :1], quaternion[..., 1:]
    v, points = torch.broadcast_tensors(v, points)
    twice = 2 * torch.linalg.cross(v, points) / quaternion.square().sum(-1, keepdim=True)
    turned: Tensor = points + w * twice + torch.linalg.cross(v, twice)
    return turned


def quaternion_from_vector(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 4"]:
    """Unit quaternion of a rotation vector, e.g. of angular velocity times dt."""
    squared = vector.square().sum(-1, keepdim=True) / 4
    sine, cosine, _, _ = angle_functions(squared)
    return torch.cat([1 - squared * cosine, sine * vector / 2], -1)


def vector_from_quaternion(quaternion: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3"]:
    """The shortest rotation vector, length 0 .. pi."""
    upright = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, v = upright[..., :1], upright[..., 1:]
    squared = v.square().sum(-1, keepdim=True)
    small = squared < 1e-4 * w.square()
    length, level = torch.where(small, 1, squared).sqrt(), torch.where(small, w, 1)
    tangent = torch.where(small, squared, 0) / level.square()  # of half the angle, squared
    near = 2 / level * (1 - tangent / 3 + tangent.square() / 5 - tangent**3 / 7)
    return torch.where(small, near, 2 * torch.atan2(length, w) / length) * v


def matrix_from_quaternion(quaternion: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3 3"]:
    """Rotation matrix of a quaternion of any length but zero."""
    cross = hat(quaternion[..., 1:])
    twice = (2 / quaternion.square().sum(-1))[..., None, None]
    identity = torch.eye(3, dtype=quaternion.dtype, device=quaternion.device)
    return identity + twice * (quaternion[..., 0, None, None] * cross + cross @ cross)


def quaternion_from_matrix(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 4"]:
    """Unit quaternion with w >= 0. The matrix 4 q q^T is linear in R; its row with the largest diagonal entry is q times a number >= 1."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    outer = [1 + a + e + i, h - f, c - g, d - b]
    outer += [h - f, 1 + a - e - i, b + d, c + g]
    outer += [c - g, b + d, 1 - a + e - i, f + h]
    outer += [d - b, c + g, f + h, 1 - a - e + i]
    rows = torch.stack(outer, -1).view(*a.shape, 4, 4)
    largest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = rows.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    row = torch.where(row[..., :1] < 0, -row, row)
    return torch.nn.functional.normalize(row, dim=-1)


# -- Euler angles and the 6-D form ---------------------------------------------------------------------------------------------


def matrix_from_euler(euler: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """R = Rz(euler z) Ry(euler y) Rx(euler x)."""
    (sx, sy, sz), (cx, cy, cz) = euler.sin().unbind(-1), euler.cos().unbind(-1)
    entries = [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx]
    entries += [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx]
    entries += [-sy, cy * sx, cy * cx]
    return torch.stack(entries, -1).view(*sx.shape, 3, 3)


def euler_from_matrix(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """Angles about x, y, z with y in -pi/2 .. pi/2. Where y is +-pi/2 only x -+ z is defined: z is then 0 and has no gradient."""
    (a, b, c), (d, e, f), (g, _, _) = (row.unbind(-1) for row in matrix.unbind(-2))
    locked = a.square() + d.square() < torch.finfo(matrix.dtype).eps ** 2
    z = torch.where(locked, 0, torch.atan2(d, torch.where(locked, 1, a)))
    sin, cos = z.sin(), z.cos()  # what remains after taking the turn about z away is Ry Rx
    x = torch.atan2(sin * c - cos * f, cos * e - sin * b)
    y = torch.atan2(-g, cos * a + sin * d)
    return torch.stack([x, y, z], -1)


def matrix_from_six(six: Float[Tensor, "... 6"]) -> Float[Tensor, "... 3 3"]:
    """Gram-Schmidt on two columns; they must be neither zero nor parallel."""
    first = torch.nn.functional.normalize(six[..., :3], dim=-1)
    rest = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(rest, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def six_from_matrix(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 6"]:
    """The first two columns, one after the other."""
    return matrix[..., :2].mT.flatten(-2)
