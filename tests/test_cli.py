"""The command line: every verb explains itself; JSON is JSON; errors explain and exit with 2."""

import dataclasses
import errno
import importlib
import io
import json
import re
import shutil
import subprocess
import sys

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from tests.nets.perceive.test_pretrained import PLAIN, stored
from tests.show.samples import origin
from wam.cli import app, main
from wam.cli.common import options, show, usable
from wam.cli.compare import comparison_table
from wam.cli.training import record as record_verb
from wam.cli.training import shares
from wam.evaluate.intervals import Interval
from wam.evaluate.result import Verdicts
from wam.jobs.compare import MechanismComparison
from wam.jobs.listing import PRESETS, listing
from wam.plan.control.safety import SafetyError
from wam.recipes import all_recipes, load
from wam.show import report
from wam.show.tables import terminal_table
from wam.sim.engines.mujoco import PictureError

RUN = CliRunner()
VERBS = (
    "list",
    "card",
    "record",
    "train",
    "export",
    "imagine",
    "control",
    "compare",
    "check",
    "demo",
    "cross-validate",
    "data inspect",
    "data check",
    "data convert",
)


@pytest.mark.parametrize("verb", ["", "data", *VERBS])
def test_help_has_an_example(verb):
    answer = RUN.invoke(app, [*verb.split(), "--help"])
    assert answer.exit_code == 0 and "Example" in answer.output


def test_list_and_card_as_json():
    assert {"name", "paper", "reference", "cells", "uses", "conforms", "uses_conditions", "learns", "mechanism", "stale"} <= json.loads(
        RUN.invoke(app, ["list", "--json"]).output
    )[0].keys()
    assert json.loads(RUN.invoke(app, ["card", "lewm", "--json"]).output)["paper"] == "2603.19312"


def test_a_card_says_what_each_preset_is_for():
    told = RUN.invoke(app, ["card", "lewm"], env={"COLUMNS": "80"}).output
    assert "a few real episodes" in told and "100000" in told and '"latent"' not in told
    assert {name for recipe in all_recipes() for name in recipe.presets} == set(PRESETS)


def test_stale_results_are_named_by_recipe(monkeypatch):
    lines = [dataclasses.replace(line, stale=("push_old.json", "push_older.json") if line.name == "lewm" else ()) for line in listing()]
    monkeypatch.setattr("wam.jobs.listing.listing", lambda: lines)
    monkeypatch.setattr("wam.jobs.listing.stale_elsewhere", lambda: ("speed_old.json",))
    told = RUN.invoke(app, ["list"]).output
    assert "push_old.json" not in told and "`wam list --stale` names them" in told
    told = RUN.invoke(app, ["list", "--stale"]).output
    assert told.endswith("\nlewm: push_old.json, push_older.json\nof no recipe: speed_old.json\n") and "which does not say that they are wrong" in told


def test_options_are_read_as_json_where_they_are():
    assert options(["size=64", "task=play", 'shapes=["disc"]']) == {"size": 64, "task": "play", "shapes": ("disc",)}
    with pytest.raises(ValueError, match="NAME=VALUE"):
        options(["size"])


@pytest.mark.parametrize("world", ["push", "pusht", "tabletop", "control_suite", "gym"])
def test_the_help_of_record_names_policies_and_options(world):
    """As the worlds themselves have them, so that the text cannot grow old."""
    module = importlib.import_module(f"wam.sim.worlds.{world}")
    told = re.search(rf"{world}: policies (.*?); options (.*?)\.", " ".join(record_verb.__doc__.split()))
    assert told is not None and told[1].split(", ") == list(module.POLICIES)
    assert told[2].replace(" (needed)", "").split(", ") == [field.name for field in dataclasses.fields(module.OPTIONS)]


def test_shares_are_read():
    assert shares("play:0.7,wander") == {"play": 0.7, "wander": 1.0}
    with pytest.raises(ValueError, match=r"share of 'play' is 'abc', expected a number above 0, e\.g\. --policies play:0\.7"):
        shares("play:abc")
    with pytest.raises(ValueError, match="names 'play' twice: give it one share"):
        shares("play:1,play:2")


def test_record_tells_what_the_set_holds_and_what_was_added(tmp_path):
    command = ["record", "push", "--out", str(tmp_path / "set"), "--policies", "play", "--option", "budget=5", "--resume", "--json"]
    for asked, holds, added in ((3, 3, 3), (5, 5, 2), (2, 5, 0)):
        told = json.loads(RUN.invoke(app, [*command, "--episodes", str(asked)]).stdout)
        assert (told["episodes"], told["added"]) == (holds, added)


def test_a_comparison_shows_the_difference_with_its_interval():
    found = MechanismComparison(
        mechanism="the idea",
        difference=Interval(value=0.125, low=-0.02, high=0.27),
        episodes=200,
        solved_on=100,
        solved_off=75,
        seeds=(0, 1),
        outcomes_on=(),
        outcomes_off=(),
        verdicts=Verdicts(mechanism="null"),
        origin=origin(),
    )
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(comparison_table(found))
    shown = console.export_text()
    assert "+12.5 (-2.0 to +27.0)" in shown and "null" in shown and "50.0" in shown and "37.5" in shown


def test_demo_prints_its_figures_as_json_and_nothing_else(tmp_path, monkeypatch):
    def made(folder, config, *, console):
        console.print("recording")
        (folder / "summary.json").write_text(json.dumps({"rows": [config.goals]}))
        return folder / "report.html"

    monkeypatch.setattr("wam.jobs.demo.run_demo", made)
    answer = RUN.invoke(app, ["demo", "--out", str(tmp_path), "--goals", "7", "--json"])
    assert json.loads(answer.stdout) == {"report": str(tmp_path / "report.html"), "rows": [7]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "lewm", "--data", "x", "--out", "y", "--seeds", "0"],
        ["compare", "lewm", "--data", "x", "--out", "y", "--goals", "0"],
        ["control", "x", "--goals", "0"],
        ["imagine", "x", "--data", "y", "--windows", "0"],
        ["record", "push", "--out", "y", "--episodes", "0"],
        ["demo", "--goals", "0"],
        ["train", "lewm", "--data", "x", "--out", "y", "--steps", "0"],
        ["compare", "lewm", "--data", "x", "--out", "y", "--steps", "0"],
    ],
)
def test_counts_begin_at_one(arguments):
    answer = RUN.invoke(app, arguments)
    told = " ".join(answer.output.replace("│", " ").split())
    assert answer.exit_code == 2 and "greater than or equal to" in told and arguments[-2] in told


def test_record_inspect_check_train_imagine_control(tmp_path):
    """The whole day of a frame, at the smallest size."""
    data, fresh, run = str(tmp_path / "data"), str(tmp_path / "fresh"), str(tmp_path / "run")
    for arguments in (
        ["record", "push", "--out", data, "--episodes", "12", "--policies", "play"],
        ["record", "push", "--out", fresh, "--episodes", "12", "--policies", "play", "--seed", "1000"],
        ["data", "inspect", data, "--sheet", str(tmp_path / "sheet.png")],
        ["data", "check", data],
        ["train", "lewm", "--data", data, "--out", run, "--steps", "3", "--set", "depth=1"],
        ["imagine", run, "--data", fresh, "--windows", "16", "--horizon", "3"],
        ["export", run, "--out", str(tmp_path / "small")],
    ):
        answer = RUN.invoke(app, [*arguments, "--json"])
        assert answer.exit_code == 0, (arguments, answer.output, answer.exception)
        json.loads(answer.stdout)
    assert (tmp_path / "sheet.png").exists() and (tmp_path / "run" / "report.html").exists()


def test_dino_wm_is_trained_over_a_vision_model_by_name(tmp_path):
    name, _ = stored(PLAIN["ViT"], tmp_path / "model")
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    assert RUN.invoke(app, ["record", "push", "--out", data, "--episodes", "4", "--policies", "play"]).exit_code == 0
    answer = RUN.invoke(app, ["train", "dino_wm", "--data", data, "--out", run, "--pretrained", name, "--steps", "1", "--json"])
    assert answer.exit_code == 0, answer.output
    shutil.rmtree(name)
    assert load(run).model.encoders["top"].grid == (4, 4)


FULL = "full"  # in the place of a file that exists


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["card", "lewn"], "Did you mean 'lewm'"),
        (["record", "push", "--out", "new", "--option", "sise=64"], "no option 'sise'. Did you mean 'size'"),
        (["record", "push", "--out", "new", "--option", "size=foo"], "'foo', expected a whole number. Give it"),
        (["record", "push", "--out", "new", "--option", "device=cuda"], "no option of a world. Write --device"),
        (["record", "push", "--out", "new", "--truth", "psoe"], "no truth is called 'psoe'. Did you mean 'pose'"),
        (["record", "push", "--out", "new", "--policies", "play:1,expert:-0.5"], "{'expert': -0.5}, expected numbers above 0. Leave out"),
        (["record", "push", "--out", "new", "--device", "cudda"], "--device 'cudda' cannot be used on this machine: "),
        (["check", "x:y", "--device", "meta"], "--device 'meta' cannot be used on this machine: "),
        (["train", "td_mpc2", "--world", "push", "--out", "new", "--set", "hiden=1"], "has no fields ['hiden']. Did you mean 'hidden'"),
        (["train", "lewm", "--data", "x", "--out", "new", "--pretrained", "y"], "dino_wm looks through, and lewm has eyes of its own. Leave it out"),
        (["demo", "--result", "new.json"], "add --seeds 3, or leave it out"),
        (["compare", "lewm", "--data", "x", "--out", "new", "--horizon", "3"], "predictions, and success is compared: name --held-out"),
        (["compare", "lewm", "--data", "x", "--held-out", "y", "--out", "new", "--goals", "3"], "leave them or --held-out out"),
        (["compare", "paradigms", "--out", "new", "--windows", "3"], "Leave out --data, --held-out, --option, --horizon, --windows and --add"),
        (["compare", "paradigms", "--out", "new", "--preset", "sight"], "has no preset 'sight'"),
        (["imagine", ".", "--data", "x", "--sheet", f"{FULL}/new.png"], "--sheet full/new.png cannot be written"),
        (["data", "inspect", "x", "--sheet", f"{FULL}/new.png"], "--sheet full/new.png cannot be written"),
        (["demo", "--seeds", "2", "--result", f"{FULL}/new.json"], "--result full/new.json cannot be written"),
        (["record", "push", "--out", f"{FULL}/new"], "Not a directory: 'full/new/meta'. Check the path"),
    ],
)
def test_errors_explain_without_a_traceback(arguments, words, tmp_path, monkeypatch, capsys):
    (tmp_path / FULL).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wam", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2 and words in told and "Traceback" not in told
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("error", [ImportError('pip install "wam[data]"'), PermissionError("not yours"), SafetyError("row 0 asked for 9 m/s")])
def test_these_errors_are_explained_too(error, monkeypatch, capsys):
    def fail():
        raise error

    monkeypatch.setattr("wam.cli.app", fail)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2 and capsys.readouterr().err == f"error {error}\n"


def test_a_taken_port_and_an_exported_run_say_what_to_do(tmp_path, monkeypatch, capsys):
    def taken():
        raise OSError(errno.EADDRINUSE, "address already in use")

    with monkeypatch.context() as patch:
        patch.setattr("wam.cli.app", taken)
        with pytest.raises(SystemExit):
            main()
    assert "choose another --port" in capsys.readouterr().err
    (tmp_path / "weights.safetensors").write_text("")
    monkeypatch.setattr(sys, "argv", ["wam", "train", "lewm", "--data", "set", "--out", str(tmp_path), "--resume"])
    with pytest.raises(SystemExit):
        main()
    assert "was exported: without its optimiser it cannot go on" in capsys.readouterr().err


def test_a_misspelt_run_is_called_missing():
    for arguments in (["imagine", "runs/nope", "--data", "x"], ["export", "runs/nope", "--out", "x"]):
        answer = RUN.invoke(app, arguments)
        assert answer.exit_code == 2 and "does not exist" in " ".join(answer.output.replace("│", " ").split())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / FULL).write_text("")
    answer = RUN.invoke(app, ["record", "push", "--out", str(tmp_path / FULL)])
    assert answer.exit_code == 2 and "is a file" in " ".join(answer.output.replace("│", " ").split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_here_is_named_with_what_is():
    with pytest.raises(ValueError, match=r"--device 'cuda' cannot be used on this machine: .*Here can be used: cpu"):
        usable("cuda")


def test_the_command_itself_exits_with_2():
    done = subprocess.run([sys.executable, "-m", "wam.cli", "card", "lewn"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Did you mean 'lewm'" in done.stderr and "Traceback" not in done.stderr


def test_brackets_in_names_are_no_markup(capsys):
    show({}, ["trained: runs/push[v2]", "runs/a[/b]", terminal_table(report.Table(title="of [b]", columns=("x[y]",), rows=(("lewm[v2]",),), note=""))], False)
    told = capsys.readouterr().out
    assert all(name in told for name in ("runs/push[v2]", "runs/a[/b]", "of [b]", "x[y]", "lewm[v2]"))


def test_a_machine_that_draws_nothing_says_so_in_a_line(monkeypatch, capsys, tmp_path):
    def make(*_, **__):
        raise PictureError("no graphics context: set MUJOCO_GL=egl")

    monkeypatch.setattr(sys, "argv", ["wam", "record", "tabletop", "--out", str(tmp_path / "new"), "--episodes", "1"])
    monkeypatch.setattr("wam.sim.worlds.tabletop.make", make)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2 and "error no graphics context: set MUJOCO_GL=egl" in " ".join(capsys.readouterr().err.split())
