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

from wam.evaluate.adding import older_ones, require_same
from wam.evaluate.imagine import imagine
from wam.evaluate.intervals import Interval, student
from wam.evaluate.measure import picture_errors
from wam.evaluate.result import Result, Verdicts, in_words, verdict_on
from wam.evaluate.sources import Sources
from wam.jobs.compare import following, mechanism_of, shown, system_of, trained_arms
from wam.jobs.imagine import instructions_of, require_unseen, short
from wam.jobs.origins import origin_of
from wam.jobs.windowing import horizon_of, windows_of
from wam.recipes.runs import Run
from wam.show.report import Table
from wam.world import SpecError, to_float

RESAMPLES = 10_000
SAME = 0.02  # of the moving pixels may differ in windows that are called the same


@dataclass(frozen=True)
class Moving:
    """Squared errors over moving pixels, summed over the windows of each held-out episode."""

    model: Float[Tensor, "E"]
    copy: Float[Tensor, "E"]  # of the last frame seen
    pixels: Float[Tensor, "E"]
    windows: int
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
    seeds: tuple[int, ...] = ()  # of the trainings; () = of figures to which none can be added
    older: tuple[int, ...] = ()  # of them, what earlier sources measured, or of another recording of the data
    errors_on: tuple[tuple[float, ...], ...] = ()  # squared errors of moving pixels: training by episode
    errors_off: tuple[tuple[float, ...], ...] = ()
    pixels: tuple[float, ...] = ()  # that move, by episode


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
    earlier: PredictionComparison | None = None,
    device: str = "cpu",
) -> PredictionComparison:
    """Train both arms on `data`, imagine `count` windows of `held_out`; writes `result`. Runs and `earlier` as in `compare_mechanism`.

    `horizon` is rounded up to whole chunks. SpecError for systems that predict no pictures or declare no mechanism, and for figures of anything
    else than other trainings.
    """
    started, mechanism, new = time.monotonic(), mechanism_of(recipe).name, following(earlier.seeds if earlier else (), seeds)
    learned = f"trained on {short(data)}.{shown(labels, steps)}"
    if earlier is not None:
        require_addable(earlier, mechanism, f"{recipe} {preset}", learned)
    sources = Sources.of("wam.jobs.compare_prediction", f"wam.recipes.{recipe}")  # as they are now: a run is long
    counted, runs = (*(earlier.seeds if earlier else ()), *new), list[Run]()
    judged = dict[str, list[Moving]](on=[], off=[])
    for arm, run in trained_arms(recipe, data, folder, seeds=new, labels=labels, steps=steps, preset=preset, device=device):
        runs.append(run)
        judged[arm].append(moving_errors(run, data, held_out, horizon, count, device))
    same = shared([*judged["on"], *judged["off"]])
    protocol = (
        f"{same.windows} windows of {short(held_out)}, {same.horizon} steps ahead, the same for both arms; {learned} PSNR of moving pixels, all steps together."
    )
    if earlier is not None:
        require_same((("protocol", earlier.origin.protocol, protocol), ("held-out set", f"{earlier.episodes} episodes", f"{len(same.pixels)} episodes")))
        require_near(torch.tensor(earlier.pixels).double(), same.pixels)
    before = (earlier.errors_on, earlier.errors_off) if earlier else ((), ())
    on, off = (torch.tensor([*rows, *(each.model.tolist() for each in judged[arm])]).double() for arm, rows in zip(judged, before, strict=True))
    difference, total, episodes = decibels_by_seed(on, off), float(same.pixels.sum()), len(same.pixels)
    found = PredictionComparison(
        mechanism=mechanism,
        difference=difference,
        windows=same.windows,
        episodes=episodes,
        horizon=same.horizon,
        on=tuple(decibels(float(row.sum()) / total) for row in on),
        off=tuple(decibels(float(row.sum()) / total) for row in off),
        copy=decibels(float(same.copy.sum()) / total),
        seeds=counted,
        older=older_ones(earlier.origin, earlier.seeds, earlier.older, run.trained_on.fingerprint) if earlier else (),
        errors_on=tuple(tuple(row) for row in on.tolist()),
        errors_off=tuple(tuple(row) for row in off.tolist()),
        pixels=tuple(same.pixels.tolist()),
        verdicts=Verdicts(mechanism=verdict_on(difference, trainings=len(counted), episodes=len(counted) * episodes)),
        origin=origin_of(
            *runs,
            started=started,
            protocol=protocol,
            seeds=f"training {', '.join(map(str, counted))}; windows drawn with seed 0",
            sources=sources,
            device=device,
        ),
    )
    found.save(result)
    return found


def require_addable(earlier: PredictionComparison, mechanism: str, system: str, learned: str) -> None:
    """SpecError where trainings of this system cannot be added to earlier figures; `learned`: from what, in words. Told before hours of training."""
    if not earlier.seeds:
        raise SpecError("the figures that trainings are to be added to do not say what each erred by. Measure all of them anew, without --add.")
    require_same((("mechanism", earlier.mechanism, mechanism), ("system", system_of(earlier.origin), system)))
    if learned not in earlier.origin.protocol:
        require_same((("protocol", earlier.origin.protocol, learned),))


def require_near(there: Float[Tensor, "E"], here: Float[Tensor, "E"]) -> None:
    """SpecError for other windows: of the same ones as many pixels move, but for what another processor recorded in its last digits."""
    if float((there - here).abs().sum() / here.sum()) > SAME:
        raise SpecError(
            f"in the windows of the figures that trainings are to be added to other pixels move ({there.sum():.0f} there, {here.sum():.0f} here): they are "
            "of another held-out set. Name that set, or another --result."
        )


def shared(judged: Sequence[Moving]) -> Moving:
    """The first, whose windows all have. SpecError where arms were judged on different ones: they see other frames, or predict others at once."""
    first = judged[0]
    if any((each.horizon, each.windows) != (first.horizon, first.windows) or not torch.equal(each.pixels, first.pixels) for each in judged):
        raise SpecError("the two arms cannot be judged on the same windows: they see or predict different numbers of frames. Compare success instead.")
    return first


def moving_errors(run: Run, data: str | Path, held_out: str | Path, horizon: int, count: int, device: str) -> Moving:
    """Of `count` windows of `held_out`, with the run's own horizon. ValueError for episodes that it was trained on."""
    require_unseen(run, held_out, data)
    horizon = horizon_of(run, horizon)
    run = run.read(instructions_of(run, [data, held_out]))
    window, groups = windows_of(run, held_out, horizon, count)
    window = window.to(device)
    pictures = imagine(run.imagining, window).pictures
    seen, future = window.past.observation.rgb, window.future.observation
    if pictures is None or seen is None or future is None or future.rgb is None:
        raise SpecError(f"{run.name} predicts no pictures, so its predictions cannot be compared. Compare success: leave --held-out out.")
    truth = {name: to_float(future.rgb[name]) for name in pictures}
    last = {name: to_float(seen[name][:, -1]) for name in pictures}
    still = {name: frame[:, None].expand_as(truth[name]) for name, frame in last.items()}
    model, copy = (picture_errors(shown, truth, last, window.valid) for shown in (pictures, still))
    moving = [measure for measure in model if (measure.name, measure.where) == ("PSNR", "moving pixels")]
    imagined, kept = (torch.stack([errors[measure].total() for measure in moving]).sum(0) for errors in (model, copy))
    weight = torch.stack([model[measure].weight.sum(1) for measure in moving]).sum(0)
    errors, still_errors, pixels = (by_group(each.double().cpu(), groups) for each in (imagined, kept, weight))
    if not bool(pixels.sum() > 0):
        raise ValueError(
            f"nothing moves in the {len(groups)} windows of {held_out}, so there is nothing to judge. Pass livelier episodes: what is trained stays."
        )
    return Moving(model=errors, copy=still_errors, pixels=pixels, windows=len(groups), horizon=horizon)


def by_group(each: Float[Tensor, "B"], groups: Int[Tensor, "B"]) -> Float[Tensor, "E"]:
    """Sums over the rows of each group, in the order of their numbers."""
    numbers, index = groups.unique(return_inverse=True)
    return each.new_zeros(len(numbers)).index_add(0, index, each)


def decibels(error: float) -> float:
    """PSNR of a mean squared error of values in 0 .. 1."""
    return -10 * math.log10(error)


def decibels_by_seed(on: Float[Tensor, "S E"], off: Float[Tensor, "S E"]) -> Interval:
    """10 log10(sum off / sum on). Its interval is over episodes by bootstrap; of several trainings also over these, by Student's t of both together."""
    value, over_episodes = 10 * math.log10(float(off.sum() / on.sum())), _decibels_over_episodes(on.sum(0), off.sum(0))
    each = 10 * (off.sum(1) / on.sum(1)).log10()
    if len(each) == 1:
        low, high = over_episodes.quantile(torch.tensor([0.025, 0.975], dtype=on.dtype)).tolist()
        return Interval(value=value, low=low, high=high)
    parts, freedom = (float(each.var()) / len(each), float(over_episodes.var())), (len(each) - 1, on.shape[1] - 1)
    whole = sum(parts)
    free = whole**2 / sum(part**2 / some for part, some in zip(parts, freedom, strict=True)) if whole else 1.0
    reach = student(max(1.0, free)) * math.sqrt(whole)
    return Interval(value=value, low=value - reach, high=value + reach)


def _decibels_over_episodes(on: Float[Tensor, "E"], off: Float[Tensor, "E"]) -> Float[Tensor, "R"]:
    """Of resampled episodes, without those samples in which nothing moves: their errors are 0 in both arms."""
    drawn = torch.randint(0, len(on), (RESAMPLES, len(on)), generator=torch.Generator().manual_seed(0))
    model, other = on[drawn].sum(1), off[drawn].sum(1)
    return 10 * (other[model > 0] / model[model > 0]).log10()


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
        "trainings and episodes; one that holds 0 means that no difference was found."
        + (f" {len(found.older)} of the trainings are of earlier sources." if found.older else ""),
    )
