"""The world as an `Env`: conformance, snapshots, rows, tasks, errors."""

import dataclasses

import pytest
import torch

from tests.sim.worlds.push.worlds import FULL, started
from wam.check import check_env
from wam.sim.worlds.push import COLOURS, PushConfig, PushWorld
from wam.world import Actions, Noise, SpecError

PLAY = PushConfig(task="play", objects=2, colours=COLOURS, budget=30)


def shoves(batch: int, steps: int, seed: int = 0) -> Actions:
    """Random directions, kept for five steps, at full speed."""
    heading = Noise.of(range(seed, seed + batch)).normal(-(-steps // 5), 2).repeat_interleave(5, 1)[:, :steps]
    low_level = 0.06 * heading / heading.norm(dim=-1, keepdim=True)
    return Actions(valid=torch.ones(batch, steps, 1, dtype=torch.bool), low_level=low_level[:, :, None])


@pytest.mark.parametrize("config", [PushConfig(budget=12), dataclasses.replace(FULL, budget=12), PLAY], ids=["goal image", "instruction", "play"])
def test_conforms(config: PushConfig) -> None:
    check_env(PushWorld(5, config)).require()


def test_conforms_in_float64() -> None:
    world = PushWorld(4, PushConfig(budget=8), dtype=torch.float64)
    check_env(world).require()
    assert world.moment.state.pose.dtype == torch.float64


@pytest.mark.parametrize("config", [FULL, PLAY], ids=["full", "play"])
def test_rows_are_bit_identical_in_any_company(config: PushConfig) -> None:
    """Also where something is pushed about: seeds decide, not the place in the batch or its size."""
    actions, together = shoves(23, 25), started(config, 23)
    outcome, truth = together.step(actions), together.truth()
    for rows in (torch.tensor([7]), torch.tensor([22, 0, 7]), torch.arange(4, 13)):
        world = PushWorld(len(rows), config)
        world.reset(torch.ones(len(rows), dtype=torch.bool), rows)
        alone = world.step(actions.select(rows))
        for one, two in ((alone, outcome.select(rows)), (world.truth(), truth.select(rows))):
            assert all(torch.equal(a, b) for (_, _, a), (_, _, b) in zip(one.leaves(), two.leaves(), strict=True))


def test_branches_from_one_snapshot_share_their_past_and_differ_by_their_actions() -> None:
    world = started(FULL, 6)
    world.step(shoves(6, 10))
    snapshot = world.save()
    branches = PushWorld(18, FULL)
    branches.restore(snapshot.repeat(3))
    rows = torch.arange(6).repeat_interleave(3)
    assert torch.equal(branches.truth().pose, world.truth().pose[rows])
    outcome = branches.step(shoves(18, 8, seed=50))
    world.restore(snapshot)
    again = world.step(shoves(18, 8, seed=50).select(torch.arange(0, 18, 3)))
    assert torch.equal(outcome.observation.rgb["top"][::3], again.observation.rgb["top"])
    last = outcome.observation.proprio[:, -1]
    assert (last[0] - last[1]).abs().max() > 0.05


def test_a_reset_in_the_middle_gives_the_same_episode_as_one_from_the_start() -> None:
    world = started(FULL, 4)
    world.step(shoves(4, 7))
    first, _ = world.reset(torch.tensor([False, True, False, True]), torch.tensor([0, 91, 0, 93]))
    fresh = PushWorld(2, FULL)
    expected, _ = fresh.reset(torch.ones(2, dtype=torch.bool), torch.tensor([91, 93]))
    assert torch.equal(first.rgb["top"][[1, 3]], expected.rgb["top"])
    both = shoves(4, 7, seed=9)
    assert torch.equal(world.step(both).observation.rgb["top"][[1, 3]], fresh.step(both.select(torch.tensor([1, 3]))).observation.rgb["top"])


def test_success_of_a_goal_image_is_half_a_radius_and_ignores_the_pusher() -> None:
    world = started(PushConfig(), 8)
    now, radius = world.moment, 0.085
    for share, expected in ((0.49, True), (0.51, False)):
        pose = now.scene.goal.clone()
        pose[:, 0, 0] += share * radius
        pose[:, 1, :2] = torch.where(pose[:, 0, :1] > 0, -0.4, 0.4)
        world.restore(dataclasses.replace(now, state=dataclasses.replace(now.state, pose=pose)))
        still = world.spec.acts.nothing(8, 1)
        outcome = world.step(dataclasses.replace(still, valid=torch.ones_like(still.valid)))
        assert bool((outcome.success == expected).all())
        assert torch.allclose(outcome.reward, torch.tensor(-share * radius), atol=1e-6)


def test_success_of_an_instruction_is_the_named_object_in_the_named_zone() -> None:
    world = started(FULL, 64)
    now, rows = world.moment, torch.arange(64)
    _, task = world.reset(torch.zeros(64, dtype=torch.bool), rows)
    sentence = world.spec.sentences[int(task.instruction[5])]
    scene = now.scene
    name = f"{COLOURS[int(scene.colour[5, scene.target[5]])]} {('disc', 'block')[int(scene.shape[5, scene.target[5]])]}"
    assert sentence == f"push the {name} to the {COLOURS[int(scene.zone_colour[5, scene.target_zone[5]])]} zone"
    pose = now.state.pose.clone()
    pose[rows, scene.target, :2] = scene.zones[rows, scene.target_zone, :2]
    world.restore(dataclasses.replace(now, state=dataclasses.replace(now.state, pose=pose)))
    nothing = world.spec.acts.nothing(64, 1)
    assert bool(world.step(nothing).success.all())
    wrong = now.state.pose.clone()
    wrong[rows, (scene.target + 1) % 4, :2] = scene.zones[rows, scene.target_zone, :2]
    world.restore(dataclasses.replace(now, state=dataclasses.replace(now.state, pose=wrong)))
    assert not bool(world.step(nothing).success.any())


def test_errors_say_what_came_and_what_to_do() -> None:
    world = PushWorld(3)
    with pytest.raises(RuntimeError, match="before its first reset"):
        world.truth()
    with pytest.raises(RuntimeError, match="the first reset must restart every row"):
        world.reset(torch.tensor([True, False, True]), torch.arange(3))
    with pytest.raises(SpecError, match="made for 3 rows"):
        world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    world.reset(torch.ones(3, dtype=torch.bool), torch.arange(3))
    with pytest.raises(SpecError, match=r"shape \(3, T, 1, 2\), got \(2, 1, 1, 2\)"):
        world.step(shoves(2, 1))
    diverged = shoves(3, 1)
    diverged = dataclasses.replace(diverged, low_level=diverged.low_level * float("nan"))
    with pytest.raises(SpecError, match="NaN or infinite"):
        world.step(diverged)
    with pytest.raises(SpecError, match="the snapshot has 2 rows"):
        world.restore(world.save().select(torch.arange(2)))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"colours": ("red", "red"), "objects": 2}, "each stands once, asked for .'red', 'red'."),
        ({"shapes": ("disc", "disc")}, "each stands once"),
        ({"radius": -0.05}, "a radius above 0 m"),
        ({"nearest": 6.0, "farthest": 2.0}, "nearest <= farthest"),
        ({"budget": 0}, "budget"),
    ],
)
def test_what_cannot_be_meant_is_refused(odd: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        PushWorld(1, PushConfig(**odd))  # type: ignore[arg-type]
