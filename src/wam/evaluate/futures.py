"""Two tables about windows that a system has not seen: the pixels that move in what it imagines, and what it would do.

Arms beside the model. Of pictures: the model with other windows' actions, where it is told any; the last frame kept; the mean and the
median picture of the training data. Of actions: the mean action of the training data, and standing still.
Does not know: training.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from wam.evaluate.baselines import Pictures, baselines, fit_stills
from wam.evaluate.card import MODEL, SHUFFLED, Measure
from wam.evaluate.imagine import actions_of, imagine
from wam.evaluate.measure import Errors, Table, picture_errors
from wam.world import Actions, Moments, Noise, Observation, Policy, Slot, Window, WorldModel, to_float

MOVING, DECIDED = "moving pixels", "next actions"  # `Measure.where`
MEAN, HOLD = "mean action", "hold still"
ACTION = "action error"


def moving_errors(model: WorldModel, held_out: Window, *, training: Window, foreign: Actions) -> Table:
    """Squared error of the pixels that differ from the last frame seen, all cameras together, "B H"; empty for a model without pictures."""
    own, shown = imagine(model, held_out).pictures, held_out.future.observation
    if own is None or shown is None:
        return {}
    last = {name: frames[:, -1] for name, frames in _seen(held_out.past.observation, own).items()}
    stills = fit_stills(_seen(training.whole()[0].observation, own))
    arms = {MODEL: own, **baselines(last, held_out.valid.shape[1], stills)}
    if model.spec.consumes.low_level and (other := imagine(model, held_out, foreign).pictures) is not None:
        arms[SHUFFLED] = other
    truth, last = ({name: to_float(frames) for name, frames in part.items()} for part in (_seen(shown, own), last))
    measure = Measure(name="PSNR", of="all cameras", where=MOVING, unit="dB", higher_is_better=True)
    return {measure: {arm: _together(pictures, truth, last, held_out) for arm, pictures in arms.items()}}


def decision_errors(policy: Policy, held_out: Window, *, known: Moments) -> Table:
    """Root mean square over slots of decided minus recorded actions, in standard deviations of the training actions, "B H".

    `known`: of those actions. As many steps as a decision has; later ones, and those that nobody recorded, count nothing.
    """
    done, rows = actions_of(held_out), held_out.size("B")
    low_level, recorded = done.low_level, done.known()
    assert low_level is not None
    _, decided = policy.act(policy.begin(rows, held_out.task), held_out.past, noise=Noise.of(range(rows), held_out.device))
    steps = min(decided.size("T"), low_level.shape[1])
    mean, std = (torch.tensor(figures, dtype=low_level.dtype, device=low_level.device) for figures in (known.mean, known.std))
    assert decided.low_level is not None
    answers = {MODEL: decided.low_level[:, :steps], MEAN: mean, HOLD: standing(held_out, policy.spec.acts.low_level)}
    table: dict[str, Errors] = {}
    for arm, answer in answers.items():
        away = (answer - low_level[:, :steps]) / torch.where(std > 0, std, 1)
        counts = recorded[:, :steps].to(away)
        square = (away.square().mean(-1) * counts).sum(-1) / counts.sum(-1).clamp_min(1)
        later = (0, low_level.shape[1] - steps)
        padded = (torch.nn.functional.pad(part, later) for part in (square.sqrt(), counts.any(-1).to(away)))
        table[arm] = Errors(*padded)
    return {Measure(name=ACTION, of="all slots", where=DECIDED, unit="standard deviations"): table}


def standing(window: Window, slots: tuple[Slot, ...]) -> Float[Tensor, "B 1 1 A"]:
    """Standing still: 0 in relative slots, the last executed value in absolute ones."""
    done = window.past.actions.low_level
    assert done is not None
    relative = torch.tensor([slot.relative for slot in slots], device=done.device)
    return torch.where(relative, 0, done[:, -1:, -1:])


def _seen(observation: Observation, cameras: Pictures) -> dict[str, Tensor]:
    return {name: (observation.rgb or {})[name] for name in cameras}


def _together(pictures: Pictures, truth: Pictures, last: Pictures, window: Window) -> Errors:
    """Of all cameras, each pixel alike."""
    parts = [found for measure, found in picture_errors(pictures, truth, last, window.valid).items() if (measure.name, measure.where) == ("PSNR", MOVING)]
    weight = torch.stack([part.weight for part in parts]).sum(0)
    value = torch.stack([part.value * part.weight for part in parts]).sum(0) / weight.clamp_min(1)
    return Errors(value=value, weight=weight)
