"""Closed-loop success: a policy acts in a world, and the world judges at the END of a fixed budget of steps.

Starts come from evaluation seeds (>= 2,000,000: recording refuses them) and must not be solved already. Two policies are
compared over the same seeds. Success always stands beside seconds per decision.
Knows: batches, padding, intervals.   Does not know: what the policy is, or what success means: the world says so.

The number of seeds need not be a multiple of `env.batch`: the last batch is filled up with its last seed, and the surplus
rows are dropped from all figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from wam.evaluate.intervals import Interval, paired_difference, wilson
from wam.plan.control.rollout import rollout
from wam.world import EVALUATION_SEEDS, Env, EnvSpec, Episodes, Noise, Policy, Spec, SpecError, in_batches


@dataclass(frozen=True, kw_only=True)
class SuccessRow(Spec):
    """How often one policy solved the task. Rates are 0 .. 1; low and high are the ends of the 95 % Wilson interval."""

    name: str
    success: float
    low: float
    high: float
    episodes: int
    seconds_per_decision: float  # wall time of a decision for the whole batch, shared by its rows; mean over decisions
    world: str
    steps: int  # the budget
    batch: int  # rows that decided together
    noise_seed: int
    device: str
    seeds: tuple[int, ...]
    outcomes: tuple[bool, ...]  # at the end, in the order of the seeds
    first_solved: tuple[int | None, ...]  # steps until first solved, even if not at the end; None = never

    def summary(self) -> dict[str, str | float | int]:
        """The figures without the episodes."""
        return {name: getattr(self, name) for name in ("name", "success", "low", "high", "episodes", "seconds_per_decision")}


@dataclass(frozen=True, kw_only=True)
class SuccessDifference(Spec):
    """`first` minus `second` over the same starts."""

    first: str
    second: str
    episodes: int
    difference: Interval


def evaluation_seeds(count: int, start: int = 0) -> tuple[int, ...]:
    """`count` evaluation seeds from number `start` on."""
    return tuple(range(EVALUATION_SEEDS + start, EVALUATION_SEEDS + start + count))


def require_judged(world: EnvSpec) -> None:
    """SpecError for a world that does not say what is solved."""
    if not world.judged:
        raise SpecError(
            f"the world {world.name!r} does not say what is solved, so there is no success to measure. Use wam score for its return, or, in the world gym, "
            "name the info key that says so by --option success=KEY."
        )


def measure_success(
    env: Env,
    policy: Policy,
    *,
    name: str,
    seeds: Sequence[int],
    steps: int | None = None,
    noise_seed: int = 0,
    watch: Callable[[Episodes], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SuccessRow:
    """Run one episode per seed in batches of `env.batch`.

    `steps` defaults to the world's budget. The policy's noise follows from the episode's seed and `noise_seed`. `watch` is
    given each batch of episodes, e.g. to draw some; `progress` (steps done, all) after each decision. ValueError for seeds below 2,000,000,
    repeated seeds, a longer budget than the world has, or starts that are solved before anything was done; SpecError where the world does
    not judge success.
    """
    require_judged(env.spec)
    budget = env.spec.budget if steps is None else steps
    require_seeds(seeds)
    if not 1 <= budget <= env.spec.budget:
        raise ValueError(f"steps is {budget}, but episodes of {env.spec.name!r} are over after {env.spec.budget}. Pass at most that many, or none.")
    solved, first, seconds, decisions = list[bool](), list[int | None](), 0.0, 0
    device = torch.device("cpu")
    for batch, (filled, count) in enumerate(in_batches(seeds, env.batch)):
        device = _refuse_solved(env, filled)
        noise = Noise.of(filled, device).fork(f"evaluation {noise_seed}")
        tell = None if progress is None else partial(_tell, progress, batch * budget, -(-len(seeds) // env.batch) * budget)
        whole = rollout(env, policy, budget, seeds=filled, noise=noise, progress=tell)
        episodes = whole.narrow("B", 0, count)
        assert episodes.success is not None and episodes.seconds is not None and episodes.decided is not None  # as every rollout here
        solved += [bool(value) for value in episodes.success[:, -1]]
        first += [_first(row) for row in episodes.success]
        seconds, decisions = seconds + float(episodes.seconds.sum()), decisions + int(episodes.decided.sum())
        if watch is not None:
            watch(episodes)
    rate = wilson(sum(solved), len(solved))
    return SuccessRow(
        name=name,
        success=rate.value,
        low=rate.low,
        high=rate.high,
        episodes=len(solved),
        seconds_per_decision=seconds / max(decisions, 1),
        world=env.spec.name,
        steps=budget,
        batch=env.batch,
        noise_seed=noise_seed,
        device=str(device),
        seeds=tuple(seeds),
        outcomes=tuple(solved),
        first_solved=tuple(first),
    )


def compare_success(first: SuccessRow, second: SuccessRow) -> SuccessDifference:
    """Rate of `first` minus rate of `second`, paired by start. ValueError where worlds, seeds or budgets differ."""
    for what in ("world", "steps", "seeds"):
        if getattr(first, what) != getattr(second, what):
            raise ValueError(
                f"{first.name!r} and {second.name!r} differ in {what}: a paired comparison needs the same starts and budget. Measure both again with one list."
            )
    difference = paired_difference(torch.tensor(first.outcomes), torch.tensor(second.outcomes))
    return SuccessDifference(first=first.name, second=second.name, episodes=first.episodes, difference=difference)


def require_seeds(seeds: Sequence[int]) -> None:
    """ValueError unless they are evaluation seeds, each once, and at least one."""
    if not seeds:
        raise ValueError("no seeds were given; evaluation_seeds(100) makes a hundred.")
    if low := [seed for seed in seeds if seed < EVALUATION_SEEDS]:
        raise ValueError(
            f"seed {low[0]} is not an evaluation seed (>= {EVALUATION_SEEDS:,}); training data may contain this very start. "
            "Use evaluation_seeds(count), whose starts recording refuses."
        )
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"{len(seeds) - len(set(seeds))} seeds are repeated: the same start counted twice makes the interval too narrow.")


def _refuse_solved(env: Env, seeds: Tensor) -> torch.device:
    """A step in which nothing is done shows whether a start is solved. Returns the device of the world."""
    observation, _ = env.reset(torch.ones(env.batch, dtype=torch.bool), seeds)
    device = observation.device
    solved = env.step(env.spec.acts.nothing(env.batch, env.spec.chunk, device)).success[:, 0]
    if bool(solved.any()):
        numbers = sorted(set(seeds[solved.cpu()].tolist()))
        raise ValueError(
            f"{len(numbers)} starts of {env.spec.name!r} are solved before anything is done, e.g. seeds {numbers[:5]}. "
            "They would count as successes of any policy: make the task harder, or leave these seeds out."
        )
    return device


def _tell(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _first(success: Tensor) -> int | None:
    """Steps until first solved; instant 0 is the reset."""
    found = success.nonzero()
    return int(found[0]) if len(found) else None
