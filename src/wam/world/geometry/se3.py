"""Rigid poses: 4x4 matrices, twists, 7-vectors, planar poses.

`a_T_b` "... 4 4" takes points of frame b to frame a, so `a_T_c = a_T_b @ b_T_c`. A twist "... 6" is (translation m, rotation
rad); a 7-vector is x y z (m) and quaternion w x y z, the layout of `Truth.pose`; a planar pose is x, y (m) and the heading (rad)
about z.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from wam.world.geometry import rotations


def make(rotation: Float[Tensor, "... 3 3"], translation: Float[Tensor, "... 3"]) -> Float[Tensor, "... 4 4"]:
    """A pose from its parts; leading dimensions broadcast."""
    lead = torch.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    upper = torch.cat([rotation.expand(*lead, 3, 3), translation[..., None].expand(*lead, 3, 1)], -1)
    last = torch.tensor([0, 0, 0, 1], dtype=upper.dtype, device=upper.device)
    return torch.cat([upper, last.expand(*lead, 1, 4)], -2)


def split(pose: Float[Tensor, "... 4 4"]) -> tuple[Float[Tensor, "... 3 3"], Float[Tensor, "... 3"]]:
    """(rotation, translation) of a pose."""
    return pose[..., :3, :3], pose[..., :3, 3]


def compose(*poses: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 4 4"]:
    """a_T_b, b_T_c, ... -> a_T_last."""
    first, *rest = poses
    for pose in rest:
        first = first @ pose
    return first


def inverse(pose: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 4 4"]:
    """a_T_b -> b_T_a, by transposing the rotation."""
    rotation, translation = split(pose)
    return make(rotation.mT, -(rotation.mT @ translation[..., None])[..., 0])


def relative(first: Float[Tensor, "... 4 4"], second: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 4 4"]:
    """world_T_a, world_T_b -> a_T_b: the second pose as the first sees it."""
    return inverse(first) @ second


def transform(pose: Float[Tensor, "... 4 4"], points: Float[Tensor, "... n 3"]) -> Float[Tensor, "... n 3"]:
    """a_T_b and n points of frame b -> the points in frame a."""
    rotation, translation = split(pose)
    return points @ rotation.mT + translation[..., None, :]


def exp(twist: Float[Tensor, "... 6"]) -> Float[Tensor, "... 4 4"]:
    """The motion of a body that keeps this twist for one unit of time."""
    shift, turn = twist[..., :3], twist[..., 3:]
    return make(rotations.exp(turn), (rotations.left_jacobian(turn) @ shift[..., None])[..., 0])


def log(pose: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 6"]:
    """The twist with the shortest rotation whose `exp` is the pose."""
    rotation, translation = split(pose)
    turn = rotations.log(rotation)
    return torch.cat([(rotations.left_jacobian_inverse(turn) @ translation[..., None])[..., 0], turn], -1)


def adjoint(pose: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 6 6"]:
    """Takes twists of frame b to frame a: a_T_b exp(twist) = exp(adjoint twist) a_T_b."""
    rotation, translation = split(pose)
    lever = rotations.hat(translation) @ rotation
    upper = torch.cat([rotation, lever], -1)
    return torch.cat([upper, torch.cat([torch.zeros_like(rotation), rotation], -1)], -2)


def vector_from_pose(pose: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 7"]:
    """4x4 -> x y z, quaternion with w >= 0."""
    rotation, translation = split(pose)
    return torch.cat([translation, rotations.quaternion_from_matrix(rotation)], -1)


def pose_from_vector(vector: Float[Tensor, "... 7"]) -> Float[Tensor, "... 4 4"]:
    """x y z, quaternion -> 4x4."""
    return make(rotations.matrix_from_quaternion(vector[..., 3:]), vector[..., :3])


def vector_from_planar(planar: Float[Tensor, "... 3"], height: float = 0.0) -> Float[Tensor, "... 7"]:
    """x y heading -> x y z, quaternion; `height` (m) is the z of the plane."""
    x, y, heading = planar.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([x, y, zero + height, (heading / 2).cos(), zero, zero, (heading / 2).sin()], -1)


def planar_from_vector(vector: Float[Tensor, "... 7"]) -> Float[Tensor, "... 3"]:
    """x y z, quaternion -> x y heading in -pi .. pi: the pose seen from above; a tilt is dropped."""
    w, x, y, z = vector[..., 3:].unbind(-1)
    heading = torch.atan2(2 * (w * z + x * y), w**2 + x**2 - y**2 - z**2)
    return torch.stack([vector[..., 0], vector[..., 1], heading], -1)
