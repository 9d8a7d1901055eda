"""Reports read as a table and as JSON; comparisons say where things differ."""

import json

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tests.check.checkable_models import ChunkModel
from wam.check import ConformanceError, Finding, Report, check_world_model
from wam.check.compare import difference, record_difference
from wam.check.runner import CheckFailed, CheckSkipped, explained, run_checks
from wam.world import Record, record


@record
class Small(Record):
    x: Float[Tensor, "B T D"]
    count: Int[Tensor, "B"]


def small(rows: int = 3) -> Small:
    return Small(x=torch.arange(rows * 8.0).view(rows, 4, 2), count=torch.arange(rows))


def test_json_reads_back():
    report = check_world_model(ChunkModel(), name="my_module:make_model")
    assert Report.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["findings"][0]["check"] == "spec_survives_json"


def test_the_table_tells_a_failure_in_full():
    failed = Finding(check="rows_do_not_mix", status="failed", expected="rows are apart", came="row 2 moved " * 30, cause="a mean", remedy="no mean")
    passed = Finding(check="spec", status="passed", expected="the spec is one")
    report = Report(subject="mine", interface="world model", findings=(passed, failed))
    lines = str(report).splitlines()
    assert lines[0] == "world model mine: 1 passed, 1 failed, 0 skipped"
    assert all(len(line) <= 120 for line in lines)
    assert any(line.split()[:2] == ["FAILED", "rows_do_not_mix"] for line in lines)
    assert [line.split()[0] for line in lines if line.split()[0] in ("expected", "came", "cause", "remedy")] == ["expected", "came", "cause", "remedy"]
    assert report.failed == ("rows_do_not_mix",) and not report.ok
    with pytest.raises(ConformanceError, match="no mean"):
        report.require()
    assert Report(subject="mine", interface="env", findings=(passed,)).require().ok


def test_failures_stand_last_and_blocked_checks_in_one_line():
    def finding(check: str, status: str, blocked_by: str = "") -> Finding:
        return Finding(check=check, status=status, expected="it holds", came="why", blocked_by=blocked_by)

    broken = finding("broken", "failed")
    findings = (finding("a", "passed"), broken, *(finding(name, "skipped", "broken") for name in "bcd"), finding("e", "skipped"), finding("f", "passed"))
    report = Report(subject="mine", interface="env", findings=findings)
    lines = str(report).splitlines()
    assert [" ".join(line.split()[:2]) for line in lines[1:6]] == ["passed a", "passed f", "skipped e", "skipped not", "FAILED broken"]
    assert lines[4].strip() == "skipped  not run, because broken failed: 3 checks"
    assert lines[0].endswith("2 passed, 1 failed, 4 skipped") and Report.from_json(report.to_json()) == report


def test_every_check_has_a_sentence():
    for finding in check_world_model(ChunkModel()).findings:
        assert finding.expected.endswith("."), finding.check


def test_findings_of_all_four_ends():
    def passes(subject: int) -> None:
        """All is well."""

    def skips(subject: int) -> None:
        """Not asked."""
        raise CheckSkipped("nothing promised")

    def fails(subject: int) -> None:
        """It holds."""
        raise CheckFailed("it did not", "a slip", "mend it")

    def crashes(subject: int) -> None:
        """It runs."""
        with explained("a known cause", "a known remedy"):
            raise ZeroDivisionError("oh")

    findings = run_checks(1, (), (passes, skips, fails, crashes))
    assert [finding.status for finding in findings] == ["passed", "skipped", "failed", "failed"]
    assert [finding.came for finding in findings][:3] == ["", "nothing promised", "it did not"]
    assert "ZeroDivisionError: oh" in findings[3].came and findings[3].cause == "a known cause"
    assert [(finding.status, finding.blocked_by) for finding in run_checks(1, (fails,), (passes,))] == [("failed", ""), ("skipped", "fails")]


def test_differences_name_leaf_rows_and_steps():
    one, two = small(), small()
    two.x[1, 2] += 0.5
    found = record_difference(one, two, exact=False)
    assert found == "Small.x differs in rows [1], steps [2], by up to 0.5"
    assert difference([("a", one), ("b", one)], [("a", one), ("b", two)], exact=True) == f"b: {found}"
    assert record_difference(one, small(), exact=True) is None
    assert record_difference(one, small(2), exact=True) == "Small.x is float32 (3, 4, 2) in one and float32 (2, 4, 2) in the other"


def test_close_is_not_equal_and_nan_equals_nan():
    one, two = small(), small()
    two.x[0, 0, 1] += 1e-4  # of values up to 23: within 1e-4 of them
    assert record_difference(one, two, exact=False) is None
    assert record_difference(one, two, exact=True) is not None
    one.x[2, 3, 0] = two.x[2, 3, 0] = float("nan")
    assert record_difference(one, two, exact=False) is None
    two.x[2, 3, 1] = float("nan")
    assert record_difference(one, two, exact=False) is not None
    three, four = small(), small()
    four.count[1] = 7
    assert record_difference(three, four, exact=False) == "Small.count differs in rows [1], by up to 6"
