"""Reading a training log."""

import json

import pytest

from wam.show.training import Points, read_training_log


def line(step, stage="model", **losses):
    return json.dumps({"stage": stage, "index": 0, "step": step, "losses": losses}) + "\n"


def test_reads_losses_and_leaves_out_a_line_cut_off(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(line(1, a=2.0, b=1.0) + line(2, a=1.0, b=0.5) + line(3, a=9.0)[:-8])
    log = read_training_log(path)
    assert log.losses == {"a": Points(steps=(1, 2), values=(2.0, 1.0)), "b": Points(steps=(1, 2), values=(1.0, 0.5))}


def test_stages_are_told_apart(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(line(1, a=2.0) + line(1, stage="decoder", a=3.0))
    assert list(read_training_log(path).losses) == ["model / a", "decoder / a"]


def test_errors_name_the_line(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(line(1, a=2.0) + "{}\n")
    with pytest.raises(ValueError, match="line 2 is no step"):
        read_training_log(path)
    path.write_text("")
    with pytest.raises(ValueError, match="no training step yet"):
        read_training_log(path)


def test_smoothing_keeps_a_constant_and_the_length():
    assert Points(steps=tuple(range(200)), values=(3.0,) * 200).smooth() == pytest.approx([3.0] * 200)
