"""Published results as tables in the docs: what stands between `<!-- name.json -->` and `<!-- end -->` is written from that file.
A name with a star, `<!-- latent_*.json -->`, makes one table of several files (`TABLES`).

Pictures of results, `PICTURES`, are drawn into docs/pictures with them.

make pages
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wam.evaluate.cross_validation import CrossValidated
from wam.evaluate.grid import SuccessGrid
from wam.evaluate.intervals import Interval
from wam.evaluate.result import FOLDER, Result, in_words, verdict_on
from wam.jobs.chunks import ChunksResult, ways_summary
from wam.jobs.compare import MechanismComparison
from wam.jobs.compare_prediction import PredictionComparison, prediction_summary
from wam.jobs.control import ControlResult
from wam.jobs.imagine import ImaginedResult
from wam.jobs.learnability import FAR, NEAR, LearnabilityResult
from wam.jobs.paradigms.page import plots
from wam.jobs.paradigms.result import ParadigmResult
from wam.jobs.paradigms.tables import tables
from wam.jobs.probe_features import FeatureProbes
from wam.jobs.score import ScoreResult
from wam.jobs.seeds import SeedResult
from wam.jobs.use.evaluate_policy import PolicyEvaluationResult, page_of
from wam.jobs.use.improve import ImproveResult, learners_summary
from wam.jobs.use.rerank import RerankResult
from wam.jobs.use.tables import agreement_summary, judge_summary, policies_summary
from wam.show import cross_validation
from wam.show.report import Figures, Section, Table
from wam.show.summaries import card_summaries, contrast_summary, difference_summary, grid_summary, success_summary
from wam.show.words import bracketed, duration, percent

PLACE = re.compile(r"<!-- (\S+\.json) -->\n.*?<!-- end -->", re.DOTALL)
ROOT = FOLDER.parent


def refreshed(page: str, results: Path = FOLDER) -> str:
    """A page's text with every section written anew; a section without its result says so."""

    def section(found: re.Match[str]) -> str:
        paths = sorted(results.glob(found[1]))
        told = (TABLES[found[1]](paths) if "*" in found[1] else written(*paths)) if paths else "Not run yet.\n"
        return f"<!-- {found[1]} -->\n{told}<!-- end -->"

    return PLACE.sub(section, page)


def written(path: Path) -> str:
    """One result for people."""
    told = json.loads(path.read_text())
    if told.get("kind") not in WRITERS:
        raise ValueError(f"{path} holds a {told.get('kind')}, pages can show {sorted(WRITERS)}. Add a writer, or take the marker out of the page.")
    kind, write = WRITERS[told["kind"]]
    return f"{write(kind.from_dict(told))}\n\nWritten by `{told['origin']['command']}` ({told['origin']['device']}).\n"


def seeds(result: SeedResult) -> str:
    """The demo over several training seeds."""
    rates = ", ".join(percent(rate) for rate in result.per_seed)
    head = (
        f"`lewm` tiny solves {told(result.success)} over {len(result.per_seed)} training seeds ({rates}); that is "
        f"{told(result.over_trivial, points=True)} more than driving the pusher to its own place."
    )
    return "\n\n".join([head, markdown(success_summary(result.rows)), markdown(contrast_summary(result.card))])


def control(result: ControlResult) -> str:
    """One trained run in a world."""
    return markdown(success_summary(result.rows))


def card(result: ImaginedResult) -> str:
    """How well one trained run predicts."""
    return "\n\n".join(markdown(table) for table in card_summaries(result.card))


def mechanism(result: MechanismComparison) -> str:
    """A recipe's idea on and off."""
    arms = (("on", result.solved_on), ("off", result.solved_off))
    verdict = in_words(verdict_on(result.difference, trainings=len(result.seeds), episodes=result.episodes))
    table = Table(
        title="",
        columns=(result.mechanism, "solved", "of"),
        rows=tuple((arm, str(count), str(result.episodes)) for arm, count in arms),
        numbers=(1, 2),
        note=f"Difference {told(result.difference, points=True)}: {verdict}. {counted(len(result.seeds))} per arm{of_them(len(result.older))}.",
    )
    return markdown(table)


def prediction(result: PredictionComparison) -> str:
    """A recipe's idea on and off, by what is predicted."""
    table = prediction_summary(result)
    return f"**{table.title}**\n\n{markdown(table)}"


def counted(trainings: int) -> str:
    """In words."""
    return "One training" if trainings == 1 else f"{trainings} trainings"


def of_them(older: int) -> str:
    """How many trainings are older, to add; nothing where none is."""
    return f", {older} of earlier sources" if older else ""


def grid(result: SuccessGrid) -> str:
    """Tasks by conditions."""
    return f"{markdown(grid_summary(result))}\n\n{result.origin.protocol}"


def features(result: FeatureProbes) -> str:
    """Frozen features, trained and untrained."""
    rows = tuple(
        (
            str(probe.seed),
            probe.body,
            *(f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})" for figure in (probe.trained, probe.untrained, probe.difference)),
        )
        for probe in result.probes
    )
    said = "are better" if result.beats else "are **not** clearly better"
    note = f"R2 with 95 % intervals. Over all bodies, trained features {said} than untrained ones in every seed."
    table = Table(title="", columns=("training seed", "body", "trained", "untrained", "difference"), rows=rows, numbers=(2, 3, 4), note=note)
    return f"{markdown(table)}\n\n{result.origin.protocol}"


def real_robot(result: CrossValidated) -> str:
    """Leave one episode out."""
    tables = [f"**{table.title}**\n\n{markdown(table)}" if table.title else markdown(table) for table in cross_validation.summaries(result)]
    return "\n\n".join(filter(None, [cross_validation.head(result), *tables, cross_validation.probe_line(result)]))


def policies(result: PolicyEvaluationResult) -> str:
    """What a model says of several policies."""
    return "\n\n".join(
        markdown(table)
        for table in (
            policies_summary(result.evaluation),
            agreement_summary(result.evaluation, result.control, result.over_control),
            judge_summary(result.evaluation.judge),
        )
    )


def reranked(result: RerankResult) -> str:
    """A policy alone and helped."""
    tables = [success_summary(result.rows), difference_summary(result.differences), *([judge_summary(result.judge)] if result.judge is not None else [])]
    return "\n\n".join([*map(markdown, tables), f"Wanted of a future: {result.objective}."])


def improved(result: ImproveResult) -> str:
    """Cloning that also learns from what it did."""
    return "\n\n".join(markdown(table) for table in (learners_summary(result), judge_summary(result.judge)))


def executed(result: ChunksResult) -> str:
    """Chunks in every way."""
    return markdown(ways_summary(result))


def learnable(result: LearnabilityResult) -> str:
    """Makes of a video model: means over trainings, and each training's own figure behind them."""

    def figures(values: list[float], unit: str = "") -> str:
        return f"{sum(values) / len(values):.3g}{unit} ({', '.join(f'{value:.3g}' for value in values)})"

    rows = []
    for arm in dict.fromkeys(row.arm for row in result.rows):
        found = [row for row in result.rows if row.arm == arm]
        places = [f"{body} {figures([row.places[i] for row in found])}, still {found[0].still[i]:.2g}" for i, body in enumerate(found[0].bodies)]
        rows.append(
            (
                arm,
                f"{sum(row.seconds for row in found) / len(found):.0f}",
                figures([row.model for row in found]),
                figures([row.gain for row in found]),
                figures([row.told for row in found]),
                "; ".join(places),
            )
        )
    columns = (
        "what is trained",
        "seconds",
        f"PSNR of what moves at step {NEAR}, dB",
        "above the best of copy, mean and background",
        "above the same with wrong actions",
        f"m off at step {FAR}",
    )
    table = Table(
        title="", columns=columns, rows=tuple(rows), numbers=(1,), note=f"Means over trainings, and each training's figure{of_them(len(result.older))}."
    )
    return f"{markdown(table)}\n\n{result.origin.protocol}"


def paradigms(result: ParadigmResult) -> str:
    """The experiment on world action models, as far as it has come."""
    every = len(result.cells) + len(result.missing)
    told = [f"{len(result.cells)} of {every} cells (an arm, a share of known actions, a training) are measured."] if result.missing else []
    if result.older:
        told.append(
            f"{len(result.older)} of the {len(result.cells)} were measured by earlier versions of the sources, or on demonstrations that another kind of "
            "processor recorded; the tables pool them with the others."
        )
    return "\n\n".join([*told, *(f"**{table.title}**\n\n{markdown(table)}" for table in tables(result))])


def scores(paths: Sequence[Path]) -> str:
    """A line per world and arm, of several files."""
    rows = []
    for result in (ScoreResult.from_json(path.read_text()) for path in paths):
        runs = sum(row.name == "on" for row in result.rows)
        reached = "" if result.published is None else f"{percent(result.reached.value / result.published)} of {result.published:.0f}"
        off = "" if result.over_off is None else score(result.over_off)
        starts = f"{runs} x {result.rows[0].episodes}"
        rows.append(
            (
                result.world,
                f"{result.steps:,}",
                score(result.reached),
                reached,
                off,
                f"{score(result.over_trivial)} over {result.trivial}",
                starts,
                f"{result.parameters / 1e6:.2f} M",
            )
        )
    columns = (
        "world",
        "decisions lived through",
        "return",
        "of the published",
        "over its mechanism switched off",
        "over a trivial policy",
        "trainings x starts",
        "parameters",
    )
    table = Table(title="", columns=columns, rows=tuple(rows), numbers=tuple(range(1, len(columns))), note="")
    return f"{markdown(table)}\n\nWritten by `wam score`, each line with the command in its file.\n"


def score(interval: Interval) -> str:
    """A return, or a difference of returns, with its interval."""
    value, low, high = (f"{end:.0f}" if abs(end) >= 1000 else f"{end:.3g}" for end in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def latents(paths: Sequence[Path]) -> str:
    """A line per controlled system, of several files."""
    results = [ControlResult.from_json(path.read_text()) for path in paths]
    return f"{markdown(latents_summary(results))}\n\nWritten by `wam control`, each line with the command in its file.\n"


def latents_summary(results: Sequence[ControlResult]) -> Table:
    """Which latent? Sorted by world, then by what it learned from."""
    rows = []
    for result in sorted(results, key=lambda one: (one.rows[0].world, one.learned_from, one.origin.recipe)):
        assert result.pooled is not None  # these worlds have trivial policies
        found, over = result.pooled, result.pooled.over_trivial
        rows.append(
            (
                result.rows[0].world,
                result.learned_from,
                result.origin.recipe,
                told(found.success),
                f"{len(found.per_training)} x {result.rows[0].episodes}" + of_them(len(result.older)),
                f"{100 * over.value:.0f} ({100 * over.low:.0f} to {100 * over.high:.0f}) over {found.trivial}",
                duration(found.seconds_per_decision),
                f"{result.parameters / 1e6:.2f} M",
                result.needs,
            )
        )
    columns = ("world", "learned from", "system", "solved", "trainings x goals", "points over the best trivial policy", "a decision", "parameters", "needs")
    return Table(title="", columns=columns, rows=tuple(rows), numbers=(3, 4, 5, 6, 7), note="")


WRITERS: dict[str, tuple[type[Result], Callable[[Any], str]]] = {
    "SeedResult": (SeedResult, seeds),
    "ControlResult": (ControlResult, control),
    "ImaginedResult": (ImaginedResult, card),
    "MechanismComparison": (MechanismComparison, mechanism),
    "PredictionComparison": (PredictionComparison, prediction),
    "CrossValidated": (CrossValidated, real_robot),
    "SuccessGrid": (SuccessGrid, grid),
    "FeatureProbes": (FeatureProbes, features),
    "PolicyEvaluationResult": (PolicyEvaluationResult, policies),
    "LearnabilityResult": (LearnabilityResult, learnable),
    "ParadigmResult": (ParadigmResult, paradigms),
    "RerankResult": (RerankResult, reranked),
    "ImproveResult": (ImproveResult, improved),
    "ChunksResult": (ChunksResult, executed),
}


TABLES: dict[str, Callable[[Sequence[Path]], str]] = {"latent_*.json": latents, "score_*.json": scores}


PICTURES: dict[str, tuple[str, Callable[[str], Section]]] = {
    "paradigms-labels.svg": ("paradigms.json", lambda text: plots(ParadigmResult.from_json(text))[0]),
    "evaluate-push.svg": ("evaluate_push.json", lambda text: page_of(PolicyEvaluationResult.from_json(text)).sections[0]),
}  # in docs/pictures: the first picture of a section, from a result


def drawn(section: Section) -> bytes:
    """Its first picture."""
    assert isinstance(section, Figures)
    return section.items[0].pictures[0][1].data


def told(interval: Interval, points: bool = False) -> str:
    """A rate or a difference of rates with its interval."""
    if points:
        return f"{100 * interval.value:.1f} points ({100 * interval.low:.1f} to {100 * interval.high:.1f})"
    return bracketed(interval.value, interval.low, interval.high)


def markdown(table: Table) -> str:
    """Any table of a report."""
    lines = [table.columns, tuple("---:" if index in table.numbers else "---" for index in range(len(table.columns))), *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("\n", " ") for cells in lines) + (f"\n\n{table.note}" if table.note else "")


def main() -> None:
    """All pages, or with --check: exit code 1 where one is not as its results say."""
    stale = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text()
        if (fresh := refreshed(text)) != text:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(fresh)
    for name, (result, section) in PICTURES.items():
        if (FOLDER / result).exists() and "--check" not in sys.argv:  # the bytes are those of a version of matplotlib
            (ROOT / "docs" / "pictures" / name).write_bytes(drawn(section((FOLDER / result).read_text())))
    print(f"written anew: {', '.join(stale)}" if stale else "all pages are as their results say")
    sys.exit(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
