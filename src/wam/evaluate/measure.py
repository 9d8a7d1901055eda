"""Errors per window and step of the arms of a rollout card, and how they become curves and contrasts."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.evaluate import metrics
from wam.evaluate.baselines import Pictures
from wam.evaluate.card import BASELINES, MODEL, POSITION, SHUFFLED, Contrast, Curve, Measure
from wam.evaluate.intervals import bootstrap_means, bootstrap_ratio


@dataclass(frozen=True)
class Errors:
    """Errors of one arm: mean of each window and step, and how many pixels (or 1) it stands for, 0 = nothing to measure."""

    value: Float[Tensor, "B H"]
    weight: Float[Tensor, "B H"]

    def total(self) -> Float[Tensor, "B"]:
        """Weighted sums over the steps."""
        return (torch.where(self.weight > 0, self.value, 0) * self.weight).sum(1)


AT_ONCE = 64  # rows whose similarity maps are in memory together
Table = dict[Measure, dict[str, Errors]]  # measure -> arm -> errors


def picture_errors(prediction: Pictures, truth: Pictures, last: Pictures, valid: Bool[Tensor, "B H"]) -> dict[Measure, Errors]:
    """Squared error and 1 - SSIM of each camera, whole image and moving pixels. last: the last frame seen, "B 3 h w"."""
    found = {}
    for camera, frames in truth.items():
        blocks = [slice(start, start + AT_ONCE) for start in range(0, len(frames), AT_ONCE)]
        parts = [_camera_errors(prediction[camera][rows], frames[rows], last[camera][rows], valid[rows]) for rows in blocks]
        for name, unit in (("PSNR", "dB"), ("SSIM", "")):
            for where in ("whole image", "moving pixels"):
                measure = Measure(name=name, of=camera, where=where, unit=unit, higher_is_better=True)
                pieces = [part[name, where] for part in parts]
                found[measure] = Errors(value=torch.cat([piece.value for piece in pieces]), weight=torch.cat([piece.weight for piece in pieces]))
    return found


def _camera_errors(prediction: Tensor, truth: Tensor, last: Tensor, valid: Tensor) -> dict[tuple[str, str], Errors]:
    everywhere = torch.ones_like(truth[:, :, 0]) * valid[..., None, None]
    masks = {"whole image": everywhere, "moving pixels": everywhere * metrics.moving_pixels(truth, last)}
    errors = {"PSNR": metrics.squared_error(prediction, truth), "SSIM": 1 - metrics.ssim(prediction, truth)}
    return {(name, where): _over_pixels(error, mask) for name, error in errors.items() for where, mask in masks.items()}


def position_errors(distance: Float[Tensor, "B H N"], names: tuple[str, ...], reads: str, valid: Bool[Tensor, "B H"]) -> dict[Measure, Errors]:
    """Metres of each body."""
    return {
        Measure(name=POSITION, of=name, where=reads, unit="m"): Errors(value=distance[..., index].float(), weight=valid.float())
        for index, name in enumerate(names)
    }


def curves(table: Table, groups: Int[Tensor, "B"]) -> tuple[Curve, ...]:
    """Mean per step with intervals, in the form shown."""
    found = []
    for measure, arms in table.items():
        for arm, errors in arms.items():
            mean, low, high = (_shown(measure, ends) for ends in bootstrap_means(errors.value, errors.weight, groups=groups))
            ends = (high, low) if measure.higher_is_better else (low, high)
            found.append(Curve(measure=measure, arm=arm, values=_listed(mean), low=_listed(ends[0]), high=_listed(ends[1])))
    return tuple(found)


def contrasts(table: Table, groups: Int[Tensor, "B"]) -> tuple[Contrast, ...]:
    """The model against shuffled actions (over steps that both have), and against the best baseline."""
    found = []
    for measure, arms in table.items():
        references = [SHUFFLED] if SHUFFLED in arms else []
        trivial = {name: float(arms[name].total().sum()) for name in BASELINES if name in arms}
        references += [min(trivial, key=lambda name: trivial[name])] if trivial else []
        for against in references:
            both = arms[against].weight * (arms[MODEL].weight > 0)
            mine, theirs = (Errors(value=arms[arm].value, weight=both).total() for arm in (MODEL, against))
            if float(theirs.sum()) > 0:
                found.append(Contrast(measure=measure, arm=MODEL, against=against, ratio=bootstrap_ratio(mine, theirs, groups=groups)))
    return tuple(found)


def _over_pixels(error: Float[Tensor, "B H h w"], mask: Float[Tensor, "B H h w"]) -> Errors:
    weight = mask.sum((-2, -1))
    return Errors(value=(error * mask).sum((-2, -1)) / weight.clamp_min(1), weight=weight)


def _shown(measure: Measure, error: Tensor) -> Tensor:
    if measure.name == "PSNR":
        return metrics.psnr(error)
    return 1 - error if measure.name == "SSIM" else error


def _listed(values: Tensor) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in values.tolist())
