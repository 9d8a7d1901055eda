"""What a world model does with its inputs: which must matter, which must not, and how they may come."""

import dataclasses

import torch

from wam.check import samples
from wam.check.compare import record_difference
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.subject import ROWS
from wam.check.world_model.subject import WorldModelSubject

SHARED = 3  # S, candidates per row


def every_action_part_matters(subject: WorldModelSubject) -> None:
    """Each part of the actions that the spec consumes changes the future."""
    carry, noise, actions = subject.looked(1), subject.noise(1), subject.actions(1)
    _, base = subject.imagine(carry, actions, noise)
    groups = (("low_level",), ("camera",), ("keys",), ("latent",), ("language",), ("skill", "arguments"))
    for parts in groups:
        if getattr(actions, parts[0]) is None:
            continue
        seeds = range(2, 2 + subject.tries)
        others = (dataclasses.replace(actions, **{part: getattr(subject.actions(seed), part) for part in parts}) for seed in seeds)
        if all(record_difference(base, subject.imagine(carry, other, noise)[1], exact=True) is None for other in others):
            raise CheckFailed(
                f"{subject.tries} other choices of actions.{parts[0]} gave bit-identical futures",
                "The part is declared in spec.consumes and not read, or multiplied by zero.",
                "Feed it to the dynamics, or take it out of spec.consumes.",
            )


def invalid_actions_do_not_matter(subject: WorldModelSubject) -> None:
    """The values of actions that were not executed (valid = False) change nothing, seen or predicted with."""
    noise, past = subject.noise(1), subject.past(1, subject.frames)
    past = dataclasses.replace(past, actions=samples.invalid_at(past.actions, slice(0, None, 2)))
    actions = samples.invalid_at(subject.actions(1), slice(0, None, 2))
    other_past = dataclasses.replace(past, actions=samples.swap_values(past.actions, subject.past(2, subject.frames).actions))
    other_actions = samples.swap_values(actions, subject.actions(2))
    with torch.no_grad():
        carry, other = (subject.model.observe(subject.model.begin(ROWS, subject.task(1)), seen, noise=noise) for seen in (past, other_past))
    _, base = subject.imagine(carry, actions, noise)
    for where, start, chosen in (("past", other, actions), ("given", carry, other_actions)):
        if found := record_difference(base, subject.imagine(start, chosen, noise)[1], exact=False):
            raise CheckFailed(
                f"other values of invalid actions ({where} ones) changed the future: {found}",
                "The model reads actions without their mask.",
                "Replace what is not valid by zero (torch.where with actions.valid) before using it, and tell the model the mask.",
            )


def frames_may_be_float(subject: WorldModelSubject) -> None:
    """uint8 frames and the same frames as floats 0..1 give the same future."""
    past = subject.past(1, subject.frames)
    if past.observation.rgb is None:
        raise CheckSkipped("the model sees no RGB")
    noise = subject.noise(1)
    as_float = dataclasses.replace(past, observation=samples.float_frames(past.observation, torch.float32))
    with torch.no_grad():
        one, two = (subject.model.observe(subject.model.begin(ROWS, subject.task(1)), seen, noise=noise) for seen in (past, as_float))
    futures = [subject.imagine(start, subject.actions(1), noise)[1] for start in (one, two)]
    if found := record_difference(*futures, exact=False):
        raise CheckFailed(
            f"uint8 against float frames: {found}",
            "Frames are divided by 255 whatever their dtype, or never.",
            "Use wam.world.to_float, which looks at the dtype.",
        )


def instruction_matters(subject: WorldModelSubject) -> None:
    """Another instruction gives another future where spec.instructed is True."""
    spec = subject.spec
    if not spec.instructed:
        raise CheckSkipped("spec.instructed is False")
    task = subject.task(1)
    if task.instruction is None or len(spec.sentences) < 2:
        raise CheckSkipped("there is only one sentence")
    other = dataclasses.replace(task, instruction=(task.instruction + 1) % len(spec.sentences))
    noise, past = subject.noise(1), subject.past(1, subject.frames)
    with torch.no_grad():
        one, two = (subject.model.observe(subject.model.begin(ROWS, wanted), past, noise=noise) for wanted in (task, other))
    if record_difference(*(subject.imagine(start, subject.actions(1), noise)[1] for start in (one, two)), exact=True) is None:
        raise CheckFailed(
            "every row got another instruction and its future stayed bit-identical",
            "begin does not keep the task, or predict does not read it.",
            "Keep the instruction (or its embedding) in the carry and condition on it, or declare instructed=False.",
        )


def gradients_reach_the_actions(subject: WorldModelSubject) -> None:
    """Where spec.differentiable is True, the future has a finite gradient with respect to every step's actions."""
    if not subject.spec.differentiable:
        raise CheckSkipped("spec.differentiable is False: no gradient is promised")
    actions = subject.actions(1)
    parts = {name: value for name in ("low_level", "latent", "camera", "arguments") if (value := getattr(actions, name)) is not None}
    if not parts:
        raise CheckSkipped("no action part is continuous")
    leaves = {name: value.clone().requires_grad_() for name, value in parts.items()}
    given = {name: leaf.clone() for name, leaf in leaves.items()}  # a write in place is another check's matter
    _, future = subject.model.predict(subject.looked(1), dataclasses.replace(actions, **given), noise=subject.noise(1))
    outputs = [leaf for _, _, leaf in future.leaves() if leaf.is_floating_point() and leaf.requires_grad]
    remedy = "Remove no_grad, detach, argmax and rounding from predict's path, or declare differentiable=False."
    if not outputs:
        raise CheckFailed("no floating output of predict has a gradient", "predict runs under no_grad, or detaches or rounds its actions.", remedy)
    generator = torch.Generator().manual_seed(0)
    total = torch.stack([(leaf * torch.randn(leaf.shape, generator=generator).to(leaf)).sum() for leaf in outputs]).sum()
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    for name, gradient in zip(leaves, gradients, strict=True):
        if gradient is None or not bool(gradient.isfinite().all()) or not bool(gradient.flatten(2).any(2).any(0).all()):
            came = "None" if gradient is None else f"{gradient.flatten(2).norm(dim=2).sum(0).tolist()} per step"
            raise CheckFailed(f"the gradient with respect to actions.{name} is {came}", "A step is cut off from its action, or saturates.", remedy)


def context_can_be_shared(subject: WorldModelSubject) -> None:
    """With spec.shares_context, B carry rows with B*S action rows give what a repeated carry gives, call after call."""
    if not subject.spec.shares_context:
        raise CheckSkipped("spec.shares_context is False")
    carry = subject.looked(1)
    steps = subject.horizon
    noise = subject.noise(1, ROWS * SHARED)
    shared, repeated = carry, carry.repeat(SHARED)
    for call, seed in enumerate((1, 2)):
        actions = subject.actions(seed, steps, ROWS * SHARED)
        shared, one = subject.imagine(shared, actions, noise.advance(call * steps))
        repeated, two = subject.imagine(repeated, actions, noise.advance(call * steps))
        if found := record_difference(one, two, exact=False):
            raise CheckFailed(
                f"call {call + 1}, {ROWS} carry rows with {ROWS * SHARED} action rows against a repeated carry: {found}",
                "Candidates are matched to the wrong context row: row i of the actions belongs to row i // S of the carry.",
                "Expand with repeat_interleave (or view B, S), and keep imagined tokens in a record of their own.",
            )
