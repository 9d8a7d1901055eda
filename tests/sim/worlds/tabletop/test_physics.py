"""Physics and truth against what one can work out by hand."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from tests.sim.worlds.tabletop.tables import BLIND, FULL, THINGS, actions, started
from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import Expert, mjcf, tasks, truth
from wam.sim.worlds.tabletop.config import HELD_OUT, TASKS, TabletopConfig
from wam.sim.worlds.tabletop.draw import draw
from wam.sim.worlds.tabletop.motions import spot_in_sink
from wam.sim.worlds.tabletop.row import Row, reacher, turned
from wam.sim.worlds.tabletop.scene import CABINET, SINK, Gripper
from wam.sim.worlds.tabletop.words import ATOMS, NAMES, SENTENCES


@pytest.mark.parametrize("place", [(-0.12, 0.0, 0.22), (0.2, 0.45, 0.02), (-0.17, 0.1, 0.01), (0.0, -0.45, 0.15)])
@pytest.mark.parametrize("yaw", [-1.5, 0.0, 1.2])
def test_inverse_kinematics_reach_a_place_within_the_limits(place: tuple[float, ...], yaw: float) -> None:
    arm = reacher(Gripper())
    joints = np.array([0.0, 0.3, 1.8, 0.0, 1.0, 0.0])
    for _ in range(20):
        joints = arm.toward(joints, np.array(place), turned(yaw))
    here, rotation = arm.pose(joints)
    assert np.abs(here - place).max() < 1e-4 and np.abs(rotation - turned(yaw)).max() < 1e-3
    assert (joints >= arm.low).all() and (joints <= arm.high).all()


def test_the_jacobian_step_goes_where_finite_differences_say() -> None:
    arm = engine.Reacher(engine.compiled(mjcf.arm_model(Gripper())), "tip", iterations=1, damping=1e-4)
    joints = np.array([0.3, 0.4, 1.7, 0.1, 1.0, 0.2])
    here, rotation = arm.pose(joints)
    wish = np.array([1e-4, -2e-4, 5e-5])
    moved, same = arm.pose(arm.toward(joints, here + wish, rotation))
    assert np.abs(moved - here - wish).max() < 1e-7 and np.abs(same - rotation).max() < 1e-6


def test_actions_move_the_tips_by_what_they_say() -> None:
    world = started(BLIND, 1)
    before = world.rows[0].tip
    world.step(actions([(0.03, -0.02, -0.01, 0.1, 1)] * 4 + [(0, 0, 0, 0, 1)] * 5))
    assert np.abs(world.rows[0].tip - before - [0.12, -0.08, -0.04]).max() < 0.004
    assert abs(world.rows[0].yaw - 0.4) < 0.01 and world.rows[0].opening > 0.95


def test_nothing_moves_by_itself() -> None:
    world = started(dataclasses.replace(THINGS["clear"], blocks=2, dishes=2), 4)
    before = world.truth().pose
    world.step(actions([(0, 0, 0, 0, 1)] * 10, 4))
    assert (world.truth().pose - before)[..., :3].abs().max() < 0.002


def slide(mass: float, friction: float) -> float:
    """How far a block slides that starts at 1 m/s, alone on the table."""
    scene = draw(BLIND, 0)
    block = dataclasses.replace(scene.things[0], mass=mass, friction=friction, outline="box", half=(0.03, 0.03, 0.01), place=(-0.2, 0.0), yaw=0.0)
    row = Row(dataclasses.replace(scene, things=(block,), tip=(-0.1, 0.3, 0.25)), BLIND)
    for _ in range(2):
        row.step(np.array([0, 0, 0, 0, 1.0]))
    row.data.qvel[row.model.jnt_dofadr[row.model.body_jntadr[row.bodies[0]]]] = 1.0
    start = row.position(0)[0]
    for _ in range(15):
        row.step(np.array([0, 0, 0, 0, 1.0]))
    return float(row.position(0)[0] - start)


def test_a_block_slides_as_far_as_coulomb_says_whatever_its_mass() -> None:
    """v^2 / (2 mu g), less half a substep for semi-implicit Euler. The thing's friction counts."""
    light, heavy, smooth = slide(0.05, 0.6), slide(0.2, 0.6), slide(0.05, 0.4)
    assert light == pytest.approx(1 / (2 * 0.6 * 9.81) - mjcf.SUBSTEP / 2, rel=0.08)
    assert heavy == pytest.approx(light, rel=0.05)
    assert smooth == pytest.approx(1 / (2 * 0.4 * 9.81) - mjcf.SUBSTEP / 2, rel=0.08)


def test_facts_follow_where_things_are_put() -> None:
    world = started(dataclasses.replace(THINGS["stack"], dishes=1, zones=1), 1)
    row = world.rows[0]
    names = [NAMES[thing.name] for thing in row.scene.things]

    def holds(atom: str) -> bool:
        return bool(truth.facts(row)[ATOMS.index(atom)])

    def put(thing: int, place: tuple[float, float, float]) -> None:
        start = row.thing_at(thing)
        row.data.qpos[start : start + 7] = [*place, 1, 0, 0, 0]
        row.refresh()

    assert all(holds(f"on({name}, table)") for name in names) and holds("closed(drawer)") and not holds("open(drawer)")
    put(2, tuple(spot_in_sink(row, 2)))
    assert holds(f"in({names[2]}, sink)") and not holds(f"on({names[2]}, table)")
    heights = [thing.half[2] for thing in row.scene.things]
    x, y = row.position(1)[:2]
    put(1, (x, y, heights[1]))
    put(0, (x, y, 2 * heights[1] + heights[0] - 0.0002))
    assert holds(f"on({names[0]}, {names[1]})") and holds(f"touching({min(names[:2], key=NAMES.index)}, {max(names[:2], key=NAMES.index)})")
    assert tasks.solved(row) == (row.scene.errand.thing == 0)
    row.data.qpos[row.drawer_at] = 0.17
    put(0, (CABINET[0] - 0.17, CABINET[1], 0.008 + heights[0]))
    assert holds(f"in({names[0]}, drawer)") and holds("open(drawer)")
    put(0, (CABINET[0], CABINET[1], 0.2))
    assert not holds(f"in({names[0]}, drawer)")
    put(1, (*row.scene.zones[0].place, heights[1]))
    assert truth.in_zone(row, 1, 0)


@pytest.mark.parametrize("task", TASKS)
def test_the_goal_solves_the_task_and_looking_at_it_changes_nothing(task: str) -> None:
    world = started(THINGS[task], 3)
    for row in world.rows:
        before = row.save()
        assert not tasks.solved(row) and tasks.remaining(row) > 0.02
        tasks.show_goal(row)
        assert tasks.remaining(row) < 1e-6
        for _ in range(3):
            row.step(np.array([0, 0, 0, 0, 1.0]))
        assert tasks.solved(row)
        row.restore(before)
        after = row.save()
        assert all(np.array_equal(one, two) for one, two in zip(vars(after.coordinates).values(), vars(before.coordinates).values(), strict=True))


def test_instructions_name_the_errand() -> None:
    world = started(THINGS["push"], 4)
    _, task = world.reset(torch.zeros(4, dtype=torch.bool), torch.zeros(4, dtype=torch.int64))
    for row, index in zip(world.rows, task.instruction.tolist(), strict=True):
        name = NAMES[row.scene.things[row.scene.errand.thing].name]
        assert name in SENTENCES[index] and SENTENCES[index].startswith("push the ")


def test_tracked_points_keep_their_distances_and_hidden_ones_are_known() -> None:
    world = started(THINGS["sink"], 1)
    row = world.rows[0]
    points, visible = truth.tracks(row, "front")
    assert points.shape == (5 * len(row.scene.things) + 1, 3)
    half = row.scene.things[0].half
    assert np.linalg.norm(points[1] - points[2]) == pytest.approx(1.4 * half[0], abs=1e-9)
    assert visible[0]
    start = row.thing_at(0)
    row.data.qpos[start : start + 3] = [CABINET[0], CABINET[1], 0.03]
    row.refresh()
    assert not truth.tracks(row, "front")[1][:5].any()  # in the closed drawer


def test_splits_hold_out_what_they_say() -> None:
    train, held = TabletopConfig(blocks=2, dishes=2), TabletopConfig(blocks=2, dishes=2, split="colours")
    for seed in range(12):
        usual, other = draw(train, seed), draw(held, seed)
        assert not any(tuple(NAMES[thing.name].split()) in HELD_OUT for thing in usual.things)
        assert all(tuple(NAMES[thing.name].split()) in HELD_OUT for thing in other.things)
        assert len({thing.colour for thing in other.things}) == 4
        shapes = draw(dataclasses.replace(train, split="shapes"), seed)
        assert {thing.outline for thing in usual.things[:2]} == {"box"} and all(
            thing.half not in [one.half for one in usual.things] for thing in shapes.things[:2]
        )
        heavy = draw(dataclasses.replace(train, split="dynamics"), seed)
        assert min(thing.mass for thing in heavy.things) > 0.15 > max(thing.mass for thing in draw(FULL, seed).things)
        assert len(draw(dataclasses.replace(train, split="clutter"), seed).things) == 6
    assert draw(dataclasses.replace(train, split="gripper"), 0).gripper != draw(train, 0).gripper


def test_things_start_apart_and_beside_the_zones() -> None:
    for seed in range(30):
        scene = draw(dataclasses.replace(FULL, zones=1), seed)
        for index, thing in enumerate(scene.things):
            for other in scene.things[:index]:
                assert math.dist(thing.place, other.place) > max(thing.half[:2]) + max(other.half[:2])
            assert max(abs(a - b) for a, b in zip(thing.place, SINK, strict=True)) > 0.12


GRAVITY = 9.81  # m/s2


def test_the_table_carries_what_stands_on_it() -> None:
    world = started(dataclasses.replace(THINGS["clear"], blocks=2, dishes=2, varied_dynamics=True), 2)
    world.step(actions([(0, 0, 0, 0, 1)] * 5, 2))
    found = world.truth().contacts
    for index, row in enumerate(world.rows):
        for thing, shape in enumerate(row.scene.things):
            under = (found.bodies[index, 0] == torch.tensor([-1, thing])).all(1)
            assert bool(found.valid[index, 0, under]) and found.force[index, 0, under, 2].item() == pytest.approx(shape.mass * GRAVITY, rel=0.02)
            assert (found.xyz[index, 0, under, :2] - torch.tensor(row.position(thing)[:2])).abs().max() < 0.005
            assert abs(float(found.xyz[index, 0, under, 2])) < 0.002
        assert found.valid[index].sum() == 4  # nothing else touches


def test_the_fingers_carry_what_they_hold_and_press_from_both_sides() -> None:
    world = started(THINGS["sink"], 1)
    expert = Expert(world)
    memory = expert.begin(1, None)
    row = world.rows[0]
    while not (row.held() and row.position(row.scene.errand.thing)[2] > 0.1):
        memory, action = expert.act(memory, None)
        world.step(action)
    world.step(actions([(0, 0, 0, 0, 0)] * 10))
    thing, gripper = row.scene.errand.thing, len(row.scene.things) + 1
    found = world.truth().contacts
    between = (found.bodies[0, 0] == torch.tensor([thing, gripper])).all(1)
    force = found.force[0, 0, between][0]  # of the thing on the fingers: both sides cancel, its weight is left
    weight = row.scene.things[thing].mass * GRAVITY
    assert found.valid[0, 0, between].all() and not found.valid[0, 0, (found.bodies[0, 0] == torch.tensor([-1, thing])).all(1)].any()
    assert float(force[2]) == pytest.approx(-weight, rel=0.05) and force[:2].abs().max() < 0.3 * weight
    assert (found.xyz[0, 0, between][0] - torch.tensor(row.tip)).norm() < 0.03


def test_a_thing_to_be_fetched_starts_in_the_closed_drawer_and_stays_there() -> None:
    world = started(THINGS["fetch"], 4)
    for _ in range(2):
        for row in world.rows:
            assert truth.in_drawer(row, row.scene.errand.thing) and row.drawer < 1e-3
        world.step(actions([(0, 0, 0, 0, 1)] * 5, 4))


def test_a_tower_counts_in_any_order_and_only_as_one() -> None:
    row = started(THINGS["tower"], 1).rows[0]
    heights = [thing.half[2] for thing in row.scene.things]

    def put(thing: int, place: tuple[float, float, float]) -> None:
        start = row.thing_at(thing)
        row.data.qpos[start : start + 3] = place
        row.refresh()

    put(2, (0.0, 0.0, heights[2]))
    put(0, (0.0, 0.0, 2 * heights[2] + heights[0] - 1e-4))
    assert not tasks.solved(row)
    put(1, (0.0, 0.0, 2 * heights[2] + 2 * heights[0] + heights[1] - 2e-4))
    assert tasks.solved(row) and tasks.tower(row) == [0, 1]
    put(1, (0.1, 0.1, heights[1]))
    assert not tasks.solved(row)
