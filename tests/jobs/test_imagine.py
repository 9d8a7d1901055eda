"""The verdict of a rollout card counts what its instruments can see; sets of other robots are refused in words."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from wam.data import DataSpec, open_dataset
from wam.evaluate.card import MODEL, POSITION, SHUFFLED, Contrast, Measure, RolloutCard
from wam.evaluate.intervals import Interval
from wam.evaluate.probe import ProbeScore
from wam.jobs import play
from wam.jobs.imagine import imagine_run, is_read
from wam.jobs.record import record_world
from wam.jobs.use.evaluate_policy import PolicyTest, evaluate_policies
from wam.jobs.windowing import skip_of, windows_of
from wam.recipes import load, train_recipe
from wam.recipes.fast_wam import without_video
from wam.recipes.recipe import load_recipe
from wam.show.bars import Bars
from wam.show.play import Step
from wam.sim.worlds import push
from wam.world import Camera, FutureSpec, Slot, SpecError, WorldModelSpec


def test_a_probe_that_finds_nothing_says_nothing():
    seen, unseen = (Measure(name=POSITION, of=body, where="pictures", unit="m") for body in ("pusher", "disc"))
    pixels = Measure(name="PSNR", of="top", where="moving pixels", higher_is_better=True)
    ratio = Interval(value=0.5, low=0.4, high=0.6)
    card = RolloutCard(
        model="m",
        windows=1,
        episodes=1,
        past=1,
        horizon=1,
        rate=1.0,
        curves=(),
        contrasts=tuple(Contrast(measure=measure, arm=MODEL, against=SHUFFLED, ratio=ratio) for measure in (seen, unseen, pixels)),
        probes=(ProbeScore(reads="pictures", body="pusher", r2=0.9, error=0.01), ProbeScore(reads="pictures", body="disc", r2=-0.3, error=0.3)),
    )
    assert [is_read(card, contrast.measure) for contrast in card.action_use()] == [True, False, True]


@pytest.mark.parametrize("other", ["cameras", "actions"])
def test_a_set_of_another_robot_is_refused_by_what_it_lacks(tmp_path, other):
    data = record_world("push", tmp_path / "set", episodes=2, policies={"play": 1.0}, truth=())
    own = open_dataset(data).spec
    observes = replace(own.observes, cameras={"wrist": Camera(height=32, width=32)}) if other == "cameras" else own.observes
    consumes = replace(own.acts, low_level=(Slot(name="gripper"),)) if other == "actions" else own.acts
    spec = WorldModelSpec(observes=observes, predicts=FutureSpec(observation=observes), consumes=consumes, rate=10.0)
    run = SimpleNamespace(name="lewm tiny", preset=load_recipe("lewm").preset("tiny"), imagining=SimpleNamespace(spec=spec))
    lacking = "wrist" if other == "cameras" else "gripper"
    with pytest.raises(ValueError, match=rf"has the {other} .*lacks \['{lacking}'\].*another robot or world: pass episodes recorded like"):
        windows_of(run, data, 3, 4)


def test_a_set_of_another_rate_is_refused():
    """The model's steps last three frames of 10 Hz; what it lived through itself has one frame a step."""
    env = push.make(1).spec
    own = DataSpec.of_world(env)
    spec = WorldModelSpec(observes=own.observes, predicts=FutureSpec(observation=own.observes), consumes=own.acts, rate=10 / 3)
    preset = load_recipe("lewm").preset("tiny")
    run = SimpleNamespace(name="lewm tiny", preset=preset, imagining=SimpleNamespace(spec=spec), data=replace(own, rate=10 / 3))
    assert skip_of(run, own, "set") == preset.skip == 3 and skip_of(run, run.data, "set") == 1
    with pytest.raises(ValueError, match=r"set has 30 frames a second, and lewm tiny learned from 10: .* Pass episodes of that rate"):
        skip_of(run, replace(own, rate=30.0), "set")


@pytest.mark.parametrize("change", [{"unit": "mm"}, {"relative": False}, {"frame": "gripper"}])
def test_a_set_whose_actions_mean_something_else_is_refused(change):
    """Names that agree are not enough: millimetres for metres would only look like a model that ignores its actions."""
    own = DataSpec.of_world(push.make(1).spec)
    spec = WorldModelSpec(observes=own.observes, predicts=FutureSpec(observation=own.observes), consumes=own.acts, rate=10 / 3)
    run = SimpleNamespace(name="lewm tiny", preset=load_recipe("lewm").preset("tiny"), imagining=SimpleNamespace(spec=spec), data=replace(own, rate=10 / 3))
    other = tuple(replace(slot, **change) for slot in own.acts.low_level)
    with pytest.raises(ValueError, match=r"set has 'pusher x' as .*, and lewm tiny learned with 'pusher x' as a change in m, frame 'world': convert the set"):
        skip_of(run, replace(own, acts=replace(own.acts, low_level=other)), "set")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Sets to learn from and to be judged on."""
    folder = tmp_path_factory.mktemp("shown")
    return [record_world("push", folder / name, episodes=6, policies={"play": 1.0}, truth=(), seed=seed) for name, seed in (("set", 0), ("fresh", 100))]


def narrow(preset):
    return replace(preset, config=replace(preset.config, dim=16, narrow=8, depth=1, heads=2, condition=16, words=16, eye=8, steps=2))


def test_a_video_that_does_not_see_the_actions_is_imagined_without_them(shown, tmp_path):
    train_recipe("fast_wam", shown[0], tmp_path / "fast", change=narrow, steps=1, show=False)
    found, page = imagine_run(tmp_path / "fast", shown[1], horizon=3, count=8)
    assert {curve.arm for curve in found.card.curves} == {"model", "copy", "mean", "background"} and found.card.horizon == 4
    assert not found.told and found.verdicts.uses_conditions is None and found.verdicts.conforms is None  # of a changed preset
    assert "imagines without being told the actions" in page.read_text() and "imagines without being told the actions" in found.origin.protocol
    session = play.sessions(load(tmp_path / "fast"), world="push", options={})[0]()
    assert not session.levers and session.frame.truth is None and session.answer(Step()).step == 1
    told, _ = imagine_run("checkpoints/lewm-push", shown[1], horizon=3, count=8, training=shown[0])
    assert told.told and "shuffled" in {curve.arm for curve in told.card.curves}


def test_where_actions_have_to_lead_somewhere_it_is_refused_with_what_works(shown, tmp_path):
    train_recipe("fast_wam", shown[0], tmp_path / "fast", change=narrow, steps=1, show=False)
    words = (
        rf"{tmp_path}/fast \(fast_wam tiny, changed\) cannot say what given actions lead to: its video does not see them. `wam imagine {tmp_path}/fast --data"
    )
    with pytest.raises(SpecError, match=words), Bars(Console(quiet=True)) as bars:
        evaluate_policies(tmp_path / "fast", ["checkpoints/lewm-push"], PolicyTest(world="push", options={}), bars=bars)
    blind = train_recipe("fast_wam", shown[0], tmp_path / "blind", change=lambda preset: narrow(without_video(preset)), steps=1, show=False)
    with pytest.raises(SpecError, match=r"was not trained on its video.* `wam control .*blind` lets it act"):
        _ = blind.imagining
