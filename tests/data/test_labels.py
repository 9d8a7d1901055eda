"""Video without actions: whose labels are hidden, what windows and statistics make of it, on disk and back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wam.data import Recorder, WindowDataset, cached_frames, compute_statistics, cut, open_dataset
from wam.data.errors import DataError
from wam.data.frames import frames_of
from wam.data.meaning import DataSpec
from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Noise, Uniform

WORLD = PushWorld(5, PushConfig(task="instruction", zones=2, budget=8))
EPISODES = cut(rollout(WORLD, Uniform(WORLD.spec), 8, seeds=range(5), noise=Noise.of(range(5))), WORLD.spec.sentences)
FRAMES = frames_of(EPISODES, DataSpec.of_world(WORLD.spec))


def test_a_share_of_the_episodes_keeps_its_labels_and_a_larger_share_keeps_the_same_ones():
    def kept(share):
        labelled = FRAMES.with_labels(share).labelled()
        return [bool(labelled[start]) for start in FRAMES.starts]

    assert [sum(kept(share)) for share in (0.05, 0.4, 1.0)] == [1, 2, 5]
    assert all(more for few, more in zip(kept(0.2), kept(0.6), strict=True) if few)
    with pytest.raises(ValueError, match=r"0.*at most 1"):
        FRAMES.with_labels(0)


def test_windows_leave_out_what_is_not_labelled_unless_it_is_asked_for():
    hidden = FRAMES.with_labels(0.4)
    assert len(WindowDataset(hidden)) == 0.4 * len(WindowDataset(FRAMES)) and len(WindowDataset(hidden, unlabelled=True)) == len(WindowDataset(FRAMES))
    everything = WindowDataset(hidden, unlabelled=True)
    window = everything.batch(torch.arange(len(everything)))
    known, done = window.actions.known(), window.actions.valid
    assert bool(done.all()) and 0 < known.sum() < done.sum()
    assert not window.actions.low_level[~known].any() and window.actions.low_level[known].abs().sum() > 0


def test_statistics_come_from_labelled_steps_of_chosen_episodes():
    hidden = FRAMES.with_labels(0.2)
    (episode,) = (number for number, start in enumerate(FRAMES.starts) if hidden.labelled()[start])
    actions = EPISODES[episode].actions.low_level[0, 1:, 0]
    found = compute_statistics(hidden).action
    assert found is not None and found.count == len(actions)
    assert np.allclose(found.mean, actions.double().mean(0), atol=1e-6)


def test_labels_survive_the_disk(tmp_path):
    hidden = FRAMES.with_labels(0.4)
    with Recorder(tmp_path / "set", hidden.spec) as recorder:
        for number, told in enumerate(EPISODES):
            episode = hidden.episode(number)
            recorder.write(type(told)(observation=episode.observation, actions=episode.actions, instruction=told.instruction))
    again = cached_frames(open_dataset(tmp_path / "set"))
    assert np.array_equal(again.labelled(), hidden.labelled() & again.fields["actions.valid"][:, 0])
    assert len(WindowDataset(again)) == len(WindowDataset(hidden))


def test_a_step_of_several_frames_is_known_where_all_of_it_is():
    told = EPISODES[0].narrow("T", 0, 7)
    labelled = torch.tensor([[False, True, True, False, True, True, False]])  # to the first frame nothing led
    frames = frames_of([replace(told, actions=replace(told.actions, labelled=labelled))], FRAMES.spec)
    windows = WindowDataset(frames, horizon=3, skip=2, unlabelled=True)
    window = windows.batch(torch.tensor([0]))
    assert window.actions.known().all(-1).tolist() == [[True, False, False]]
    assert WindowDataset(frames, horizon=6, unlabelled=True).batch(torch.tensor([0])).actions.known()[0, :, 0].tolist() == labelled[0, 1:].tolist()


def test_models_that_need_actions_get_no_window_with_a_step_that_nobody_knows():
    """Where an episode's actions are known in part; else they would take its zeros for actions."""
    labelled = torch.tensor([[False, True, True, False, True, True, True]])
    told = EPISODES[0].narrow("T", 0, 7)
    frames = frames_of([replace(told, actions=replace(told.actions, labelled=labelled))], FRAMES.spec)
    for past, horizon, skip, edges in ((1, 1, 1, False), (1, 2, 1, False), (2, 1, 1, True), (1, 1, 2, False)):
        every, known = (WindowDataset(frames, past=past, horizon=horizon, skip=skip, edges=edges, unlabelled=unlabelled) for unlabelled in (True, False))
        windows = every.batch(torch.arange(len(every)))
        steps = torch.cat([windows.past.actions.known() | ~windows.past.actions.valid, windows.actions.known() | ~windows.actions.valid], 1)
        assert known._now.tolist() == every._now[steps.all(-1).all(-1).numpy()].tolist() and len(known) < len(every)
    with pytest.raises(DataError, match="any whole window"):
        WindowDataset(frames, horizon=5)


def test_a_choice_of_episodes_keeps_its_own_labels(tmp_path):
    with Recorder(tmp_path / "set", FRAMES.spec) as recorder:
        for episode in EPISODES:
            recorder.write(episode)
    chosen = cached_frames(open_dataset(tmp_path / "set"), episodes=[3, 1]).with_labels(0.5)
    assert len(WindowDataset(chosen)) == len(WindowDataset(FRAMES)) / 5


def test_instructions_move_to_another_table():
    table = (*reversed(FRAMES.sentences), "wait")
    moved = FRAMES.in_table(table)
    assert [table[number] for number in moved.instructions] == [FRAMES.sentences[number] for number in FRAMES.instructions]
    with pytest.raises(ValueError, match="not in the table of 1"):
        FRAMES.in_table(("wait",))


def test_few_labels_are_shown_more_often():
    everything = WindowDataset(FRAMES.with_labels(0.2), unlabelled=True, labelled=0.5)
    window = everything.batch(torch.arange(len(everything)))
    share = window.actions.known().any(-1)[:, 0].float().mean()
    assert 0.5 <= share < 0.6 and len(everything) == 2 * 0.8 * len(WindowDataset(FRAMES))
    assert len(WindowDataset(FRAMES, unlabelled=True, labelled=0.5)) == len(WindowDataset(FRAMES))  # enough as they are
    with pytest.raises(ValueError, match="share of labelled"):
        WindowDataset(FRAMES, labelled=1.0)


def test_nothing_labelled_is_said_so():
    frames = replace(FRAMES, fields={**FRAMES.fields, "actions.labelled": np.zeros(len(FRAMES.fields["actions.valid"]), np.bool_)})
    with pytest.raises(DataError, match=r"nobody recorded the actions of any whole window of these .* learns from video alone"):
        WindowDataset(frames, past=1, horizon=1)
