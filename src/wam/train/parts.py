"""Who learns in a stage: parts of a model by name, what is frozen, and what a gradient may change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from wam.train.stage import Stage
from wam.world import Meters, Window


def part(model: nn.Module, name: str, stage: Stage) -> nn.Module:
    """A submodule by its dotted name. ValueError that lists what there is."""
    found: nn.Module | None = dict(model.named_modules()).get(name)
    if found is None or not name:
        children = [child for child, _ in model.named_children()]
        raise ValueError(f"stage {stage.name!r} names the part {name!r}, {type(model).__name__} has {children}.")
    return found


def learners(model: nn.Module, stage: Stage) -> dict[str, nn.Module]:
    """Prefix of the loss names -> whose `loss` or `fit` is called."""
    return {f"{name}.": part(model, name, stage) for name in stage.parts} or {"": model}


@contextmanager
def learning(model: nn.Module, stage: Stage) -> Iterator[dict[str, nn.Parameter]]:
    """The trained parameters by name. Inside, only they ask for gradients, and only what learns is in training mode.

    Parameters that did not ask for gradients before are left alone. Afterwards the model is in eval mode.
    """
    asked = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    model.eval()
    for module in learners(model, stage).values():
        module.train()
    held = [part(model, name, stage) for name in stage.frozen]
    for module in held:
        module.eval()
    frozen = {id(parameter) for module in held for parameter in module.parameters()}
    reached = {id(parameter) for module in learners(model, stage).values() for parameter in module.parameters()} - frozen
    try:
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.requires_grad and id(parameter) in reached)
        yield {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    finally:
        model.eval()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(asked[name])
            parameter.grad = None


@torch.no_grad()
def measure(learners: dict[str, nn.Module], window: Window) -> dict[str, float]:
    """Figures of those learners that have some, in eval mode: looking must not write to buffers."""
    found: dict[str, float] = {}
    for prefix, learner in learners.items():
        if not isinstance(learner, Meters):
            continue
        modes = [(module, module.training) for module in learner.modules()]
        learner.eval()
        found |= {prefix + name: value for name, value in learner.meters(window).items()}
        for module, training in modes:
            module.training = training
    return found
