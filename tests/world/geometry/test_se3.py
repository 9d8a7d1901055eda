"""Poses against the 4x4 matrix exponential, homogeneous coordinates and the identities of a group."""

import math

import pytest
import torch
from torch import Tensor

from wam.world.geometry import rotations, se3


def twists(count: int, seed: int = 0, angle: float = 3.0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    shift, turn = torch.randn(2, count, 3, dtype=torch.float64, generator=rng)
    return torch.cat([shift, torch.nn.functional.normalize(turn, dim=-1) * angle], -1)


def poses(count: int, seed: int = 0) -> Tensor:
    return se3.exp(twists(count, seed, 2.0))


def close(a: Tensor, b: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-3, 0.7, 0.72, 3.0])
def test_exp_is_the_matrix_exponential_and_log_undoes_it(angle: float) -> None:
    twist = twists(20, angle=angle)
    generator = torch.zeros(20, 4, 4, dtype=torch.float64)
    generator[:, :3, :3], generator[:, :3, 3] = rotations.hat(twist[:, 3:]), twist[:, :3]
    close(se3.exp(twist), torch.linalg.matrix_exp(generator))
    close(se3.log(se3.exp(twist)), twist)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-3, 0.9, 2.5])
def test_derivatives_agree_with_finite_differences(angle: float) -> None:
    twist = twists(3, angle=angle).requires_grad_()
    assert torch.autograd.gradcheck(se3.exp, (twist,))
    assert torch.autograd.gradcheck(lambda t: se3.log(se3.exp(t)), (twist,))


def test_inverse_and_relative() -> None:
    first, second = poses(20), poses(20, seed=1)
    close(se3.inverse(first), torch.linalg.inv(first))
    close(first @ se3.relative(first, second), second)
    close(se3.relative(first, first), torch.eye(4, dtype=torch.float64).expand(20, 4, 4))


def test_compose_reads_from_left_to_right() -> None:
    a, b, c = poses(5), poses(5, seed=1), poses(5, seed=2)
    close(se3.compose(a, b, c), a @ b @ c)
    close(se3.compose(a), a)


def test_transform_is_multiplication_in_homogeneous_coordinates() -> None:
    pose, points = poses(6).view(2, 3, 4, 4), torch.randn(2, 3, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    homogeneous = torch.cat([points, torch.ones(2, 3, 7, 1, dtype=torch.float64)], -1)
    close(se3.transform(pose, points), (pose[..., None, :, :] @ homogeneous[..., None])[..., :3, 0])
    close(se3.transform(pose[0, 0], points[0, 0]), se3.transform(pose, points)[0, 0])


def test_make_and_split_broadcast() -> None:
    rotation, shift = rotations.exp(torch.ones(3)), torch.arange(6.0).view(2, 3)
    pose = se3.make(rotation, shift)
    assert pose.shape == (2, 4, 4)
    turned, moved = se3.split(pose)
    close(turned[1], rotation)
    close(moved, shift)
    close(pose[:, 3], torch.tensor([0.0, 0, 0, 1]).expand(2, 4))


def test_adjoint_moves_a_twist_between_frames() -> None:
    pose, twist = poses(10), twists(10, seed=4, angle=0.8)
    there = (se3.adjoint(pose) @ twist[..., None])[..., 0]
    close(pose @ se3.exp(twist), se3.exp(there) @ pose)
    close(se3.adjoint(pose @ pose), se3.adjoint(pose) @ se3.adjoint(pose))


def test_seven_numbers_round_trip() -> None:
    pose = poses(20)
    vector = se3.vector_from_pose(pose)
    close(vector[..., :3], pose[..., :3, 3])
    close(se3.pose_from_vector(vector), pose)
    close(se3.pose_from_vector(torch.cat([vector[..., :3], -2 * vector[..., 3:]], -1)), pose)


def test_planar_pose_is_a_turn_about_z() -> None:
    planar = torch.tensor([[0.1, -0.2, 0.0], [1.0, 2.0, 3.1], [0.0, 0.5, -1.5]], dtype=torch.float64)
    vector = se3.vector_from_planar(planar, height=0.3)
    axis = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    shift = torch.cat([planar[:, :2], torch.full((3, 1), 0.3, dtype=torch.float64)], -1)
    close(se3.pose_from_vector(vector), se3.make(rotations.exp(axis * planar[:, 2:]), shift))
    close(se3.planar_from_vector(vector), planar)
    close(se3.planar_from_vector(torch.cat([vector[:, :3], -3 * vector[:, 3:]], -1)), planar)


def test_headings_wrap_to_one_turn() -> None:
    planar = torch.tensor([0.0, 0.0, 1.5 * math.pi], dtype=torch.float64)
    close(se3.planar_from_vector(se3.vector_from_planar(planar))[2], torch.tensor(-math.pi / 2, dtype=torch.float64))


def test_planar_relative_pose_agrees_with_the_closed_form() -> None:
    """The second pose as the first sees it: turn the difference back by the first heading."""
    (x, y, a), (u, v, b) = (torch.tensor(values, dtype=torch.float64) for values in ([0.3, -0.4, 0.9], [1.0, 0.2, -0.5]))
    first, second = (se3.pose_from_vector(se3.vector_from_planar(torch.stack(pose))) for pose in ((x, y, a), (u, v, b)))
    seen = se3.planar_from_vector(se3.vector_from_pose(se3.relative(first, second)))
    expected = torch.stack([(u - x) * a.cos() + (v - y) * a.sin(), -(u - x) * a.sin() + (v - y) * a.cos(), b - a])
    close(seen, expected)


def test_gradients_reach_a_planar_pose() -> None:
    planar = torch.tensor([[0.1, -0.2, 0.0], [1.0, 2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(se3.vector_from_planar, (planar,))
    assert torch.autograd.gradcheck(lambda p: se3.planar_from_vector(se3.vector_from_planar(p)), (planar,))
