"""What the commands of `wam use` found, as tables of words."""

import math
from collections.abc import Sequence

from wam.evaluate.intervals import Interval
from wam.show import words
from wam.show.report import Table
from wam.show.words import percent
from wam.use.judge import JudgeScore
from wam.use.policy_evaluation import PolicyEvaluation

BIAS = 0.1  # the largest mean difference imagined - real, either way, that is asked for


def policies_summary(found: PolicyEvaluation) -> Table:
    """A line per policy."""
    rows = tuple((one.name, rate(one.real), rate(one.judged), rate(one.imagined), points(one.difference)) for one in found.policies)
    return Table(
        title="Each policy",
        columns=("policy", "in the world", "by the judge", "in the model", "model minus world"),
        rows=rows,
        numbers=(1, 2, 3, 4),
        note=f"Solved at the end, of {len(found.seeds)} held-out starts, with 95 % intervals; the difference in points. 'By the judge' are the same last real "
        "frames: where it differs from 'in the world' the judge errs, where 'in the model' differs from it the model does.",
    )


def agreement_summary(found: PolicyEvaluation, control: PolicyEvaluation | None = None, over_control: Interval | None = None) -> Table:
    """The figures over all policies, beside the control's, and what was asked."""
    kept = abs(found.bias.value) <= BIAS
    (slope, error), others = found.calibration(), None if control is None else control.calibration()
    rows = [
        ["correlation r", figure(found.correlation), "" if control is None else figure(control.correlation), "-"],
        ["rank violation, points", points(found.rank_violation, sign=""), "" if control is None else points(control.rank_violation, sign=""), "-"],
        [
            "bias, points",
            points(found.bias),
            "" if control is None else points(control.bias),
            f"at most {100 * BIAS:.0f} either way: {'yes' if kept else 'no'}",
        ],
    ]
    rows.append(["calibration, slope", figure(slope), "" if others is None else figure(others[0]), "-"])
    rows.append(["error once calibrated, points", points(error, sign=""), "" if others is None else points(others[1], sign=""), "-"])
    if over_control is not None:
        better = "yes" if over_control.low > 0 else "no" if over_control.high < 0 else "not shown"
        rows.append(["r above the control's", figure(over_control), "", f"above 0, whole interval: {better}"])
    columns = ("over all policies", "the model", "trained with shuffled actions", "asked")
    return Table(
        title="Does the model tell which policy is better?",
        columns=columns,
        rows=tuple(map(tuple, rows)),
        numbers=(1, 2),
        note="95 % intervals over starts, for these policies. Rank violation: how far apart in the world are, at worst, two policies that it puts in the "
        "wrong order (mean over policies; 0 is best). Bias: model minus world; above 0 it promises too much. "
        "Calibration: the line that tells success in the world from success in the model; the error is "
        "that of what it says of each policy when it was fitted to the others. Not defined: all policies are alike in one.",
    )


def judge_summary(score: JudgeScore) -> Table:
    """The instrument's own error."""
    row = (str(score.episodes), rate(score.at_end), rate(score.accuracy), percent(score.hits), percent(score.false_alarms))
    return Table(
        title="The instrument: a judge of success",
        columns=("real episodes", "right about last frames", "right about all frames", "solved ones found", "false alarms"),
        rows=(row,),
        numbers=(0, 1, 2, 3, 4),
        note="It was fitted on other real episodes, and no world model shaped it. Read what it says of imagined frames against its errors.",
    )


def rate(interval: Interval) -> str:
    """In per cent."""
    return words.rate(interval.value, interval.low, interval.high)


def points(interval: Interval, sign: str = "+") -> str:
    """A difference of rates."""
    if math.isnan(interval.value):
        return "not defined"
    value, low, high = (f"{100 * end:{sign}.1f}" for end in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def figure(interval: Interval) -> str:
    """A plain number."""
    if math.isnan(interval.value):
        return "not defined"
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def lines(found: Sequence[str]) -> str:
    """What is lacking, for a terminal."""
    return "\n".join(f"lacking: {one}" for one in found)
