"""Windows against a loop that looks every frame up by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.data.toy import toy_episode, toy_spec
from wam.data import DataError, Episode, WindowDataset, as_episodes, frames_of
from wam.world import Physical, Truth, Windows

LENGTHS = (9, 2, 14, 1, 5)


def episodes(per_step: int = 2) -> list[Episode]:
    spec = toy_spec(per_step=per_step)
    made = [toy_episode(spec, length, seed, f"task {seed % 2}") for seed, length in enumerate(LENGTHS)]
    return [
        replace(
            one,
            truth=Truth(
                physical=Physical(q=torch.arange(one.length)[None, :, None].float(), v=torch.zeros(1, one.length, 1), parameters=torch.tensor([[float(seed)]]))
            ),
        )
        for seed, one in enumerate(made)
    ]


def by_hand(made: list[Episode], past: int, horizon: int, skip: int, episode: int, now: int) -> dict[str, np.ndarray]:
    one = made[episode]
    steps = [now + e * skip for e in range(1 - past, horizon + 1)]
    assert one.actions.low_level is not None and one.reward is not None and one.observation.rgb is not None
    rows: dict[str, list] = {"rgb": [], "valid": [], "action": [], "reward": [], "executed": []}
    for step in steps:
        at = min(max(step, 0), one.length - 1)
        rows["rgb"].append(one.observation.rgb["top"][0, at].numpy())
        rows["valid"].append(step < one.length)
        action, executed, reward = [], [], 0.0
        for frame in range(step - skip + 1, step + 1):
            inside = 0 <= frame < one.length
            where = min(max(frame, 0), one.length - 1)
            action.append(one.actions.low_level[0, where].numpy())
            executed.append(one.actions.valid[0, where].numpy() & inside)
            reward += float(one.reward[0, where]) * inside
        rows["action"].append(np.concatenate(action))
        rows["executed"].append(np.concatenate(executed))
        rows["reward"].append(reward)
    return {name: np.stack(values) for name, values in rows.items()}


@pytest.mark.parametrize(
    ("past", "horizon", "skip", "stride", "edges"), [(1, 1, 1, 1, False), (3, 4, 1, 2, False), (2, 3, 1, 1, True), (2, 2, 3, 1, False), (3, 1, 2, 2, True)]
)
def test_against_a_loop(past: int, horizon: int, skip: int, stride: int, edges: bool) -> None:
    made = episodes()
    windows = WindowDataset(frames_of(made, toy_spec(per_step=2)), past, horizon, skip, stride, edges, truth=True)
    batch = windows.batch(torch.arange(len(windows))).check()
    for row in range(len(windows)):
        episode, now = windows._now[row].tolist()
        want = by_hand(made, past, horizon, skip, episode, now)
        rgb, future = batch.past.observation.rgb, batch.future.observation
        assert rgb is not None and future is not None and future.rgb is not None and batch.future.reward is not None
        assert np.array_equal(torch.cat([rgb["top"][row], future.rgb["top"][row]]).numpy(), want["rgb"])
        assert batch.valid[row].tolist() == want["valid"][past:].tolist()
        executed = torch.cat([batch.past.actions.valid[row], batch.actions.valid[row]]).numpy()
        assert np.array_equal(executed, want["executed"])
        action = torch.cat([batch.past.actions.low_level[row], batch.actions.low_level[row]]).numpy()  # type: ignore[index]
        assert np.array_equal(action[executed], want["action"][executed])
        assert np.allclose(batch.future.reward[row], want["reward"][past:])
        assert batch.task.instruction is not None and windows.frames.sentences[batch.task.instruction[row]] == f"task {episode % 2}"
        assert batch.truth is not None and batch.truth.physical is not None and batch.truth.physical.parameters is not None
        assert batch.truth.physical.parameters[row].tolist() == [episode]


def test_which_windows_there_are() -> None:
    frames = frames_of(episodes(), toy_spec(per_step=2))
    full = WindowDataset(frames, past=3, horizon=4)
    assert [tuple(row) for row in full._now.tolist()] == [(0, 2), (0, 3), (0, 4), (1, 0), *((2, now) for now in range(2, 10)), (4, 2)]
    assert full.too_short == (3,)
    valid = full.batch(torch.tensor([3, 12])).valid
    assert valid.tolist() == [[True, False, False, False], [True, True, False, False]]
    strided = WindowDataset(frames, past=3, horizon=4, stride=5)
    assert [tuple(row) for row in strided._now.tolist()] == [(0, 2), (1, 0), (2, 2), (2, 7), (4, 2)]
    assert full.episode_of(torch.tensor([0, 3, 12])).tolist() == [0, 1, 4]


@pytest.mark.parametrize(("past", "skip"), [(1, 1), (3, 1), (14, 1), (1, 2), (2, 3), (3, 5)])
def test_longest_horizon_without_masks(past: int, skip: int) -> None:
    """Up to `longest` steps some window with `past` real frames is whole; with one more none is."""
    frames = frames_of(episodes(), toy_spec(per_step=2))

    def whole(horizon: int) -> bool:
        windows = WindowDataset(frames, past, horizon, skip)
        seen = windows._now[:, 1] >= (past - 1) * skip
        return bool((windows.batch(torch.arange(len(windows))).valid.all(1).numpy() & seen).any())

    longest = WindowDataset(frames, past=past, skip=skip).longest
    assert not whole(longest + 1) and (longest == 0 or whole(longest))


def test_no_copy_beyond_the_one() -> None:
    """Past and future are views of one array, and RGB stays uint8."""
    windows = WindowDataset(frames_of(episodes(), toy_spec(per_step=2)), past=2, horizon=2)
    batch = windows.batch(torch.arange(3))
    past, future = batch.past.observation.rgb, batch.future.observation
    assert past is not None and future is not None and future.rgb is not None
    assert past["top"].dtype == torch.uint8
    assert past["top"].untyped_storage().data_ptr() == future.rgb["top"].untyped_storage().data_ptr()
    assert batch.truth is None and isinstance(windows, Windows)


def test_spec_says_what_a_window_shows() -> None:
    spec = WindowDataset(frames_of(episodes(), toy_spec(per_step=2)), skip=5).spec
    assert (spec.acts.per_step, spec.rate, spec.sentences) == (10, 2.0, ("task 0", "task 1"))
    batch = WindowDataset(frames_of(episodes(), toy_spec(per_step=2)), skip=5).batch(torch.arange(2))
    assert not spec.acts.problems(batch.past.actions) and batch.past.actions.valid.shape[2] == 10


def test_nothing_to_cut() -> None:
    with pytest.raises(DataError, match="the longest has 1 frames"):
        WindowDataset(frames_of([toy_episode(toy_spec(), 1)], toy_spec()))
    with pytest.raises(ValueError, match="horizon is 0"):
        WindowDataset(frames_of(episodes(), toy_spec(per_step=2)), horizon=0)
    with pytest.raises(DataError, match="not in every episode"):
        frames_of([toy_episode(toy_spec(), 3), replace(toy_episode(toy_spec(), 3), reward=None)], toy_spec())


def test_whole_episodes() -> None:
    made = episodes()
    batch = as_episodes(frames_of(made, toy_spec(per_step=2)), [0, 2]).check()
    assert batch.alive.sum(1).tolist() == [9, 14] and batch.alive.shape == (2, 14)
    assert not batch.actions.valid[0, 9:].any() and batch.actions.valid[0, 1:9].all()
    assert batch.observation.proprio is not None and made[0].observation.proprio is not None
    assert torch.equal(batch.observation.proprio[0, 8], batch.observation.proprio[0, 13])
    assert torch.equal(batch.observation.proprio[0, :9], made[0].observation.proprio[0])
