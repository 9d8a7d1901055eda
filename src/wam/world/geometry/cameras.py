"""Pinhole cameras after OpenCV: x right, y down, z forward; `intrinsics` "... 4" are fx, fy, cx, cy in pixels.

Pixel coordinates are (column, row) with whole numbers at pixel centres, so the image spans -0.5 .. width - 0.5. Depth is the
z coordinate in metres, not the length of the ray; 0 means missing. Knows no lens distortion and no occlusion.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.world.geometry import se3

NEAR = 1e-6  # m, points closer to the camera plane have no picture


def project(points: Float[Tensor, "... n 3"], intrinsics: Float[Tensor, "... 4"]) -> tuple[Float[Tensor, "... n 2"], Float[Tensor, "... n"]]:
    """Points in the camera frame -> (pixels, depth in m). Where depth is not positive the pixel is finite and means nothing."""
    depth = points[..., 2]
    before = torch.where(depth > NEAR, depth, 1)
    focal, centre = intrinsics[..., None, :2], intrinsics[..., None, 2:]
    return points[..., :2] / before[..., None] * focal + centre, depth


def unproject(depth: Float[Tensor, "... h w"], intrinsics: Float[Tensor, "... 4"]) -> Float[Tensor, "... h w 3"]:
    """A depth image -> points in the camera frame (m). Missing depth gives the camera's own place, (0, 0, 0)."""
    height, width = depth.shape[-2:]
    row = torch.arange(height, dtype=depth.dtype, device=depth.device)[:, None]
    column = torch.arange(width, dtype=depth.dtype, device=depth.device)
    fx, fy, cx, cy = intrinsics[..., None, None].unbind(-3)
    return torch.stack(torch.broadcast_tensors((column - cx) / fx * depth, (row - cy) / fy * depth, depth), -1)


def world_points(depth: Float[Tensor, "... h w"], intrinsics: Float[Tensor, "... 4"], world_T_camera: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... h w 3"]:
    """A depth image -> points in the world (m). Where depth is 0 the point means nothing: mask with `depth > 0`."""
    points = se3.transform(world_T_camera, unproject(depth, intrinsics).flatten(-3, -2))
    return points.view(*points.shape[:-2], *depth.shape[-2:], 3)


def project_world(
    points: Float[Tensor, "... n 3"], intrinsics: Float[Tensor, "... 4"], world_T_camera: Float[Tensor, "... 4 4"]
) -> tuple[Float[Tensor, "... n 2"], Float[Tensor, "... n"]]:
    """Points in the world -> (pixels, depth in m), as `project`."""
    return project(se3.transform(se3.inverse(world_T_camera), points), intrinsics)


def inside(pixels: Float[Tensor, "... n 2"], depth: Float[Tensor, "... n"], height: int, width: int) -> Bool[Tensor, "... n"]:
    """Does the point lie before the camera and in the image?"""
    size = torch.tensor([width, height], dtype=pixels.dtype, device=pixels.device)
    return (depth > NEAR) & ((pixels >= -0.5) & (pixels < size - 0.5)).all(-1)


def optical_flow(
    depth: Float[Tensor, "... h w"],
    intrinsics: Float[Tensor, "... 4"],
    world_T_first: Float[Tensor, "... 4 4"],
    world_T_second: Float[Tensor, "... 4 4"],
) -> tuple[Float[Tensor, "... h w 2"], Bool[Tensor, "... h w"]]:
    """Where each pixel of a still scene goes when the camera moves from the first pose to the second.

    Returns the flow in pixels (columns, rows) and where it is known: depth present and the point inside the second image. The flow
    is 0 elsewhere. A point hidden by another in the second image still counts as known.
    """
    height, width = depth.shape[-2:]
    points = unproject(depth, intrinsics).flatten(-3, -2)
    start, _ = project(points, intrinsics)
    end, ahead = project(se3.transform(se3.relative(world_T_second, world_T_first), points), intrinsics)
    known = inside(end, ahead, height, width) & (depth > NEAR).flatten(-2)
    flow = torch.where(known[..., None], end - start, 0)
    return flow.view(*flow.shape[:-2], height, width, 2), known.view(*known.shape[:-1], height, width)
