"""Provenance names the machine and the command, and prints as JSON."""

import subprocess
import sys

import torch

from wam.evaluate import Origin, Sources, command_line, device_name, versions


def test_origin_prints_as_json(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/wam", "demo", "--device", "cpu"])
    origin = Origin(
        command=command_line(), protocol="", seeds="0", device=device_name(), wall_seconds=1.5, versions=versions(), sources=Sources.of("wam.world")
    )
    assert Origin.from_json(origin.to_json()) == origin
    assert origin.command == "wam demo --device cpu" and origin.device.startswith("cpu, ")
    assert origin.versions["torch"] == torch.__version__


def test_a_command_can_be_typed_again(tmp_path):
    """A script by its path, a module by its name; run as other programs, from a folder of their own."""
    (tmp_path / "tool").mkdir()
    tell = "from wam.evaluate import command_line\nprint(command_line())\n"
    for place in ("loose.py", "tool/inner.py"):
        (tmp_path / place).write_text(tell)

    def said(*arguments: str) -> str:
        return subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert said("tool/inner.py", "--steps", "3") == "python tool/inner.py --steps 3"
    assert said(str(tmp_path / "loose.py")) == "python loose.py"
    assert said("-m", "tool.inner", "all") == "python -m tool.inner all"
