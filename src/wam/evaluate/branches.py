"""Counterfactual branches: from the same start, what do different actions lead to, and does a model tell them apart?

Only a simulator can give them: it is saved, tried, restored. A model that ignores its actions predicts the same future for
every branch; it identifies 1 / K of them and explains nothing of what sets them apart.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.evaluate.card import BranchFigure
from wam.evaluate.intervals import bootstrap_mean, bootstrap_ratio
from wam.world import Actions, Env, Future, Noise, Past, Policy, Task, Truth, Window, concatenate

LEAD = 8  # steps at least that the policy acts before the branches part, so that things are under way


@torch.no_grad()
def branch(env: Env, policy: Policy, *, seeds: Tensor, past: int, horizon: int, branches: int = 4) -> Window:
    """Windows of T = past frames and H = horizon steps: row s * branches + k is branch k of start s.

    The policy should explore (e.g. play): each branch is the same policy with fresh memory and other noise. seeds: one per
    row of the world. The world knows poses and such where it is a simulator; they come as the windows' truth.
    """
    noise = Noise.of(seeds).fork("branches 0")
    observation, task = env.reset(torch.ones(env.batch, dtype=torch.bool), seeds)
    noise = noise.to(observation.device)
    start = Past(observation=observation, actions=env.spec.acts.nothing(env.batch, 1, observation.device))
    alive = torch.ones(env.batch, 1, dtype=torch.bool, device=observation.device)
    seen, truths, alive = _act(env, policy, start, alive, max(LEAD, past - 1), task, noise)
    first = seen.size("T") - past
    before, known = seen.narrow("T", first), concatenate(truths, "T").narrow("T", len(truths) - past)
    snapshot, found = env.save(), []
    for index in range(branches):
        env.restore(snapshot)
        now = seen.narrow("T", seen.size("T") - 1)
        after, more, _ = _act(env, policy, now, alive, horizon, task, noise.fork(f"branch {index}"))
        after, more = after.narrow("T", 1), more[1:]
        found.append(
            Window(
                past=before,
                actions=after.actions,
                future=Future(observation=after.observation),
                valid=after.actions.valid.any(-1),
                task=task,
                truth=concatenate([known, *more], "T"),
            )
        )
    together = concatenate(found, "B")
    order = torch.arange(branches * env.batch, device=observation.device).view(branches, env.batch).T.flatten()
    return together.select(order)


def judge_branches(predicted: Float[Tensor, "S K D"], truth: Float[Tensor, "S K D"], reads: str) -> BranchFigure | None:
    """S starts with K branches each, D numbers that describe the last step. None where no branch differs from another."""
    starts, branches = truth.shape[:2]
    apart = torch.cdist(predicted.double(), truth.double())
    own = apart.argmin(-1) == torch.arange(branches, device=truth.device)
    effect, guess = (leaf.double() - leaf.double().mean(1, keepdim=True) for leaf in (truth, predicted))
    size = effect.square().sum((1, 2))
    if not bool(size.sum() > 0):
        return None
    return BranchFigure(
        reads=reads,
        starts=starts,
        branches=branches,
        identified=bootstrap_mean(own.double().mean(1)),
        unexplained=bootstrap_ratio((guess - effect).square().sum((1, 2)), size),
    )


def _act(
    env: Env, policy: Policy, now: Past, alive: Bool[Tensor, "B 1"], steps: int, task: Task, noise: Noise
) -> tuple[Past, list[Truth], Bool[Tensor, "B 1"]]:
    """`now` and the steps after it, with the truth of each instant, and who is still alive then: once an episode has ended, nothing is done in it."""
    memory, pieces, truths, done, since = policy.begin(env.batch, task), [now], [env.truth()], 0, now.narrow("T", -1)
    while done < steps:
        memory, chunk = policy.act(memory, since, noise=noise.advance(done))
        actions = _within_limits(env, chunk.narrow("T", 0, min(policy.spec.execute, steps - done)))
        for step in range(actions.size("T")):
            one = actions.narrow("T", step, step + 1)
            one = replace(one, valid=one.valid & alive[..., None])
            outcome = env.step(one)
            alive = alive & outcome.alive
            truths.append(env.truth())
            pieces.append(Past(observation=outcome.observation, actions=one))
        done, since = done + actions.size("T"), concatenate(pieces[-actions.size("T") :], "T")
    return concatenate(pieces, "T"), truths, alive


def _within_limits(env: Env, actions: Actions) -> Actions:
    if actions.low_level is None:
        return actions
    low, high = env.spec.acts.limits(actions.low_level.device, actions.low_level.dtype)
    return replace(actions, low_level=actions.low_level.clamp(low, high))
