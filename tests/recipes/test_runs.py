"""A run's own file: written once it is accepted, compared when it goes on, and errors that say what is wrong with it."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from wam import train
from wam.data.meaning import IMAGINED
from wam.data.splitting import split
from wam.evaluate.origin import commit
from wam.jobs.control import ControlResult, control_runs
from wam.jobs.imagine import ImaginedResult, imagine_run
from wam.jobs.record import record_world
from wam.recipes import export, load, load_recipe, runs, train_recipe
from wam.recipes.lewm import without_regulariser
from wam.recipes.run_file import trained_now
from wam.recipes.runs import frames_for, sources_of
from wam.show.bars import Bars
from wam.world import SpecError


def record(path, episodes=6, seed=0):
    return record_world("push", path, episodes=episodes, policies={"play": 1.0}, truth=(), seed=seed)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return record(tmp_path_factory.mktemp("data") / "push")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return record(tmp_path_factory.mktemp("data") / "other", seed=100)


def small(preset):
    return replace(preset, config=replace(preset.config, latent=4, width=8, points=4, hidden=8, dim=8, depth=1, heads=2))


def fit(data, folder, **options):
    return train_recipe("lewm", data, folder, change=options.pop("change", small), steps=2, show=False, **options)


def test_a_refused_training_touches_nothing(data, other, tmp_path):
    fit(data, tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_text()
    with pytest.raises(train.CheckpointError, match="holds a run already"):
        fit(other, tmp_path / "run")
    with pytest.raises(train.CheckpointError, match="cannot go on, it was started with something else: its numbers are those of other data"):
        fit(other, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "run.json").read_text() == before
    moved = data.parent / "moved"
    shutil.copytree(data, moved)
    assert fit(moved, tmp_path / "run", resume=True).trained_on.data == str(moved) == load(tmp_path / "run").trained_on.data
    with pytest.raises(train.CheckpointError, match="there is no run in"):
        fit(data, tmp_path / "misspelt", resume=True)
    assert not (tmp_path / "misspelt").exists()


def test_half_a_training_is_looked_at_and_not_judged(data, other, tmp_path):
    run = fit(data, tmp_path / "run")
    (head,) = (run.folder / "checkpoints").glob("*/checkpoint.json")
    told = json.loads(head.read_text())
    head.write_text(json.dumps(told | {"place": told["place"] | {"ended": False, "step": 1}}))
    for judged in (
        load,
        lambda folder: control_runs([folder], "push", goals=1, bars=Bars(Console(quiet=True))),
        lambda folder: export(folder, tmp_path / "exported"),
    ):
        with pytest.raises(train.CheckpointError, match=r"not over: it was stopped after step 1 of stage 'world'.*--resume"):
            judged(run.folder)
    found, page = imagine_run(run.folder, other, horizon=2, count=4)
    assert found.verdicts.uses_conditions is None and "stopped after step 1" in " ".join(found.notes) and "stopped after step 1" in page.read_text()
    assert load(run.folder, stopped=True).left and not run.left


def test_a_changed_preset_loads_as_it_was_trained(data, tmp_path):
    run = fit(data, tmp_path / "run", change=lambda preset: replace(small(without_regulariser(preset)), skip=2))
    again = load(tmp_path / "run")
    assert again.name == run.name == "lewm tiny, changed" and again.preset.skip == 2 and again.preset.config.latent == 4
    assert again.trained_on == run.trained_on and again.trained_on.data == str(data.absolute())
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    assert load(checkpoint).preset.skip == 2  # a checkpoint inside a run finds the run's file


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda text: "{}", "cannot be read"),
        (lambda text: text.replace('"tiny"', '"tinny"'), "no preset 'tinny'"),
    ],
)
def test_a_damaged_run_explains_itself(data, tmp_path, damage, message):
    fit(data, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(train.CheckpointError, match=message):
        load(tmp_path / "run")
    path.unlink()
    with pytest.raises(train.CheckpointError, match="copied in part"):
        load(tmp_path / "run")


def test_an_exported_run_imagines_without_log_and_training_data(data, other, tmp_path):
    fit(data, tmp_path / "run")
    folder = export(tmp_path / "run", tmp_path / "small")
    told = json.loads((folder / "run.json").read_text())
    told["trained_on"]["data"] = str(tmp_path / "gone")
    (folder / "run.json").write_text(json.dumps(told))
    found, page = imagine_run(folder, other, horizon=2, count=8)
    card = found.card
    assert {curve.arm for curve in card.curves} == {"model", "shuffled", "copy"} and "is not here" in page.read_text() and "--training" in found.notes[0]
    found, _ = imagine_run(folder, other, horizon=2, count=8, training=data)
    assert "background" in {curve.arm for curve in found.card.curves} and found.verdicts.conforms is None  # of a changed preset
    assert ImaginedResult.from_json(found.save(tmp_path / "card.json").read_text()) == found


@pytest.mark.parametrize("learned", [(), ("pose",)], ids=["held out alone", "learned from alone"])
def test_poses_that_one_set_alone_knows_are_not_probed_for(tmp_path, learned):
    kinds = [(tmp_path / "data", learned, 0), (tmp_path / "fresh", ("pose",) if not learned else (), 100)]
    known, fresh = (record_world("push", path, episodes=6, policies={"play": 1.0}, truth=truth, seed=seed) for path, truth, seed in kinds)
    fit(known, tmp_path / "run")
    found, page = imagine_run(tmp_path / "run", fresh, horizon=2, count=8)
    assert not found.card.probes and {"model", "background"} <= {curve.arm for curve in found.card.curves}
    assert "Poses of bodies are known in one of the two sets alone" in page.read_text() and "in one of the two sets alone" in found.origin.protocol


def test_what_cannot_be_held_out_is_refused(data, other, tmp_path):
    fit(data, tmp_path / "run")
    with pytest.raises(ValueError, match=r"lewm tiny, changed was trained on (\d+) of the \1 episodes .* `wam data split` holds some out"):
        imagine_run(tmp_path / "run", data, horizon=2, count=8)
    fit(data, tmp_path / "some", episodes=[1, 3], labels=0.5)
    with pytest.raises(ValueError, match=r"lewm tiny, changed was trained on 2 of the \d+ episodes"):
        imagine_run(tmp_path / "some", data, horizon=2, count=8)
    split(data, tmp_path / "left", tmp_path / "held", count=3)
    with pytest.raises(ValueError, match=r"lewm tiny, changed was trained on 3 of the 3 episodes"):
        imagine_run(tmp_path / "run", tmp_path / "held", horizon=2, count=8)
    imagine_run(tmp_path / "some", other, horizon=2, count=8)
    with pytest.raises(ValueError, match="is what lewm tiny, changed was trained on"):  # whatever is said to be what it learned from
        imagine_run(tmp_path / "run", data, horizon=2, count=8, training=other)
    with pytest.raises(ValueError, match="the longest allows 14"):
        imagine_run(tmp_path / "run", other, horizon=15, count=8)


def test_without_git_the_commit_is_empty(monkeypatch):
    assert commit()
    monkeypatch.setenv("PATH", "")
    assert commit() == ""


def test_control_writes_a_page_and_refuses_other_picture_sizes(data, tmp_path):
    fit(data, tmp_path / "run")
    with Bars(Console(quiet=True)) as bars:
        found, page = control_runs([tmp_path / "run"], "push", goals=2, bars=bars)
        with pytest.raises(SpecError, match="trained on pictures of 32 px, the option size=64"):
            control_runs([tmp_path / "run"], "push", goals=2, options={"size": 64}, bars=bars)
        with pytest.raises(ValueError, match="Did you mean 'push'"):
            control_runs([tmp_path / "run"], "psh", goals=2, bars=bars)
    assert [row.name for row in found.rows] == ["random", "drive_to_goal", "lewm", "expert"] and found.parameters > 1e4
    assert found.pooled is not None and found.pooled.per_training == (found.rows[2].success,)
    assert page.name == "control.html" and "lewm tiny, changed in the world push" in page.read_text()
    assert ControlResult.from_json(found.save(tmp_path / "result.json").read_text()) == found


def test_a_training_is_added_to_figures_of_others_whose_runs_are_gone(data, other, tmp_path):
    for seed in (0, 1):
        fit(data, tmp_path / str(seed), seed=seed)
    fit(other, tmp_path / "other", seed=2)
    with Bars(Console(quiet=True)) as bars:
        first, _ = control_runs([tmp_path / "1"], "push", goals=2, bars=bars)
        both, _ = control_runs([tmp_path / "0"], "push", goals=2, earlier=first, bars=bars)
        together, _ = control_runs([tmp_path / "0", tmp_path / "1"], "push", goals=2, bars=bars)
        with pytest.raises(SpecError, match="the training 0 stands in those figures already"):
            control_runs([tmp_path / "0"], "push", goals=2, earlier=both, bars=bars)
        with pytest.raises(SpecError, match=r"are of another protocol\. There: 2 held-out starts .* Here: 3 held-out starts"):
            control_runs([tmp_path / "0"], "push", goals=3, earlier=first, bars=bars)
        with pytest.raises(SpecError, match="do not say which training"):
            control_runs([tmp_path / "0"], "push", goals=2, earlier=replace(first, trained=()), bars=bars)
        with pytest.raises(SpecError, match="are of random, drive_to_goal, lewm, expert, and here lewm acts"):
            control_runs([tmp_path / "0"], "push", goals=2, earlier=replace(first, trained=(1, 2)), bars=bars)
        with pytest.raises(SpecError, match="are of another data set"):
            control_runs([tmp_path / "other"], "push", goals=2, earlier=first, bars=bars)
        elsewhere = replace(first, origin=replace(first.origin, data="0"))  # the same on another processor
        mixed, _ = control_runs([tmp_path / "0"], "push", goals=2, earlier=elsewhere, bars=bars)

    def figures(result):
        return [(row.name, row.outcomes, row.first_solved) for row in result.rows]

    assert both.trained == together.trained == (0, 1) and figures(both) == figures(together) and both.pooled.over_trivial == together.pooled.over_trivial
    assert both.older == () and both.origin.seeds == together.origin.seeds and mixed.trained == (0, 1) and mixed.older == (1,)


def test_runs_that_differ_in_their_seed_are_judged_together(data, other, tmp_path):
    fit(data, tmp_path / "run")
    fit(data, tmp_path / "again", seed=1)
    fit(other, tmp_path / "other")
    train_recipe("lewm", data, tmp_path / "longer", change=small, steps=3, seed=2, show=False)
    with Bars(Console(quiet=True)) as bars:
        with pytest.raises(SpecError, match=r"differ in steps of training: {'world': 2} and {'world': 3}"):
            control_runs([tmp_path / "run", tmp_path / "longer"], "push", goals=2, bars=bars)
        found, _ = control_runs([tmp_path / "run", tmp_path / "again"], "push", goals=2, options={"budget": 40}, bars=bars)
        with pytest.raises(SpecError, match="differ in training data"):
            control_runs([tmp_path / "run", tmp_path / "other"], "push", goals=2, bars=bars)
    assert [row.name for row in found.rows] == ["random", "drive_to_goal", "lewm", "lewm", "expert"]
    assert {row.steps for row in found.rows} == {40}  # no multiple of the model's three steps
    assert found.pooled is not None and len(found.pooled.per_training) == 2 and found.origin.seeds.startswith("training 0, 1;")


def test_a_share_of_the_labels_is_shown_and_the_run_remembers(data, tmp_path):
    run = fit(data, tmp_path / "run", labels=0.5)
    assert load(run.folder).trained_on.statistics != fit(data, tmp_path / "all").trained_on.statistics  # moments of what was shown alone
    with pytest.raises(train.CheckpointError, match="something else"):
        fit(data, tmp_path / "run", resume=True)


def test_what_was_imagined_is_at_the_models_clock_already(data):
    frames = frames_for(load_recipe("lewm").preset("tiny"), data)
    acts = replace(frames.spec.acts, per_step=3)
    imagined = replace(frames, spec=replace(frames.spec, acts=acts, source=f"{IMAGINED}..."))
    preset = load_recipe("lewm").preset("tiny")
    assert preset.skip == 3 and runs._apart(preset, frames) == 3 and runs._apart(preset, imagined) == 1
    with pytest.raises(SpecError, match="same clock"):
        runs._apart(replace(preset, skip=2), imagined)


def test_a_model_that_knows_instructions_by_number_follows_one_table_alone(data, tmp_path):
    run = fit(data, tmp_path / "run")
    assert run.read(("go", "stay")) is run  # it reads no instructions

    class ByNumber:
        spec = replace(run.model.spec, instructed=True, sentences=("go", "stay"))

    told = replace(run, model=ByNumber())
    assert told.read(("go", "stay")) is told
    with pytest.raises(SpecError, match="does not read words"):
        told.read(("stay", "go"))


def test_a_run_knows_the_sources_that_trained_it(data, tmp_path):
    run = fit(data, tmp_path / "run")
    known = run.sources
    assert known is not None and not known.stale and load(tmp_path / "run").sources == known and sources_of(run) == known
    assert trained_now(tmp_path / "run", run.trained_on.fingerprint) and not trained_now(tmp_path / "run", "of others")
    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace(known.digest, "0" * 12))
    again = fit(data, tmp_path / "run", resume=True)  # it goes on, and stays what it was
    assert again.sources.stale and sources_of(run, again) == again.sources and not trained_now(tmp_path / "run", run.trained_on.fingerprint)
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "sources"}))
    assert load(tmp_path / "run").sources is None and sources_of(load(tmp_path / "run")).stale
    assert not trained_now(tmp_path / "nowhere", "")


def test_a_change_of_steps_survives_fewer_steps(data, tmp_path):
    """An idea may be switched off by training a stage for one step alone."""

    def once(preset):
        stages = tuple(replace(stage, learner=replace(stage.learner, steps=1)) for stage in preset.stages)
        return replace(small(preset), stages=stages)

    run = train_recipe("lewm", data, tmp_path / "run", change=once, steps=2, show=False)
    assert [stage.learner.steps for stage in run.preset.stages] == [1]


def test_a_resumed_run_says_which_seed_it_had(data, tmp_path):
    fit(data, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(train.CheckpointError, match="seed was 0, is 1"):
        fit(data, tmp_path / "run", seed=1, resume=True)


def test_the_same_weights_act_as_another_preset_says(tmp_path):
    asked = {"task": "instruction", "zones": 2}
    shown = record_world("push", tmp_path / "set", episodes=6, policies={"expert": 1.0}, options=asked, truth=())
    run = train_recipe(
        "diffusion_policy", shown, tmp_path / "run", change=lambda preset: replace(preset, config=replace(preset.config, dim=32)), steps=1, show=False
    )
    other = run.policy_under(run.recipe.mechanism.off(run.preset))
    assert other.spec == replace(run.policy().spec, execute=1) != run.policy().spec
    assert all(torch.equal(one, two) for one, two in zip(other.state_dict().values(), run.model.state_dict().values(), strict=True))
