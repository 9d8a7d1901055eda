"""The mechanism comparison by prediction: which arm's pictures are nearer to what happened, on episodes that neither has seen.

Judged where something moves, all steps of a rollout together: the decibels by which the squared error with the idea on lies below that
with it off. The interval covers trainings and held-out episodes together.
Does not know: worlds, success.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.evaluate.imagine import imagine
from wam.evaluate.intervals import Interval
from wam.evaluate.measure import picture_errors
from wam.evaluate.origin import Origin
from wam.evaluate.result import Result, Verdicts, in_words, verdict_on
from wam.evaluate.sources import Sources
from wam.jobs.compare import mechanism_of, shown, trained_arms
from wam.jobs.imagine import instructions_of, require_unseen, short
from wam.jobs.windowing import windows_of
from wam.recipes.runs import Run, sources_of
from wam.show.report import Table
from wam.world import SpecError, to_float

RESAMPLES = 10_000


@dataclass(frozen=True)
class Moving:
    """Squared errors over moving pixels, of each window."""

    model: Float[Tensor, "B"]
    copy: Float[Tensor, "B"]  # of the last frame seen
    pixels: Float[Tensor, "B"]
    episodes: Int[Tensor, "B"]  # that the windows come from
    horizon: int


@dataclass(frozen=True, kw_only=True)
class PredictionComparison(Result):
    """Two arms on the same windows. dB of moving pixels: higher is better."""

    mechanism: str
    difference: Interval  # dB, on minus off
    windows: int
    episodes: int
    horizon: int  # model steps predicted
    on: tuple[float, ...]  # dB, training by training
    off: tuple[float, ...]
    copy: float  # dB of the last frame seen


def compare_prediction(
    recipe: str,
    data: str | Path,
    held_out: str | Path,
    folder: Path,
    result: Path,
    *,
    horizon: int,
    count: int,
    seeds: int,
    labels: float = 1.0,
    steps: int | None = None,
    preset: str = "tiny",
    device: str = "cpu",
) -> PredictionComparison:
    """Train both arms on `data`, imagine `count` windows of `held_out`; writes `result`. Runs as in `compare_mechanism`.

    `horizon` is rounded up to whole chunks. SpecError for systems that predict no pictures or declare no mechanism.
    """
    started, mechanism = time.monotonic(), mechanism_of(recipe)
    sources = Sources.of("wam.jobs.compare_prediction", f"wam.recipes.{recipe}")  # as they are now: a run is long
    judged, runs = dict[str, list[Moving]](on=[], off=[]), list[Run]()
    for arm, run in trained_arms(recipe, data, folder, seeds=seeds, labels=labels, steps=steps, preset=preset, device=device):
        runs.append(run)
        judged[arm].append(moving_errors(run, data, held_out, horizon, count, device))
    same = shared([*judged["on"], *judged["off"]])
    on, off = (torch.stack([each.model for each in judged[arm]]) for arm in ("on", "off"))
    groups, reached, total = same.episodes, same.horizon, float(same.pixels.sum())
    difference = decibels_by_seed(on, off, groups)
    found = PredictionComparison(
        mechanism=mechanism.name,
        difference=difference,
        windows=len(groups),
        episodes=len(groups.unique()),
        horizon=reached,
        on=tuple(decibels(float(row.sum()) / total) for row in on),
        off=tuple(decibels(float(row.sum()) / total) for row in off),
        copy=decibels(float(same.copy.sum()) / total),
        verdicts=Verdicts(mechanism=verdict_on(difference, trainings=seeds, episodes=seeds * len(groups.unique()))),
        origin=Origin.now(
            started=started,
            protocol=(
                f"{len(groups)} windows of {short(held_out)}, {reached} steps ahead, the same for both arms; trained on {short(data)}."
                f"{shown(labels)} PSNR of moving pixels, all steps together."
            ),
            seeds=f"training 0 to {seeds - 1}; windows drawn with seed 0",
            sources=sources,
            device=device,
            recipe=f"{recipe} {preset}",
            data=run.trained_on.fingerprint,
            statistics=run.trained_on.statistics,
            weights=sources_of(*runs),
        ),
    )
    found.save(result)
    return found


def shared(judged: Sequence[Moving]) -> Moving:
    """The first, whose windows all have. SpecError where arms were judged on different ones: they see other frames, or predict others at once."""
    first = judged[0]
    if any(each.horizon != first.horizon or not torch.equal(each.episodes, first.episodes) or not torch.equal(each.pixels, first.pixels) for each in judged):
        raise SpecError("the two arms cannot be judged on the same windows: they see or predict different numbers of frames. Compare success instead.")
    return first


def moving_errors(run: Run, data: str | Path, held_out: str | Path, horizon: int, count: int, device: str) -> Moving:
    """Of `count` windows of `held_out`, with the run's own horizon. ValueError for episodes that it was trained on."""
    require_unseen(run, held_out, data)
    chunk = run.world_model.spec.chunk
    horizon = -(-horizon // chunk) * chunk
    run = run.read(instructions_of(run, [data, held_out]))
    window, groups = windows_of(run, held_out, horizon, count)
    window = window.to(device)
    pictures = imagine(run.world_model, window).pictures
    seen, future = window.past.observation.rgb, window.future.observation
    if pictures is None or seen is None or future is None or future.rgb is None:
        raise SpecError(f"{run.name} predicts no pictures, so its predictions cannot be compared. Compare success: leave --held-out out.")
    truth = {name: to_float(future.rgb[name]) for name in pictures}
    last = {name: to_float(seen[name][:, -1]) for name in pictures}
    still = {name: frame[:, None].expand_as(truth[name]) for name, frame in last.items()}
    model, copy = (picture_errors(shown, truth, last, window.valid) for shown in (pictures, still))
    moving = [measure for measure in model if (measure.name, measure.where) == ("PSNR", "moving pixels")]
    totals = [torch.stack([errors[measure].total() for measure in moving]).sum(0).double().cpu() for errors in (model, copy)]
    pixels = torch.stack([model[measure].weight.sum(1) for measure in moving]).sum(0).double().cpu()
    return Moving(model=totals[0], copy=totals[1], pixels=pixels, episodes=groups, horizon=horizon)


def decibels(error: float) -> float:
    """PSNR of a mean squared error of values in 0 .. 1."""
    return -10 * math.log10(error)


def decibels_by_seed(on: Float[Tensor, "S B"], off: Float[Tensor, "S B"], groups: Int[Tensor, "B"], resamples: int = RESAMPLES) -> Interval:
    """10 log10(sum off / sum on), its interval by a crossed bootstrap: trainings are drawn, and groups of windows, which all trainings share."""
    _, index = groups.unique(return_inverse=True)
    seeds, count = len(on), int(index.max()) + 1
    one, two = (rows.new_zeros(seeds, count).index_add(1, index, rows) for rows in (on, off))
    chance = torch.Generator().manual_seed(0)
    which, group = (torch.randint(0, many, (resamples, many), generator=chance) for many in (seeds, count))
    drawn = [torch.stack([rows[some][:, others].sum() for some, others in zip(which, group, strict=True)]) for rows in (one, two)]
    some = drawn[0] > 0  # not those in which nothing moves: their errors are 0 in both arms
    low, high = (10 * (drawn[1][some] / drawn[0][some]).log10()).quantile(torch.tensor([0.025, 0.975], dtype=on.dtype)).tolist()
    return Interval(value=10 * math.log10(float(two.sum() / one.sum())), low=low, high=high)


def prediction_summary(found: PredictionComparison) -> Table:
    """Both arms, the last frame seen, and the figure that decides: their difference with its interval."""
    verdict = in_words(verdict_on(found.difference, trainings=len(found.on), episodes=len(found.on) * found.episodes))
    lines = [(arm, f"{sum(each) / len(each):.2f} dB", ", ".join(f"{one:.2f}" for one in each)) for arm, each in (("on", found.on), ("off", found.off))]
    value, low, high = (f"{end:+.2f}" for end in (found.difference.value, found.difference.low, found.difference.high))
    rows = (*lines, ("the last frame seen", f"{found.copy:.2f} dB", ""), ("on minus off", f"{value} dB ({low} to {high})", ""))
    return Table(
        title=f"{found.mechanism}: {verdict}",
        columns=("arm", "PSNR of moving pixels", "training by training"),
        rows=rows,
        numbers=(1, 2),
        note=f"{found.windows} windows of {found.episodes} held-out episodes, {found.horizon} steps ahead, all steps together. Bracket: 95 % interval over "
        "trainings and episodes; one that holds 0 means that no difference was found.",
    )
