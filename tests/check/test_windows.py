"""Broken windows are caught by the right check and by no other; the correct ones pass."""

import pytest
import torch

from tests.check.broken_things import BROKEN_WINDOWS
from tests.check.checkable_models import ACTS
from tests.check.checkable_things import SEES, PointWindows
from wam.check import check_windows


def test_correct_windows_pass():
    report = check_windows(PointWindows(), observes=SEES, acts=ACTS)
    assert report.ok, str(report)
    assert {finding.status for finding in report.findings} == {"passed"}


@pytest.mark.parametrize(("kind", "checks"), BROKEN_WINDOWS, ids=lambda value: getattr(value, "__name__", ""))
def test_broken_windows_are_caught(kind, checks):
    torch.manual_seed(0)
    report = check_windows(kind(), observes=SEES, acts=ACTS)
    assert set(report.failed) == checks, str(report)


def test_no_windows_at_all():
    class Nothing(PointWindows):
        def __len__(self):
            return 0

    assert check_windows(Nothing()).failed == ("windows_are_records",)
