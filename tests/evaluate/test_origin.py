"""Provenance names the machine and the command, and prints as JSON."""

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
