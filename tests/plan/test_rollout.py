import dataclasses

import pytest
import torch

from tests.plan.mocks import PUSHES, PointWorld, Steady
from wam.plan.control import rollout
from wam.world import Noise, SpecError


def test_instants_and_actions_line_up() -> None:
    episodes = rollout(PointWorld(3), Steady(), 5, seeds=[1, 2, 3]).check()
    assert episodes.size("T") == 6
    assert episodes.actions.valid[:, :, 0].tolist() == [[False] + [True] * 5] * 3
    assert episodes.decided.tolist() == [[False] + [True] * 5] * 3
    assert (episodes.seconds[:, 1:] > 0).all() and (episodes.seconds[:, 0] == 0).all()
    v = episodes.observation.proprio[..., 2]
    torch.testing.assert_close(v.diff(dim=1), torch.full((3, 5), 0.3))  # action t led to observation t


def test_chunks_are_executed_in_part_and_everything_seen_is_given_back() -> None:
    world, policy = PointWorld(2), Steady(chunk=4, execute=3)
    episodes = rollout(world, policy, 7, seeds=[1, 2])
    assert world.stepped == [3, 3, 1]
    assert episodes.decided[0].tolist() == [False, True, False, False, True, False, False, True]
    assert [shown.observation.size("T") for shown in policy.shown] == [1, 3, 3]
    assert not policy.shown[0].actions.valid.any() and policy.shown[1].actions.valid.all()
    torch.testing.assert_close(torch.cat([shown.observation.proprio for shown in policy.shown], 1), episodes.observation.proprio[:, :7])


def test_the_truth_is_recorded_at_every_instant() -> None:
    episodes = rollout(PointWorld(2), Steady(chunk=4, execute=3), 6, seeds=[1, 2], truth=True)
    assert episodes.truth is not None and episodes.truth.physical is not None
    torch.testing.assert_close(episodes.truth.physical.q, episodes.observation.proprio[..., :2])


def test_ended_rows_stay_still() -> None:
    policy = Steady((3.0, 0.0), chunk=5, execute=5)
    episodes = rollout(PointWorld(8, edge=2.5), policy, 40, seeds=range(8))
    ends = episodes.alive.sum(1)  # instants alive; the next one is where it ended
    assert ends.unique().numel() > 1 and ends.max() < 40
    assert episodes.size("T") <= int(ends.max()) + 5 + 1  # stops when all have ended
    for row, end in enumerate(ends.tolist()):
        assert episodes.actions.valid[row, 1 : end + 1].all() and not episodes.actions.valid[row, end + 1 :].any()
        assert (episodes.observation.proprio[row, end:] == episodes.observation.proprio[row, end]).all()
        assert (episodes.reward[row, end + 1 :] == 0).all() and not episodes.decided[row, end + 1 :].any()


def test_recorded_actions_are_the_executed_ones() -> None:
    episodes = rollout(PointWorld(2), Steady((9.0, -9.0)), 2, seeds=[1, 2])
    assert episodes.actions.low_level is not None
    assert episodes.actions.low_level[0, 1, 0].tolist() == [3.0, -2.0]


def test_progress_is_told() -> None:
    told: list[int] = []
    rollout(PointWorld(1), Steady(chunk=2, execute=2), 5, seeds=[1], progress=told.append)
    assert told == [2, 4, 5]


def test_errors_explain() -> None:
    with pytest.raises(ValueError, match="2 worlds need 2 seeds"):
        rollout(PointWorld(2), Steady(), 3, seeds=[1])
    with pytest.raises(ValueError, match="2 worlds need 2 seeds"):
        rollout(PointWorld(2), Steady(), 3, seeds=[1, 2], noise=Noise.of([1]))
    with pytest.raises(SpecError, match="Hz"):
        rollout(PointWorld(2, rate=5.0), Steady(), 3, seeds=[1, 2])
    with pytest.raises(SpecError, match="multiples of 2"):
        rollout(PointWorld(2, chunk=2), Steady(), 4, seeds=[1, 2])
    with pytest.raises(SpecError, match="truth"):
        rollout(PointWorld(2, chunk=2), Steady(chunk=2, execute=2), 4, seeds=[1, 2], truth=True)
    with pytest.raises(SpecError, match="execute"):
        rollout(PointWorld(2), Steady(chunk=1, execute=2), 4, seeds=[1, 2])
    with pytest.raises(SpecError, match="NaN"):
        rollout(PointWorld(2), Steady((float("nan"), 0.0)), 4, seeds=[1, 2])
    talking = Steady()
    talking.spec = dataclasses.replace(talking.spec, instructed=True, sentences=("go",))
    with pytest.raises(SpecError, match="instruction ids"):
        rollout(PointWorld(2), talking, 4, seeds=[1, 2])
    short = Steady()
    short.spec = dataclasses.replace(short.spec, chunk=2, execute=2)
    short.act = lambda memory, since, noise=None: (memory, PUSHES.sample(2, 1))  # type: ignore[method-assign]
    with pytest.raises(SpecError, match="returned 1 actions"):
        rollout(PointWorld(2), short, 4, seeds=[1, 2])
