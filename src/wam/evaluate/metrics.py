"""How far predicted pictures are from true ones: squared error, PSNR, SSIM, and where the picture moves.

Pictures are float 0..1 (or uint8, converted), time is axis 1. SSIM after Wang et al. (2004), "Image quality assessment: from
error visibility to structural similarity": Gaussian window of 11 pixels with sigma 1.5, constants 0.01 and 0.03, means and
variances weighted by the window. At the border the window is cut off and its weights are scaled up, so the map is as large
as the picture; other implementations crop or reflect instead.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from wam.world import to_float

MOVED = 0.05  # a pixel moves where a channel differs by more than this from the last frame seen
WINDOW, SIGMA = 11, 1.5
STABILISE_MEAN, STABILISE_VARIANCE = 0.01**2, 0.03**2
LEAST = 1e-10  # mean squared error: PSNR ends at 100 dB


def squared_error(prediction: Shaped[Tensor, "B H c h w"], truth: Shaped[Tensor, "B H c h w"]) -> Float[Tensor, "B H h w"]:
    """Per pixel, mean over channels."""
    return ((to_float(prediction) - to_float(truth)) ** 2).mean(2)


def psnr(mean_squared_error: Tensor) -> Tensor:
    """Decibels of mean squared errors of pictures 0..1, at most 100."""
    return -10 * mean_squared_error.clamp_min(LEAST).log10()


def moving_pixels(truth: Shaped[Tensor, "B H c h w"], last_seen: Shaped[Tensor, "B c h w"]) -> Bool[Tensor, "B H h w"]:
    """Where the truth differs from the last frame seen by more than 0.05 in some channel, and the pixels around that."""
    moved = (to_float(truth) - to_float(last_seen)[:, None]).abs().amax(2) > MOVED
    return F.max_pool2d(moved.float(), 3, stride=1, padding=1) > 0


def ssim(prediction: Shaped[Tensor, "B H c h w"], truth: Shaped[Tensor, "B H c h w"]) -> Float[Tensor, "B H h w"]:
    """Structural similarity per pixel, -1 .. 1, mean over channels."""
    a, b = to_float(prediction), to_float(truth)
    shape, a, b = a.shape, a.flatten(0, 2), b.flatten(0, 2)
    mean_a, mean_b, square_a, square_b, product = _blur(torch.cat([a, b, a * a, b * b, a * b])).chunk(5)
    variances = square_a - mean_a**2 + square_b - mean_b**2
    covariance = product - mean_a * mean_b
    means = (2 * mean_a * mean_b + STABILISE_MEAN) / (mean_a**2 + mean_b**2 + STABILISE_MEAN)
    return (means * (2 * covariance + STABILISE_VARIANCE) / (variances + STABILISE_VARIANCE)).view(shape).mean(2)


def _blur(x: Tensor) -> Tensor:
    """Weighted means around each pixel, "N h w": columns, then rows."""
    return _window(x.shape[-2], x) @ x @ _window(x.shape[-1], x).T


def _window(size: int, like: Tensor) -> Float[Tensor, "size size"]:
    """Weights of the pixels around each of a line; each row sums to 1."""
    place = torch.arange(size, dtype=like.dtype, device=like.device)
    apart = (place[:, None] - place).abs()
    weights = torch.exp(-(apart**2) / (2 * SIGMA**2)) * (apart <= WINDOW // 2)
    return weights / weights.sum(1, keepdim=True)
