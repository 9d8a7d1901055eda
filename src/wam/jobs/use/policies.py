"""Which policies are compared in a model: named here, one place per world, before anything is measured.

A policy that reads the simulator (an expert of a world) would read it in the model too, where it stands still. So runs act, which
see what they are shown: learned policies, and planning in other world models. Each run gives a family: as it was trained, and made
worse in known ways. Beside them a policy at random and one that does nothing.

Knows: runs, worlds by name.   Does not know: success, models, judges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

from wam.recipes.runs import Run
from wam.world import Actions, EnvSpec, Idle, Noise, Past, Policy, PolicySpec, SpecError, Task, Uniform, WorldModelSpec, require_noise


@dataclass(frozen=True, kw_only=True)
class Grade:
    """A way to make a policy worse."""

    random: float = 0.0  # share of its steps that are done at random instead
    pace: float = 1.0  # share of each motion that is done

    def __str__(self) -> str:
        return f"{100 * self.random:.0f} % at random" if self.random else f"{100 * self.pace:.0f} % of the way" if self.pace < 1 else "as trained"


@dataclass(frozen=True, kw_only=True)
class Named:
    """What is named beforehand for one world."""

    grades: tuple[Grade, ...]  # of every run
    teachers: tuple[str, ...]  # policies of the world whose rollouts a judge learns from: some succeed, some nearly, some fail


NAMED: Mapping[str, Named] = {
    "push": Named(
        grades=(Grade(), Grade(random=0.1), Grade(random=0.2), Grade(random=0.4), Grade(pace=0.75), Grade(pace=0.5)),
        teachers=("expert", "noisy_expert", "play", "wander"),
    ),
    "tabletop": Named(  # no pace: the gripper's opening is a place
        grades=tuple(Grade(random=share) for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)),
        teachers=("expert", "noisy_expert", "play", "wander"),
    ),
}


def named(world: str) -> Named:
    """ValueError for a world in which nothing was named."""
    if world not in NAMED:
        raise ValueError(f"no policies are named beforehand for the world {world!r}, only for {', '.join(NAMED)}. Name them in NAMED of wam.jobs.use.policies.")
    return NAMED[world]


class Graded:
    """A policy, made worse. Actions at random are uniform within their limits."""

    def __init__(self, policy: Policy[Any], grade: Grade) -> None:
        absolute = [slot.name for slot in policy.spec.acts.low_level if not slot.relative]
        if grade.pace < 1 and absolute:
            raise SpecError(
                f"{100 * grade.pace:.0f} % of an absolute place is another place, and the actions {absolute} are absolute. Name grades without a pace."
            )
        self.policy, self.grade, self.spec = policy, grade, policy.spec

    def begin(self, batch: int, task: Task) -> Any:
        """As the policy."""
        return self.policy.begin(batch, task)

    def act(self, memory: Any, since: Past, *, noise: Noise | None = None) -> tuple[Any, Actions]:
        """As the policy, where it is left alone. SpecError without low-level actions."""
        memory, actions = self.policy.act(memory, since, noise=noise)
        if actions.low_level is None:
            raise SpecError(f"{type(self.policy).__name__} returned no low-level actions; only those can be made worse here.")
        if self.grade.random == 0:
            return memory, Actions(valid=actions.valid, low_level=self.grade.pace * actions.low_level)
        chance = require_noise(noise, "Graded").fork("grade")
        batch, steps = actions.valid.shape[:2]
        instead = self.spec.acts.sample(batch, steps, chance).low_level
        assert instead is not None  # the policy has low-level actions
        strays = chance.fork("when").uniform(steps, 1, 1) < self.grade.random
        return memory, Actions(valid=actions.valid, low_level=torch.where(strays, instead, self.grade.pace * actions.low_level))


def policies_of(runs: Sequence[Run], world: str, spec: EnvSpec) -> dict[str, Policy[Any]]:
    """Every run in every grade, then random and idle, which decide on `spec.chunk` steps at once.

    ValueError for two runs of one name, SpecError for actions that cannot be graded.
    """
    names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f"the policies come from folders named {names}; two of one name cannot be told apart in a table. Rename one.")
    found: dict[str, Policy[Any]] = {}
    for name, run in zip(names, runs, strict=True):
        policy = run.policy()
        found |= {f"{name}, {grade}": Graded(policy, grade) for grade in named(world).grades}
    return {**found, "random": Uniform(spec), "idle": Idle(spec)}


def require_sight(name: str, policy: PolicySpec, model: WorldModelSpec) -> None:
    """SpecError where a policy cannot act in what a model imagines: senses that the model does not predict."""
    shown = model.predicts.observation
    assert shown is not None  # the model is `pictured`
    if wrong := policy.observes.problems(shown.sample(1, 1)):
        raise SpecError(f"{name} cannot act in what the model imagines: {' '.join(wrong)} Name a policy that sees no more than the model predicts.")


def require_pace(name: str, policy: PolicySpec, model: WorldModelSpec) -> None:
    """SpecError where a policy decides at a clock that does not fit the model's, or within what the model predicts at once."""
    per_step = model.consumes.per_step
    count, rest = divmod(policy.acts.per_step, per_step)  # steps of the model in one of the policy
    if rest or count > 1 < per_step or abs(policy.rate * count - model.rate) > 1e-6 * model.rate:
        raise SpecError(
            f"{name} decides at {policy.rate:.3g} Hz with {policy.acts.per_step} actions per step, the model goes at {model.rate:.3g} Hz with {per_step}. "
            "It must be as fast, or slower by a whole number than a model with one action per step: train both at one clock (wam train --skip)."
        )
    if policy.execute * count % model.chunk:
        held = f", each for {count} steps" if count > 1 else ""
        raise SpecError(
            f"{name} executes {policy.execute} of its actions before it looks again (execute){held}, and the model predicts "
            f"{model.chunk} steps at once (chunk), with nothing to see in between. Name a policy that executes a multiple of {model.chunk} steps, or a model "
            "that predicts one step at a time."
        )


class Watched:
    """A policy that tells when it is asked."""

    def __init__(self, policy: Policy[Any], tell: Callable[[], None]) -> None:
        self.policy, self.tell, self.spec = policy, tell, policy.spec

    def begin(self, batch: int, task: Task) -> Any:
        """As the policy."""
        return self.policy.begin(batch, task)

    def act(self, memory: Any, since: Past, *, noise: Noise | None = None) -> tuple[Any, Actions]:
        """As the policy."""
        answer = self.policy.act(memory, since, noise=noise)
        self.tell()
        return answer


def watched(policies: Mapping[str, Policy[Any]], progress: Callable[[int, int], None], *, batches: int, steps: int) -> dict[str, Policy[Any]]:
    """All of them, `progress` told (decisions made, all) while each acts for `steps` actions in so many batches."""
    total = sum(batches * -(-steps // (policy.spec.acts.per_step * policy.spec.execute)) for policy in policies.values())
    done = count(1)
    return {name: Watched(policy, lambda: progress(next(done), total)) for name, policy in policies.items()}


def same_run(one: Path, other: Path) -> bool:
    """Do two paths lead to one run?"""
    return one.resolve() == other.resolve()
