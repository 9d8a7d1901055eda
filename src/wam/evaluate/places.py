"""Where a body will be, read from a model's predicted latents by fixed probes, beside everything that needs no model.

Two readings, in metres:
  "latents"        a probe of places: cameras alone say where the body is
  "displacements"  the true last place + a probe of motions, fitted on pairs of real frames (difference of latents ->
                   difference of places): the robot knows where it is and asks where it will be
Arms of both: the model with true actions and with those of other windows; "true frames", the floor: what the probe reads from
the latents of the real future frames; "true frames, pictures": the same of a probe fitted on pictures, which no model has shaped.
  copy                 the probe's reading of the last frame seen; in the second reading that is the true last place itself
  true last place      known to the robot, not to its cameras
  constant velocity    the true last place moved on as in the last step
  commands             where the actions say that the body goes: the last absolute position, or the true last place plus all
                       relative motions. For motions derived from states it is exact by construction.
Does not know: training. `training` must hold no episode of `held_out`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wam.evaluate.card import FLOOR, MODEL, SHUFFLED
from wam.evaluate.imagine import actions_of, encoded, imagine
from wam.evaluate.measure import Table, position_errors
from wam.evaluate.probe import Positions, Probe, ProbeScore, distances, fit_probe, picture_features, r2
from wam.world import Actions, ActionSpec, Observation, SpecError, Window, WorldModel

COPY, STILL, VELOCITY, COMMANDS = "copy", "true last place", "constant velocity", "commands"
PICTURE_FLOOR = f"{FLOOR}, pictures"
LATENTS, MOVED = "latents", "displacements"
CALM = 0.1  # ridge of motion probes: between two frames most of what changes in a picture is not the body


@dataclass(frozen=True)
class Probes:
    """One for places, one for motions, of the same features."""

    place: Probe
    motion: Probe

    @staticmethod
    def of(features: Float[Tensor, "B E F"], window: Window, positions: Positions) -> "Probes":
        """Fitted on real frames: each frame, and each first frame of a window with each that follows."""
        real, places = window.whole()[1], positions.read(window)
        later = real[:, 1:]
        apart, moved = ((leaf[:, 1:] - leaf[:, :1])[later] for leaf in (features, places))
        both_ways = torch.cat([apart, -apart]), torch.cat([moved, -moved])  # so that no change reads as no motion
        return Probes(place=fit_probe(features[real], places[real]), motion=fit_probe(*both_ways, CALM))


@dataclass(frozen=True)
class PlaceErrors:
    """Of one model on windows that it has not seen."""

    table: Table  # measure -> arm -> errors, m
    read: dict[str, Float[Tensor, "B H N D"]]  # FLOOR, PICTURE_FLOOR: a probe's reading of real held-out frames
    true: Float[Tensor, "B H N D"]


def place_errors(model: WorldModel, held_out: Window, *, training: Window, positions: Positions, foreign: Actions) -> PlaceErrors:
    """Both readings of all arms. `foreign` are actions of other windows, "B H ..."; two past frames at least.

    Probes are fitted on real frames of `training` and frozen. SpecError for a model without latents.
    """
    known, steps = positions.read(held_out), held_out.valid.shape[1]
    true, last = known[:, -steps:], known[:, -steps - 1 : -steps]
    if known.shape[1] < steps + 2:
        raise ValueError("one past frame has no velocity. Cut windows with two past frames or more.")
    frames, learned = held_out.whole()[0].observation, training.whole()[0].observation
    latents, pictures = _latents(model, frames), picture_features(frames.rgb or {})
    by_latent = Probes.of(_latents(model, learned), training, positions)
    by_picture = Probes.of(picture_features(learned.rgb or {}), training, positions)
    arms: dict[str, tuple[Probes, Tensor, Tensor]] = {  # probes, the last frame's features, the future's
        FLOOR: (by_latent, latents[:, -steps - 1 : -steps], latents[:, -steps:]),
        PICTURE_FLOOR: (by_picture, pictures[:, -steps - 1 : -steps], pictures[:, -steps:]),
    }
    for arm, actions in ((MODEL, actions_of(held_out)), (SHUFFLED, foreign)):
        imagined = imagine(model, held_out, actions).latents
        assert imagined is not None  # `_latents` has refused models without
        arms[arm] = (by_latent, latents[:, -steps - 1 : -steps], imagined)
    read = {arm: probes.place(after) for arm, (probes, _, after) in arms.items()}
    moved = {arm: last + probes.motion(after - before) for arm, (probes, before, after) in arms.items()}
    ahead = torch.arange(1, steps + 1, device=last.device, dtype=last.dtype)[:, None, None]
    plain = {VELOCITY: last + (last - known[:, -steps - 2 : -steps - 1]) * ahead}
    if (told := commanded(actions_of(held_out), model.spec.consumes, last)) is not None:
        plain[COMMANDS] = told
    copied = by_latent.place(latents[:, -steps - 1 : -steps])
    still = last.expand_as(true)
    table: Table = {}
    for where, found in ((LATENTS, {**read, COPY: copied.expand_as(true), STILL: still, **plain}), (MOVED, {**moved, COPY: still, **plain})):
        for arm, places in found.items():
            for measure, errors in position_errors(distances(places, true), positions.names, where, held_out.valid).items():
                table.setdefault(measure, {})[arm] = errors
    return PlaceErrors(table=table, read={arm: read[arm] for arm in (FLOOR, PICTURE_FLOOR)}, true=true)


def commanded(actions: Actions, acts: ActionSpec, last: Float[Tensor, "B 1 N D"]) -> Float[Tensor, "B H N D"] | None:
    """Where the first three action slots say that one body goes; None where they are not a position or motion in metres."""
    slots, low_level = acts.low_level[:3], actions.low_level
    if low_level is None or len(slots) < 3 or any(slot.unit != "m" for slot in slots) or last.shape[2:] != (1, 3):
        return None
    told = low_level[..., :3]
    if all(slot.relative for slot in slots):
        return last + (told * actions.valid[..., None]).sum(2).cumsum(1)[:, :, None]
    return told[:, :, -1:]


def probe_score(reads: str, body: str, found: Float[Tensor, "M D"], true: Float[Tensor, "M D"]) -> ProbeScore:
    """How well a probe reads real frames that it was not fitted on."""
    return ProbeScore(reads=reads, body=body, r2=r2(found, true), error=float(distances(found, true).mean()))


def _latents(model: WorldModel, observation: Observation) -> Float[Tensor, "B E F"]:
    found = encoded(model, observation)
    if found is None:
        raise SpecError(
            f"{type(model).__name__} has no latents to probe: it must inherit wam.world.Encodes and predict latents (WorldModelSpec.predicts.state)."
        )
    return found
