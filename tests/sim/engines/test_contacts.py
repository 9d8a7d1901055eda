"""Distances between rounded boxes against their sampled outlines."""

import math

import torch

from wam.sim.engines import contacts


def outline(pose: torch.Tensor, half: torch.Tensor, radius: torch.Tensor, count: int = 800) -> torch.Tensor:
    """Points on the outline: corner arcs and straight sides."""
    angle = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
    way = torch.stack([angle.cos(), angle.sin()], 1)
    line = torch.linspace(-1, 1, count // 4, dtype=torch.float64)
    flat, edge = half[0] * line, half[1] * line
    sides = [torch.stack([flat, torch.full_like(flat, float(sign * (half[1] + radius)))], 1) for sign in (-1, 1)]
    sides += [torch.stack([torch.full_like(edge, float(sign * (half[0] + radius))), edge], 1) for sign in (-1, 1)]
    points = torch.cat([half * way.sign() + radius * way, *sides])
    c, s = pose[2].cos(), pose[2].sin()
    return points @ torch.stack([torch.stack([c, s]), torch.stack([-s, c])]) + pose[:2]


def test_gaps_match_the_distance_of_outlines() -> None:
    generator = torch.Generator().manual_seed(0)
    half = torch.tensor([[0.07, 0.05], [0.0, 0.0], [0.04, 0.09]], dtype=torch.float64)
    radius = torch.tensor([0.01, 0.08, 0.02], dtype=torch.float64)
    place = torch.tensor([[-0.2, 0.0, 0.0], [0.0, 0.15, 0.0], [0.17, -0.05, 0.0]], dtype=torch.float64)
    for _ in range(20):
        pose = place + torch.randn(3, 3, generator=generator, dtype=torch.float64) * torch.tensor([0.02, 0.02, 1.0])
        gaps = contacts.gaps(pose[None], half[None], radius[None])[0]
        lines = [outline(pose[body], half[body], radius[body]) for body in range(3)]
        for gap, (one, two) in zip(gaps, ((0, 1), (0, 2), (1, 2)), strict=True):
            distance = torch.cdist(lines[one], lines[two]).min()
            assert abs(float(gap - distance)) < 5e-4 or float(gap) < 0


def test_overlapping_discs_have_a_negative_gap() -> None:
    pose = torch.tensor([[[0.0, 0.0, 0.3], [0.1, 0.0, -1.0]]])
    gaps = contacts.gaps(pose, torch.zeros(1, 2, 2), torch.full((1, 2), 0.08))
    assert torch.allclose(gaps, torch.tensor([[-0.06]]), atol=1e-6)
