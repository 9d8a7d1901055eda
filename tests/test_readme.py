"""The README's Python runs, and the commands that it names exist."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.main import get_command
from typer.testing import CliRunner

from wam.check import check_target
from wam.cli import app
from wam.data import open_dataset
from wam.data.converters.replay import ReplayLayout, convert_replay
from wam.jobs.use import judging
from wam.serve import Keys
from wam.use.judge import Judge
from wam.world import read_spec

DOCS = Path(__file__).parent.parent / "docs"
README = (DOCS.parent / "README.md").read_text()


def test_python_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_the_model_of_the_page_passes_the_checks_and_learns(tmp_path, monkeypatch):
    made, training, planning = re.findall(r"```python\n(.*?)```", (DOCS / "own-model.md").read_text(), re.DOTALL)
    (tmp_path / "my_module.py").write_text(made)
    monkeypatch.chdir(tmp_path)
    (report,) = check_target("my_module:make_model")
    assert report.ok, str(report)
    learned: dict = {}
    exec(compile(training, "own-model.md", "exec"), learned)
    torch.testing.assert_close(learned["model"].step.weight, 2 * torch.eye(2), atol=0.05, rtol=0)
    exec(compile(planning, "own-model.md", "exec"), learned)
    sys.modules.pop("my_module")
    torch.testing.assert_close(2 * learned["plan"].actions[0].sum((0, 1)), torch.tensor([0.2, -0.1]), atol=0.02, rtol=0)


def test_the_environment_of_the_page_on_uses(monkeypatch):
    pytest.importorskip("gymnasium", reason='needs the extra "gym"')
    judge = Judge(("top",), goal=True, width=8)
    monkeypatch.setattr(judging, "judge_of", lambda place: (judge, None))  # in place of one that learns for minutes
    plain, judged = re.findall(r"```python\n(.*?)```", (DOCS / "use.md").read_text(), re.DOTALL)
    made: dict = {}
    exec(compile(plain, "use.md", "exec"), made)
    assert made["seen"]["top"].shape == (16, 32, 32, 3) and made["envs"].single_action_space.shape == (6,) and made["truncated"].shape == (16,)
    exec(compile(judged, "use.md", "exec"), made)
    seen, _ = made["envs"].reset(seed=0)
    *_, info = made["envs"].step(made["envs"].action_space.sample())
    assert seen.keys() == {"top", "goal_top"} and info["success"].shape == (16,)


def test_the_keys_file_of_the_page_on_serving_can_be_read(tmp_path):
    blocks = re.findall(r"```json\n(.*?)```", (DOCS / "serve.md").read_text(), re.DOTALL)
    (tmp_path / "keys.json").write_text(blocks[0])
    assert read_spec(tmp_path / "keys.json", Keys).proprio == {"joints": 7, "gripper": 1}


def test_the_layout_of_the_page_on_data_reads_the_file_that_it_names(tmp_path):
    (block,) = re.findall(r"```json\n(\{\s*\"kind\": \"ReplayLayout\".*?)```", (DOCS / "data-format.md").read_text(), re.DOTALL)
    (tmp_path / "layout.json").write_text(block)
    layout = read_spec(tmp_path / "layout.json", ReplayLayout)
    assert layout.minus == ("tip_x", "tip_y") and len(layout.state) == 5
    places, states = np.random.default_rng(0).random((2, 40, 5)).astype(np.float32)
    np.savez(tmp_path / "some.npz", action=places[:, :2], state=states, episode_ends=np.array([15, 40]))
    convert_replay(tmp_path / "some.npz", tmp_path / "set", layout)
    moves = open_dataset(tmp_path / "set").read(0).actions.low_level[0, 1:, 0].numpy()
    np.testing.assert_allclose(moves, (places - states)[:14, :2], atol=1e-6)


VERBS = get_command(app).commands
GROUPS = {name: verb.commands for name, verb in VERBS.items() if hasattr(verb, "commands")}


def commands(text):
    """(verb,) or ("data", verb) of each command in code: a line of a block, or between backticks."""
    lines = [line.split() for line in re.findall(r"(?:^|`)wam ([^`\n]+)", text, re.MULTILINE)]
    return {tuple(words[: 2 if words[0] in GROUPS else 1]) for words in lines}


def known():
    """The same for each command that there is."""
    return {(verb,) for verb in VERBS.keys() - GROUPS.keys()} | {(name, verb) for name, group in GROUPS.items() for verb in group}


def test_commands_exist():
    """Every `wam VERB` of the README answers --help, with an example."""
    asked = commands(README)
    assert {("record",), ("train",), ("imagine",), ("control",), ("check",), ("list",), ("data", "convert")} <= asked
    assert asked <= known(), f"the README names commands that do not exist: {sorted(asked - known())}"
    for verb in asked:
        answer = CliRunner().invoke(app, [*verb, "--help"])
        assert answer.exit_code == 0 and "Example" in answer.output


def test_a_misspelt_command_would_be_found():
    text = "Run `wam recrod push`, then `wam data chekc`:\n```\nwam trian lewm\nwam cross-validate lewm\n```\nwamble on; of wam and more."
    assert commands(text) - known() == {("recrod",), ("data", "chekc"), ("trian",)}
