"""Leave one episode out: train a recipe on all episodes but one, judge it on that one, for each episode in turn.

For recorded sets so small that nothing could be held out once and for all. Asked is what the system has an answer to: where the end
effector will be after a few steps, read by a fixed probe from predicted latents (`evaluate.places`); pictures that it predicts itself, and
what it would do (`evaluate.futures`). It sees what its recipe sees. Stopped trainings go on where they were. Shuffled actions are those of
another episode, drawn by chance.
Does not know: robots. The first three numbers of proprioception must be a position in metres.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from wam.data import DataSpec, WindowDataset, open_dataset
from wam.evaluate.baselines import Pictures
from wam.evaluate.card import BASELINES, FLOOR, MODEL, POSITION, SHUFFLED
from wam.evaluate.cross_validation import CrossValidated, fold_of, joined, step_contrasts
from wam.evaluate.futures import DECIDED, HOLD, MEAN, MOVING, decision_errors, moving_errors
from wam.evaluate.imagine import imagine
from wam.evaluate.measure import Table, curves
from wam.evaluate.origin import Origin
from wam.evaluate.places import COMMANDS, COPY, LATENTS, MOVED, PICTURE_FLOOR, STILL, VELOCITY, PlaceErrors, place_errors, probe_score
from wam.evaluate.probe import Positions, ProbeScore, position_of_slots
from wam.evaluate.sources import Sources
from wam.recipes.runs import Run, frames_for, sources_of, train_recipe
from wam.show.picture import Picture
from wam.train import Gradient
from wam.world import Decodes, Encodes, LatentSpec, Observation, Policy, SpecError, Window, WorldModel, WorldModelSpec, offers, to_float

AGAINST = {
    LATENTS: (SHUFFLED, COPY, STILL),
    MOVED: (SHUFFLED, COPY, VELOCITY, COMMANDS),
    MOVING: (SHUFFLED, *BASELINES),
    DECIDED: (MEAN, HOLD),
}


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What is asked."""

    recipe: str
    preset: str
    steps: int | None = None  # of each training; None = the preset's
    past: int = 3  # frames seen
    ahead: tuple[int, ...] = (1, 2, 4)  # model steps after which it is judged
    seed: int = 0  # of every training
    device: str = "cpu"


@dataclass(frozen=True)
class Judged:
    """One fold."""

    run: Run
    table: Table
    places: PlaceErrors | None  # of a model that has latents
    window: Window  # B = 1, the one in which the body moves furthest


def cross_validate(
    asked: CrossValidation, data: str | Path, folder: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[CrossValidated, Picture | None]:
    """The pooled figures, and a sheet of the episode of median error for models with pictures.

    Places are read from latents where the set says where its end effector is (`positions_in`). SpecError for a system of which nothing can be judged.
    """
    started, sources = time.monotonic(), Sources.of("wam.jobs.cross_validate", f"wam.recipes.{asked.recipe}")  # as loaded, not as they are in the end
    dataset, folds = open_dataset(data), list[Judged]()
    if len(dataset) < 2:
        raise ValueError(f"{data} holds {len(dataset)} episode, and each is judged by what learned from the others: two at least. Record or convert more.")
    for episode in range(len(dataset)):
        folds.append(judge_fold(asked, data, folder / f"without-{episode:03d}", episode, len(dataset)))
        progress(episode + 1, len(dataset))
    table = joined([fold.table for fold in folds])
    counts = [len(next(iter(next(iter(fold.table.values())).values())).value) for fold in folds]
    groups = torch.cat([torch.full((count,), index) for index, count in enumerate(counts)])
    run = folds[0].run
    learners = [stage.learner for stage in run.preset.stages if isinstance(stage.learner, Gradient)]
    camera = next(iter(run.data.observes.cameras.values()))
    result = CrossValidated(
        data=run.data.source,
        robot=run.data.embodiment,
        cameras=tuple(run.data.observes.cameras),
        actions=", ".join(slot.name for slot in run.data.acts.low_level) + f" ({run.data.acts.per_step} per step)",
        derived=run.data.derived,
        rate=run.data.rate,
        size=camera.height,
        past=asked.past,
        windows=len(groups),
        training_steps=sum(learner.steps for learner in learners),
        curves=curves(table, groups),
        contrasts=step_contrasts(table, groups, AGAINST, asked.ahead),
        probes=scores([fold.places for fold in folds if fold.places is not None], [measure.of for measure in table if measure.where == LATENTS]),
        folds=tuple(fold_of(fold.table, index, dataset.episodes[index].source) for index, fold in enumerate(folds)),
        origin=Origin.now(
            started=started,
            protocol=(
                f"Leave one episode out: {len(folds)} trainings, each judged on all windows of the episode that it has not seen. {asked.past} frames seen, "
                f"then actions alone. Shuffled: actions of another episode. Intervals draw whole episodes. No verdict: sets this small judge the data as "
                "much as the system."
            ),
            seeds=f"every training {asked.seed}",
            sources=sources,
            device=asked.device,
            weights=sources_of(*(fold.run for fold in folds)),
            recipe=f"{asked.recipe} {asked.preset}",
            data=f"{len(dataset)} episodes, {dataset.frames} frames, {frames_for(run.preset, data).fingerprint()}",
        ),
    )
    return result, sheet(median(folds), run.data.rate)


def judge_fold(asked: CrossValidation, data: str | Path, folder: Path, episode: int, count: int) -> Judged:
    """Train without one episode and judge on it."""
    rest = [other for other in range(count) if other != episode]
    run = train_recipe(
        asked.recipe,
        data,
        folder,
        preset=asked.preset,
        episodes=rest,
        steps=asked.steps,
        seed=asked.seed,
        device=asked.device,
        resume=folder.exists(),
        show=False,
    )
    horizon = max(asked.ahead)
    held_out, donors, learned = (
        windows(run, data, some, past, horizon).to(asked.device) for some, past in (([episode], asked.past), (rest, asked.past), (rest, 1))
    )
    positions = positions_in(run.data)
    chosen = torch.randint(donors.size("B"), (held_out.size("B"),), generator=torch.Generator().manual_seed(episode))
    foreign = donors.actions.select(chosen.to(asked.device))
    model, policy = views(run, asked.device)
    table: Table = {}
    places = None
    with torch.no_grad():
        if model is not None and isinstance(model.spec.predicts.state, LatentSpec) and positions is not None:
            places = place_errors(model, held_out, training=learned, positions=positions, foreign=foreign)
            table |= places.table
        if model is not None:
            table |= moving_errors(model, held_out, training=learned, foreign=foreign)
        if policy is not None:
            assert run.statistics.action is not None  # what acts has learned from actions
            table |= decision_errors(policy, held_out, known=run.statistics.action)
    if not table:
        raise SpecError(f"of {run.name} nothing can be judged on {data}: it draws no pictures, does not act, and the set says no position in metres.")
    furthest = int((travelled(held_out, positions, asked.past) * held_out.valid[:, -1]).argmax())
    return Judged(run=run, table=table, places=places, window=held_out.narrow("B", furthest, furthest + 1))


def views(run: Run, device: str) -> tuple[WorldModel[Any] | None, Policy[Any] | None]:
    """What it predicts with, at the run's own clock, and what it acts with; a joint model does both."""
    model = run.model.to(device)
    found = offers(model)
    imagining = found.video if found.world_model is None else found.world_model
    at_its_clock = imagining is not None and abs(imagining.spec.rate - run.data.rate) < 1e-3 * run.data.rate
    return imagining if at_its_clock else None, None if isinstance(model.spec, WorldModelSpec) else model


def scores(places: list[PlaceErrors], names: list[str]) -> tuple[ProbeScore, ...]:
    """How well the probes read real held-out frames, all folds together; none where nothing was probed."""
    if not places:
        return ()
    true = torch.cat([found.true.flatten(0, 1) for found in places])
    return tuple(
        probe_score(reads, name, torch.cat([found.read[reads].flatten(0, 1) for found in places])[:, index], true[:, index])
        for reads in (FLOOR, PICTURE_FLOOR)
        for index, name in enumerate(names)
    )


def positions_in(spec: DataSpec) -> Positions | None:
    """Where the set says that the end effector is: its first three proprioceptive slots, where they are metres."""
    return position_of_slots(spec.observes.proprio)


def travelled(window: Window, positions: Positions | None, past: int) -> Float[Tensor, "B"]:
    """How far a body got after what was seen: metres, or readings of the robot in their units, or the mean change of a picture."""
    whole, _ = window.whole()
    if positions is not None:
        known = positions.read(window)
        far: Tensor = (known[:, -1] - known[:, past - 1]).norm(dim=-1).amax(-1)
        return far
    if whole.observation.proprio is not None:
        turned: Tensor = (whole.observation.proprio[:, -1] - whole.observation.proprio[:, past - 1]).norm(dim=-1)
        return turned
    pictures = [to_float(frames) for frames in (whole.observation.rgb or {}).values()]
    return torch.stack([(frames[:, -1] - frames[:, past - 1]).abs().flatten(1).mean(1) for frames in pictures]).sum(0)


def windows(run: Run, data: str | Path, episodes: list[int], past: int, horizon: int) -> Window:
    """All windows of some episodes in one batch."""
    found = WindowDataset(frames_for(run.preset, data, episodes), past=past, horizon=horizon, skip=run.preset.skip)
    return found.batch(torch.arange(len(found)))


def median(folds: list[Judged]) -> Judged:
    """The fold whose model errs neither most nor least at the last step, by the last of its readings of places, else by the first of its tables."""

    def error(fold: Judged) -> float:
        places = [measure for measure in fold.table if measure.name == POSITION]
        measure = places[-1] if places else next(iter(fold.table))
        return float(fold.table[measure][MODEL].value[:, -1].mean())

    return sorted(folds, key=error)[len(folds) // 2]


@torch.no_grad()
def sheet(fold: Judged, rate: float) -> Picture | None:
    """The last frame seen and what is imagined after it, all cameras; None for models without pictures."""
    from wam.show.imagined import imagined_sheet

    (model, _), window = views(fold.run, str(fold.window.device)), fold.window
    ahead = None if model is None else imagine(model, window).pictures
    last = window.past.observation.narrow("T", window.past.actions.size("T") - 1)
    future = window.future.observation
    if ahead is None or future is None or future.rgb is None or last.rgb is None:
        return None
    now = seen_again(model, last)
    truth = {camera: torch.cat([to_float(last.rgb[camera]), to_float(future.rgb[camera])], 1)[0] for camera in ahead}
    return imagined_sheet(truth, {camera: torch.cat([now[camera], frames], 1)[0] for camera, frames in ahead.items()}, rate=rate)


def seen_again(model: object, observation: Observation) -> Pictures:
    """What the model's decoder makes of real frames; the frames themselves where it cannot encode and decode one."""
    if isinstance(model, Encodes) and isinstance(model, Decodes):
        observation = model.decode(model.encode(observation))
    return {camera: to_float(frames).clamp(0, 1) for camera, frames in (observation.rgb or {}).items()}
