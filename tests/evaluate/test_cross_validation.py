"""Pooling of folds, against figures worked out by hand."""

import pytest
import torch

from wam.evaluate.card import MODEL, Measure
from wam.evaluate.cross_validation import fold_of, joined, step_contrasts
from wam.evaluate.measure import Errors

BODY = Measure(name="position error", of="hand", where="latents", unit="m")


def table(model, copy):
    return {BODY: {arm: Errors(value=torch.tensor(values), weight=torch.ones(len(values), 2)) for arm, values in ((MODEL, model), ("copy", copy))}}


FOLDS = [table([[1.0, 2.0], [3.0, 4.0]], [[2.0, 8.0], [6.0, 4.0]]), table([[1.0, 1.0]], [[2.0, 2.0]])]


def test_rows_of_all_folds_are_pooled():
    found = joined(FOLDS)[BODY]
    assert found[MODEL].value.tolist() == [[1, 2], [3, 4], [1, 1]] and found["copy"].weight.shape == (3, 2)


def test_ratios_step_by_step():
    first, second = step_contrasts(joined(FOLDS), torch.tensor([0, 0, 1]), {"latents": ("copy", "not there")}, (1, 2))
    assert (first.step, first.against, first.ratio.value) == (1, "copy", 0.5) and first.ratio.low == first.ratio.high == 0.5 and first.better
    assert second.ratio.value == pytest.approx(7 / 14) and second.ratio.low == second.ratio.high == 0.5  # both episodes alike


def test_a_reference_without_error_gives_no_ratio():
    exact = [table([[1.0, 1.0]], [[0.0, 2.0]])]
    assert [found.step for found in step_contrasts(joined(exact), torch.tensor([0]), {"latents": ("copy",)}, (1, 2))] == [2]


def test_outcomes_of_an_episode():
    fold = fold_of(FOLDS[0], 7, "somewhere")
    assert (fold.episode, fold.windows) == (7, 2) and {errors.arm: errors.values for errors in fold.errors} == {MODEL: (2.0, 3.0), "copy": (4.0, 6.0)}
