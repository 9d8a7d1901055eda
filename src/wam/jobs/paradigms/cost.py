"""What a decision costs: milliseconds and network evaluations, one row at a time, as a robot would ask.

Wall time on the machine at hand: compare arms of one experiment only, and none that ran beside other work.
"""

from collections.abc import Sequence
from typing import Any

from wam.jobs.paradigms.acting import counted
from wam.jobs.paradigms.cell import Cost
from wam.plan.control.latency import Metered
from wam.plan.control.rollout import rollout
from wam.world import Env, Noise, Policy


def cost_of(world: Env, policy: Policy[Any], seeds: Sequence[int]) -> Cost:
    """Over whole episodes in a world of one row, a seed each."""
    video, actions = counted(policy)
    inner = Metered(policy, video)
    outer = Metered(inner, actions)
    for seed in seeds:
        rollout(world, outer, world.spec.budget, seeds=[seed], noise=Noise.of([seed]))
    timed = inner.latency()
    return Cost(
        milliseconds=timed.milliseconds,
        slowest=timed.slowest,
        video=timed.evaluations or 0.0,
        actions=outer.latency().evaluations or 0.0,
        execute=policy.spec.execute,
    )
