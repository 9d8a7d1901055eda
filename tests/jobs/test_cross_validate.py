"""Leave one episode out, on a set made up here and on real episodes where they are present."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.data.test_converters import droid_layout
from tests.world.geometry.real_data import folder
from wam.cli import app
from wam.data import cached_frames, open_dataset
from wam.data.converters import convert_droid, convert_rlds
from wam.evaluate.card import BASELINES, MODEL, SHUFFLED
from wam.evaluate.cross_validation import CrossValidated
from wam.evaluate.futures import DECIDED, HOLD, MEAN, MOVING, decision_errors, standing
from wam.evaluate.places import COPY, LATENTS, MOVED
from wam.jobs.cross_validate import CrossValidation, cross_validate, judge_fold, windows
from wam.jobs.pages import refreshed
from wam.jobs.record import record_world


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Three episodes of 12 frames, three cameras, derived actions."""
    root = tmp_path_factory.mktemp("droid")
    for name in ("1", "2", "3"):
        droid_layout(root / "in", frames=12, states=12, recorded=False, name=name)
    return convert_droid(root / "in", root / "out").path


def test_the_command_writes_figures_and_sheet_for_a_page(made_up, tmp_path):
    arguments = ["--out", str(tmp_path / "folds"), "--result", str(tmp_path / "made_up.json"), "--sheet", str(tmp_path / "sheet.png")]
    answer = CliRunner().invoke(app, ["cross-validate", "lewm", "--data", str(made_up), "--steps", "1", *arguments, "--json"])
    assert answer.exit_code == 0, (answer.output, answer.exception)
    found = CrossValidated.from_json((tmp_path / "made_up.json").read_text())
    assert json.loads(answer.stdout)["windows"] == found.windows == 3 * (12 - 2 - 4) and found.derived and len(found.cameras) == 3
    assert [fold.source for fold in found.folds] == [f"annotation/val/{name}.json" for name in "123"]
    assert {contrast.step for contrast in found.contrasts} == {1, 2, 4}
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    page = refreshed("before\n<!-- made_up.json -->\n<!-- end -->\nafter\n", tmp_path)
    assert "| the model |" in page and page.startswith("before\n") and page.endswith("<!-- end -->\nafter\n") and refreshed(page, tmp_path) == page


@pytest.mark.parametrize(
    ("recipe", "asked"),
    [
        ("cosmos_predict", {MOVING: (MODEL, SHUFFLED)}),
        ("uwm", {MOVING: (MODEL, SHUFFLED), DECIDED: (MODEL,)}),
        ("fast_wam", {MOVING: (MODEL,), DECIDED: (MODEL,)}),
    ],
)
def test_each_system_is_asked_what_it_has_an_answer_to(recipe, asked, made_up, tmp_path):
    found, picture = cross_validate(CrossValidation(recipe=recipe, preset="robot", steps=1), made_up, tmp_path / "folds")
    arms = {where: {curve.arm for curve in found.curves if curve.measure.where == where} for where in asked}
    trivial = {MOVING: set(BASELINES), DECIDED: {MEAN, HOLD}}
    assert {curve.measure.where for curve in found.curves} == set(asked) and arms == {where: {*own} | trivial[where] for where, own in asked.items()}
    assert picture is not None and not found.probes and len(found.folds) == 3
    found.save(tmp_path / "made_up.json")
    page = refreshed("<!-- made_up.json -->\n<!-- end -->\n", tmp_path)
    assert ("PSNR, dB" in page) and ("standing still" in page) == (DECIDED in asked)


def test_what_is_done_is_measured_in_deviations_of_the_training_actions(made_up, tmp_path):
    """The mean action and standing still by hand, and a policy that repeats what was recorded makes no error."""
    run = judge_fold(CrossValidation(recipe="uwm", preset="robot", steps=1), made_up, tmp_path / "fold", 1, 3).run
    window, known = windows(run, made_up, [1], 3, 4), run.statistics.action
    acts = run.model.as_policy().spec.acts

    class Knows:
        spec = run.model.as_policy().spec

        def begin(self, batch, task):
            return None

        def act(self, memory, since, *, noise=None):
            return memory, window.actions

    unknown = torch.zeros_like(window.valid)
    unlabelled = replace(window, actions=replace(window.actions, labelled=unknown))
    assert all(found.weight.max() == 0 for found in next(iter(decision_errors(Knows(), unlabelled, known=known).values())).values())
    ((measure, arms),) = decision_errors(Knows(), window, known=known).items()
    done, mean, std = window.actions.low_level[:, :, 0], torch.tensor(known.mean), torch.tensor(known.std)
    scale = torch.where(std > 0, std, 1)
    assert measure.where == DECIDED and arms[MODEL].value.abs().max() == 0 and arms[MODEL].weight.min() == 1
    torch.testing.assert_close(arms[MEAN].value, ((done - mean) / scale).square().mean(-1).sqrt())
    still = standing(window, acts.low_level)[:, :, 0]
    torch.testing.assert_close(arms[HOLD].value, ((done - still) / scale).square().mean(-1).sqrt())
    relative = [slot.relative for slot in acts.low_level]
    assert any(relative) and not all(relative) and (still[..., relative] == 0).all()


def test_no_fold_trains_on_its_episode(made_up, tmp_path):
    """Statistics are those of the other episodes, and a second call trains nothing."""
    asked = CrossValidation(recipe="lewm", preset="robot", steps=1)
    first = judge_fold(asked, made_up, tmp_path / "fold", 1, 3)
    assert first.run.trained_on.episodes == (0, 2)
    frames = cached_frames(open_dataset(made_up), cameras=(), episodes=[0, 2])
    moves = np.concatenate([frames.episode(index).actions.low_level[0, 1:, 0].numpy() for index in (0, 1)])
    assert torch.allclose(first.run.model.normalise_action.mean, torch.from_numpy(moves.mean(0)), atol=1e-5)
    again = judge_fold(asked, made_up, tmp_path / "fold", 1, 3)
    arm = next(iter(first.table))
    assert torch.equal(first.table[arm][MODEL].value, again.table[arm][MODEL].value)


def test_a_single_episode_cannot_be_left_out(tmp_path):
    data = record_world("push", tmp_path / "push", episodes=1, policies={"play": 1.0}, truth=(), options={"budget": 20})
    with pytest.raises(ValueError, match="holds 1 episode, and each is judged by what learned from the others"):
        cross_validate(CrossValidation(recipe="lewm", preset="robot", steps=1), data, tmp_path / "folds")
    assert not (tmp_path / "folds").exists()


def test_the_fingerprint_is_of_the_content(made_up, tmp_path):
    one = cached_frames(open_dataset(made_up), cameras=()).fingerprint()
    assert one == cached_frames(open_dataset(made_up), cameras=(), folder=tmp_path).fingerprint()
    parts = {cached_frames(open_dataset(made_up), cameras=(), episodes=some).fingerprint() for some in ([0], [1], [0, 1])}
    assert len(parts | {one}) == 4  # episodes of equal length are not the same


def test_sets_without_a_position_are_judged_by_what_they_have(tmp_path):
    """The readings of `push` are two metres, no place of an end effector: of lewm the pictures are left."""
    data = record_world("push", tmp_path / "push", episodes=3, policies={"play": 1.0}, truth=(), options={"budget": 20})
    found, picture = cross_validate(CrossValidation(recipe="lewm", preset="robot", steps=1), data, tmp_path / "folds")
    assert {curve.measure.where for curve in found.curves} == {MOVING} and not found.probes and picture is not None


def test_real_bridge(tmp_path):
    """The still guess equals what the recorded states say of the held-out episode; four of 25 episodes are enough for that."""
    data = convert_rlds(folder("bridge_octo"), tmp_path / "bridge").path
    found = judge_fold(CrossValidation(recipe="lewm", preset="robot", steps=1), data, tmp_path / "fold", 3, 4)
    states = cached_frames(open_dataset(data), cameras=()).episode(3).observation.proprio[0, :, :3].double()
    arms = {measure.where: arms for measure, arms in found.table.items()}
    for step in (1, 2, 4):
        expected = torch.stack([(states[now + step] - states[now]).norm() for now in range(2, 6)])
        assert torch.allclose(arms[MOVED][COPY].value[:, step - 1].double(), expected, atol=1e-6)
    assert arms[LATENTS][MODEL].value.isfinite().all() and found.window.size("B") == 1
