"""Conformance of a world to `wam.world.Env` and to its own spec. The world is stepped and reset many times; its batch is kept.

The checks about rows need a batch of at least three, better five.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wam.check import samples
from wam.check.compare import Trace, difference, record_difference, rows
from wam.check.report import Report
from wam.check.runner import CheckFailed, CheckSkipped, run_checks
from wam.check.specs import extra_parts, round_trip
from wam.world import Actions, EnvSpec, Noise, Observation, Outcome, Task, Truth
from wam.world.specs import state_problems


@dataclass(frozen=True)
class EnvSubject:
    """A world under test."""

    env: Any

    @property
    def spec(self) -> EnvSpec:
        """What the world promises."""
        spec: EnvSpec = self.env.spec
        return spec

    @property
    def batch(self) -> int:
        """Rows."""
        return int(self.env.batch)

    @property
    def steps(self) -> int:
        """Steps of one call: two chunks, one step if there is no more before the budget is spent."""
        return self.spec.chunk * (2 if self.spec.budget >= 4 * self.spec.chunk else 1)

    def seeds(self, seed: int) -> Tensor:
        """A seed per row."""
        return torch.arange(self.batch) + 1000 * seed + 7

    def reset(self, seed: int = 1, seeds: Tensor | None = None) -> tuple[Observation, Task]:
        """Restart every row."""
        first: tuple[Observation, Task] = self.env.reset(torch.ones(self.batch, dtype=torch.bool), self.seeds(seed) if seeds is None else seeds)
        return first

    def actions(self, seed: int, steps: int | None = None) -> Actions:
        """Random actions within the limits."""
        noise = Noise.of(range(1000 * seed, 1000 * seed + self.batch), self.device)
        return self.spec.acts.sample(self.batch, self.steps if steps is None else steps, noise)

    @property
    def device(self) -> torch.device:
        """Where the world shows its frames."""
        return self.reset()[0].device

    def step(self, actions: Actions) -> Outcome:
        """Step every row."""
        outcome: Outcome = self.env.step(actions)
        return outcome

    def episode(self, seed: int = 1, seeds: Tensor | None = None, acts: int = 1) -> Trace:
        """Reset, two calls of step, and the truth in the end."""
        actions, again = self.actions(acts), self.actions(acts + 100)
        observation, task = self.reset(seed, seeds)
        first, second = self.step(actions), self.step(again)
        return [("the first frame", observation), ("the task", task), ("step", first), ("the second step", second), ("the truth", self.env.truth())]


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
    first = subject.reset()
    if not (isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], Observation) and isinstance(first[1], Task)):
        raise CheckFailed(f"reset returned {type(first).__name__}", "reset gives the first frame and the task.", "return Observation(...), Task(...)")
    for call, value, kind in (("step", subject.step(subject.actions(1)), Outcome), ("truth", subject.env.truth(), Truth)):
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


def seeds_determine_everything(subject: EnvSubject) -> None:
    """The same seeds and actions give the same episode bit for bit, whatever happened before and whatever torch's global generator says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = subject.episode()
        torch.manual_seed(2)
        subject.episode(seed=5, acts=6)
        two = subject.episode()
    if found := difference(one, two, exact=True):
        raise CheckFailed(
            f"two runs differ: {found}",
            "Random numbers from a generator of the world's own or torch's, or something that reset does not restart.",
            "Draw from Noise.of(seeds), and restart everything of the masked rows in reset.",
        )


def seeds_matter(subject: EnvSubject) -> None:
    """Other seeds give other first frames, tasks or truths somewhere."""
    starts = []
    for seed in (1, 2, 3):
        observation, task = subject.reset(seed)
        starts.append([("the first frame", observation), ("the task", task), ("the truth", subject.env.truth())])
    if all(difference(starts[0], other, exact=True) is None for other in starts[1:]):
        raise CheckFailed("three sets of seeds gave the same start", "reset does not use its seeds.", "Draw the start from Noise.of(seeds).")


def rows_follow_their_seeds(subject: EnvSubject) -> None:
    """Rows with swapped seeds and actions swap their episodes: nothing depends on where a row stands."""
    _need_rows(subject)
    order = torch.arange(subject.batch).flip(0)
    straight = subject.episode()
    actions, again = subject.actions(1).select(order), subject.actions(101).select(order)
    observation, task = subject.reset(seeds=subject.seeds(1)[order])
    turned = [("the first frame", observation), ("the task", task), ("step", subject.step(actions)), ("the second step", subject.step(again))]
    turned.append(("the truth", subject.env.truth()))
    if found := difference(rows(straight, order), turned, exact=False):
        raise CheckFailed(
            f"with seeds and actions in reverse order, {found}",
            "Something is drawn per position in the batch, or once for the whole batch.",
            "Draw everything of a row from its own seed.",
        )


def rows_do_not_mix(subject: EnvSubject) -> None:
    """Another action in row 0 leaves the other rows bit-identical."""
    _need_rows(subject)
    actions, other = subject.actions(1), subject.actions(2)
    first, rest = torch.arange(subject.batch, device=actions.device) == 0, torch.arange(1, subject.batch)
    outcomes = []
    for chosen in (actions, other.where(first, actions)):
        subject.reset()
        outcomes.append(rows([("step", subject.step(chosen)), ("the truth", subject.env.truth())], rest))
    if found := difference(*outcomes, exact=True):
        raise CheckFailed(f"(row numbers without row 0) {found}", "Rows share a body, a contact list or a batch statistic.", "Keep rows apart.")


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


def reset_leaves_other_rows_alone(subject: EnvSubject) -> None:
    """reset restarts the masked rows only; the others show their current frame and go on as if nothing had happened."""
    _need_rows(subject)
    mask = torch.arange(subject.batch) == 0
    kept = torch.arange(1, subject.batch)
    actions, again = subject.actions(1), subject.actions(2)
    subject.reset()
    before = subject.step(actions)
    undisturbed = subject.step(again)
    subject.reset()
    subject.step(actions)
    shown, _ = subject.env.reset(mask, subject.seeds(4))
    after = subject.step(again)
    fresh, _ = subject.reset(4)
    last = before.observation.narrow("T", subject.steps - 1)
    for name, one, two, chosen in (
        ("the frame that reset shows of a row that it does not restart", last, shown, kept),
        ("what such a row does next", undisturbed, after, kept),
        ("the first frame of a restarted row, against a full reset with the same seed", fresh, shown, torch.tensor([0])),
    ):
        if found := difference([("", one.select(chosen))], [("", two.select(chosen))], exact=False):
            raise CheckFailed(
                f"{name}{found}", "reset ignores its mask, or redraws for all rows.", "Restart with where(mask, fresh, current), seeds of masked rows only."
            )


def restored_worlds_replay(subject: EnvSubject) -> None:
    """After restore, the same actions give the same outcomes and truth, bit for bit; a snapshot can be used again and again."""
    actions, again, other = subject.actions(1), subject.actions(2), subject.actions(3)
    subject.reset()
    subject.step(actions)
    snapshot = subject.env.save()
    replays = []
    for detour in (False, True, True):
        if detour:
            subject.step(other)
            subject.reset(3)
            subject.env.restore(snapshot)
        replays.append([("the truth", subject.env.truth()), ("step", subject.step(again)), ("the second step", subject.step(other))])
    for count, replay in enumerate(replays[1:], 1):
        if found := difference(replays[0], replay, exact=True):
            raise CheckFailed(
                f"after restore number {count}, {found}",
                "The snapshot lacks something (velocities, clocks, the task, the state of a generator), or shares memory that step writes to.",
                "Save everything that step or reset changes, as copies.",
            )


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
    first, _ = subject.reset()
    outcome = subject.step(actions)
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


def _need_rows(subject: EnvSubject) -> None:
    if subject.batch < 2:
        raise CheckSkipped("the world has one row; make it with a batch of three or more")


ESSENTIAL: tuple[Callable[[EnvSubject], None], ...] = (spec_survives_json, calls_return_records)

CHECKS: tuple[Callable[[EnvSubject], None], ...] = (
    outcomes_fit_the_spec,
    truth_fits_the_spec,
    only_chunks_are_accepted,
    seeds_determine_everything,
    seeds_matter,
    rows_follow_their_seeds,
    rows_do_not_mix,
    actions_matter,
    one_call_equals_single_steps,
    reset_leaves_other_rows_alone,
    restored_worlds_replay,
    invalid_actions_are_not_executed,
    actions_are_clipped,
    actions_are_only_read,
    episodes_end_and_stay_still,
)


def check_env(env: Any, *, name: str = "") -> Report:
    """Check a world. It is reset and stepped; what it was in before is lost."""
    return Report(subject=name or type(env).__name__, interface="env", findings=run_checks(EnvSubject(env), ESSENTIAL, CHECKS))
