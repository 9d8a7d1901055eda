"""Each broken world is caught by the right check and by no other; the correct one passes."""

import pytest
import torch

from tests.check.broken_things import BROKEN_ENVS
from tests.check.checkable_things import PointEnv
from wam.check import check_env


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("batch", [1, 5])
def test_correct_worlds_pass(batch, chunk):
    report = check_env(PointEnv(batch, chunk))
    assert report.ok, str(report)


@pytest.mark.parametrize(("kind", "checks"), BROKEN_ENVS, ids=lambda value: getattr(value, "__name__", ""))
def test_broken_worlds_are_caught(kind, checks):
    torch.manual_seed(0)
    report = check_env(kind())
    assert set(report.failed) == checks, str(report)


def test_checks_of_rows_are_skipped_where_there_is_one():
    assert report_status(check_env(PointEnv(1)), "rows_do_not_mix") == "skipped"
    assert report_status(check_env(PointEnv(5)), "rows_do_not_mix") == "passed"


def report_status(report, check):
    return report.find(check).status
