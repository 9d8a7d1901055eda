"""Imagined worlds in Gymnasium: its own checker passes on one row; a batch restarts rows exactly as its SyncVectorEnv does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.evaluate.dots import DotModel, DotWorld, LatentDotModel
from tests.use.gymnasium_checks import check_vector
from tests.use.test_environment import world as states_only
from wam.sim.adapters.gym_face import gym_face
from wam.sim.adapters.gym_spaces import shown
from wam.sim.adapters.gym_vector import gym_vector
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.use.environment import ImaginedWorld
from wam.use.pictured import pictured
from wam.use.starts import world_starts
from wam.world import Actions, Future, SpecError, Task

gymnasium = pytest.importorskip("gymnasium", reason='needs the extra "gym"')
MODES = ["NextStep", "SameStep", "Disabled"]


class Lost(DotModel):
    """Predicts that an episode ends where the dot comes near the edge, so that rows end at times of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(self.spec, predicts=replace(self.spec.predicts, alive=True, reward=True))

    def _future(self, path):
        near = (path > 11).any(-1)
        return Future(observation=super()._future(path).observation, alive=(~near).float(), reward=path.sum(-1))


class Pairs(Lost):
    """The same, two steps at once."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(self.spec, chunk=2)


def right(future: Future, task: Task) -> torch.Tensor:
    return future.observation.rgb["top"][:, :, 0, :, 8:].sum((2, 3)) > 4


def imagined(rows: int, model=None) -> ImaginedWorld:
    """Nine steps, which is no multiple of two."""
    starts = world_starts(DotWorld(5), range(5))
    return ImaginedWorld(pictured(model or Lost()), starts.past, starts.task, rows, budget=9, success=right)


WORLDS = {
    "imagined": imagined,
    "imagined, two steps at once": lambda rows: imagined(rows, Pairs()),
    "push": lambda rows: PushWorld(rows, PushConfig(task="play", budget=5)),
    "three actions a step": lambda rows: Skip(DotWorld(rows, budget=5), 3),
}


@pytest.mark.parametrize("model", [DotModel, LatentDotModel, Pairs], ids=["pictures", "latents", "two steps at once"])
def test_their_checker_passes_on_an_imagined_world(model):
    from gymnasium.utils.env_checker import check_env

    with pytest.warns(UserWarning) as found:  # of an environment that was not registered they cannot make another
        check_env(gym_face(imagined(1, model())))
    told = [str(one.message) for one in found]
    assert not [one for one in told if "spec" not in one and "we recommend" not in one]


def same(one, two, where: str) -> None:
    """Equal all through, in the same places."""
    if isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            same(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, tuple) or (isinstance(one, np.ndarray) and one.dtype == object):
        for row, (a, b) in enumerate(zip(one, two, strict=True)):
            same(a, b, f"{where}[{row}]")
    else:
        assert np.array_equal(one, two), where
        assert not isinstance(one, np.ndarray) or one.dtype == two.dtype, where


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
def test_rows_restart_as_in_their_own_vector_environment(mode, make):
    """Row by row the same numbers as single environments behind SyncVectorEnv: seeds, rewards, ends, final observations, infos."""
    theirs = gymnasium.vector.SyncVectorEnv([lambda: gym_face(make(1)) for _ in range(3)], autoreset_mode=mode)
    ours = gym_vector(make(3), mode)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] == theirs.metadata["autoreset_mode"]
    same(theirs.reset(seed=7), ours.reset(seed=7), "reset")
    ours.action_space.seed(3)
    ended, resets = np.zeros(3, bool), 0
    for step in range(25):
        if mode == "Disabled" and ended.any():
            same(theirs.reset(options={"reset_mask": ended.copy()}), ours.reset(options={"reset_mask": ended.copy()}), f"partial reset before {step}")
        actions = ours.action_space.sample()
        told = ours.step(actions)
        same(theirs.step(actions), told, f"step {step}")
        assert ours.observation_space.contains(told[0])
        ended = told[2] | told[3]
        resets += int(ended.sum())
    assert resets >= 4
    same(theirs.reset(seed=[4, 5, 6]), ours.reset(seed=[4, 5, 6]), "seeds one by one")


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
def test_what_they_check_of_one_environment_holds_for_a_batch(mode, make):
    check_vector(gym_vector(make(3), mode), steps=20)


def test_a_step_of_several_is_those_steps_one_after_the_other():
    """Rows end by prediction or by budget, also within a step: what would follow does not happen, and a cut is told from an end."""
    envs, world, ends = gym_vector(imagined(4, Pairs()), "Disabled"), imagined(4), set()
    for first in range(0, 80, 4):
        envs.reset(seed=first)
        world.reset(torch.ones(4, dtype=torch.bool), torch.arange(first, first + 4))
        envs.action_space.seed(first)
        gone, over = np.zeros(4, np.int64), np.zeros(4, np.bool_)
        while not over.any():
            actions = envs.action_space.sample()
            seen, reward, terminated, truncated, info = envs.step(actions)
            steps = torch.from_numpy(actions).view(4, 2, 1, 2).split(1, 1)
            told = [world.step(Actions(valid=torch.ones(4, 1, 1, dtype=torch.bool), low_level=step)) for step in steps]
            same(shown(told[-1].observation), seen, "frames")
            assert np.allclose(reward, sum(one.reward[:, 0] for one in told)) and np.array_equal(info["success"], told[-1].success[:, 0])
            gone += 1 + told[0].alive[:, 0].numpy()
            over = ~told[-1].alive[:, 0].numpy()
            assert np.array_equal(truncated, gone >= 9) and np.array_equal(terminated, over & (gone < 9))
            ends |= {(int(count), bool(cut)) for count, cut in zip(gone[over], truncated[over], strict=True)}
    assert (9, True) in ends and {count % 2 for count, cut in ends if not cut} == {0, 1}


def test_their_wrappers_take_it():
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(gym_vector(imagined(4)))
    envs = gymnasium.wrappers.vector.ClipReward(envs, max_reward=5.0)
    envs.reset(seed=0)
    lengths = []
    for _ in range(30):
        _, reward, _, _, info = envs.step(envs.action_space.sample())
        assert reward.max() <= 5
        if "episode" in info:
            lengths += info["episode"]["l"][info["_episode"]].tolist()
    assert len(lengths) >= 4 and max(lengths) <= 9
    assert len(envs.render()) == 4 and envs.render()[0].shape == (16, 16, 3)
    envs.close()


def test_what_was_given_out_is_the_callers_own():
    envs = gym_vector(PushWorld(2, PushConfig(task="play")))
    first, _ = envs.reset(seed=0)
    kept = {name: values.copy() for name, values in first.items()}
    for values in first.values():
        values[:] = 0
    again, _ = envs.reset(seed=0)
    same(kept, again, "after the caller wrote into it")


def test_several_actions_a_step_stand_side_by_side():
    fast, slow = PushWorld(2, PushConfig(task="play")), gym_vector(Skip(PushWorld(2, PushConfig(task="play")), 3))
    assert slow.single_action_space.shape == (6,)
    slow.reset(seed=[1, 2])
    fast.reset(torch.ones(2).bool(), torch.tensor([1, 2]))
    actions = slow.action_space.sample()
    seen = slow.step(actions)[0]
    fast.step(Actions(valid=torch.ones(2, 3, 1).bool(), low_level=torch.from_numpy(actions).view(2, 3, 1, 2)))
    assert np.allclose(seen["proprio"], fast.moment.state.pose[:, -1, :2].numpy())


def test_what_does_not_fit_explains_itself():
    envs = gym_vector(imagined(2), "Disabled")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="3 seeds for 2 rows"):
        envs.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="array of 2 booleans"):
        envs.reset(options={"reset_mask": np.zeros(2, bool)})
    for _ in range(20):
        ended = envs.step(envs.action_space.sample() * 0)
        if (ended[2] | ended[3]).any():
            break
    with pytest.raises(gymnasium.error.ResetNeeded, match="have ended"):
        envs.step(envs.action_space.sample())
    with pytest.raises(SpecError, match="nothing to observe"):
        gym_vector(states_only())
