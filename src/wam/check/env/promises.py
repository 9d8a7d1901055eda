"""What a world's spec promises about shapes, parts, truth and chunks."""

import torch

from wam.check.compare import difference
from wam.check.env.subject import EnvSubject
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.specs import extra_parts, round_trip
from wam.world import EnvSpec, Observation, Outcome, Task, Truth
from wam.world.states import state_problems


def spec_survives_json(subject: EnvSubject) -> None:
    """The spec is an EnvSpec that reads back from its own JSON and makes sense."""
    spec = round_trip(subject.env, EnvSpec)
    for wrong, came, remedy in (
        (spec.chunk < 1, f"chunk = {spec.chunk}", "step takes multiples of chunk, at least 1."),
        (spec.budget < 1, f"budget = {spec.budget}", "budget is the number of steps of an episode, at least 1."),
        (not spec.rate > 0, f"rate = {spec.rate}", "rate is in Hz and positive."),
        (subject.batch < 1, f"a batch of {subject.batch}", "batch is the number of rows."),
    ):
        if wrong:
            raise CheckFailed(f"the world has {came}", "A typing slip in the spec.", remedy)


def calls_return_records(subject: EnvSubject) -> None:
    """reset gives (Observation, Task), step an Outcome, truth a Truth."""
    first = subject.env.reset(torch.ones(subject.batch, dtype=torch.bool), subject.seeds(1))
    if not (isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], Observation) and isinstance(first[1], Task)):
        raise CheckFailed(f"reset returned {type(first).__name__}", "reset gives the first frame and the task.", "return Observation(...), Task(...)")
    for call, value, kind in (
        ("step", subject.env.step(subject.spec.acts.sample(subject.batch, subject.steps)), Outcome),
        ("truth", subject.env.truth(), Truth),
    ):
        if not isinstance(value, kind):
            raise CheckFailed(f"{call} returned {type(value).__name__}", f"{call} gives a {kind.__name__}.", f"return {kind.__name__}(...)")


def outcomes_fit_the_spec(subject: EnvSubject) -> None:
    """Observations hold exactly the declared parts (no truth), B rows, one frame on reset and one per step."""
    spec = subject.spec
    actions = subject.actions(1)
    first, task = subject.reset()
    outcome = subject.step(actions)
    found: list[str] = []
    for name, observation, steps in (("the first frame", first, 1), ("step", outcome.observation, subject.steps)):
        problems = spec.observes.problems(observation) + extra_parts(observation, spec.observes, "observation")
        if not problems and (observation.size("B"), observation.size("T")) != (subject.batch, steps):
            problems.append(f"B, T = {observation.size('B')}, {observation.size('T')}, expected {subject.batch}, {steps}.")
        found += [f"{name}: {problem}" for problem in problems]
    outcome.check()
    if task.instruction is not None and not bool(((task.instruction >= -1) & (task.instruction < len(spec.sentences))).all()):
        found.append(f"the instructions {task.instruction.tolist()} do not point into the {len(spec.sentences)} sentences of the spec.")
    if found:
        raise CheckFailed(
            " ".join(found),
            "The observation holds something else than spec.observes says. What only a simulator knows belongs into truth().",
            "Correct the observation, or declare what it shows.",
        )


def truth_fits_the_spec(subject: EnvSubject) -> None:
    """truth() shows the current instant (T = 1) of the objects, facts and coordinates of the spec, and changes nothing."""
    spec = subject.spec
    subject.reset()
    subject.step(subject.actions(1))
    truth = subject.env.truth().check()
    found: list[str] = []
    if truth.leaves() and (truth.size("B"), truth.size("T")) != (subject.batch, 1):
        found.append(f"B, T = {truth.size('B')}, {truth.size('T')}, expected {subject.batch}, 1.")
    if truth.pose is not None and truth.pose.shape[2] != len(spec.objects):
        found.append(f"{truth.pose.shape[2]} poses for the objects {spec.objects}.")
    if truth.facts is not None and (spec.facts is None or truth.facts.atoms != spec.facts.atoms):
        found.append("facts whose atoms are not those of spec.facts.")
    if (truth.physical is None) != (spec.physical is None):
        found.append("physical coordinates and spec.physical: one is there, the other is not.")
    elif truth.physical is not None and spec.physical is not None:
        found += state_problems(spec.physical, truth.physical)
    if difference([("", truth)], [("", subject.env.truth())], exact=True):
        found.append("two calls of truth() differ.")
    if found:
        raise CheckFailed(" ".join(found), "Spec and truth were written apart.", "Declare what truth() gives.")


def only_chunks_are_accepted(subject: EnvSubject) -> None:
    """step refuses a number of actions that is no multiple of spec.chunk, with a ValueError."""
    chunk = subject.spec.chunk
    if chunk == 1:
        raise CheckSkipped("spec.chunk is 1: every length is a multiple")
    actions = subject.actions(1, chunk + 1)
    subject.reset()
    try:
        outcome = subject.step(actions)
    except ValueError:
        return
    raise CheckFailed(
        f"{outcome.size('T')} steps for {chunk + 1} actions", "The length is not checked.", f"Raise SpecError('pass a multiple of {chunk} actions')."
    )
