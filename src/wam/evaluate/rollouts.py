"""Fills in the rollout card of a world model: open-loop predictions on held-out windows against the truth and the baselines.

Knows: any model with pictures (predicted, or decoded from its state) or with latents and a place to probe for.
Does not know: where windows come from. `training` must hold no episode of `held_out`.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.evaluate.baselines import Pictures, baselines, fit_stills
from wam.evaluate.branches import judge_branches
from wam.evaluate.card import FLOOR, MODEL, SHUFFLED, BranchFigure, Measure, RolloutCard
from wam.evaluate.imagine import actions_of, encoded, imagine, others
from wam.evaluate.measure import Errors, Table, contrasts, curves, picture_errors, position_errors
from wam.evaluate.probe import Positions, Probe, ProbeScore, distances, fit_probe, picture_features, r2
from wam.world import Observation, SpecError, Window, WorldModel, cameras_shown, to_float

PICTURES, LATENTS = "pictures", "latents"


@torch.no_grad()
def rollout_card(
    model: WorldModel,
    held_out: Window,
    *,
    training: Window | None,
    name: str = "",
    episodes: Int[Tensor, "B"] | None = None,
    positions: Positions | None = None,
    branches: Window | None = None,
    branches_per_start: int = 4,
    seed: int = 0,
) -> RolloutCard:
    """Judge a model on `held_out` windows.

    training: windows of the training data, for the mean and background pictures and the probes; None = without those. episodes: number of the
    episode of each held-out window, for the intervals; without it each counts as one. positions: places to probe for, where
    known. branches: counterfactual windows from `branch`. SpecError where nothing can be judged.
    """
    probes = _fit(model, training, positions) if positions is not None and training is not None else None
    table = _judge(model, held_out, _arms(model, held_out, training, seed), probes)
    if not table:
        raise SpecError(
            f"{type(model).__name__} can be judged neither by pictures (it predicts none and does not inherit wam.world.Decodes) nor by "
            "positions (pass positions=..., for a model with latents that inherits wam.world.Encodes)."
        )
    groups = torch.arange(held_out.size("B")) if episodes is None else episodes
    return RolloutCard(
        model=name or type(model).__name__,
        windows=held_out.size("B"),
        episodes=len(groups.unique()),
        past=held_out.past.actions.size("T"),
        horizon=held_out.valid.shape[1],
        rate=model.spec.rate,
        curves=curves(table, groups),
        contrasts=contrasts(table, groups),
        probes=_scores(model, held_out, probes) if probes is not None else (),
        branches=_branch_figures(model, branches, branches_per_start, probes) if branches is not None else (),
    )


# -- arms and their errors -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What one arm says about the future. Either part may be missing."""

    pictures: Pictures | None
    latents: Float[Tensor, "B H D"] | None
    valid: Bool[Tensor, "B H"]


def _arms(model: WorldModel, window: Window, training: Window | None, seed: int) -> dict[str, Arm]:
    steps, valid, past = window.valid.shape[1], window.valid, window.past.observation
    own = imagine(model, window)
    arms = {MODEL: Arm(pictures=own.pictures, latents=own.latents, valid=valid)}
    if model.spec.consumes.told:
        swap = others(window.size("B"), seed).to(valid.device)
        foreign = imagine(model, window, actions_of(window).select(swap))
        arms[SHUFFLED] = Arm(pictures=foreign.pictures, latents=foreign.latents, valid=valid & valid[swap])
    arms["copy"] = Arm(pictures=None, latents=None, valid=valid)
    if seen := _rgb(model, past):
        last = {name: rgb[:, -1] for name, rgb in seen.items()}
        stills = None if training is None else fit_stills(_rgb(model, training.whole()[0].observation))
        arms |= {name: Arm(pictures=pictures, latents=None, valid=valid) for name, pictures in baselines(last, steps, stills).items()}
    if (before := encoded(model, past)) is not None:
        arms["copy"] = replace(arms["copy"], latents=before[:, -1:].expand(-1, steps, -1))
    if (future := window.future.observation) is not None:
        arms[FLOOR] = Arm(pictures=_rgb(model, future) or None, latents=encoded(model, future), valid=valid)
    return arms


def _judge(model: WorldModel, window: Window, arms: dict[str, Arm], probes: "Probes | None") -> Table:
    truth = arms[FLOOR].pictures if FLOOR in arms else None
    last = {name: rgb[:, -1] for name, rgb in _rgb(model, window.past.observation).items()}
    table: Table = {}
    for name, arm in arms.items():
        found: dict[Measure, Errors] = {}
        if arm.pictures is not None and truth is not None and name != FLOOR:
            found |= picture_errors(arm.pictures, truth, last, arm.valid)
        if probes is not None:
            places = probes.positions.read(window)[:, -arm.valid.shape[1] :]
            for reads, read in probes.read(arm.pictures, arm.latents).items():
                found |= position_errors(distances(read, places), probes.positions.names, reads, arm.valid)
        for measure, errors in found.items():
            table.setdefault(measure, {})[name] = errors
    return {measure: judged for measure, judged in table.items() if MODEL in judged}


def _rgb(model: WorldModel, observation: Observation) -> Pictures:
    """Float pictures of the cameras that the model predicts or decodes."""
    return {name: to_float(observation.rgb[name]) for name in cameras_shown(model)} if observation.rgb else {}


# -- probes --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probes:
    """Fitted on training frames and frozen, by what they read: PICTURES or LATENTS."""

    positions: Positions
    of: dict[str, Probe]

    def read(self, pictures: Pictures | None, latents: Tensor | None) -> dict[str, Float[Tensor, "B E N D"]]:
        """Places by what they were read from."""
        features = {PICTURES: picture_features(pictures) if pictures else None, LATENTS: latents}
        return {reads: probe(leaf) for reads, probe in self.of.items() if (leaf := features[reads]) is not None}


def _fit(model: WorldModel, training: Window, positions: Positions) -> Probes:
    stretch, real = training.whole()
    places, rgb, latents = positions.read(training)[real], _rgb(model, stretch.observation), encoded(model, stretch.observation)
    found = {}
    if rgb:
        found[PICTURES] = fit_probe(picture_features(rgb)[real], places)
    if latents is not None:
        found[LATENTS] = fit_probe(latents[real], places)
    return Probes(positions=positions, of=found)


def _scores(model: WorldModel, window: Window, probes: Probes) -> tuple[ProbeScore, ...]:
    stretch, real = window.whole()
    places, found = probes.positions.read(window)[real], []
    for reads, read in probes.read(_rgb(model, stretch.observation) or None, encoded(model, stretch.observation)).items():
        for index, body in enumerate(probes.positions.names):
            mine, true = read[real][:, index], places[:, index]
            found.append(ProbeScore(reads=reads, body=body, r2=r2(mine, true), error=float(distances(mine, true).mean())))
    return tuple(found)


def _branch_figures(model: WorldModel, window: Window, branches: int, probes: Probes | None) -> tuple[BranchFigure, ...]:
    starts = window.size("B") // branches
    shared = torch.arange(starts).repeat_interleave(branches)  # branches of a start meet the same chance
    imagined, future = imagine(model, window, seeds=shared), window.future.observation
    pairs: dict[str, tuple[Tensor, Tensor]] = {}
    if imagined.pictures is not None and future is not None:
        truth = _rgb(model, future)
        both = (torch.cat([shown[name][:, -1].flatten(1) for name in truth], 1) for shown in (imagined.pictures, truth))
        pairs[PICTURES] = (next(both), next(both))
    if probes is not None:
        places = probes.positions.read(window)[:, -1].flatten(1)
        for reads, read in probes.read(imagined.pictures, imagined.latents).items():
            pairs[f"positions from {reads}"] = (read[:, -1].flatten(1), places)
    figures = [judge_branches(mine.unflatten(0, (starts, branches)), true.unflatten(0, (starts, branches)), reads) for reads, (mine, true) in pairs.items()]
    return tuple(figure for figure in figures if figure is not None)
