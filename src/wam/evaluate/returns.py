"""Closed-loop return: the rewards that a policy collects in whole episodes, undiscounted.

Starts come from evaluation seeds, as in `success`. Knows: batches, padding, intervals.   Does not know: what the policy is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from wam.evaluate.intervals import bootstrap_mean
from wam.evaluate.success import require_seeds
from wam.plan.control.rollout import rollout
from wam.world import Env, Episodes, Noise, Policy, Spec, SpecError, in_batches


@dataclass(frozen=True, kw_only=True)
class ReturnRow(Spec):
    """What one policy collected. Low and high are the ends of the 95 % interval of the mean over starts."""

    name: str
    mean: float
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
    returns: tuple[float, ...]  # in the order of the seeds
    solved: tuple[bool, ...]  # at the end; none where the world does not judge it


def measure_return(
    env: Env, policy: Policy, *, name: str, seeds: Sequence[int], noise_seed: int = 0, watch: Callable[[Episodes], None] | None = None
) -> ReturnRow:
    """Run one whole episode per seed in batches of `env.batch`; the last batch is filled up with its last seed.

    `watch` is given each batch of episodes. ValueError for seeds that are not for evaluation, SpecError for worlds without rewards.
    """
    require_seeds(seeds)
    returns, solved, seconds, decisions, device = list[float](), list[bool](), 0.0, 0, "cpu"
    for filled, count in in_batches(seeds, env.batch):
        whole = rollout(env, policy, env.spec.budget, seeds=filled, noise=Noise.of(filled).fork(f"evaluation {noise_seed}"))
        episodes = whole.narrow("B", 0, count)
        if episodes.reward is None:
            raise SpecError(f"the world {env.spec.name!r} gives no rewards, so there is no return. Measure success instead.")
        assert episodes.seconds is not None and episodes.decided is not None  # every rollout has them
        device = str(episodes.device)
        returns += episodes.reward.double().sum(1).tolist()
        solved += [] if episodes.success is None else [bool(value) for value in episodes.success[:, -1]]
        seconds, decisions = seconds + float(episodes.seconds.sum()), decisions + int(episodes.decided.sum())
        if watch is not None:
            watch(episodes)
    mean = bootstrap_mean(torch.tensor(returns, dtype=torch.float64))
    return ReturnRow(
        name=name,
        mean=mean.value,
        low=mean.low,
        high=mean.high,
        episodes=len(returns),
        seconds_per_decision=seconds / max(decisions, 1),
        world=env.spec.name,
        steps=env.spec.budget,
        batch=env.batch,
        noise_seed=noise_seed,
        device=device,
        seeds=tuple(seeds),
        returns=tuple(returns),
        solved=tuple(solved),
    )
