"""Picture metrics against pixel-by-pixel formulas."""

import math

import pytest
import torch

from wam.evaluate.metrics import moving_pixels, psnr, squared_error, ssim


def brute_ssim(a, b):
    """Of two pictures "h w", one pixel and one window entry at a time."""
    high, wide = a.shape
    out = torch.zeros_like(a)
    for i in range(high):
        for j in range(wide):
            near = [(y, x) for y in range(i - 5, i + 6) for x in range(j - 5, j + 6) if 0 <= y < high and 0 <= x < wide]
            weights = [math.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * 1.5**2)) for y, x in near]
            total = sum(weights)
            mean_a = sum(w * float(a[p]) for w, p in zip(weights, near, strict=True)) / total
            mean_b = sum(w * float(b[p]) for w, p in zip(weights, near, strict=True)) / total
            var_a = sum(w * (float(a[p]) - mean_a) ** 2 for w, p in zip(weights, near, strict=True)) / total
            var_b = sum(w * (float(b[p]) - mean_b) ** 2 for w, p in zip(weights, near, strict=True)) / total
            both = sum(w * (float(a[p]) - mean_a) * (float(b[p]) - mean_b) for w, p in zip(weights, near, strict=True)) / total
            c1, c2 = 0.01**2, 0.03**2
            out[i, j] = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return out


@pytest.mark.parametrize("size", [(13, 17), (6, 5)])
def test_ssim_is_the_formula(size):
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(1, 1, 1, *size, generator=generator, dtype=torch.float64)
    b = (a + 0.3 * torch.randn(a.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    assert torch.allclose(ssim(a, b)[0, 0], brute_ssim(a[0, 0, 0], b[0, 0, 0]), atol=1e-10)


def test_ssim_properties():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 2, 3, 3, 16, 20, generator=generator)
    assert ssim(a, a).shape == (2, 3, 16, 20) and torch.allclose(ssim(a, a), torch.ones(2, 3, 16, 20), atol=1e-4)
    assert torch.allclose(ssim(a, b), ssim(b, a), atol=1e-5)
    assert float(ssim(a, b).mean()) < 0.2
    rows = ssim(a, b)[1:]
    assert torch.allclose(rows, ssim(a[1:], b[1:]), atol=1e-6)  # rows do not mix


def test_psnr_of_a_known_error():
    truth = torch.full((1, 1, 3, 4, 4), 0.5)
    error = squared_error(truth + 0.1, truth)
    assert psnr(error.mean()) == pytest.approx(20.0, abs=1e-4)
    assert psnr(torch.tensor(0.0)) == 100


def test_bytes_and_floats_agree():
    frames = torch.randint(256, (2, 1, 2, 3, 8, 8), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    assert torch.allclose(squared_error(*frames), squared_error(*(frames / 255)), atol=1e-7)


def test_moving_pixels_are_dilated_by_one():
    last = torch.full((1, 3, 9, 9), 0.5)
    truth = last[:, None].repeat(1, 2, 1, 1, 1)
    truth[0, 1, 2, 4, 4] += 0.06  # one channel is enough
    truth[0, 1, :, 0, 0] += 0.04  # too little
    moved = moving_pixels(truth, last)
    assert not moved[0, 0].any()
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[3:6, 3:6] = True
    assert torch.equal(moved[0, 1], expected)
