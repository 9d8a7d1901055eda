"""Cameras against the 3x3 camera matrix, closed-form flows, brute force per pixel, and posed depth images of a real shelf."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.world.geometry import real_data
from wam.world.geometry import cameras, rotations, se3

INTRINSICS = torch.tensor([60.0, 55.0, 15.2, 11.7], dtype=torch.float64)


def close(a: Tensor, b: Tensor, atol: float = 1e-10) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


def camera_matrix(intrinsics: Tensor) -> Tensor:
    fx, fy, cx, cy = intrinsics.tolist()
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)


def depth_image(height: int = 24, width: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.5


def pixel_grid(height: int, width: int) -> Tensor:
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([column, row], -1).double()


def pose(shift: tuple[float, float, float], turn: tuple[float, float, float]) -> Tensor:
    return se3.make(rotations.exp(torch.tensor(turn, dtype=torch.float64)), torch.tensor(shift, dtype=torch.float64))


IDENTITY = torch.eye(4, dtype=torch.float64)


# -- projection --------------------------------------------------------------------------------------------------------------


def test_project_is_the_camera_matrix() -> None:
    points = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points[:, 2] = points[:, 2].abs() + 0.2
    pixels, depth = cameras.project(points, INTRINSICS)
    homogeneous = points @ camera_matrix(INTRINSICS).T
    close(pixels, homogeneous[:, :2] / homogeneous[:, 2:])
    close(depth, points[:, 2])


def test_axes_point_right_down_and_forward() -> None:
    pixels, _ = cameras.project(torch.tensor([[0.0, 0, 1], [0.1, 0, 1], [0, 0.1, 1]], dtype=torch.float64), INTRINSICS)
    close(pixels[0], INTRINSICS[2:])
    assert pixels[1, 0] > pixels[0, 0] and pixels[1, 1] == pixels[0, 1]
    assert pixels[2, 1] > pixels[0, 1] and pixels[2, 0] == pixels[0, 0]


def test_points_behind_the_camera_stay_finite_and_are_not_inside() -> None:
    points = torch.tensor([[0.0, 0, -1], [0.3, 0.1, 0], [0, 0, 1]], requires_grad=True)
    pixels, depth = cameras.project(points, INTRINSICS.float())
    pixels.sum().backward()
    assert pixels.isfinite().all() and points.grad is not None and points.grad.isfinite().all()
    assert cameras.inside(pixels, depth, 24, 32).tolist() == [False, False, True]


def test_inside_counts_whole_pixels() -> None:
    pixels = torch.tensor([[-0.5, 0], [-0.51, 0], [31.49, 23.49], [31.5, 0], [0, 23.5]])
    assert cameras.inside(pixels, torch.ones(5), 24, 32).tolist() == [True, False, True, False, False]


def test_project_undoes_unproject() -> None:
    depth = depth_image()
    points = cameras.unproject(depth, INTRINSICS)
    pixels, ahead = cameras.project(points.flatten(0, 1), INTRINSICS)
    close(pixels.view(24, 32, 2), pixel_grid(24, 32))
    close(ahead.view(24, 32), depth)


def test_missing_depth_unprojects_to_the_camera() -> None:
    close(cameras.unproject(torch.zeros(4, 5, dtype=torch.float64), INTRINSICS), torch.zeros(4, 5, 3, dtype=torch.float64))


def test_world_points_and_back() -> None:
    depth, place = depth_image(), pose((0.3, -0.2, 1.0), (0.4, -0.8, 0.2))
    points = cameras.world_points(depth, INTRINSICS, place)
    pixels, ahead = cameras.project_world(points.flatten(0, 1), INTRINSICS, place)
    close(pixels.view(24, 32, 2), pixel_grid(24, 32))
    close(ahead.view(24, 32), depth)


def test_derivatives_agree_with_finite_differences() -> None:
    depth, intrinsics = depth_image(2, 3).requires_grad_(), INTRINSICS.clone().requires_grad_()
    place = pose((0.3, -0.2, 1.0), (0.4, -0.8, 0.2)).requires_grad_()
    assert torch.autograd.gradcheck(cameras.world_points, (depth, intrinsics, place))
    points = torch.tensor([[0.1, 0.2, 0.8], [-0.3, 0.1, 1.2]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, i: cameras.project(p, i)[0], (points, intrinsics))


def test_leading_dimensions() -> None:
    depth = torch.stack([depth_image(6, 8, seed) for seed in range(6)]).view(2, 3, 6, 8)
    intrinsics = INTRINSICS + torch.arange(6, dtype=torch.float64).view(2, 3, 1)
    places = se3.exp(torch.randn(2, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.1)
    batched = cameras.world_points(depth, intrinsics, places)
    flow, known = cameras.optical_flow(depth, intrinsics, places, IDENTITY)
    for i in range(2):
        for j in range(3):
            close(batched[i, j], cameras.world_points(depth[i, j], intrinsics[i, j], places[i, j]))
            one, where = cameras.optical_flow(depth[i, j], intrinsics[i, j], places[i, j], IDENTITY)
            close(flow[i, j], one)
            assert torch.equal(known[i, j], where)


# -- optical flow --------------------------------------------------------------------------------------------------------------


def test_flow_of_a_still_camera_is_zero() -> None:
    place = pose((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    flow, known = cameras.optical_flow(depth_image(), INTRINSICS, place, place)
    close(flow, torch.zeros(24, 32, 2, dtype=torch.float64))
    assert known.all()


def test_flow_of_a_sideways_step_is_parallax() -> None:
    """Moving right by b shifts a pixel left by fx b / depth."""
    depth = depth_image()
    flow, known = cameras.optical_flow(depth, INTRINSICS, IDENTITY, pose((0.02, 0, 0), (0, 0, 0)))
    expected = torch.stack([-60 * 0.02 / depth, torch.zeros_like(depth)], -1)
    close(flow[known], expected[known])
    column = pixel_grid(24, 32)[..., 0]
    assert torch.equal(known, column + expected[..., 0] >= -0.5)


def test_flow_of_a_forward_step_expands_from_the_principal_point() -> None:
    depth = depth_image()
    flow, known = cameras.optical_flow(depth, INTRINSICS, IDENTITY, pose((0, 0, 0.1), (0, 0, 0)))
    expected = (pixel_grid(24, 32) - INTRINSICS[2:]) * (depth / (depth - 0.1) - 1)[..., None]
    close(flow[known], expected[known])
    assert 0 < known.sum() < known.numel()


def test_flow_of_a_pure_turn_does_not_depend_on_depth() -> None:
    turn = pose((0, 0, 0), (0.05, -0.04, 0.1))
    homography = camera_matrix(INTRINSICS) @ turn[:3, :3].T @ torch.linalg.inv(camera_matrix(INTRINSICS))
    grid = pixel_grid(24, 32)
    moved = torch.cat([grid, torch.ones(24, 32, 1, dtype=torch.float64)], -1) @ homography.T
    expected = moved[..., :2] / moved[..., 2:] - grid
    for seed in (0, 1):
        flow, known = cameras.optical_flow(depth_image(seed=seed), INTRINSICS, IDENTITY, turn)
        close(flow[known], expected[known])


def test_flow_agrees_with_one_pixel_at_a_time() -> None:
    depth, first, second = depth_image(5, 6), pose((0.1, 0.0, 0.2), (0.1, 0.2, -0.1)), pose((0.12, 0.01, 0.15), (0.1, 0.25, -0.1))
    depth[2, 3] = 0
    flow, known = cameras.optical_flow(depth, INTRINSICS, first, second)
    fx, fy, cx, cy = INTRINSICS.tolist()
    for row in range(5):
        for column in range(6):
            z = depth[row, column].item()
            point = torch.tensor([(column - cx) / fx * z, (row - cy) / fy * z, z, 1], dtype=torch.float64)
            x, y, ahead, _ = (torch.linalg.inv(second) @ first @ point).tolist()
            end = (fx * x / ahead + cx, fy * y / ahead + cy) if z else (math.inf, math.inf)
            visible = -0.5 <= end[0] < 5.5 and -0.5 <= end[1] < 4.5
            assert bool(known[row, column]) == visible
            expected = (end[0] - column, end[1] - row) if visible else (0.0, 0.0)
            close(flow[row, column], torch.tensor(expected, dtype=torch.float64))


def test_flow_gradients_are_finite_with_missing_depth() -> None:
    depth = depth_image()
    depth[::3] = 0
    depth.requires_grad_()
    second = pose((0, 0, 0.9), (0, 0, 0)).requires_grad_()  # some points end up behind the camera
    flow, known = cameras.optical_flow(depth, INTRINSICS, IDENTITY, second)
    flow.sum().backward()
    assert not known[::3].any()
    assert depth.grad is not None and depth.grad.isfinite().all()
    assert second.grad is not None and second.grad.isfinite().all()


# -- a real camera -------------------------------------------------------------------------------------------------------------


def shelf_depth(folder: Path, view: int) -> Tensor:
    """Depth in metres "h w". The file holds 0.1 mm with its 16 bits rotated by three places."""
    image = pytest.importorskip("PIL.Image", reason="reading png files needs pillow")
    with image.open(folder / f"frame-{view:06d}.depth.png") as opened:
        stored = np.asarray(opened).astype(np.uint32)
    return torch.from_numpy((((stored >> 3) | (stored << 13)) & 0xFFFF).astype(np.float64) * 1e-4)


def shelf_matrix(text: str, title: str) -> Tensor:
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if title in line) + 1
    rows = [line.split() for line in lines[start : start + 4] if line.strip()]
    return torch.tensor([[float(number) for number in row] for row in rows], dtype=torch.float64)


def test_views_of_a_real_shelf_agree() -> None:
    """View 0, lifted to the world and looked at from view 1, has the depth that view 1 measured at the nearest pixel (3.8 mm, 85 % below 10 mm)."""
    folder = real_data.folder("apc_rgbd_multiview") / "scene-0000"
    text = (folder / "cam.info.txt").read_text()
    matrix = shelf_matrix(text, "Color camera intrinsic")
    intrinsics = torch.stack([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])
    first, second = (shelf_matrix(text, f"frame-{view:06d}") for view in (0, 1))
    depth, measured = shelf_depth(folder, 0), shelf_depth(folder, 1)

    points = cameras.world_points(depth, intrinsics, first)[depth > 0]
    pixels, ahead = cameras.project_world(points, intrinsics, second)
    column, row = pixels[cameras.inside(pixels, ahead, *measured.shape)].round().long().unbind(-1)
    ahead = ahead[cameras.inside(pixels, ahead, *measured.shape)]
    there = measured[row, column]
    error = (there - ahead).abs()[there > 0]

    assert 0.2 < (depth > 0).double().mean() < 0.3
    assert error.numel() > 30_000
    assert error.median() < 0.0045
    assert (error < 0.01).double().mean() > 0.83
    flow, known = cameras.optical_flow(depth, intrinsics, first, second)
    rows, columns = known.nonzero().unbind(-1)
    landed = torch.stack([columns, rows], -1) + flow[known]
    close(landed, pixels[cameras.inside(pixels, cameras.project_world(points, intrinsics, second)[1], *measured.shape)], 1e-6)
