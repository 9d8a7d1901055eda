"""Experts solve, others do not, play moves things; skills do what they promise."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.tabletop.tables import BLIND, THINGS, needs_pictures, run, started
from wam.check import check_policy
from wam.sim.worlds.tabletop import (
    CHAINS,
    NAMES,
    SKILLS,
    WHERE,
    DriveToGoal,
    Expert,
    NoisyExpert,
    Play,
    Stay,
    TabletopConfig,
    TabletopSkill,
    TabletopWorld,
    Wander,
    skill_policies,
)
from wam.world import EVALUATION_SEEDS, SpecError, Task


@pytest.mark.parametrize("task", ["push", "sink", "stack", "open", "close"])
def test_the_expert_solves_the_task(task: str) -> None:
    world = TabletopWorld(8, dataclasses.replace(THINGS[task], varied_dynamics=True))
    found = run(world, Expert(world), world.spec.budget, EVALUATION_SEEDS).success
    assert not found[:, 0].any() and found[:, -1].float().mean() > 0.8


@pytest.mark.parametrize("task", CHAINS)
def test_the_expert_carries_out_chains(task: str) -> None:
    world = TabletopWorld(2, THINGS[task])
    found = run(world, Expert(world), min(world.spec.budget, 300), EVALUATION_SEEDS).success
    assert not found[:, 0].any() and found[:, -1].all()


def test_the_expert_puts_three_blocks_into_the_drawer() -> None:
    """Two beside each other and one between them: none is set down on another, nor pressed against the cabinet."""
    world = TabletopWorld(2, dataclasses.replace(BLIND, tasks=("clear",), blocks=3, dishes=2, varied_dynamics=True))
    assert run(world, Expert(world), 345, EVALUATION_SEEDS).success[:, -1].all()


@pytest.mark.parametrize("split", ["colours", "shapes", "looks", "clutter", "dynamics", "gripper"])
def test_the_expert_copes_with_what_is_held_out(split: str) -> None:
    world = TabletopWorld(3, dataclasses.replace(THINGS["sink"], split=split))
    assert run(world, Expert(world), world.spec.budget).success[:, -1].sum() >= 2


def test_wandering_does_not_solve_and_noise_does_not_keep_the_expert_from_it() -> None:
    world = TabletopWorld(8, THINGS["push"])
    assert run(world, Wander(world, memory=0.9), 80).success[:, -1].float().mean() < 0.3
    assert run(world, NoisyExpert(world), 80).success[:, -1].float().mean() > 0.6


def test_play_moves_things_and_the_drawer() -> None:
    world = TabletopWorld(6, dataclasses.replace(THINGS["clear"], ask="nothing", blocks=2))
    known = run(world, Play(world), 120, truth=True).truth
    moved = (known.pose[:, 1:, :3, :3] - known.pose[:, :-1, :3, :3]).norm(dim=-1) > 0.002
    assert moved.any(2).float().mean() > 0.15 and moved.any(1).float().mean() > 0.5
    assert (known.physical.q[..., 0].amax(1) > 0.1).any()


@pytest.mark.parametrize("kind", [NoisyExpert, Play, Wander])
def test_noise_is_a_row_s_own(kind: type) -> None:
    whole, part = TabletopWorld(4, BLIND), TabletopWorld(1, BLIND)
    one, two = run(whole, kind(whole), 12), run(part, kind(part), 12, first_seed=2)
    assert torch.equal(one.actions.low_level[2], two.actions.low_level[0])
    assert (one.actions.low_level[0, 1:] - one.actions.low_level[1, 1:]).abs().max() > 0.003


def test_play_picks_nothing_up_where_no_task_wants_it() -> None:
    world = TabletopWorld(6, dataclasses.replace(BLIND, tasks=("push", "open", "close")))
    known = run(world, Play(world), 80, truth=True).truth
    moved = (known.pose[:, -1, 0, :2] - known.pose[:, 0, 0, :2]).norm(dim=-1) > 0.02
    drawer = known.physical.q[..., 0]
    assert known.pose[..., 0, 2].max() < 0.1 and moved.any() and ((drawer.amax(1) - drawer.amin(1)) > 0.1).any()


@pytest.mark.parametrize("policy", [Stay, DriveToGoal])
def test_trivial_policies_read_the_arm_alone_and_move_nothing(policy: type) -> None:
    needs_pictures()
    config = TabletopConfig(tasks=("push", "open", "close"), ask="goal_image", size=16)
    world = TabletopWorld(6, config)
    done = run(world, policy(world), 20)
    assert not done.success.any() and (done.observation.proprio - done.observation.proprio[:, :1]).abs().max() < 0.01
    if policy is Stay:
        check_policy(policy(world)).require()
    else:
        with pytest.raises(SpecError, match="needs a goal observation"):
            policy(world).begin(6, Task())


def test_wandering_conforms() -> None:
    check_policy(Wander(started(BLIND, 5), memory=0.8)).require()


def do(world: TabletopWorld, skill: str, *arguments: float) -> None:
    """A skill in all rows until it is done."""
    names = [one.name for one in SKILLS]
    policy = skill_policies(world)[names.index(skill)](arguments)
    memory = policy.begin(world.batch, None)
    while not bool(memory.done.all()):
        memory, action = policy.act(memory, None)
        world.step(action)
        assert int(memory.clock[0]) <= 81


def test_skills_do_what_they_promise() -> None:
    world = started(dataclasses.replace(THINGS["stack"], ask="nothing", budget=1000), 1)
    row = world.rows[0]
    one, two = (row.scene.things[index].name for index in (0, 1))
    do(world, "pick", one)
    assert row.held() == {0} and row.position(0)[2] > 0.1
    do(world, "place", WHERE.index(NAMES[two]))
    holds = dict(zip(world.spec.facts.atoms, world.truth().facts.holds[0, 0].tolist(), strict=True))
    assert holds[f"on({NAMES[one]}, {NAMES[two]})"] and not holds[f"holding({NAMES[one]})"]
    do(world, "open")
    assert row.drawer > 0.13
    do(world, "pick", one)
    do(world, "place", WHERE.index("drawer"))
    do(world, "close")
    holds = dict(zip(world.spec.facts.atoms, world.truth().facts.holds[0, 0].tolist(), strict=True))
    assert holds["closed(drawer)"] and holds[f"in({NAMES[one]}, drawer)"] and holds[f"on({NAMES[two]}, table)"]
    do(world, "push_to", two, 0.05, 0.0)
    assert abs(row.position(1)[0] - 0.05) < 0.03 and abs(row.position(1)[1]) < 0.03
    do(world, "reach", 0.1, 0.1, 0.2)
    assert abs(row.tip - torch.tensor([0.1, 0.1, 0.2]).numpy()).max() < 0.03


def test_wrong_arguments_and_another_batch_are_refused() -> None:
    world = started(BLIND, 2)
    with pytest.raises(ValueError, match="pick takes"):
        TabletopSkill(world, 0, ())
    with pytest.raises(ValueError, match="a world of 2 rows, asked for 3"):
        Expert(world).begin(3, None)
    with pytest.raises(SpecError, match="cannot all get different colours"):
        started(dataclasses.replace(BLIND, blocks=2, split="colours", colours=("red", "green")), 1)
