"""What learns on two cores: makes of a video model, trained about equally long on the same recordings, judged by their rollout cards.

python -m wam.jobs.learnability --data runs/results/data --held-out runs/results/fresh --out runs/video

Each arm changes the `tiny` preset of `cosmos_predict`. It decides what `tiny` is: presets follow this table, not the other way round.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from wam.evaluate.adding import older_ones, require_same
from wam.evaluate.card import BASELINES, MODEL, POSITION, SHUFFLED, Curve, RolloutCard
from wam.evaluate.origin import Origin
from wam.evaluate.result import FOLDER, Result
from wam.evaluate.sources import Sources
from wam.jobs.compare import following
from wam.jobs.imagine import first_strip, imagine_run, imagined_sections, short
from wam.jobs.windowing import windows_of
from wam.recipes.latents import latent_stages
from wam.recipes.recipe import Preset
from wam.recipes.runs import Run, frames_for, load, sources_of, train_recipe
from wam.show.picture import Picture
from wam.train import Gradient
from wam.world import Spec

WINDOWS, HORIZON = 256, 20
NEAR, FAR = 8, 20  # steps ahead that are reported: pictures at the first, places at the second
PROTOCOL = (
    f"{WINDOWS} windows of episodes that were not trained on, 0.1 s per step; pixels count that move: where the truth "
    "differs from the last frame seen. Places by a probe that reads true frames."
)


def _flow(preset: Preset) -> Preset:
    """Drawn by flow. In pixels the network is asked for it, in latents for the velocity."""
    return replace(preset, config=replace(preset.config, law="flow", clean=not preset.config.latent, residual=False))


def _difference(preset: Preset) -> Preset:
    """The difference from the last frame is drawn, not the frame itself."""
    return replace(preset, config=replace(preset.config, residual=True))


def _as_long(preset: Preset) -> Preset:
    """A step of flow in pixels takes three fifths of the time of one of regression, which gives means and variances: so many more steps."""
    (world,) = preset.stages
    assert isinstance(world.learner, Gradient)
    return replace(preset, stages=(replace(world, learner=replace(world.learner, steps=5 * world.learner.steps // 3)),))


def _latents(preset: Preset) -> Preset:
    """A transformer over an autoencoder's latents, for as long as the others learn."""
    config = replace(preset.config, backbone="transformer", latent=8, reduction=4, codec=16, dim=128, depth=4, heads=4)
    return replace(preset, config=config, stages=latent_stages(pictures=1500, steps=600, batch=16, learning_rate=2e-3, horizon=1))


ARMS: dict[str, Callable[[Preset], Preset] | None] = {
    "U-Net in pixels, regression of the frame itself": None,  # the preset
    "U-Net in pixels, regression": _difference,
    "U-Net in pixels, flow": lambda preset: _as_long(_flow(preset)),
    "transformer over cached latents, regression": lambda preset: _latents(_difference(preset)),
    "transformer over cached latents, flow": lambda preset: _flow(_latents(preset)),
}


@dataclass(frozen=True, kw_only=True)
class Learned(Spec):
    """One training, on held-out windows. PSNR of moving pixels, dB, at step NEAR; distances, m, at step FAR, read from imagined pictures."""

    arm: str
    seed: int
    seconds: float  # of training, all stages
    model: float
    shuffled: float  # with other windows' actions
    baseline: float  # the best of copy, mean and background
    bodies: tuple[str, ...]
    places: tuple[float, ...]  # of each body
    still: tuple[float, ...]  # where the present frame is shown again

    @property
    def gain(self) -> float:
        """dB over the best baseline."""
        return self.model - self.baseline

    @property
    def told(self) -> float:
        """dB that wrong actions cost."""
        return self.model - self.shuffled


@dataclass(frozen=True, kw_only=True)
class LearnabilityResult(Result):
    """Arms by seeds."""

    rows: tuple[Learned, ...]
    older: tuple[int, ...] = ()  # of the seeds, what earlier sources measured, or of another recording of the data

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the trainings."""
        return tuple(dict.fromkeys(row.seed for row in self.rows))


def learnability(
    data: str, held_out: str, folder: Path, result: Path, *, seeds: int, arms: tuple[str, ...], earlier: LearnabilityResult | None = None
) -> LearnabilityResult:
    """Train and judge; writes `result`. Trained runs in `folder` (ARM-SEED) are used again, stopped ones go on.

    `earlier`: figures to which `seeds` more trainings are added. ValueError for unknown arms, SpecError for figures of other arms or another protocol.
    """
    if unknown := sorted(set(arms) - set(ARMS)):
        raise ValueError(f"there are no arms {unknown}. Choose from {list(ARMS)}.")
    started, sources = time.monotonic(), Sources.of("wam.jobs.learnability", "wam.recipes.cosmos_predict")
    protocol = f"{PROTOCOL} Trained on {short(data)}, held out {short(held_out)}."
    rows, runs = list(earlier.rows if earlier else ()), list[Run]()
    if earlier is not None:
        require_same((("set of arms", sorted({row.arm for row in rows}), sorted(arms)), ("protocol", earlier.origin.protocol, protocol)))
    counted = earlier.seeds if earlier else ()
    new = following(counted, seeds)
    for seed in new:
        for arm in arms:
            place = place_of(folder, arm, seed)
            run = train_recipe("cosmos_predict", data, place, change=ARMS[arm], seed=seed, resume=place.exists())
            runs.append(run)
            rows.append(learned(arm, seed, run, imagine_run(place, held_out, horizon=HORIZON, count=WINDOWS)[0].card))
    learned_from = f"{run.trained_on.fingerprint}, held out {frames_for(run.preset, held_out).fingerprint()}"
    made = LearnabilityResult(
        rows=tuple(rows),
        older=older_ones(earlier.origin, counted, earlier.older, learned_from) if earlier else (),
        origin=Origin.now(
            started=started,
            protocol=protocol,
            seeds=f"training {', '.join(map(str, (*counted, *new)))}; windows drawn with seed 0",
            sources=sources,
            recipe="cosmos_predict tiny",
            data=learned_from,
            statistics=run.trained_on.statistics,
            weights=sources_of(*runs),
        ),
    )
    made.save(result)
    return made


def place_of(folder: Path, arm: str, seed: int) -> Path:
    """The run of an arm."""
    return folder / f"{arm.replace(', ', '-').replace(' ', '-').lower()}-{seed}"


def picture_of(folder: Path, held_out: str) -> Picture:
    """Truth, imagination, error, and imagination with wrong actions, of one held-out window."""
    run = load(folder)
    return first_strip(imagined_sections(run, *windows_of(run, held_out, HORIZON, WINDOWS)), run.name)


def learned(arm: str, seed: int, run: Run, card: RolloutCard) -> Learned:
    """What one training's card says."""
    pictures = next(card.arms(measure) for measure in card.measures() if measure.name == "PSNR" and measure.where == "moving pixels")
    places = {measure.of: card.arms(measure) for measure in card.measures() if measure.name == POSITION}
    return Learned(
        arm=arm,
        seed=seed,
        seconds=seconds_of(run),
        model=_at(pictures[MODEL], NEAR),
        shuffled=_at(pictures[SHUFFLED], NEAR),
        baseline=max(_at(pictures[name], NEAR) for name in BASELINES),
        bodies=tuple(places),
        places=tuple(_at(curves[MODEL], FAR) for curves in places.values()),
        still=tuple(_at(curves["copy"], FAR) for curves in places.values()),
    )


def seconds_of(run: Run) -> float:
    """Seconds of training steps, waiting for data included, from the log."""
    batches = [stage.learner.batch for stage in run.preset.stages if isinstance(stage.learner, Gradient)]
    lines = (json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines())
    return float(sum(batches[line["index"]] / line["samples_per_second"] for line in lines))


def _at(curve: Curve, step: int) -> float:
    """The figure `step` steps ahead. ValueError where nothing moved."""
    value = curve.values[step - 1]
    if value is None:
        raise ValueError(f"nothing moves {step} steps ahead in the held-out windows, so there is nothing to judge. Pass livelier episodes.")
    return value


def main(
    data: Annotated[str, typer.Option(help="The training set.")],
    held_out: Annotated[str, typer.Option(help="Other episodes of the same world.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; trained ones are used again.", file_okay=False)],
    result: Annotated[Path, typer.Option(help="Where the result is written.", dir_okay=False)] = FOLDER / "learnability.json",
    seeds: Annotated[int, typer.Option(help="Trainings per arm.", min=1)] = 3,
    arms: Annotated[str, typer.Option(help="Names with semicolons between; otherwise all.")] = "",
    add: Annotated[bool, typer.Option("--add", help="Keep the trainings whose figures --result holds, and train --seeds more.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Write what the first arm imagines (PNG) here.", dir_okay=False)] = None,
) -> None:
    """Train makes of a video model equally long, and judge them."""
    named, earlier = tuple(arms.split(";")) if arms else tuple(ARMS), LearnabilityResult.read(result) if add else None
    made = learnability(data, held_out, out, result, seeds=seeds, arms=named, earlier=earlier)
    for row in made.rows:
        print(
            f"{row.arm}, seed {row.seed}: {row.model:.1f} dB, {row.gain:+.1f} over the best baseline, {row.told:+.1f} over wrong actions, {row.seconds:.0f} s"
        )
    if sheet is not None:
        picture_of(place_of(out, named[0], made.seeds[-1]), held_out).save(sheet)


if __name__ == "__main__":
    typer.run(main)
