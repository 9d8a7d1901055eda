"""Pictures against brute force: every pixel sampled many times."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.push.worlds import FULL, started
from wam.sim.worlds.push import PushConfig, looks
from wam.sim.worlds.push.picture import VIEW, picture
from wam.sim.worlds.push.scene import Scene

FINE = 8  # samples per pixel and axis


def owner(scene: Scene, pose: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which body of the first table lies at each place, the upper one; -1 = none."""
    found = torch.full(x.shape, -1)
    for body in range(pose.shape[1]):
        px, py, angle = pose[0, body]
        u, v = (x - px) * angle.cos() + (y - py) * angle.sin(), (y - py) * angle.cos() - (x - px) * angle.sin()
        half, radius = scene.parameters.half[0, body], scene.parameters.radius[0, body]
        away = ((u.abs() - half[0]).clamp(min=0) ** 2 + (v.abs() - half[1]).clamp(min=0) ** 2).sqrt()
        found[away <= radius] = body
    return found


@pytest.mark.parametrize("size", [32, 64])
def test_bodies_are_drawn_where_they_are(size: int) -> None:
    """Anti-aliased edges differ from exact coverage by what corners and curvature do within a pixel."""
    for seed in range(4):
        world = started(dataclasses.replace(FULL, size=size), 1, seed)
        now = world.moment
        line = ((torch.arange(size * FINE) + 0.5) / (size * FINE) * 2 - 1) * VIEW
        y, x = torch.meshgrid(line.flip(0), line, indexing="ij")
        label = owner(now.scene, now.state.pose, x, y).view(size, FINE, size, FINE).permute(0, 2, 1, 3).flatten(2)
        colours = now.colours[0][label.clamp(min=0)].permute(3, 0, 1, 2)
        exact = torch.where(label == -1, now.base[0].float()[..., None], colours).mean(-1)
        drawn = picture(world.brush, now.base, now.state.pose, now.scene, now.colours)[0].float()
        assert (drawn - exact).abs().max() < 40 and (drawn - exact).abs().mean() < 0.5


def test_up_is_up_and_right_is_right() -> None:
    world = started(PushConfig(), 1)
    now = world.moment
    pose = torch.tensor([[[-0.3, 0.2, 0.0], [0.3, -0.3, 0.0]]])
    image = picture(world.brush, now.base, pose, now.scene, now.colours)[0].float()
    red = 255 * torch.tensor(looks.OBJECT_RGB[0])[:, None, None]
    row, column = divmod(int((image - red).abs().sum(0).argmin()), 32)
    assert row < 12 and column < 10


def test_frames_repeat_what_was_shown_and_only_bodies_change() -> None:
    world = started(FULL, 3)
    first, _ = world.reset(torch.zeros(3, dtype=torch.bool), torch.arange(3))
    moved = world.step(world.spec.acts.sample(3, 4)).observation.rgb["top"][:, -1]
    still = (first.rgb["top"][:, 0] == moved).all(1)
    assert still.float().mean() > 0.8
    assert first.rgb["top"].dtype == torch.uint8


def test_colours_are_far_apart() -> None:
    """Every two things that must be told apart differ by a fifth of the range in some channel, on every background."""
    things = torch.tensor([*looks.OBJECT_RGB, looks.PUSHER_RGB, looks.WALL_RGB])
    tables = torch.tensor([rgb for look in looks.BACKGROUNDS for rgb in (look.first, look.second)])
    between = torch.cdist(things, torch.cat([things, tables]), p=float("inf"))
    between[torch.arange(len(things)), torch.arange(len(things))] = 1
    assert between.min() > 0.2
