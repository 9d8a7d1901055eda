"""Checks of `Trainable.loss`: names, shapes, masks, conditions, gradients. Skipped for what has no loss.

Windows are random and fit the spec; a model that needs more (truth, a particular length) is checked with one of the user's.
"""

import copy
import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from wam.check.compare import unequal
from wam.check.runner import CheckFailed, CheckSkipped, explained
from wam.check.samples import R
from wam.check.subject import Subject
from wam.world import Actions, Meters, Noise, Trainable, Window, WorldModelSpec


def losses_are_named_rows(subject: Subject) -> None:
    """loss gives a dict of finite losses, each "B" or [], under the same names every time."""
    window = subject.training_window(1)
    batch = window.size("B")
    losses = _loss(subject, window, train=True)
    if not isinstance(losses, dict) or not losses:
        raise CheckFailed(f"loss returned {type(losses).__name__}", "A sum instead of named parts, or nothing.", 'return {"name": loss_per_row, ...}')
    if subject.losses is not None and set(subject.losses) != set(losses):
        missing, unknown = sorted(set(subject.losses) - set(losses)), sorted(set(losses) - set(subject.losses))
        raise CheckFailed(
            f"the losses are {sorted(losses)}: missing {missing}, unknown {unknown}",
            "A loss was renamed, or has no weight.",
            "Use one set of names for losses and weights.",
        )
    for name, value in losses.items():
        if not isinstance(value, Tensor) or tuple(value.shape) not in ((batch,), ()):
            came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise CheckFailed(
                f"loss {name!r} is {came} for {batch} rows",
                "A mean over time or features is missing, or one over the batch is too much.",
                'Average over every axis but B; [] is for statistics of the batch. Shape "B" lets the trainer weigh and mask rows.',
            )
        if not bool(value.isfinite().all()):
            raise CheckFailed(f"loss {name!r} is {value.tolist()}", "A logarithm or division of zero; a mask with no valid step.", "Clamp, or add an epsilon.")
    other = _loss(subject, subject.training_window(2), train=False)
    if other.keys() != losses.keys():
        raise CheckFailed(
            f"the names are {sorted(losses)} for one window in training mode and {sorted(other)} for another in evaluation mode",
            "A loss is left out where it does not apply.",
            "Give zeros for it, so that the names are those of the weights.",
        )


def loss_is_determined_by_noise(subject: Subject) -> None:
    """In evaluation mode the same window and noise give the same losses, and no buffer is written."""
    window = subject.training_window(1)
    model = copy.deepcopy(subject.model).eval() if isinstance(subject.model, nn.Module) else subject.model
    before = {name: value.clone() for name, value in model.named_buffers()} if isinstance(model, nn.Module) else {}
    one, two = (_loss(subject, window, model=model, seed=seed) for seed in (1, 2))
    if changed := _changed(one, two, exact=True):
        raise CheckFailed(
            f"the losses {changed} differ between two calls",
            "Random numbers from torch's global generator (a random time step, a random mask).",
            "Draw them from the noise record.",
        )
    written = [name for name, value in before.items() if not torch.equal(value.nan_to_num(), dict(model.named_buffers())[name].nan_to_num())]
    if written:
        raise CheckFailed(f"the buffers {written} changed", "Running statistics are updated in evaluation mode too.", "Update them only if self.training.")


def losses_follow_the_dtype(subject: Subject) -> None:
    """A model cast to float64 learns from float64 windows, and its losses are float64."""
    if not isinstance(subject.model, nn.Module) or not any(parameter.is_floating_point() for parameter in subject.model.parameters()):
        raise CheckSkipped(f"{type(subject.model).__name__} has no floating parameter to cast")
    cause, remedy = "A dtype is hard-coded in the training path.", "Make new tensors with dtype=x.dtype."
    with explained(cause, remedy):
        losses = _loss(subject, subject.training_window(1).to(dtype=torch.float64), model=copy.deepcopy(subject.model).double())
    if wrong := [name for name, value in losses.items() if value.dtype != torch.float64]:
        raise CheckFailed(f"the losses {wrong} are not float64 in a float64 model", cause, remedy)


def losses_ignore_masked_steps(subject: Subject) -> None:
    """In evaluation mode, what stands in steps beyond the end (window.valid = False) changes no loss."""
    window, other = subject.training_window(1), subject.training_window(2)
    batch, steps = window.valid.shape
    tail = slice(steps - _last_chunk(subject, steps), steps)
    valid = window.valid.clone()
    valid[: batch // 2 + 1, tail] = False
    masked = dataclasses.replace(window, valid=valid, actions=_not_done(window, valid))
    changed = dataclasses.replace(
        masked,
        actions=dataclasses.replace(_where(valid, masked.actions, other.actions), valid=masked.actions.valid),
        future=_where(valid, window.future, other.future),
        truth=None if window.truth is None or other.truth is None else _where(_instants(window, valid), window.truth, other.truth),
    )
    if found := _changed(_loss(subject, masked), _loss(subject, changed), exact=False):
        raise CheckFailed(
            f"the losses {found} changed with the content of steps {tail.start} .. {tail.stop - 1}, which are not valid",
            "The mean runs over all steps.",
            "Weigh by window.valid, and divide by the number of valid steps.",
        )


def losses_use_the_actions(subject: Subject) -> None:
    """With other actions, at least one loss changes."""
    spec = subject.model.spec
    acts = spec.consumes if isinstance(spec, WorldModelSpec) else spec.acts
    if not acts.told:
        raise CheckSkipped("the model is told no actions")
    window = subject.training_window(1)
    other = subject.training_window(2)
    changed = dataclasses.replace(window, actions=dataclasses.replace(other.actions, valid=window.actions.valid))
    if not _changed(_loss(subject, window), _loss(subject, changed), exact=True):
        raise CheckFailed(
            "all losses are bit-identical with other actions",
            "The training path does not use window.actions, so the model cannot learn what actions do.",
            "Condition on window.actions (world model), or compare with them (policy).",
        )


def losses_reach_the_parameters(subject: Subject) -> None:
    """Every loss has a finite gradient that reaches some parameter."""
    if not isinstance(subject.model, nn.Module):
        raise CheckSkipped(f"{type(subject.model).__name__} is no nn.Module")
    model = copy.deepcopy(subject.model).train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for name, value in _loss(subject, subject.training_window(1), model=model).items():
        cause = "The loss is detached, computed under no_grad, or its gradient vanishes."
        gradients = torch.autograd.grad(value.sum(), parameters, retain_graph=True, allow_unused=True) if value.requires_grad else ()
        present = [gradient for gradient in gradients if gradient is not None]
        if not any(bool(gradient.any()) for gradient in present):
            raise CheckFailed(
                f"loss {name!r} gives no parameter a gradient", cause, "Compute it with gradient; leave figures that are only logged out of loss."
            )
        if not all(bool(gradient.isfinite().all()) for gradient in present):
            raise CheckFailed(f"loss {name!r} gives gradients that are not finite", "A square root or norm at zero, or log(0).", "Add an epsilon inside.")


def meters_are_finite_figures(subject: Subject) -> None:
    """Meters: finite floats by name."""
    if not isinstance(subject.model, Meters):
        raise CheckSkipped(f"{type(subject.model).__name__} does not declare Meters")
    with torch.no_grad():
        figures = subject.model.meters(subject.training_window(1))
    wrong = {name: value for name, value in figures.items() if not isinstance(value, float) or not math.isfinite(value)}
    if wrong or not figures:
        raise CheckFailed(f"{wrong or 'nothing'}", "A tensor, NaN or infinity.", "Return {name: float(...)}.")


CHECKS = (
    losses_are_named_rows,
    losses_follow_the_dtype,
    loss_is_determined_by_noise,
    losses_ignore_masked_steps,
    losses_use_the_actions,
    losses_reach_the_parameters,
    meters_are_finite_figures,
)


def _loss(subject: Subject, window: Window, *, model: Any = None, train: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """The losses of a window, on a copy of the model unless one is given. `seed`: of torch's global generator."""
    if not isinstance(subject.model, Trainable):
        raise CheckSkipped(f"{type(subject.model).__name__} has no loss")
    if model is None:
        model = copy.deepcopy(subject.model).train(train) if isinstance(subject.model, nn.Module) else subject.model
    noise = Noise.of(range(window.size("B")), subject.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        losses: dict[str, Tensor] = model.loss(window, noise=noise)
    return losses


def _changed(one: dict[str, Tensor], two: dict[str, Tensor], *, exact: bool) -> list[str]:
    return [name for name in one if bool(unequal(one[name].detach(), two[name].detach(), exact).any())]


def _last_chunk(subject: Subject, steps: int) -> int:
    """How many steps at the end may be masked without cutting a chunk."""
    chunk = int(subject.model.spec.chunk)
    return chunk if chunk < steps else 1


def _not_done(window: Window, valid: Tensor) -> Actions:
    return dataclasses.replace(window.actions, valid=window.actions.valid & valid[..., None])


def _instants(window: Window, valid: Tensor) -> Tensor:
    """Which of the T + H instants count, "B T+H": what was seen does."""
    seen = window.past.actions.valid.shape[1]
    return torch.cat([valid.new_ones(len(valid), seen), valid], 1)


def _where(valid: Tensor, kept: R, other: R) -> R:
    """`kept` where valid "B H", `other` elsewhere; leaves without a time axis are kept."""

    def pick(axes: tuple[str, ...], leaf: Tensor, new: Tensor) -> Tensor:
        return torch.where(valid.view(*valid.shape, *[1] * (leaf.ndim - 2)), leaf, new) if axes[1:2] in (("H",), ("T",)) else leaf

    return kept.map(pick, other)
