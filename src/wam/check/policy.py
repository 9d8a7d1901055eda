"""Conformance of a policy to `wam.world.Policy` and to its own spec."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wam.check import loss, module, samples, shared
from wam.check.compare import difference, record_difference
from wam.check.report import Report
from wam.check.runner import CheckFailed, CheckSkipped, run_checks
from wam.check.specs import round_trip
from wam.check.subject import ROWS, Script, Subject, distinct, private_copy
from wam.world import Actions, Future, Imagines, ObservationSpec, Past, PolicySpec, Record, Task, Window

FRAMES = 4  # T of the first look
SEEDS = 8  # batches of random frames that the limits are checked on


@dataclass(frozen=True, kw_only=True)
class PolicySubject(Subject):
    """A policy under test: begin, act, act."""

    wanted: Task | None  # of the user

    @property
    def spec(self) -> PolicySpec:
        """What the policy promises."""
        spec: PolicySpec = self.model.spec
        return spec

    def task(self, seed: int, batch: int = ROWS) -> Task:
        """The user's tasks (turned, for another seed) or random ones that fit the spec."""
        if self.wanted is not None:
            rows = (torch.arange(batch) + seed) % self.wanted.size("B")
            return self.wanted.select(rows).to(self.device)
        noise = samples.noise(seed, batch, self.device)
        task = samples.instruction(self.spec.sentences, noise) if self.spec.instructed else Task()
        return dataclasses.replace(task, goal=self.spec.observes.sample(batch, 1, noise.fork("goal"))) if self.spec.goal_conditioned else task

    def past(self, seed: int, steps: int, batch: int = ROWS, *, first: bool = True) -> Past:
        """Frames and the actions that led to them."""
        return samples.past(self.spec.observes, self.spec.acts, steps, samples.noise(seed, batch, self.device), first=first)

    def script(self, seed: int, batch: int = ROWS) -> Script:
        noise = samples.noise(seed, batch, self.device)
        nothing = self.spec.acts.sample(batch, 1, noise)
        return Script(
            task=self.task(seed, batch),
            first=self.past(seed, FRAMES, batch),
            second=self.past(seed + 100, distinct(self.spec.execute), batch, first=False),
            actions=nothing,
            again=nothing,
            noise=noise,
        )

    def play(self, model: Any, script: Script, *, noisy: bool = True) -> Iterator[tuple[str, Record]]:
        memory = model.begin(script.noise.size("B"), script.task)
        yield "the memory of begin", memory
        for name, since in (("act", script.first), ("the second act", script.second)):
            memory, actions = model.act(memory, since, noise=script.noise.fork(name) if noisy else None)
            yield f"the memory of {name}", memory
            yield f"the actions of {name}", actions

    def random_window(self, seed: int) -> Window:
        spec, steps = self.spec, distinct(self.spec.chunk)
        noise = samples.noise(seed, ROWS, self.device)
        ahead = noise.fork("ahead")
        return Window(
            past=self.past(seed, FRAMES),
            actions=spec.acts.sample(ROWS, steps, ahead),
            future=Future(
                observation=spec.observes.sample(ROWS, steps, ahead),
                reward=ahead.normal(steps),
                alive=torch.ones(ROWS, steps, device=self.device),
            ),
            valid=torch.ones(ROWS, steps, dtype=torch.bool, device=self.device),
            task=self.task(seed),
        )

    def acted(self, seed: int) -> list[Actions]:
        """The actions of both decisions of a script."""
        return [value for _, value in self.run(self.script(seed)) if isinstance(value, Actions)]


def spec_survives_json(subject: PolicySubject) -> None:
    """The spec is a PolicySpec that reads back from its own JSON and makes sense."""
    spec = round_trip(subject.model, PolicySpec)
    for wrong, came, remedy in (
        (
            not 1 <= spec.execute <= spec.chunk,
            f"execute = {spec.execute}, chunk = {spec.chunk}",
            "1 <= execute <= chunk: execute actions of each chunk are run.",
        ),
        (not spec.rate > 0, f"rate = {spec.rate}", "rate is in Hz and positive."),
        (spec.instructed and not spec.sentences, "instructed = True without sentences", "Put the instructions into spec.sentences."),
    ):
        if wrong:
            raise CheckFailed(f"the spec has {came}", "A typing slip in the spec.", remedy)


def calls_return_records(subject: PolicySubject) -> None:
    """begin and act run on inputs that fit the spec and return a memory, and (memory, Actions)."""
    script = subject.script(1)
    memory = subject.model.begin(ROWS, script.task)
    with torch.no_grad():
        result = subject.model.act(memory, script.first, noise=script.noise)
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Actions)):
        raise CheckFailed(f"act returned {type(result).__name__}", "act gives the memory and the actions.", "return memory, Actions(...)")
    for call, value in (("begin", memory), ("act", result[0])):
        if not isinstance(value, Record):
            raise CheckFailed(
                f"{call} returned a {type(value).__name__} as memory",
                "A tuple, dict or None cannot restart its rows.",
                "Make the memory a record (@record), empty where there is nothing to remember.",
            )
    subject.run(script)  # a second decision


def actions_fit_the_spec(subject: PolicySubject) -> None:
    """act gives exactly the declared parts, spec.chunk steps, all valid, for every row."""
    chunk = subject.spec.chunk
    unlimited = dataclasses.replace(
        subject.spec.acts, low_level=tuple(dataclasses.replace(slot, low=-float("inf"), high=float("inf")) for slot in subject.spec.acts.low_level)
    )
    for actions in subject.acted(1):
        found = unlimited.problems(actions)
        if not found and actions.valid.shape[:2] != (ROWS, chunk):
            found.append(f"{actions.valid.shape[1]} steps for {actions.valid.shape[0]} rows, spec.chunk = {chunk} and there are {ROWS} rows.")
        if not found and not bool(actions.valid.all()):
            found.append("some actions are not valid.")
        if found:
            raise CheckFailed(
                " ".join(found), "act returns another part, size or number of steps than spec.acts and spec.chunk declare.", "Correct the output or the spec."
            )


def actions_stay_within_their_limits(subject: PolicySubject) -> None:
    """Actions stay within their physical limits, and are finite, on any observation."""
    if not subject.spec.acts.low_level:
        raise CheckSkipped("the policy gives no low-level actions")
    for seed in range(1, 1 + SEEDS):
        for actions in subject.acted(seed):
            if found := subject.spec.acts.problems(actions):
                raise CheckFailed(
                    " ".join(found), "The network's output is normalised, or not limited.", "Undo the normalisation and clamp: actions are in physical units."
                )


def memory_keeps_one_structure(subject: PolicySubject) -> None:
    """begin and act give memories of one structure, dtype and shape; every leaf starts with B."""
    shared.one_structure([(label, value) for label, value in subject.run(subject.script(1)) if "memory" in label])


def deterministic_without_noise(subject: PolicySubject) -> None:
    """Without noise the actions are a mode or mean, equal bit for bit in two runs, or the policy refuses to act."""
    try:
        shared.deterministic_without_noise(subject)
    except ValueError as error:
        if "noise" not in str(error):
            raise
        raise CheckSkipped(f"the policy does not act without noise: {error}") from error


def rows_can_restart(subject: PolicySubject) -> None:
    """begin(B, task).where(first, memory), then act, equals a fresh episode in the first rows and the old one elsewhere."""
    script, other = subject.script(1), subject.script(3)
    first = torch.arange(ROWS, device=subject.device) % 2 == 0
    task, noise, model = other.task.where(first, script.task), script.noise, subject.model
    fresh = subject.past(3, 1)
    later = dataclasses.replace(fresh, actions=subject.past(3, 1, first=False).actions)
    since = dataclasses.replace(fresh, actions=fresh.actions.where(first, later.actions))
    with torch.no_grad():
        old, _ = model.act(model.begin(ROWS, script.task), script.first, noise=noise)
        shown = ((model.begin(ROWS, task), fresh), (old, later), (model.begin(ROWS, task).where(first, old), since))
        acted = [model.act(memory, seen, noise=noise)[1] for memory, seen in shown]
    for name, rows, expected in (("restarted", first, acted[0]), ("other", ~first, acted[1])):
        if found := record_difference(acted[2].select(rows), expected.select(rows), exact=False):
            raise CheckFailed(
                f"the {name} rows differ: {found}",
                "Rows share a clock or a buffer position, or something of the old episode stands outside the memory.",
                "Keep a count per row in the memory, and mask what the row has not seen.",
            )


def sight_matters(subject: PolicySubject) -> None:
    """Other observations give other actions where spec.observes names some."""
    if subject.spec.observes == ObservationSpec():
        raise CheckSkipped("spec.observes is empty")
    script, other = subject.script(1), subject.script(2)
    first, second = (dataclasses.replace(mine, observation=its.observation) for mine, its in ((script.first, other.first), (script.second, other.second)))
    told = dataclasses.replace(script, first=first, second=second)
    one, two = (subject.run(seen)[2::2] for seen in (script, told))  # the actions of both decisions
    if difference(one, two, exact=True) is None:
        raise CheckFailed(
            "every row was shown something else and acted the same",
            "act does not read since.observation, or the memory loses it.",
            "Read it, or declare observes=ObservationSpec(): a policy that sees nothing.",
        )


def instruction_matters(subject: PolicySubject) -> None:
    """Another instruction gives other actions where spec.instructed is True."""
    spec, script = subject.spec, subject.script(1)
    if not spec.instructed or script.task.instruction is None or len(spec.sentences) < 2:
        raise CheckSkipped("spec.instructed is False, or there is only one sentence")
    other = dataclasses.replace(script.task, instruction=(script.task.instruction + 1) % len(spec.sentences))
    one, two = (subject.run(dataclasses.replace(script, task=task))[2:3] for task in (script.task, other))
    if difference(one, two, exact=True) is None:
        raise CheckFailed(
            "every row got another instruction and acted the same", "begin does not keep the task, or act does not read it.", "Keep it in the memory."
        )


def goal_matters(subject: PolicySubject) -> None:
    """Another goal gives other actions where spec.goal_conditioned is True."""
    if not subject.spec.goal_conditioned:
        raise CheckSkipped("spec.goal_conditioned is False")
    script, other = subject.script(1), subject.task(2)
    task = dataclasses.replace(script.task, goal=other.goal, goal_state=other.goal_state)
    if record_difference(script.task, task, exact=True) is None:
        raise CheckSkipped("the tasks given have one goal")
    one, two = (subject.run(dataclasses.replace(script, task=told))[2:3] for told in (script.task, task))
    if difference(one, two, exact=True) is None:
        raise CheckFailed(
            "every row got another goal and acted the same",
            "begin does not keep the goal, or act does not read it.",
            "Keep it in the memory, or declare goal_conditioned=False.",
        )


def imagined_future_has_rows(subject: PolicySubject) -> None:
    """Imagines: a future with declared axes, B rows and finite numbers."""
    policy: Any = subject.model
    if not isinstance(subject.model, Imagines):
        raise CheckSkipped(f"{type(policy).__name__} does not declare Imagines")
    script = subject.script(1)
    with torch.no_grad():
        future = policy.imagine(policy.begin(ROWS, script.task), script.first, noise=script.noise).check()
    wrong = [path for path, _, leaf in future.leaves() if leaf.is_floating_point() and not bool(leaf.isfinite().all())]
    if not future.leaves() or future.size("B") != ROWS or wrong:
        raise CheckFailed(f"parts {[path for path, _, _ in future.leaves()]}, not finite {wrong}", "An empty future, or lost rows.", 'Axes are "B H ...".')


ESSENTIAL: tuple[Callable[[Any], None], ...] = (
    spec_survives_json,
    calls_return_records,
    shared.nothing_hidden_between_calls,
    shared.same_noise_same_outputs,
    actions_fit_the_spec,
)

CHECKS: tuple[Callable[[Any], None], ...] = (
    actions_stay_within_their_limits,
    memory_keeps_one_structure,
    deterministic_without_noise,
    shared.rows_do_not_mix,
    shared.rows_can_be_permuted,
    shared.rows_can_be_tiled,
    rows_can_restart,
    sight_matters,
    instruction_matters,
    goal_matters,
    shared.another_table_says_the_same,
    shared.inputs_are_only_read,
    module.mode_does_not_matter,
    module.buffers_are_only_read,
    module.dtype_follows_the_model,
    module.device_follows_the_model,
    module.weights_survive_saving,
    *loss.CHECKS,
    imagined_future_has_rows,
)


def check_policy(
    policy: Any,
    *,
    make: Callable[[], Any] | None = None,
    device: torch.device | str = "cpu",
    task: Task | None = None,
    window: Window | None = None,
    losses: Sequence[str] | None = None,
    name: str = "",
) -> Report:
    """Check a policy; the policy itself is left as it is (an nn.Module is copied).

    make: makes a fresh policy, for the saving check.   device: where the copy and its inputs lie.   task: tasks to begin with, any
    number of rows, for policies that random ones do not suit, e.g. whose goal is a state.   window: a training window for the loss
    checks where random ones do not suit.   losses: names that the training weights have.
    """
    where = torch.device(device)
    subject = PolicySubject(
        model=private_copy(policy, where), make=make, device=where, window=window, losses=None if losses is None else tuple(losses), wanted=task
    )
    return Report(subject=name or type(policy).__name__, interface="policy", findings=run_checks(subject, ESSENTIAL, CHECKS))
