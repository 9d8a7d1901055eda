"""Checks of what a torch module promises: its dtype and device, its modes, its buffers, its saved weights.

Skipped for objects that are no nn.Module: they have nothing to cast, move, switch or save.
"""

import copy

import torch
from torch import Tensor, nn

from wam.check.compare import difference
from wam.check.runner import CheckFailed, CheckSkipped, describe, explained
from wam.check.subject import Subject, private_copy


def dtype_follows_the_model(subject: Subject) -> None:
    """A model cast to float64 takes float64 inputs and gives float64 outputs."""
    model = _module(subject)
    if not any(parameter.is_floating_point() for parameter in model.parameters()):
        raise CheckSkipped("the module has no floating parameter to cast")
    doubled = copy.deepcopy(model).double()
    hard_coded = "A dtype is hard-coded, or a tensor is made in torch's default one."
    remedy = "Make new tensors with dtype=x.dtype (to_float(rgb, dtype), noise.normal(..., dtype=), torch.zeros(..., dtype=))."
    with explained(hard_coded, remedy):
        trace = subject.run(subject.script(1).to(dtype=torch.float64), model=doubled)
    for label, value in trace:
        for path, _, leaf in value.leaves():
            if leaf.is_floating_point() and leaf.dtype != torch.float64:
                raise CheckFailed(f"{label}: {path} is {leaf.dtype} in a float64 model", hard_coded, remedy)


def device_follows_the_model(subject: Subject) -> None:
    """A model on another device (here: meta, which computes shapes only) makes its tensors there."""
    model = _module(subject)
    if not any(True for _ in model.parameters()):
        raise CheckSkipped("the module has no parameter, so it cannot know its device")
    moved = copy.deepcopy(model).to("meta")
    hard_coded = "A tensor is made without device=, so it lies on the CPU while the others do not."
    remedy = "Make new tensors with device=x.device, and register constants as buffers."
    with explained(hard_coded, remedy):
        try:
            trace = subject.run(subject.script(1).to("meta"), model=moved)
        except (NotImplementedError, RuntimeError) as error:
            if _needs_values(error):
                raise CheckSkipped(f"the code looks at values, which the meta device does not have: {describe(error)}") from error
            raise
    for label, value in trace:
        for path, _, leaf in value.leaves():
            if leaf.device.type != "meta":
                raise CheckFailed(f"{label}: {path} is on {leaf.device} while the model and its inputs are on meta", hard_coded, remedy)


def _needs_values(error: Exception) -> bool:
    """Does the error say that code asked a meta tensor for its values? (A branch on a tensor, .item(), a boolean index.)"""
    text = str(error)
    return isinstance(error, NotImplementedError) or any(part in text for part in ("item()", "no data", "data-dependent", "Boolean value"))


def mode_does_not_matter(subject: Subject) -> None:
    """Outside `loss`, training mode gives what evaluation mode gives."""
    model = _module(subject)
    script = subject.script(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        evaluated = subject.run(script, model=copy.deepcopy(model).eval())
        trained = subject.run(script, model=copy.deepcopy(model).train())
    if found := difference(evaluated, trained, exact=False):
        raise CheckFailed(
            f"after model.train(), {found}",
            "Dropout is active, or a batch normalisation uses the statistics of the batch, where nothing is being trained.",
            "Switch these on inside `loss` only, e.g. functional dropout and running statistics elsewhere.",
        )


def buffers_are_only_read(subject: Subject) -> None:
    """Parameters and buffers stay as they are in either mode: only a training step writes them."""
    model = _module(subject)
    for mode in (False, True):
        tried = copy.deepcopy(model).train(mode)
        before = {name: value.clone() for name, value in _tensors(tried).items()}
        subject.run(subject.script(1), model=tried)
        after = _tensors(tried)
        changed = [name for name in before.keys() | after.keys() if name not in before or name not in after or not _equal(before[name], after[name])]
        if changed:
            raise CheckFailed(
                f"in {'training' if mode else 'evaluation'} mode the calls wrote to {sorted(changed)}",
                "A running average, a percentile or a cache is a buffer of the module and is updated outside `loss`.",
                "Update statistics in the training step only, and keep caches in the carry.",
            )


def weights_survive_saving(subject: Subject) -> None:
    """A fresh model that loads the state_dict gives the same outputs."""
    model = copy.deepcopy(_module(subject))
    if subject.make is None:
        raise CheckSkipped("no way to make a fresh model; pass make=, or check a factory with check_target")
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data.mul_(1 + 0.1 * torch.rand(parameter.shape, generator=generator).to(parameter))
    script = subject.script(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(987654321)
        fresh = private_copy(subject.make(), subject.device)
    with explained("The fresh model has other parameters than the saved one: names or shapes depend on something besides the factory.", "Build both alike."):
        fresh.load_state_dict(model.state_dict(), strict=True)
    if found := difference(subject.run(script, model=model), subject.run(script, model=fresh), exact=True):
        raise CheckFailed(
            f"after state_dict -> load_state_dict, {found}",
            "Something that shapes the output is not in the state_dict: a tensor kept as a plain attribute, or a random matrix made in __init__.",
            "Hold it as nn.Parameter or with register_buffer.",
        )


def _module(subject: Subject) -> nn.Module:
    if not isinstance(subject.model, nn.Module):
        raise CheckSkipped(f"{type(subject.model).__name__} is no nn.Module")
    return subject.model


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict([*model.named_parameters(), *model.named_buffers()])


def _equal(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and bool(((one == two) | ((one != one) & (two != two))).all())
