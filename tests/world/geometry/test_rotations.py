"""Rotations against the matrix exponential, elementary turns, composition identities and finite differences."""

import math

import pytest
import torch
from torch import Tensor

from wam.world.geometry import rotations

SCALES = [0.0, 1e-9, 1e-4, 0.02, 0.3, 0.7, 0.72, 1.5, 3.0]  # rad; series and closed form meet at sqrt(0.5) = 0.707


def directions(count: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 3, dtype=torch.float64, generator=rng), dim=-1).to(dtype)


def vectors(count: int, seed: int = 0, longest: float = math.pi) -> Tensor:
    rng = torch.Generator().manual_seed(seed + 1)
    return directions(count, seed) * torch.rand(count, 1, dtype=torch.float64, generator=rng) * longest


def close(a: Tensor, b: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


# -- exp and log -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_exp_is_the_matrix_exponential(scale: float) -> None:
    vector = directions(20) * scale
    close(rotations.exp(vector), torch.linalg.matrix_exp(rotations.hat(vector)))


@pytest.mark.parametrize("scale", SCALES)
def test_log_undoes_exp(scale: float) -> None:
    vector = directions(50) * scale
    close(rotations.log(rotations.exp(vector)), vector)


def test_float32_loses_only_rounding() -> None:
    vector = vectors(500).float()
    assert (rotations.log(rotations.exp(vector)) - vector).abs().max() < 2e-6
    assert rotations.exp(vector).dtype == torch.float32


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 0.0])
def test_log_near_pi_gives_the_same_rotation(gap: float) -> None:
    matrix = rotations.exp(directions(50) * (math.pi - gap))
    vector = rotations.log(matrix)
    close(rotations.exp(vector), matrix, 1e-10)
    close(vector.norm(dim=-1), torch.full((50,), math.pi - gap, dtype=torch.float64), 1e-10)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_about_the_axes(axis: int) -> None:
    matrix = -torch.eye(3, dtype=torch.float64)
    matrix[axis, axis] = 1
    vector = rotations.log(matrix)
    expected = torch.zeros(3, dtype=torch.float64)
    expected[axis] = math.pi
    close(vector.abs(), expected)


def test_hat_is_the_cross_product() -> None:
    a, b = vectors(20), vectors(20, seed=5)
    close((rotations.hat(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))


@pytest.mark.parametrize("scale", SCALES)
def test_left_jacobian_is_the_mean_of_the_turn(scale: float) -> None:
    """J(w) is the integral of exp(s w) over s in 0 .. 1; Gauss-Legendre with six points is exact to 1e-9 at 3 rad."""
    nodes = torch.tensor([0.2386191860831969, 0.6612093864662645, 0.9324695142031521], dtype=torch.float64)
    weights = torch.tensor([0.4679139345726910, 0.3607615730481386, 0.1713244923791704], dtype=torch.float64)
    at, weight = torch.cat([0.5 + nodes / 2, 0.5 - nodes / 2]), torch.cat([weights, weights]) / 2
    vector = directions(10) * scale
    mean = (weight[:, None, None] * rotations.exp(vector[:, None] * at[:, None])).sum(-3)
    close(rotations.left_jacobian(vector), mean, 1e-8)


@pytest.mark.parametrize("scale", SCALES)
def test_left_jacobian_and_its_inverse(scale: float) -> None:
    vector = directions(10) * scale
    close(rotations.left_jacobian_inverse(vector) @ rotations.left_jacobian(vector), torch.eye(3, dtype=torch.float64).expand(10, 3, 3))


def test_left_jacobian_predicts_a_small_change() -> None:
    vector, step = vectors(20), directions(20, seed=9) * 1e-6
    moved = (rotations.left_jacobian(vector) @ step[..., None])[..., 0]
    close(rotations.exp(vector + step), rotations.exp(moved) @ rotations.exp(vector), 1e-11)


def test_angle_between() -> None:
    first, turn = rotations.exp(vectors(50)), vectors(50, seed=3)
    close(rotations.angle_between(first, first @ rotations.exp(turn)), turn.norm(dim=-1), 1e-9)
    close(rotations.angle_between(first, first), torch.zeros(50, dtype=torch.float64), 1e-15)


# -- quaternions -----------------------------------------------------------------------------------------------------------


def test_quaternion_units_multiply_as_hamilton_wrote() -> None:
    one, i, j, k = torch.eye(4, dtype=torch.float64)
    for a, b, c in ((i, j, k), (j, k, i), (k, i, j)):
        close(rotations.quaternion_multiply(a, b), c)
        close(rotations.quaternion_multiply(b, a), -c)
        close(rotations.quaternion_multiply(a, a), -one)


def test_quaternions_compose_like_matrices() -> None:
    p, q = (rotations.quaternion_from_vector(vectors(50, seed)) for seed in (0, 7))
    product = rotations.matrix_from_quaternion(rotations.quaternion_multiply(p, q))
    close(product, rotations.matrix_from_quaternion(p) @ rotations.matrix_from_quaternion(q))


def test_quaternion_rotate_is_the_sandwich_product() -> None:
    q, point = rotations.quaternion_from_vector(vectors(50)), vectors(50, seed=2)
    pure = torch.cat([torch.zeros(50, 1, dtype=torch.float64), point], -1)
    sandwich = rotations.quaternion_multiply(rotations.quaternion_multiply(q, pure), rotations.quaternion_conjugate(q))
    close(rotations.quaternion_rotate(q, point), sandwich[..., 1:])
    close(rotations.quaternion_rotate(-3 * q, point), sandwich[..., 1:])


@pytest.mark.parametrize("scale", SCALES)
def test_quaternion_of_a_vector_is_the_same_rotation(scale: float) -> None:
    vector = directions(20) * scale
    quaternion = rotations.quaternion_from_vector(vector)
    close(quaternion.norm(dim=-1), torch.ones(20, dtype=torch.float64))
    close(rotations.matrix_from_quaternion(quaternion), torch.linalg.matrix_exp(rotations.hat(vector)))
    close(rotations.vector_from_quaternion(-5 * quaternion), vector)


def test_matrix_to_quaternion_covers_every_branch() -> None:
    vector = torch.cat([vectors(200), torch.eye(3, dtype=torch.float64) * 3.1, -torch.eye(3, dtype=torch.float64) * 3.1])
    quaternion = rotations.quaternion_from_matrix(rotations.exp(vector))
    assert (quaternion[..., 0] >= 0).all()
    assert set(quaternion.abs().argmax(-1).tolist()) == {0, 1, 2, 3}
    close(rotations.matrix_from_quaternion(quaternion), rotations.exp(vector))


def test_matrix_from_quaternion_ignores_length() -> None:
    quaternion = rotations.quaternion_from_vector(vectors(20))
    close(rotations.matrix_from_quaternion(quaternion * -7.5), rotations.matrix_from_quaternion(quaternion))


# -- Euler angles and six numbers --------------------------------------------------------------------------------------------


def test_euler_is_three_turns_about_fixed_axes() -> None:
    euler = vectors(50)
    turn = torch.diag_embed(euler)  # row k holds angle k on axis k
    x, y, z = rotations.exp(turn).unbind(-3)
    close(rotations.matrix_from_euler(euler), z @ y @ x)


def test_euler_round_trips() -> None:
    rng = torch.Generator().manual_seed(0)
    euler = (torch.rand(500, 3, dtype=torch.float64, generator=rng) * 2 - 1) * torch.tensor([math.pi, math.pi / 2, math.pi], dtype=torch.float64)
    close(rotations.euler_from_matrix(rotations.matrix_from_euler(euler)), euler, 1e-10)
    matrix = rotations.exp(vectors(500))
    close(rotations.matrix_from_euler(rotations.euler_from_matrix(matrix)), matrix)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-6, 1e-4, 1e-2])
def test_euler_at_gimbal_lock_gives_the_same_rotation(gap: float, sign: int, dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(0)
    euler = (torch.rand(50, 3, dtype=torch.float64, generator=rng) * 6 - 3).to(dtype)
    euler[:, 1] = sign * (math.pi / 2 - gap)
    matrix = rotations.matrix_from_euler(euler)
    close(rotations.matrix_from_euler(rotations.euler_from_matrix(matrix)), matrix, 1e-6 if dtype == torch.float32 else 1e-12)


def test_euler_gradient_is_finite_at_exact_lock() -> None:
    matrix = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]], requires_grad=True)
    rotations.euler_from_matrix(matrix).sum().backward()
    assert matrix.grad is not None and matrix.grad.isfinite().all()


def test_six_numbers_round_trip_and_forgive_stretch_and_shear() -> None:
    matrix = rotations.exp(vectors(50))
    six = rotations.six_from_matrix(matrix)
    close(six[..., :3], matrix[..., 0])
    close(rotations.matrix_from_six(six), matrix)
    sheared = torch.cat([2.5 * six[..., :3], 0.3 * six[..., 3:] - 4 * six[..., :3]], -1)
    close(rotations.matrix_from_six(sheared), matrix)


def test_any_six_numbers_are_a_rotation() -> None:
    six = torch.randn(100, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = rotations.matrix_from_six(six)
    close(matrix.mT @ matrix, torch.eye(3, dtype=torch.float64).expand(100, 3, 3))
    close(torch.linalg.det(matrix), torch.ones(100, dtype=torch.float64))


# -- derivatives and batches ---------------------------------------------------------------------------------------------------

OF_VECTORS = {
    "exp": rotations.exp,
    "log of exp": lambda v: rotations.log(rotations.exp(v)),
    "left jacobian": rotations.left_jacobian,
    "its inverse": rotations.left_jacobian_inverse,
    "quaternion": rotations.quaternion_from_vector,
    "quaternion and back": lambda v: rotations.vector_from_quaternion(rotations.quaternion_from_vector(v)),
    "euler": rotations.matrix_from_euler,
}


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e-3, 0.3, 0.9, 2.5])
@pytest.mark.parametrize("name", OF_VECTORS)
def test_derivatives_agree_with_finite_differences(name: str, scale: float) -> None:
    vector = (directions(3) * scale).requires_grad_()
    assert torch.autograd.gradcheck(OF_VECTORS[name], (vector,))
    assert torch.autograd.gradgradcheck(OF_VECTORS[name], (vector,))


OF_MATRICES = {
    "euler": rotations.euler_from_matrix,
    "log": rotations.log,
    "quaternion": rotations.quaternion_from_matrix,
    "six and back": lambda m: rotations.matrix_from_six(rotations.six_from_matrix(m)),
    "angle": lambda m: rotations.angle_between(m, torch.eye(3, dtype=torch.float64)),
}


@pytest.mark.parametrize("name", OF_MATRICES)
def test_derivatives_of_functions_of_matrices(name: str) -> None:
    matrix = rotations.exp(vectors(5)).requires_grad_()
    assert torch.autograd.gradcheck(OF_MATRICES[name], (matrix,))


@pytest.mark.parametrize("name", OF_MATRICES)
def test_gradients_at_the_identity_are_finite(name: str) -> None:
    matrix = torch.eye(3, dtype=torch.float64).requires_grad_()
    OF_MATRICES[name](matrix).sum().backward()
    assert matrix.grad is not None and matrix.grad.isfinite().all()


def test_leading_dimensions() -> None:
    vector = vectors(24).view(2, 3, 4, 3)
    for function in OF_VECTORS.values():
        batched = function(vector)
        assert batched.shape[:3] == (2, 3, 4)
        close(batched[1, 2, 3], function(vector[1, 2, 3]))
    empty = torch.zeros(0, 3)
    assert rotations.log(rotations.exp(empty)).shape == (0, 3)
    assert rotations.euler_from_matrix(rotations.matrix_from_euler(empty)).shape == (0, 3)
