"""How a run decides where that is not left to its preset: by planning, or with its chunks executed another way. For `control` and `serve` alike.

Knows: runs, the wrappers of `plan.control.chunks`.   Does not know: worlds, servers.
"""

from dataclasses import dataclass, replace
from typing import Any

from wam.plan.control.chunks import Asynchronous, Ensembled, FirstOf, Join, changes
from wam.plan.control.continues import Continues
from wam.recipes.runs import Run
from wam.world import Policy, SpecError, WorldModelSpec

JOINED: dict[Join | None, str] = {None: "", "given": "continued", "blend": "blended", "cut": "cut"}


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """As the preset says, but for what is said here. ValueError for two ways to execute that exclude each other. Steps are the model's."""

    plan: bool = False  # in the run's world model, with the recipe's objective, also where the run is a policy itself; world models do so anyway
    execute: int | None = None  # steps of each chunk
    ensemble: bool = False  # each step the mean of all chunks that cover it
    delay: int | None = None  # steps until an answer; the running chunk goes on meanwhile
    join: Join | None = None  # how the answer takes over from it; None = see `join_of`

    def __post_init__(self) -> None:
        if self.ensemble and (self.execute is not None or self.delay is not None):
            raise ValueError(
                "--ensemble asks for a chunk at every step and executes one of the mean, so --execute and --delay say something else. Name one way."
            )
        if self.join is not None and self.delay is None:
            raise ValueError(f"--join {self.join} says how a late answer takes over from the chunk that runs. Add --delay, or leave it out.")

    @property
    def executes(self) -> bool:
        """Are chunks executed another way?"""
        return self.ensemble or self.execute is not None or self.delay is not None

    def __str__(self) -> str:
        """What stands behind a run's name; nothing where the preset decides all."""
        said = (
            (self.plan, "planned"),
            (self.execute is not None, f"first {self.execute} of a chunk"),
            (self.ensemble, "ensembled"),
            (self.delay is not None, f"answers {self.delay} step{'s' if self.delay != 1 else ''} late"),
            (self.join is not None, JOINED[self.join]),
        )
        return "".join(f", {words}" for there, words in said if there)


PRESET = Deciding()


def deciding_of(run: Run, asked: Deciding) -> Deciding:
    """What differs from the preset: a run of a world model plans anyway."""
    return replace(asked, plan=False) if asked.plan and isinstance(run.model.spec, WorldModelSpec) else asked


def policy_of(run: Run, deciding: Deciding) -> Policy[Any]:
    """The run's policy, deciding so. SpecError where it cannot plan, or decides on one step at a time, or has chunks too short for what is asked.

    Behind a delay at least as many steps are executed.
    """
    policy = run.policy(plan=deciding.plan)
    if not deciding.executes:
        return policy
    if policy.spec.chunk < 2:
        raise SpecError(
            f"{run.name} decides on one step at a time, so it has no chunk of which some steps could be executed, averaged or awaited. "
            "Leave --execute, --ensemble and --delay out, or name a run that draws chunks, e.g. of diffusion_policy."
        )
    if deciding.ensemble:
        return Ensembled(policy)
    delay, chunk = deciding.delay or 0, policy.spec.chunk
    execute = max(policy.spec.execute, delay) if deciding.execute is None else deciding.execute
    if 2 * delay > chunk:
        raise SpecError(f"--delay {delay}: {run.name} draws chunks of {chunk} steps, and at most half of one can run while the next is drawn: {chunk // 2}.")
    if not max(1, delay) <= execute <= chunk - delay:
        raise SpecError(f"--execute {execute}: {run.name} draws chunks of {chunk} steps. Give {max(1, delay)} to {chunk - delay}.")
    if deciding.delay is None:
        return FirstOf(policy, execute)
    return Asynchronous(policy, delay=delay, execute=execute, join=deciding.join or join_of(policy))


def join_of(policy: Policy[Any]) -> Join:
    """As it is usually best: who `Continues` is given the chunk that runs, if that says where to be; chunks of changes are blended, as paths.

    Given changes, a policy goes on from them, and does not go back to where its own chunk would have led.
    """
    places = not bool(changes(policy.spec.acts).any())
    return "given" if isinstance(policy, Continues) and places else "blend"
