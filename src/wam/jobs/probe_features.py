"""Did the encoder's own training help? A linear probe of frozen features for the bodies' places, beside the same network untrained.

Frozen features of `dino_wm`: both networks start from the same seed, one was trained as the recipe says. Both are standardised
alike over the same training frames, a ridge regression is fitted on those, and both are judged on the frames of episodes that
neither was trained on. R2 is taken over all bodies and coordinates; intervals are drawn over held-out episodes.

python -m wam.jobs.probe_features --data runs/results/data --held-out runs/results/held-out --out runs/dino_wm
"""

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from jaxtyping import Float, Int
from torch import Tensor

from wam.data import Frames, WindowDataset, compute_statistics
from wam.evaluate.intervals import Interval, bootstrap_ratio
from wam.evaluate.origin import Origin
from wam.evaluate.probe import fit_probe, positions_of_objects
from wam.evaluate.result import FOLDER, Result
from wam.evaluate.sources import Sources
from wam.models.state_space.latent.dino_wm import DinoWorldModel
from wam.recipes.dino_wm import RECIPE
from wam.recipes.runs import Run, frames_for, sources_of, train_recipe
from wam.world import Spec, Window

FITTED, JUDGED, AT_ONCE = 8192, 4096, 256  # frames


@dataclass(frozen=True, kw_only=True)
class FeatureProbe(Spec):
    """R2 of places read from features: one seed, one body or all of them."""

    seed: int
    body: str  # "all" = all bodies together
    trained: Interval
    untrained: Interval
    difference: Interval  # trained minus untrained, same frames


@dataclass(frozen=True, kw_only=True)
class FeatureProbes(Result):
    """Every seed, every body and all together."""

    probes: tuple[FeatureProbe, ...]
    beats: bool  # in every seed the whole interval of the difference over all bodies lies above 0


def probe_features(
    data: str | Path, held_out: str | Path, folder: Path, result: Path, *, seeds: int, preset: str = "tiny", steps: int | None = None
) -> FeatureProbes:
    """Train `seeds` runs in `folder` (run-SEED; trained ones are used again), probe each and write `result`. `steps`: instead of the preset's.

    ValueError where both sets are the same, or know no poses.
    """
    started, sources = time.monotonic(), Sources.of("wam.jobs.probe_features", "wam.recipes.dino_wm")
    chosen = RECIPE.preset(preset)
    known, fresh = frames_for(chosen, data), frames_for(chosen, held_out)
    if seen := len(set(known.episode_fingerprints()) & set(fresh.episode_fingerprints())):
        raise ValueError(f"the encoders are trained on {seen} of the {len(fresh.lengths)} episodes of {held_out}. Pass others of the same world.")
    fit, _ = frames_with_places(known, FITTED)
    judge, episodes = frames_with_places(fresh, JUDGED)
    found, runs = list[FeatureProbe](), list[Run]()
    for seed in range(seeds):
        place = folder / f"run-{seed}"
        run = train_recipe("dino_wm", data, place, preset=preset, steps=steps, seed=seed, resume=place.exists())
        runs.append(run)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # the weights that the run started from
            untrained = RECIPE.build(chosen.config, run.data, compute_statistics(known, run.data)).eval()
        assert isinstance(untrained, DinoWorldModel)
        errors = {name: squared_errors(model, fit, judge) for name, model in (("trained", run.model), ("untrained", untrained))}
        spread = spread_of(judge)
        for index, body in ((slice(None), "all"), *((slice(place, place + 1), name) for place, name in enumerate(known.spec.objects))):
            found.append(compared(seed, body, errors["trained"][:, index], errors["untrained"][:, index], spread[:, index], episodes))
    made = FeatureProbes(
        probes=tuple(found),
        beats=all(probe.difference.low > 0 for probe in found if probe.body == "all"),
        origin=Origin.now(
            started=started,
            protocol=f"ridge regression on {FITTED} training frames, judged on {JUDGED} frames of {len(fresh.lengths)} other episodes; "
            "95 % intervals over those episodes.",
            seeds=f"training 0 to {seeds - 1}, one untrained network each",
            sources=sources,
            recipe=f"dino_wm {preset}",
            data=f"{known.fingerprint()}, held out {fresh.fingerprint()}",
            weights=sources_of(*runs),
        ),
    )
    made.save(result)
    return made


def frames_with_places(frames: Frames, count: int) -> tuple[Window, Int[Tensor, "B"]]:
    """So many frames drawn from all, as windows of one past frame, and the episode of each."""
    windows = WindowDataset(frames, truth=True)
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:count]
    return windows.batch(drawn), windows.episode_of(drawn)


def places_of(window: Window) -> Float[Tensor, "B N D"]:
    """Metres, of the last seen frame."""
    return positions_of_objects(()).read(window)[:, 0].double()


def spread_of(window: Window) -> Float[Tensor, "B N"]:
    """Squared distance of each place from its mean."""
    places = places_of(window)
    return (places - places.mean(0)).square().sum(-1)


@torch.no_grad()
def squared_errors(model: DinoWorldModel, fit: Window, judge: Window) -> Float[Tensor, "B N"]:
    """Squared distance (m^2) between read and true places of the held-out frames."""

    def features(window: Window) -> Tensor:
        parts = [model.features(window.narrow("B", start, start + AT_ONCE).past.observation).z[:, 0] for start in range(0, window.size("B"), AT_ONCE)]
        return torch.cat(parts)

    seen, standardise = features(fit), copy.deepcopy(model.standardise)
    standardise.fit(seen)
    probe = fit_probe(standardise(seen).flatten(1), places_of(fit))
    read = probe(standardise(features(judge)).flatten(1)[:, None])[:, 0]
    return (read - places_of(judge)).square().sum(-1)


def compared(seed: int, body: str, trained: Tensor, untrained: Tensor, spread: Tensor, episodes: Int[Tensor, "B"]) -> FeatureProbe:
    """R2 = 1 - squared errors / spread, with intervals over episodes."""
    one, other, all_there_is = trained.sum(1), untrained.sum(1), spread.sum(1)
    lost = [bootstrap_ratio(errors, all_there_is, groups=episodes) for errors in (one, other)]
    r2 = [Interval(value=1 - ratio.value, low=1 - ratio.high, high=1 - ratio.low) for ratio in lost]
    return FeatureProbe(seed=seed, body=body, trained=r2[0], untrained=r2[1], difference=bootstrap_ratio(other - one, all_there_is, groups=episodes))


def main(
    data: Annotated[str, typer.Option(help="The training set.")],
    held_out: Annotated[str, typer.Option(help="Other episodes of the same world.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; trained ones are used again.", file_okay=False)],
    result: Annotated[Path, typer.Option(help="Where the result is written.", dir_okay=False)] = FOLDER / "dino_wm_features.json",
    seeds: Annotated[int, typer.Option(help="Trainings.", min=1)] = 3,
) -> None:
    """Probe the frozen features of dino_wm beside the same network untrained."""
    for probe in probe_features(data, held_out, out, result, seeds=seeds).probes:
        line = (f"{name} {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})" for name, figure in vars(probe).items() if isinstance(figure, Interval))
        print(f"seed {probe.seed} {probe.body}: {', '.join(line)}")


if __name__ == "__main__":
    typer.run(main)
