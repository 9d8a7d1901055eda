"""The videos in unipi, susie and vpp: cards, sheets and pages of them, and their times, which are their own.

The oracle of time is a clock: the frames of all recordings show their number, so each says what any later one must show.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.data.toy import toy_episode, toy_spec
from wam.check import check_world_model
from wam.data import Recorder
from wam.evaluate.card import MODEL
from wam.jobs import imagine, play
from wam.jobs.imagine import imagine_run
from wam.jobs.record import record_world
from wam.models.observation_space.video import VideoWorldModel
from wam.recipes import load, load_recipe, train_recipe
from wam.show import pictures
from wam.show.play import Reset, Step
from wam.world import Actions, Future, Observation, SpecError

NARROW: dict[str, dict[str, int]] = {
    "unipi": {"inverse": 16},
    "susie": {"policy": 32, "channels": 16},
    "vpp": {"policy": 16, "layers": 1, "queries": 2, "cells": 2},
}
FRAMES = {"unipi": 1, "susie": 36, "vpp": 9}  # recorded ones per step of the video at tiny
STEPS = {"unipi": 5, "susie": 1, "vpp": 4}  # of the video, where five of the policy are asked for
ASKED = {"task": "instruction", "zones": 2}


BITS = 2 ** torch.arange(8)


def face(time: torch.Tensor) -> torch.Tensor:
    """Pictures "... 3 32 32" whose eight stripes, each black or white, say the number of a frame."""
    bits = (time[..., None] // BITS % 2).float().repeat_interleave(4, -1)
    return bits[..., None, None, :].expand(*time.shape, 3, 32, 32).contiguous()


def narrow(name: str):
    return lambda preset: replace(preset, config=replace(preset.config, width=8, levels=2, condition=16, steps=2, **NARROW[name]))


@pytest.fixture(scope="module")
def clocks(tmp_path_factory):
    """Two sets whose frames tell the time."""
    folder, spec = tmp_path_factory.mktemp("clocks"), toy_spec(32)
    for name, seeds in (("set", (0, 1)), ("fresh", (2, 3))):
        with Recorder(folder / name, spec) as recorder:
            for seed in seeds:
                episode = toy_episode(spec, 80 + 30 * (seed % 2), seed)
                shown = (255 * face(torch.arange(episode.size("T"))[None])).to(torch.uint8)
                recorder.write(replace(episode, observation=replace(episode.observation, rgb={"top": shown})))
    return folder / "set", folder / "fresh"


@pytest.fixture(scope="module")
def runs(clocks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {name: train_recipe(name, clocks[0], folder / name, change=narrow(name), steps=1, show=False).folder for name in NARROW}


def knowing(frames: int):
    """What predicts as `VideoWorldModel` does, and knows that its steps are so many recorded frames."""

    def predict(self: VideoWorldModel, carry: Any, actions: Actions, *, noise: Any = None) -> tuple[Any, Future]:
        now = ((carry.now.last[:, 0, 0, ::4] > 0).int() * BITS).sum(1)
        shown = face(now[:, None] + frames * torch.arange(1, actions.size("T") + 1))
        scene = replace(carry.now, last=2 * shown[:, -1] - 1)
        return replace(carry, now=scene), Future(observation=Observation(rgb={"top": shown}))

    return predict


@pytest.mark.parametrize("name", NARROW)
def test_what_knows_the_future_makes_no_error_and_what_is_a_frame_late_does(name, clocks, runs, tmp_path, monkeypatch):
    labels: list[str] = []
    strip = pictures.strip
    monkeypatch.setattr(pictures, "strip", lambda rows, over=(), **more: labels.extend(over) or strip(rows, over, **more))
    monkeypatch.setattr(VideoWorldModel, "predict", knowing(FRAMES[name]))
    found, page = imagine_run(runs[name], clocks[1], horizon=5, count=8, sheet=tmp_path / "sheet.png")
    card = found.card
    assert (card.horizon, card.rate) == (STEPS[name], pytest.approx(10 / FRAMES[name])) and not found.told
    own = {str(curve.measure): curve.values for curve in card.curves if curve.arm == MODEL and curve.measure.name == "PSNR"}
    assert len(own) == 2 and all(values == pytest.approx([100.0] * STEPS[name]) for values in own.values())
    assert {curve.arm for curve in card.curves} == {"model", "copy", "mean", "background"} and "told the actions" in page.read_text()
    assert labels[: STEPS[name] + 1] == ["last seen", *(f"+{FRAMES[name] * step / 10:.2g} s" for step in range(1, STEPS[name] + 1))]
    assert (tmp_path / "sheet.png").exists()
    monkeypatch.setattr(VideoWorldModel, "predict", knowing(FRAMES[name] + 1))
    late, _ = imagine_run(runs[name], clocks[1], horizon=5, count=8)
    assert all(value < 60 for curve in late.card.curves if curve.arm == MODEL and curve.measure.name == "PSNR" for value in curve.values)


def test_no_step_reaches_beyond_an_episode(clocks, runs):
    with pytest.raises(ValueError, match="look 4 steps of 36 frames ahead: the longest allows 3"):
        imagine_run(runs["susie"], clocks[1], horizon=40, count=8)


@pytest.mark.parametrize("name", NARROW)
def test_a_replay_shows_the_frames_of_its_times(name, clocks, runs, monkeypatch):
    monkeypatch.setattr(VideoWorldModel, "predict", knowing(FRAMES[name]))
    make, about = play.sessions(load(runs[name]), data=clocks[1], options={})
    session = make()
    assert about == "from frames of fresh" and not session.levers and [start.task.instruction.item() for start in session.starts] == [0, 0]
    frame = session.answer(Reset(1, replay=True))
    while not frame.over:
        frame = session.answer(Step())
        assert frame.drift == pytest.approx(100) and frame.truth is not None
        assert torch.equal(frame.truth["top"], (255 * face(torch.tensor(FRAMES[name] * frame.clock))).to(torch.uint8))
    chunk = load(runs[name]).imagining.spec.chunk
    assert frame.clock == 109 // FRAMES[name] // chunk * chunk


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("push")
    return [
        record_world("push", folder / name, episodes=12, policies={"expert": 1.0}, options=ASKED, truth=("pose",), seed=seed)
        for name, seed in (("set", 0), ("fresh", 100))
    ]


def loud(model: torch.nn.Module) -> None:
    """Few steps hardly open what starts closed."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)


@pytest.mark.parametrize("name", NARROW)
def test_each_is_a_world_model_told_no_actions_that_follows_instructions(name, demonstrations, tmp_path, monkeypatch):
    run = train_recipe(name, demonstrations[0], tmp_path / "run", change=narrow(name), steps=2, show=False)
    loud(run.model)
    monkeypatch.setattr(imagine, "load", lambda folder, **more: run)
    found, page = imagine_run(run.folder, demonstrations[1], horizon=5, count=16)
    assert found.verdicts.conforms is None and found.verdicts.uses_conditions is None and page.exists()  # of a changed preset
    check_world_model(run.imagining).require()
    assert found.card.probes and found.card.horizon == STEPS[name]
    video = run.imagining
    assert not video.spec.consumes.told and video.spec.instructed
    with pytest.raises(SpecError, match=r"its video does not see them. `wam imagine .*` and `wam play .*` show what it imagines"):
        _ = run.world_model

    make, about = play.sessions(run, world="push", options=ASKED)
    session = make()
    assert about == "from starts of the world push task=instruction zones=2" and session.frame.truth is None
    shown = [session.answer(Step(keys)).imagined["top"] for keys in (frozenset(), frozenset({"ArrowUp"}))]
    session.answer(Reset())  # the same start, in another try: without chance the same
    again = [session.answer(Step(keys)).imagined["top"] for keys in (frozenset({"ArrowLeft"}), frozenset())]
    if not video.spec.stochastic:
        assert all(torch.equal(one, other) for one, other in zip(shown, again, strict=True))
    asked = session.starts[0].task.instruction.item()
    other = replace(session.starts[0], task=replace(session.starts[0].task, instruction=torch.tensor([(asked + 1) % len(video.spec.sentences)])))
    session.starts = (other,)
    session.answer(Reset(0))
    assert not torch.equal(session.answer(Step()).imagined["top"], shown[0])
    with pytest.raises(SpecError, match=r"imagines what an instruction asks for, and the world push gives none\. Name a world that does"):
        play.sessions(run, world="push", options={})


def test_a_video_that_never_sees_a_frame_cannot_go_on_from_one(demonstrations, tmp_path):
    off = load_recipe("unipi").mechanism.off
    run = train_recipe("unipi", demonstrations[0], tmp_path / "run", change=lambda preset: off(narrow("unipi")(preset)), steps=1, show=False)
    with pytest.raises(SpecError, match="learned without any frame, from words alone"):
        imagine_run(run.folder, demonstrations[1], horizon=2, count=4)
