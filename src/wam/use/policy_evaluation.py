"""Policy evaluation in a world model: would the model have told us which policy is better, and how good each is?

    real = in_the_world(env, policies, evaluation_seeds(100), judge=judge)            # once
    told = in_a_model(model, policies, real, judge=judge, score=score_judge(...), name="cosmos_predict")
    control = in_a_model(shuffled, policies, real, judge=judge, score=..., name="trained with shuffled actions")
    gain = told.over(control)

The same policies, with the same noise, act from the same held-out starts in the true world and in the model, each at its own clock: that
of the model, or slower by a whole number. Success counts at
the end of the budget. In the world its own label says what is solved; in the model a fixed judge does (`judge`), and the same
judge also looks at the last real frames: `judged` against `real` is the judge's error, `imagined` against `judged` the model's.
Protocol: policies are named beforehand, at least eight, four of them within 25 points of each other; `lacking()` says what is missing.
Does not know: what the policies or the model are. Footgun: a policy that reads the true world instead of its observations
(experts of a simulator) would read it in the model too, where it stands still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from wam.evaluate.intervals import Interval, paired_difference, wilson
from wam.evaluate.success import measure_success
from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import at_clock_of
from wam.use.agreement import advantage, bias, calibrated_error, calibration_slope, over_starts, pearson, rank_violation
from wam.use.environment import ImaginedWorld, whole_steps
from wam.use.judge import Judge, JudgeScore
from wam.use.pictured import pictured
from wam.use.starts import Starts, world_starts
from wam.world import Env, Episodes, Noise, Policy, Spec, WorldModel, in_batches

POLICIES, CLOSE, POINTS = 8, 4, 0.25  # least policies; so many of them within so many points of each other


@dataclass(frozen=True, kw_only=True)
class PolicyOutcome(Spec):
    """One policy in both worlds. Rates are 0 .. 1 with 95 % Wilson intervals."""

    name: str
    real: Interval  # by the world's own label
    judged: Interval  # by the judge, on the same last real frames
    imagined: Interval  # in the model, by the judge
    difference: Interval  # imagined - real, paired by start
    real_outcomes: tuple[bool, ...]  # in the order of the seeds
    judged_outcomes: tuple[bool, ...]
    imagined_outcomes: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyEvaluation(Spec):
    """What one model says of several policies, beside what is true of them."""

    model: str
    policies: tuple[PolicyOutcome, ...]  # in the order in which they were named
    correlation: Interval  # Pearson's r; NaN where all policies are alike in one of the worlds
    rank_violation: Interval  # mean maximum rank violation, 0 = none
    bias: Interval  # mean of imagined - real
    judge: JudgeScore
    world: str
    steps: int
    seeds: tuple[int, ...]

    def outcomes(self) -> tuple[Bool[Tensor, "P N"], Bool[Tensor, "P N"]]:
        """In the world and in the model."""
        return torch.tensor([one.real_outcomes for one in self.policies]), torch.tensor([one.imagined_outcomes for one in self.policies])

    def over(self, control: "PolicyEvaluation") -> Interval:
        """The correlation r of this model minus that of another on the same starts. ValueError where policies, seeds or outcomes differ."""
        real, mine = self.outcomes()
        others, theirs = control.outcomes()
        same = [one.name for one in self.policies] == [one.name for one in control.policies] and self.seeds == control.seeds
        if not same or not torch.equal(real, others):
            raise ValueError(f"{self.model!r} and {control.model!r} were not evaluated on the same policies, starts and outcomes. Pass both the same reality.")
        return advantage(pearson, real, mine, theirs)

    def calibration(self) -> tuple[Interval, Interval]:
        """Slope of the line that tells success in the world from success in the model, and the error of what it says of a policy left out."""
        real, imagined = self.outcomes()
        return over_starts(calibration_slope, real, imagined), over_starts(calibrated_error, real, imagined)

    def lacking(self) -> tuple[str, ...]:
        """What the protocol asks for and this does not have."""
        rates = sorted(one.real.value for one in self.policies if any(one.real_outcomes))  # those that never solve anything are told apart by anyone
        close = any(rates[i + CLOSE - 1] - rates[i] <= POINTS + 1e-9 for i in range(len(rates) - CLOSE + 1))
        found = [f"{len(self.policies)} policies, at least {POLICIES} are asked for"] if len(self.policies) < POLICIES else []
        found += [] if close else [f"no {CLOSE} policies that solve something lie within {100 * POINTS:.0f} points of each other in the world"]
        return (*found, *([f"{len(self.seeds)} starts, at least 100 are asked for"] if len(self.seeds) < 100 else []))


@dataclass(frozen=True)
class Reality:
    """What policies did in the true world."""

    starts: Starts
    real: dict[str, Bool[Tensor, "N"]]  # by policy
    judged: dict[str, Bool[Tensor, "N"]]
    seeds: tuple[int, ...]
    steps: int
    world: str
    batch: int


def in_the_world(env: Env, policies: Mapping[str, Policy[Any]], seeds: Sequence[int], *, judge: Judge) -> Reality:
    """Every policy over every start, for the world's whole budget. ValueError as `measure_success` has it: seeds that are not held out, solved starts.

    SpecError for a judge of other sentences than the world's.
    """
    judge.require_table(env.spec.sentences)
    real: dict[str, Tensor] = {}
    judged: dict[str, Tensor] = {}
    for name, policy in policies.items():
        real[name], judged[name] = _acted(env, policy, seeds, name, judge)
    return Reality(world_starts(env, seeds), real, judged, tuple(seeds), env.spec.budget, env.spec.name, env.batch)


def in_a_model(
    model: WorldModel[Any], policies: Mapping[str, Policy[Any]], reality: Reality, *, judge: Judge, score: JudgeScore, name: str
) -> PolicyEvaluation:
    """The same policies from the same starts in the model. SpecError where a policy and what the model shows do not fit each other.

    `name`: of the model. `score`: of the judge, on real frames that it was not fitted on. ValueError for other policies than in the world.
    """
    if list(policies) != list(reality.real):
        raise ValueError(f"the policies are {list(policies)}, in the world they were {list(reality.real)}. Evaluate the same ones, in the same order.")
    judge.require_table(reality.starts.sentences)
    starts, batch = reality.starts, min(reality.batch, len(reality.seeds))
    world = ImaginedWorld(pictured(model, starts.sentences), starts.past, starts.task, batch, budget=reality.steps, success=judge.of_future)
    found = []
    for policy_name, policy in policies.items():
        imagined = _imagined(world, policy, reality.seeds)
        found.append(_outcome(policy_name, reality.real[policy_name], reality.judged[policy_name], imagined))
    real, told = torch.stack(list(reality.real.values())), torch.tensor([one.imagined_outcomes for one in found])
    return PolicyEvaluation(
        model=name,
        policies=tuple(found),
        correlation=over_starts(pearson, real, told),
        rank_violation=over_starts(rank_violation, real, told),
        bias=over_starts(bias, real, told),
        judge=score,
        world=reality.world,
        steps=reality.steps,
        seeds=reality.seeds,
    )


def _acted(env: Env, policy: Policy[Any], seeds: Sequence[int], name: str, judge: Judge) -> tuple[Bool[Tensor, "N"], Bool[Tensor, "N"]]:
    """What is solved at the end, by the world's label and by the judge."""
    judged: list[Tensor] = []

    def look(episodes: Episodes) -> None:
        last = episodes.narrow("T", -1)
        judged.append(judge.solved(last.observation, last.task)[:, 0].cpu())

    row = measure_success(at_clock_of(env, policy), policy, name=name, seeds=seeds, watch=look)
    return torch.tensor(row.outcomes), torch.cat(judged)


def _imagined(world: ImaginedWorld, policy: Policy[Any], seeds: Sequence[int]) -> Bool[Tensor, "N"]:
    """What is solved at the end, start by start; the policy meets the same chance as in `measure_success`."""
    found, seen = [], at_clock_of(world, policy)
    for numbers, count in in_batches(range(len(seeds)), world.batch):
        noise = Noise.of(torch.tensor(seeds)[numbers]).fork("evaluation 0")
        success = rollout(seen, policy, whole_steps(seen.spec), seeds=numbers, noise=noise).success
        assert success is not None  # every rollout has it
        found.append(success[:count, -1].cpu())
    return torch.cat(found)


def _outcome(name: str, real: Bool[Tensor, "N"], judged: Bool[Tensor, "N"], imagined: Bool[Tensor, "N"]) -> PolicyOutcome:
    return PolicyOutcome(
        name=name,
        real=wilson(int(real.sum()), len(real)),
        judged=wilson(int(judged.sum()), len(judged)),
        imagined=wilson(int(imagined.sum()), len(imagined)),
        difference=paired_difference(imagined, real),
        real_outcomes=tuple(real.tolist()),
        judged_outcomes=tuple(judged.tolist()),
        imagined_outcomes=tuple(imagined.tolist()),
    )
