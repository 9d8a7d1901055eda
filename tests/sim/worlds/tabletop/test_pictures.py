"""Pictures against geometry: depth, segmentation and poses agree with where things are."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.tabletop.tables import FULL, THINGS, needs_pictures, run, started
from wam.sim.worlds.tabletop import DriveToGoal, Expert, Play, TabletopWorld, tasks
from wam.sim.worlds.tabletop.scene import CABINET, SINK
from wam.world import Noise, SpecError
from wam.world.geometry import cameras, se3

CLEAR = dataclasses.replace(FULL, tasks=("push",), size=96, varied_looks=False, steered_camera=False)


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


def test_scene_flow_is_how_far_each_surface_point_moved() -> None:
    """Against the poses: points of a thing, in the thing's own frame before and after the step; what stands still has none."""
    config = dataclasses.replace(CLEAR, tasks=("sink",), cameras=("front", "wrist"), size=64, budget=None)
    world = TabletopWorld(1, config)
    expert, checked = Expert(world), set()
    world.reset(torch.tensor([True]), torch.tensor([2]))
    memory = expert.begin(1, None)
    before = world.truth()
    assert all(float(flow.abs().max()) == 0 for flow in before.scene_flow.values())
    for _ in range(45):
        memory, action = expert.act(memory, None)
        seen, known = world.step(action).observation, world.truth()
        for name, camera in world.spec.observes.cameras.items():
            flow, labels = known.scene_flow[name][0, 0], known.segmentation[name][0, 0]
            points = cameras.world_points(seen.depth[name][0, 0, 0], torch.tensor(camera.intrinsics), seen.camera_pose[name][0, 0])
            for body in range(len(world.spec.objects)):
                mine = labels == body
                if world.spec.objects[body] != "gripper" and bool(mine.any()):
                    was, now = (se3.pose_from_vector(one.pose[0, 0, body]) for one in (before, known))
                    moved = points[mine] - se3.transform(se3.compose(was, se3.inverse(now)), points[mine])
                    assert (flow[:, mine].T - moved).abs().max() < 1e-5
                    checked |= {body} if moved.norm(dim=-1).max() > 0.02 else set()
            still = (labels == -1) & (points[..., 2].abs() < 0.002)
            assert flow[:, still].abs().max() == 0
        before = known
    assert world.rows[0].scene.errand.thing in checked


def test_the_free_camera_goes_where_actions_send_it() -> None:
    world = TabletopWorld(2, dataclasses.replace(FULL, tasks=("push",), cameras=("front", "free"), size=64, varied_looks=False))
    world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    play, noise, start = Play(world), Noise.of(range(2)), world.free_cameras()
    memory = play.begin(2, None)
    for step in range(5):
        memory, action = play.act(memory, None, noise=noise.advance(step))
        outcome = world.step(action)
        seen = outcome.observation
        assert torch.allclose(seen.camera_pose["free"], action.camera, atol=1e-6)
    assert (world.free_cameras() - start).abs().amax((1, 2)).min() > 0.01
    lens = torch.tensor(world.spec.observes.cameras["free"].intrinsics)
    for index in range(2):  # seen from there, the table top lies where it is
        points = cameras.world_points(seen.depth["free"][index, 0, 0], lens, seen.camera_pose["free"][index, 0])
        assert (points[..., 2].abs() < 0.003).float().mean() > 0.2
    snapshot, shown = world.save(), seen.rgb["free"]
    world.step(dataclasses.replace(action, camera=start[:, None]))
    world.restore(snapshot)
    again = world.step(dataclasses.replace(action, valid=torch.zeros_like(action.valid))).observation  # nothing is done: the camera stays too
    assert torch.equal(again.rgb["free"], shown)


def test_a_camera_pose_that_is_none_is_refused() -> None:
    world = started(dataclasses.replace(FULL, cameras=("free",)), 1)
    action = world.spec.acts.sample(1, 1)
    for camera, words in ((None, "actions.camera of shape"), (2 * action.camera, "no rotation and place")):
        with pytest.raises(SpecError, match=words):
            world.step(dataclasses.replace(action, camera=camera))


def test_a_goal_image_can_show_the_arm_above_what_was_moved() -> None:
    world = TabletopWorld(3, dataclasses.replace(CLEAR, tasks=("push", "open", "close"), cameras=("front",), goal_arm="above", ask="goal_image", budget=None))
    seeds = torch.arange(3)
    _, task = world.reset(torch.ones(3, dtype=torch.bool), seeds)
    wanted = task.goal.proprio[:, 0, 6:9]
    assert (wanted[:, 2] - 0.17).abs().max() < 1e-3
    done = run(world, DriveToGoal(world), 30)
    assert (done.observation.proprio[:, -1, 6:9] - wanted).abs().max() < 0.01 and not done.success[:, -1].any()


def test_the_arm_is_shown_above_the_last_dish_where_no_drawer_is_moved() -> None:
    """The task `dishes` leaves the drawer closed as it was; `clear` ends at it."""
    for task, at in (("dishes", SINK), ("clear", CABINET)):
        world = TabletopWorld(2, dataclasses.replace(THINGS["dishes"], tasks=(task,), cameras=("front",), goal_arm="above", ask="goal_image"))
        _, asked = world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
        away = (asked.goal.proprio[:, 0, 6:8] - torch.tensor(at)).norm(dim=-1)
        assert away.max() < 0.2, task  # and 0.7 m from the other


def test_only_what_a_camera_s_picture_shows_counts_as_visible() -> None:
    """The wrist camera sees a part of the table; a point is visible where its pixel lies within the picture, and on its surface."""
    world = TabletopWorld(4, dataclasses.replace(FULL, tasks=("push",), cameras=("wrist", "front"), size=64, steered_camera=False))
    seen, _ = world.reset(torch.ones(4, dtype=torch.bool), torch.arange(4))
    found, lens = world.truth().tracks, torch.tensor(world.spec.observes.cameras["wrist"].intrinsics)
    pixels, away = cameras.project_world(found.xyz[:, 0], lens, seen.camera_pose["wrist"][:, 0])
    inside = cameras.inside(pixels, away, 64, 64)
    visible = found.visible[:, 0]
    assert not (visible & ~inside).any() and visible.any() and (~inside).any()


def test_goals_can_lie_some_steps_ahead_on_the_way_of_the_expert() -> None:
    """A row starts where the expert comes by, unsolved; the goal shows where the expert stands as many steps later, solved."""
    whole = dataclasses.replace(CLEAR, tasks=("push", "open", "close"), cameras=("front",), size=16, ask="goal_image", budget=60)
    world, offset = TabletopWorld(6, whole), 12
    way = run(world, Expert(world), 60, truth=True)
    apart = TabletopWorld(6, dataclasses.replace(whole, offset=offset, budget=None))
    first, task = apart.reset(torch.ones(6, dtype=torch.bool), torch.arange(6))
    assert not any(tasks.solved(row) for row in apart.rows) and apart.config.steps == 2 * offset
    for row in range(6):
        start, end = ((way.observation.proprio[row] - seen.proprio[row, 0]).norm(dim=-1).min(0) for seen in (first, task.goal))
        assert start.values < 1e-4 and end.values < 1e-4
        assert end.indices - start.indices >= offset and way.success[row, end.indices]
        assert way.success[row, start.indices + 1 : end.indices - offset + 1].all()  # further back only where it was solved already
    assert run(apart, Expert(apart), 2 * offset).success[:, -1].all()


def test_a_goal_image_can_be_as_far_off_as_the_whole_way() -> None:
    """Where the way is shorter than the offset, a row starts as it does without one."""
    plain = dataclasses.replace(CLEAR, tasks=("push",), cameras=("front",), size=16, ask="goal_image")
    seeds = torch.arange(2)
    seen, _ = TabletopWorld(2, plain).reset(torch.ones(2, dtype=torch.bool), seeds)
    far, task = TabletopWorld(2, dataclasses.replace(plain, offset=200)).reset(torch.ones(2, dtype=torch.bool), seeds)
    torch.testing.assert_close(far.proprio, seen.proprio)
    assert (task.goal.rgb["front"] != far.rgb["front"]).any()
    with pytest.raises(SpecError, match="offset=-1"):
        dataclasses.replace(plain, offset=-1)
    with pytest.raises(SpecError, match="goal_arm='above'"):
        dataclasses.replace(plain, offset=15, goal_arm="above")
