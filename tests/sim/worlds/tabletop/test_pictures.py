"""Pictures against geometry: depth, segmentation and poses agree with where things are."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.tabletop.tables import FULL, needs_pictures, started
from wam.world.geometry import cameras

CLEAR = dataclasses.replace(FULL, tasks=("push",), size=96, varied_looks=False)


@pytest.fixture(autouse=True)
def pictures() -> None:
    needs_pictures()


def test_depth_and_poses_put_each_thing_where_it_is() -> None:
    """Pixels that show a thing, taken into the world by depth, intrinsics and pose, lie within the thing."""
    world = started(CLEAR, 2)
    seen, _ = world.reset(torch.zeros(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64))
    known = world.truth()
    checked = 0
    for name, camera in world.spec.observes.cameras.items():
        lens = torch.tensor(camera.intrinsics)
        for index, row in enumerate(world.rows):
            places = cameras.world_points(seen.depth[name][index, 0, 0], lens, seen.camera_pose[name][index, 0])
            labels = known.segmentation[name][index, 0]
            for thing, shape in enumerate(row.scene.things):
                mine = places[labels == thing]
                if len(mine) < 4:
                    continue
                apart = (mine - known.pose[index, 0, thing, :3]).norm(dim=-1)
                reach = sum(half**2 for half in shape.half) ** 0.5
                assert apart.max() < reach + 0.004
                checked += 1
            table = places[(labels == -1) & (places[..., 2].abs() < 0.004)]
            assert len(table) > 400 or name == "wrist"
    assert checked > 12


def test_the_middle_of_a_thing_is_drawn_where_the_camera_model_says() -> None:
    world = started(dataclasses.replace(CLEAR, cameras=("free",)), 1)
    known, camera = world.truth(), world.spec.observes.cameras["free"]
    seen, _ = world.reset(torch.tensor([False]), torch.tensor([0]))
    found, depth = cameras.project_world(known.pose[0, 0, :4, :3], torch.tensor(camera.intrinsics), seen.camera_pose["free"][0, 0])
    labels = known.segmentation["free"][0, 0]
    assert bool((depth > 0.5).all())
    for thing in range(2):  # blocks are full; cups are hollow
        rows, columns = (labels == thing).nonzero().unbind(1)
        middle = torch.stack([columns.float().mean(), rows.float().mean()])
        assert (middle - found[thing]).norm() < 2.5


def test_a_goal_image_shows_the_thing_at_its_goal_and_only_that_moves() -> None:
    world = started(dataclasses.replace(CLEAR, cameras=("free",)), 3)
    seen, task = world.reset(torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.int64))
    assert torch.equal(task.goal.proprio, seen.proprio)
    changed = (task.goal.rgb["free"].int() - seen.rgb["free"].int()).abs().sum(2) > 60
    share = changed.float().mean((1, 2, 3))
    assert bool(((share > 0.0005) & (share < 0.05)).all())


def test_looks_vary_only_where_asked() -> None:
    plain = started(dataclasses.replace(CLEAR, cameras=("front",)), 2)
    varied = started(dataclasses.replace(CLEAR, cameras=("front",), varied_looks=True), 2)
    corner = [
        world.reset(torch.zeros(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64))[0].rgb["front"][:, 0, :, -2, 2].int() for world in (plain, varied)
    ]
    assert torch.equal(corner[0][0], corner[0][1]) and not torch.equal(corner[1][0], corner[1][1])
