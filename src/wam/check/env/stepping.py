"""What a step does with its actions, and what happens at the end of an episode."""

import dataclasses

import torch

from wam.check import samples
from wam.check.compare import Trace, difference, record_difference
from wam.check.env.subject import EnvSubject
from wam.check.runner import CheckFailed, CheckSkipped


def actions_matter(subject: EnvSubject) -> None:
    """Other actions give another outcome."""
    outcomes = []
    for seed in (1, 2, 3):
        actions = subject.actions(seed)
        subject.reset()
        outcomes.append([("step", subject.step(actions)), ("the truth", subject.env.truth())])
    if all(difference(outcomes[0], other, exact=True) is None for other in outcomes[1:]):
        raise CheckFailed("three choices of actions gave the same outcome", "step ignores its actions.", "Apply them.")


def one_call_equals_single_steps(subject: EnvSubject) -> None:
    """Several chunks of actions in one call equal a call per chunk."""
    chunk, steps = subject.spec.chunk, subject.steps
    if steps == chunk:
        raise CheckSkipped("the budget is too short for two chunks")
    actions = subject.actions(1)
    subject.reset()
    whole = subject.step(actions)
    subject.reset()
    for start in range(0, steps, chunk):
        piece = subject.step(actions.narrow("T", start, start + chunk))
        if found := record_difference(whole.narrow("T", start, start + chunk), piece, exact=False):
            raise CheckFailed(f"from step {start}: {found}", "Something happens once per call instead of once per step.", "Do it per step.")


def invalid_actions_are_not_executed(subject: EnvSubject) -> None:
    """The values of actions with valid = False change nothing."""
    actions = samples.invalid_at(subject.actions(1), 0)
    other = samples.swap_values(actions, subject.actions(2))
    outcomes = []
    for chosen in (actions, other):
        subject.reset()
        outcomes.append([("step", subject.step(chosen)), ("the truth", subject.env.truth())])
    if found := difference(*outcomes, exact=True):
        raise CheckFailed(f"with other values of actions that are not valid, {found}", "step does not look at actions.valid.", "Skip what is not valid.")


def actions_are_clipped(subject: EnvSubject) -> None:
    """Low-level actions beyond their limits do what the limits do."""
    actions, acts = subject.actions(1), subject.spec.acts
    if actions.low_level is None or not all(slot.high - slot.low < float("inf") for slot in acts.low_level):
        raise CheckSkipped("not every low-level slot has limits")
    low, high = acts.limits(actions.device)
    beyond = dataclasses.replace(actions, low_level=(low + high) / 2 + 3 * (actions.low_level - (low + high) / 2))
    assert beyond.low_level is not None
    outcomes = []
    for chosen in (beyond, dataclasses.replace(actions, low_level=beyond.low_level.clamp(low, high))):
        subject.reset()
        outcomes.append([("step", subject.step(chosen)), ("the truth", subject.env.truth())])
    if found := difference(*outcomes, exact=False):
        raise CheckFailed(
            f"actions beyond the limits and at the limits: {found}", "step does not clip, or clips to other limits.", "Clamp to spec.acts.limits()."
        )


def actions_are_only_read(subject: EnvSubject) -> None:
    """step does not write to its actions, nor to frames that it returned earlier."""
    actions = subject.actions(1)
    first, _ = subject.env.reset(torch.ones(subject.batch, dtype=torch.bool), subject.seeds(1))
    outcome = subject.env.step(actions)
    given: Trace = [("the actions", actions), ("the first frame", first), ("the earlier outcome", outcome)]
    before = [(name, value.clone()) for name, value in given]
    versions = [[leaf._version for _, _, leaf in value.leaves()] for _, value in given]
    subject.step(actions)
    subject.reset(2)
    now = [[leaf._version for _, _, leaf in value.leaves()] for _, value in given]
    found = difference(given, before, exact=True)
    if found or versions != now:
        name = found or next(name for (name, _), was, here in zip(given, versions, now, strict=True) if was != here)
        raise CheckFailed(f"written to: {name}", "An operation in place, or the world hands out its own buffers.", "Return clones of buffers that are reused.")


def episodes_end_and_stay_still(subject: EnvSubject) -> None:
    """By spec.budget steps every episode is over (alive = False) and stays so; its row stands still until it is reset."""
    spec = subject.spec
    actions = subject.actions(1, -(-spec.budget // spec.chunk) * spec.chunk)
    later = [subject.actions(seed, spec.chunk) for seed in (2, 3)]
    subject.reset()
    outcome = subject.step(actions)
    ended = ~outcome.alive[:, -1]
    if not bool(ended.all()):
        raise CheckFailed(
            f"rows {(~ended).nonzero().flatten().tolist()} are alive after {spec.budget} steps, the budget",
            "Steps are not counted, or counted from another event than the reset.",
            "alive is False from step spec.budget on.",
        )
    if bool((outcome.alive[:, 1:] & ~outcome.alive[:, :-1]).any()):
        raise CheckFailed("a row came back to life without a reset", "alive is judged step by step.", "Keep a flag per row until its reset.")
    last, truth = outcome.observation.narrow("T", -1), subject.env.truth()
    for more in later:
        after = subject.step(more)
        found = record_difference(last, after.observation.narrow("T", -1), exact=True) or record_difference(truth, subject.env.truth(), exact=True)
        if found or bool(after.alive.any()):
            raise CheckFailed(
                found or "a row is alive again without a reset",
                "The world goes on after the end.",
                "Step with where(alive, next, current): ended rows repeat their last frame.",
            )
