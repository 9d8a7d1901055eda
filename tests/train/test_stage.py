"""Stages are sorted, and figures that cannot be meant are refused."""

import pytest

from wam.train import Fit, Gradient, Stage
from wam.train.stage import in_order

LEARNER = Gradient(weights={"a": 1.0}, steps=1)


def stage(name: str, *after: str) -> Stage:
    return Stage(name, LEARNER, after)


def test_stages_come_after_what_they_need_and_otherwise_as_given() -> None:
    stages = [stage("policy", "world", "tokens"), stage("tokens"), stage("world", "tokens"), Stage("symbols", Fit())]
    assert [each.name for each in in_order(stages)] == ["tokens", "world", "policy", "symbols"]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([stage("a"), stage("a")], "names must differ"),
        ([stage("a", "b")], r"comes after \['b'\]"),
        ([stage("a", "b"), stage("b", "a")], "in a circle"),
    ],
)
def test_graphs_that_cannot_run_are_refused(stages: list[Stage], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        in_order(stages)


def test_a_stage_names_a_folder() -> None:
    with pytest.raises(ValueError, match="names a folder"):
        stage("../elsewhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"batch_statistics": ("b",)}, r"names \['b'\]"),
        ({"weights": {}}, "nothing to learn from"),
        ({"weights": {"a": 0.0}}, "nothing to learn from"),
    ],
)
def test_figures_that_cannot_be_meant_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gradient(**{"weights": {"a": 1.0}, "steps": 1, **changes})
