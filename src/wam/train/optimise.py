"""AdamW, its schedule, and the running average of the weights, with state as named tensors.

Knows: parameters by name.   Does not know: losses, data, files.
The average starts as a copy and follows with decay min(decay, (1 + step) / (10 + step)), so that the first weights fade fast.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from wam.train.stage import Gradient

Parameters = Mapping[str, nn.Parameter]

FUSED = ("cpu", "cuda")  # device types for which torch has one kernel per optimiser step


def learning_rate(learner: Gradient, step: int) -> float:
    """The rate of a step, counted from 0: linear warm-up, then a cosine to the final fraction at the last step."""
    if step < learner.warmup:
        return learner.learning_rate * (step + 1) / learner.warmup
    progress = (step - learner.warmup) / max(1, learner.steps - 1 - learner.warmup)
    low = learner.final_learning_rate
    return learner.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def adamw(learner: Gradient, parameters: Parameters) -> torch.optim.AdamW:
    """The optimiser: tensors with two or more axes decay (stacked biases and scales too), vectors do not. Each group has its `factor` of the learning rate.

    ValueError where `learner.factors` names a part without trained parameters.
    """
    factors = {name: factor_of(name, learner) for name in parameters}
    if idle := [part for part in learner.factors if not any(within(name, part) for name in parameters)]:
        raise ValueError(f"learning-rate factors are given for {idle}, which have no trained parameters. Name submodules that learn in this stage.")
    groups = []
    for factor in dict.fromkeys(factors.values()):
        mine = [parameter for name, parameter in parameters.items() if factors[name] == factor]
        for matrices, decay in ((True, learner.weight_decay), (False, 0.0)):
            some = [parameter for parameter in mine if (parameter.ndim >= 2) == matrices]
            groups += [{"params": some, "weight_decay": decay, "factor": factor}] if some else []
    fused = all(parameter.device.type in FUSED for parameter in parameters.values())
    return torch.optim.AdamW(groups, lr=learner.learning_rate, betas=learner.betas, fused=fused)


def factor_of(name: str, learner: Gradient) -> float:
    """Of the learning rate, for a parameter by its dotted name."""
    return next((factor for part, factor in learner.factors.items() if within(name, part)), 1.0)


def within(name: str, part: str) -> bool:
    """Is the parameter in this submodule?"""
    return name.startswith(f"{part}.")


def moments(optimiser: torch.optim.Optimizer, parameters: Parameters) -> dict[str, Tensor]:
    """The optimiser's state as tensors named "parameter/moment"."""
    return {
        f"{name}/{key}": value
        for name, parameter in parameters.items()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def set_moments(optimiser: torch.optim.Optimizer, parameters: Parameters, stored: Mapping[str, Tensor]) -> None:
    """The inverse of `moments`; a parameter that never had a gradient has none. ValueError for others' moments, or other shapes."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    order = [names[id(parameter)] for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {index: {} for index in range(len(order))}
    places = {name: index for index, name in enumerate(order)}
    for full, value in stored.items():
        name, _, key = full.rpartition("/")
        shape = tuple(parameters[name].shape) if name in parameters else None
        if shape is None or (value.ndim and tuple(value.shape) != shape):
            raise ValueError(
                f"the optimiser state has {full!r} of shape {tuple(value.shape)}, the model has {name!r} of shape {shape}. "
                "The model was probably built with another preset, or another part was trained: resume with the configuration of the run."
            )
        state[places[name]][key] = value.clone()
    optimiser.load_state_dict({"state": {index: item for index, item in state.items() if item}, "param_groups": optimiser.state_dict()["param_groups"]})


class Average:
    """The running average of trained parameters, kept by name."""

    def __init__(self, decay: float, parameters: Parameters):
        self.decay = decay
        self.parameters = parameters
        self.shadow = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights after optimiser step `step`, counted from 0."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.shadow.values()), [parameter.detach() for parameter in self.parameters.values()], weight)

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """All weights and buffers of the model, the trained ones averaged."""
        averaged = {id(parameter): self.shadow[name] for name, parameter in self.parameters.items()}
        state = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
        for name, parameter in model.named_parameters(remove_duplicate=False):  # tied weights under each of their names
            state[name] = averaged.get(id(parameter), state[name])
        return state

    @torch.no_grad()
    def restore(self, stored: Mapping[str, Tensor]) -> None:
        """Take the average over from a full set of weights."""
        for name, value in self.shadow.items():
            value.copy_(stored[name])

    @torch.no_grad()
    def apply(self) -> None:
        """Write the average into the model."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.shadow[name])
