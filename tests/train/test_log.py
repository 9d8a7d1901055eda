"""The log is one JSON object per step, and a resumed run drops what it will write again."""

import builtins
import json
from pathlib import Path

import pytest

from wam.train.log import FILE, Line, Log


def line(step: int, index: int = 0) -> Line:
    return Line(stage="world", index=index, step=step, losses={"prediction": 0.1 * step}, learning_rate=1e-3)


def steps(folder: Path) -> list[tuple[int, int]]:
    return [(found["index"], found["step"]) for found in map(json.loads, (folder / FILE).read_text().splitlines())]


def test_lines_read_back_exactly(tmp_path: Path) -> None:
    with Log(tmp_path, show=False, tensorboard=False) as log:
        log.write([line(1), line(2)])
        log.write([line(3)])
        log.flush()
    assert steps(tmp_path) == [(0, 1), (0, 2), (0, 3)]
    assert json.loads((tmp_path / FILE).read_text().splitlines()[2])["losses"] == {"prediction": 0.1 * 3}


def test_a_resumed_run_drops_later_lines_and_a_torn_one(tmp_path: Path) -> None:
    log = Log(tmp_path, show=False, tensorboard=False)
    log.write([line(1), line(2), line(1, 1), line(2, 1), line(3, 1)])
    with (tmp_path / FILE).open("a") as file:
        file.write('{"stage": "wor')
    log.rewind(1, 2)
    assert steps(tmp_path) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    log.rewind(0, 2)
    assert steps(tmp_path) == [(0, 1), (0, 2)]
    log.rewind(0, 0)
    assert steps(tmp_path) == []


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    with Log(None, show=True, tensorboard=True) as log:
        log.write([line(1)])
        log.flush()
        log.rewind(0, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_narrow_terminal_cuts_the_figures_and_neither_count_nor_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = {"prediction": 0.1234, "regulariser": 0.5678, "reconstruction": 0.9876, "policy": 0.4321}
    with Log(tmp_path, show=True, tensorboard=False) as log:
        log.console.width = 80
        log.begin("world model", 10000, 3000)
        log.write([Line(stage="world model", index=0, step=3100, losses=losses, samples_per_second=1234.0)])
    told = capsys.readouterr().err
    assert " 3100/10000" in told and "--:--" in told and "prediction 0.1234" in told and "windows/s" not in told


def test_a_person_sees_a_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Log(tmp_path, show=True, tensorboard=False) as log:
        log.begin("world", 5, 0)
        log.write([line(5)])
        log.say("a note [in brackets]")
    shown = capsys.readouterr().err
    assert "world" in shown and "5/5" in shown and "[in brackets]" in shown


def test_a_stage_concludes_with_how_far_its_losses_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Log(tmp_path, show=True, tensorboard=False) as log:
        log.write([line(step) for step in range(1, 6)])
        log.write([Line(stage="joint", index=1, step=step, losses={"video": 1 / step, "actions": 0.9}) for step in range(1, 21)])
        log.conclude(0)
        log.conclude(1)
    told = capsys.readouterr().err
    assert "world: prediction 0.1 -> 0.5 (losses, in the first and the last step)" in told
    assert "joint: video 0.75 -> 0.0513, actions 0.9 -> 0.9 (losses, means of the first and the last 2 steps)" in told


def test_tensorboard_gets_the_figures(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason='needs the extra "train"')
    with Log(tmp_path, show=False, tensorboard=True) as log:
        log.write([line(1), line(2)])
    found = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, round(event.value, 6)) for event in found.Scalars("world/prediction")] == [(1, 0.1), (2, 0.2)]
    assert "world/learning_rate" in found.Tags()["scalars"] and "world/gradient_norm" not in found.Tags()["scalars"]


def test_missing_tensorboard_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'the extra "train": pip install "wam\[train\]"'):
        Log(tmp_path, show=False, tensorboard=True)
