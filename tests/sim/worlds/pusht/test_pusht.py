"""Push-T: recorded actions replayed from restored states give recorded states, and goals are what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.world.geometry.real_data import folder
from wam.check import check_env, check_policy
from wam.data.converters import MOVES, PUSHT
from wam.evaluate import evaluation_seeds, measure_success
from wam.sim.worlds.pusht import DriveToGoal, Play, PushTConfig, PushTWorld, Replay, Wander, make
from wam.sim.worlds.pusht.goals import Demonstrations, pairs, solved
from wam.sim.worlds.pusht.simulator import FIELD, place, put, simulator, state_of
from wam.world import Actions, SpecError

pytest.importorskip("gym_pusht", reason='needs the extra "pusht"')
pytestmark = pytest.mark.filterwarnings("ignore")  # of pygame and pymunk


@pytest.fixture(scope="module")
def path():
    return str(folder("pusht_human") / "pusht_human_lowdim.npz")


def test_recorded_actions_replay_from_restored_states(path):
    """Forty episodes from their first state, and from one in the middle: within a hundredth of a pixel everywhere."""
    found, env = Demonstrations.read(path), simulator(16)
    first, worst = 0, []
    for end in found.ends[:20]:
        for start in (first, (first + end) // 2):
            put(env, found.state[start])
            assert np.abs(state_of(env) - found.state[start]).max() < 1e-9
            away = []
            for step in range(start, min(start + 60, end - 1)):
                env.step(found.action[step])
                away.append(np.abs(state_of(env)[2:4] - found.state[step + 1, 2:4]).max())
            worst.append(max(away))
        first = end
    assert np.mean(np.array(worst[::2]) < 0.01) == 1  # from the first state, where nothing moved
    assert np.mean(np.array(worst) < 20) >= 0.95  # a pusher in motion starts at rest here


def test_the_angle_goes_before_the_position(path):
    """The other order displaces the block: what `place` is for."""
    found, env = Demonstrations.read(path), simulator(16)
    state = found.state[100]
    put(env, state)
    env.block.position, env.block.angle = tuple(map(float, state[2:4] - 50)), float(state[4] + 1)
    wrong = state_of(env)
    place(env, state)
    assert np.allclose(state_of(env), state) and np.abs(wrong[2:4] - (state[2:4] - 50)).max() > 1


@pytest.mark.parametrize("moves", [False, True])
def test_conforms(path, moves):
    check_env(make(3, demonstrations=path, size=24, budget=12, moves=moves)).require()


def test_a_move_is_a_target_measured_from_the_pusher(path):
    worlds = [PushTWorld(4, PushTConfig(demonstrations=path, size=16, moves=moves)) for moves in (False, True)]
    seeds, chance = torch.arange(4), np.random.default_rng(0)
    for world in worlds:
        world.reset(torch.ones(4, dtype=torch.bool), seeds)
    for _ in range(8):
        here = worlds[0].states()[:, :2]
        target = (here + chance.uniform(-60, 60, here.shape)).clip(0, FIELD)
        for world, values in zip(worlds, (target, target - here), strict=True):
            world.step(Actions(valid=torch.ones(4, 1, 1, dtype=torch.bool), low_level=torch.from_numpy(values).float()[:, None, None]))
        np.testing.assert_allclose(worlds[0].states(), worlds[1].states(), atol=0.01)


def test_its_slots_are_those_of_converted_demonstrations(path):
    for moves, layout in ((False, PUSHT), (True, MOVES)):
        spec = make(1, demonstrations=path, size=16, moves=moves).spec
        assert spec.acts.low_level == layout.action and spec.observes.proprio == layout.state[:2]


def test_the_training_part_shares_no_episode_with_the_evaluation(path, tmp_path):
    """Its last step comes before the first start; its neighbour is the first that is evaluated on."""
    from wam.jobs.convert import convert

    pytest.importorskip("zarr", reason='needs the extra "convert"')
    made = convert("pusht", folder("pusht_human") / "pusht_cchi_v7_replay_lowdim.zarr.zip", tmp_path / "part", size=16, part="training")
    found = Demonstrations.read(path)
    _, for_evaluation = pairs(found, 25)
    assert made.episodes == 165 and made.frames == int(found.ends[164]) <= for_evaluation.min()
    assert for_evaluation.min() < int(found.ends[165])  # nothing is left out in vain
    whole = convert("pusht", Path(path), tmp_path / "whole", size=16)
    assert whole.episodes == 206 and any("--part training" in note.what and "165 to 205" in note.where for note in whole.notes)


@pytest.mark.parametrize("moves", [False, True])
def test_replay_solves_and_trivial_policies_do_not(path, moves):
    world, seeds = PushTWorld(25, PushTConfig(demonstrations=path, size=16, moves=moves)), evaluation_seeds(25)
    rates = {policy.__name__: measure_success(world, policy(world), name="", seeds=seeds).success for policy in (Replay, DriveToGoal, Wander)}
    assert rates["Replay"] >= 0.95 and rates["DriveToGoal"] < 0.6 and rates["Wander"] < 0.3


def test_goals_are_held_out_and_ask_for_motion(path):
    found = Demonstrations.read(path)
    train, held_out = pairs(found, 25)
    assert train.max() < found.first_held_out <= held_out.min() and len(held_out) > 300
    assert not solved(found.state[held_out], found.state[held_out + 25]).any()
    world = PushTWorld(2, PushTConfig(demonstrations=path, size=16))
    _, task = world.reset(torch.ones(2, dtype=torch.bool), torch.tensor([0, 2_000_000]))
    assert (world.steps() < found.first_held_out).tolist() == [True, False]
    assert task.goal.proprio[1, 0].tolist() == pytest.approx(found.state[world.steps()[1] + 25, :2].tolist())


def test_play_moves_the_block_and_policies_conform(path):
    from wam.plan.control.rollout import rollout
    from wam.world import Noise

    world = PushTWorld(8, PushTConfig(demonstrations=path, size=16))
    episodes = rollout(world, Play(world), 50, seeds=range(8), noise=Noise.of(range(8)), truth=True)
    moved = (episodes.truth.pose[:, -1, 0, :2] - episodes.truth.pose[:, 0, 0, :2]).norm(dim=-1)
    assert (moved > 0.02).float().mean() > 0.5
    _, task = world.reset(torch.zeros(8, dtype=torch.bool), torch.arange(8))
    for policy in (Wander(world), DriveToGoal(world)):
        check_policy(policy, task=task).require()


def test_missing_demonstrations_explain_themselves(tmp_path):
    with pytest.raises(SpecError, match="no demonstrations"):
        make(1, demonstrations=str(tmp_path / "none.npz"))
    np.savez(tmp_path / "some.npz", state=np.zeros((3, 5)))
    with pytest.raises(SpecError, match=r"lacks \['action', 'episode_ends'\]"):
        make(1, demonstrations=str(tmp_path / "some.npz"))


def test_too_few_demonstrations_say_so():
    """Four episodes: none is the last fifth."""
    state = np.cumsum(np.full((4 * 30, 5), 3.0), 0)
    few = Demonstrations(state=state, action=state[:, :2], ends=np.array([30, 60, 90, 120]))
    with pytest.raises(SpecError, match=r"4 demonstrations give \d+ starts to learn from and 0 to evaluate on.* at least 5"):
        pairs(few, 25)


def test_demonstrations_that_cannot_be_read_explain_themselves(path, tmp_path):
    """Cut short, no archive at all, a folder's zip, and numbers that do not belong together."""
    whole = Path(path).read_bytes()
    np.save(tmp_path / "one.npy", np.zeros(3))
    for name, bytes_ in (("head", whole[:5000]), ("text", b"hello"), ("empty", b""), ("array", (tmp_path / "one.npy").read_bytes())):
        (tmp_path / f"{name}.npz").write_bytes(bytes_)
        with pytest.raises(SpecError, match=rf"{name}\.npz cannot be read as demonstrations.* copy it whole"):
            make(1, demonstrations=str(tmp_path / f"{name}.npz"))
    with pytest.raises(SpecError, match=r"zarr\.zip lacks .* a NumPy archive \(\.npz\)"):
        make(1, demonstrations=str(folder("pusht_human") / "pusht_cchi_v7_replay_lowdim.zarr.zip"))
    found = Demonstrations.read(path)
    for name, ends in (("short", found.ends[:-1]), ("none", found.ends[:0]), ("unordered", found.ends[[1, 0, -1]])):
        np.savez(tmp_path / f"{name}.npz", state=found.state, action=found.action, episode_ends=ends)
        with pytest.raises(SpecError, match="rising ends"):
            make(1, demonstrations=str(tmp_path / f"{name}.npz"))
    np.savez(tmp_path / "narrow.npz", state=found.state[:, :4], action=found.action, episode_ends=found.ends)
    with pytest.raises(SpecError, match=r"expected \(F, 5\)"):
        make(1, demonstrations=str(tmp_path / "narrow.npz"))


@pytest.mark.parametrize("option", [{"offset": -5}, {"offset": 0}, {"budget": 0}])
def test_numbers_of_which_nothing_can_be_made_are_refused(path, option):
    (name, value), *_ = option.items()
    with pytest.raises(SpecError, match=f"pusht got {name}={value}, expected at least"):
        make(1, demonstrations=path, **option)


@pytest.mark.parametrize("moves", [False, True])
def test_wrong_use_explains_itself(path, moves):
    world = make(2, demonstrations=path, size=16, moves=moves)
    for use in (lambda: world.step(world.spec.acts.sample(2, 1)), world.truth, world.save):
        with pytest.raises(RuntimeError, match="pusht was used before its first reset"):
            use()
    everyone, seeds = torch.ones(2, dtype=torch.bool), torch.arange(2)
    for mask, numbers in ((torch.ones(3, dtype=torch.bool), torch.arange(3)), (everyone, seeds[:1])):
        with pytest.raises(SpecError, match="pusht was made for 2 rows"):
            world.reset(mask, numbers)
    world.reset(everyone, seeds)
    for shape in ((2, 1, 1, 3), (3, 1, 1, 2), (2, 1, 2, 2)):
        with pytest.raises(SpecError, match=rf"pusht takes low-level actions of shape \(2, T, 1, 2\), got \({shape[0]}, 1, {shape[2]}, {shape[3]}\)"):
            world.step(Actions(valid=torch.ones(shape[:3], dtype=torch.bool), low_level=torch.zeros(shape)))
    with pytest.raises(SpecError, match="snapshot has 1 rows, the world pusht 2"):
        world.restore(world.save()[:1])
