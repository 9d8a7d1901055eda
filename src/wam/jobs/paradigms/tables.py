"""What the experiment found, as tables of words: for the page, for a terminal and for the docs alike."""

from collections.abc import Sequence

from wam.evaluate.intervals import Interval
from wam.jobs.paradigms.arms import BASELINE
from wam.jobs.paradigms.cell import arm_and_share
from wam.jobs.paradigms.result import Answer, ParadigmResult, Rate, timed_on
from wam.jobs.paradigms.setting import PLANNED
from wam.jobs.paradigms.worlds import FIRST, SPLITS, setting_of
from wam.show import words
from wam.show.report import Table
from wam.show.words import duration, percent, points

OVER = (
    "Intervals are over trainings and starts: of each arm, trainings are taken to differ as much as those of all arms that have several; where none has, "
    "intervals are over starts alone."
)
NOTHING: tuple[float | None, ...] = (None,)  # the only column where nothing was learned


def shares(found: ParadigmResult) -> list[float]:
    """Label shares that were measured."""
    return sorted({rate.labels for rate in found.rates if rate.labels is not None})


def progress_table(found: ParadigmResult) -> Table:
    """How many trainings of each cell are there, of those that were asked for."""
    names = (*(cell.name for cell in found.cells), *found.missing)
    columns = tuple(dict.fromkeys(share for _, share in sorted(map(arm_and_share, names), key=lambda one: one[1] or 0.0) if share is not None)) or NOTHING
    rows = []
    for arm in dict.fromkeys(arm for arm, _ in map(arm_and_share, names)):
        cells = []
        for share in columns:
            asked = [name for name in names if arm_and_share(name) in ((arm, share), (arm, None))]
            there, old = (len(set(asked) - set(found.missing)), len(set(asked) & set(found.older)))
            cells.append(f"{there} of {len(asked)}" + (f", {old} older" if old else "") if asked else "")
        rows.append((arm, *cells))
    return Table(
        title="What was measured",
        columns=("arm", *("trainings" if share is None else f"{share:.0%} of the actions" for share in columns)),
        rows=tuple(rows),
        numbers=tuple(range(1, 1 + len(columns))),
        note="Trainings that were measured, of those asked for; the same command goes on with the rest, which is left out everywhere below. Older: by an "
        "earlier version of the sources, or of demonstrations recorded elsewhere; `--renew` trains and measures them again.",
    )


def success_tables(found: ParadigmResult) -> tuple[Table, ...]:
    """A table per split: arms by label shares."""
    return tuple(success_table(found, split) for split in SPLITS)


def success_table(found: ParadigmResult, split: str) -> Table:
    """One split."""
    columns = shares(found)
    here = {(rate.arm, rate.labels): rate for rate in found.rates if rate.split == split}
    rows = []
    for arm in dict.fromkeys(rate.arm for rate in found.rates):
        cells = [here.get((arm, share)) or here.get((arm, None)) for share in (columns or NOTHING)]
        rows.append((arm, *("-" if cell is None else told(cell) for cell in cells)))
    heads = tuple(f"{share:.0%} of the actions" for share in columns) or ("solved",)
    return Table(
        title=f"Success, {split}",
        columns=("arm", *heads),
        rows=tuple(rows),
        numbers=tuple(range(1, 1 + len(heads))),
        note=""
        if split != FIRST
        else "Solved at the end, all trainings together, with the 95 % interval, and in brackets each training where there are several; in points, "
        f"the difference to cloning that sees cameras alone, as the other learned arms do ({BASELINE}), at the same label share, with its interval; "
        f"a star where that does not hold 0. {OVER} "
        "'random' and 'expert' learn nothing, so they are the same at every share.",
    )


def told(rate: Rate) -> str:
    """A rate with its interval, that of each training where there are several, and the difference to cloning."""
    each = f" [{', '.join(f'{100 * one:.0f}' for one in rate.per_training)}]" if len(rate.per_training) > 1 else ""
    head = f"{words.rate(rate.success.value, rate.success.low, rate.success.high)}{each}"
    return head if rate.over_cloning is None else f"{head}, {starred(rate.over_cloning)}"


def starred(apart: Interval) -> str:
    """A difference of rates; a star where the interval does not hold 0."""
    value = points(apart.value, apart.low, apart.high, digits=0)
    return f"{value} *" if apart.low > 0 or apart.high < 0 else value


def answers_table(answers: Sequence[Answer]) -> Table:
    """A line per question and label share: one column per split."""
    kept = {(one.asks, one.labels, one.split): one for one in answers}
    rows = []
    for asks, labels in dict.fromkeys((one.asks, one.labels) for one in answers):
        lines = [kept.get((asks, labels, split)) for split in SPLITS]
        some = next(line for line in lines if line is not None)
        cells = ("-" if line is None else starred(line.difference) for line in lines)
        rows.append((asks, f"{some.first} minus {some.second}", f"{labels:.0%}", *cells, str(some.trainings)))
    return Table(
        title="Questions",
        columns=("question", "difference", "actions known", *SPLITS, "trainings"),
        rows=tuple(rows),
        numbers=(2, 3, 4, 5, 6),
        note="Points of success, first arm minus second, with 95 % intervals as above. A star: the interval does not hold 0. "
        "Without one, no difference was found, which does not say that there is none.",
    )


def cost_table(found: ParadigmResult) -> Table:
    """A line per arm that was timed."""
    rows = tuple(
        (
            cost.arm,
            cost.paradigm,
            "-" if cost.milliseconds is None else duration(cost.milliseconds / 1000),
            f"{cost.video:.3g}",
            f"{cost.actions:.3g}",
            str(cost.execute),
            f"{cost.parameters / 1e6:.2f} M",
        )
        for cost in found.costs
    )
    return Table(
        title="What a decision costs",
        columns=("arm", "how future and actions meet", "time per chunk", "video evaluations", "action evaluations", "steps done per chunk", "parameters"),
        rows=rows,
        numbers=(2, 3, 4, 5, 6),
        note="One robot, the median of its decisions. Evaluations: passes through the network of the pictures (encoding the present frame included) and "
        f"through that of the actions; arms with shared weights pass both at once. The oracle's time is the simulator's. "
        f"Timed on {timed_on(found.cells) or 'a machine that was not noted'}, beside what else ran there; a dash: timed elsewhere.",
    )


def agreement_table(found: ParadigmResult) -> Table | None:
    """A line per arm that imagines; None where none does."""
    kept = {(rate.arm, rate.labels, rate.split): rate for rate in found.rates if rate.disagreement}
    rows = []
    for arm, labels in dict.fromkeys((arm, labels) for arm, labels, _ in kept):
        lines = [kept[arm, labels, split] for split in SPLITS]
        rows.append((arm, "-" if labels is None else f"{labels:.0%}", *(apart(line) for line in lines), percent(lines[0].success.value)))
    if not rows:
        return None
    return Table(
        title="Does what happens agree with what was imagined?",
        columns=("arm", "actions known", *SPLITS, f"solved, {FIRST}"),
        rows=tuple(rows),
        numbers=(1, 2, 3, 4, 5),
        note=f"Millimetres between imagined and realised places of {setting_of(found.world).finds}, at the first imagined frame at or after the last step "
        f"that is executed, over the first {PLANNED} starts; one number per training. Both are read by one fixed instrument, whose own error on real frames "
        "stands in brackets. What imagines that nothing moves, and moves nothing, agrees well: read it beside success.",
    )


def apart(rate: Rate) -> str:
    """mm of each training, and of the instrument."""
    each = ", ".join(f"{1000 * value:.0f}" for value in rate.disagreement)
    return each if rate.floor is None else f"{each} ({1000 * rate.floor:.0f})"


def inverse_table(found: ParadigmResult) -> Table | None:
    """A line per arm and label share; None where no arm reads actions off frames."""
    if not found.inverse:
        return None

    def each(values: Sequence[float]) -> str:
        return ", ".join(f"{1000 * value:.1f}" for value in values)

    rows = tuple((row.arm, f"{row.labels:.0%}", each(row.real), each(row.generated), f"{1000 * row.mean:.1f}") for row in found.inverse)
    return Table(
        title="Inverse dynamics on real and on generated frames",
        columns=("arm", "actions known", "real frames, mm", "generated frames, mm", "the mean action, mm"),
        rows=rows,
        numbers=(1, 2, 3, 4),
        note="Mean distance between the action that is read off two frames and what the expert did, held-out episodes; one number per training. On generated "
        "frames this is the error of imagining and of reading together.",
    )


def tables(found: ParadigmResult) -> tuple[Table, ...]:
    """All of them."""
    some = (answers_table(found.answers) if found.answers else None, cost_table(found) if found.costs else None, agreement_table(found), inverse_table(found))
    return *success_tables(found), *(table for table in some if table is not None)
