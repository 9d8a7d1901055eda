"""The README's Python runs, and the commands that it names exist."""

import re
from pathlib import Path

from typer.testing import CliRunner

from wam.cli import app

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_python_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_commands_exist():
    """Every `wam VERB` of the README answers --help, with an example."""
    verbs = {tuple(line.split()[1:3] if line.split()[1] == "data" else line.split()[1:2]) for line in re.findall(r"wam (?:data \w+|[a-z]+)\b[^\n`]*", README)}
    known = {command.name or command.callback.__name__ for command in app.registered_commands} | {"data"}
    asked = {verb for verb in verbs if verb and verb[0] in known}
    assert {("record",), ("train",), ("imagine",), ("control",), ("check",), ("list",)} <= asked
    for verb in asked:
        answer = CliRunner().invoke(app, [*verb, "--help"])
        assert answer.exit_code == 0 and "Example" in answer.output
