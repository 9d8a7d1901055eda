"""The one loop: a policy acts in a batch of worlds, and everything that happened comes back as `Episodes`.

Knows: how decisions, chunks and instants follow each other, when a row has ended, what was really executed.
Does not know: whether the world is real, simulated or imagined, what the policy is, who wants the episodes
(evaluation, recording, data generation, reinforcement learning).

Time: instant 0 is the reset. A decision returns K actions, the first `policy.spec.execute` of them are executed, and
everything seen since goes into the next decision. What is recorded as an action is what the world was given: clipped to its
limits, and not valid in rows that had ended.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from wam.world import Actions, ActionSpec, Env, EnvSpec, Episodes, Noise, Past, Policy, PolicySpec, SpecError, Truth, concatenate


@torch.no_grad()
def rollout(
    env: Env,
    policy: Policy,
    steps: int,
    *,
    seeds: Iterable[int] | Tensor,
    noise: Noise | None = None,
    truth: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Restart every row with its seed, then let the policy act for `steps` steps.

    `noise` (one row per world) is the policy's; the world's own chance comes from `seeds`. `truth` also records what only a
    simulator knows. `progress` is told the number of steps done after each decision. Returns up to `steps` + 1 instants: the
    loop stops early when every row has ended; `success` is absent where the world does not judge it (`EnvSpec.judged`).
    SpecError where world and policy do not fit each other.
    """
    _require_fit(env.spec, policy.spec, steps, truth)
    seed = Noise.of(seeds).seed
    if len(seed) != env.batch or (noise is not None and len(noise.seed) != env.batch):
        raise ValueError(f"{env.batch} worlds need {env.batch} seeds and noise rows, got {len(seed)} and {None if noise is None else len(noise.seed)}.")
    observation, task = env.reset(torch.ones_like(seed, dtype=torch.bool), seed)
    policy.spec.observes.require(observation, f"{type(policy).__name__} in the world {env.spec.name!r}")
    device = observation.device
    noise = noise.to(device) if noise is not None else None
    since = Past(observation=observation, actions=env.spec.acts.nothing(env.batch, 1, device))
    alive = torch.ones(env.batch, 1, dtype=torch.bool, device=device)
    first = Episodes(
        observation=observation,
        actions=since.actions,
        reward=torch.zeros(env.batch, 1, device=device),
        alive=alive,
        success=torch.zeros_like(alive) if env.spec.judged else None,
        task=task,
        truth=env.truth() if truth else None,
        seed=seed.to(device),
        decided=torch.zeros_like(alive),
        seconds=torch.zeros(env.batch, 1, device=device),
    )
    pieces, memory, done = [first], policy.begin(env.batch, task), 0
    while done < steps and bool(alive.any()):
        count = min(policy.spec.execute, steps - done)
        started = _clock(device)
        memory, chunk = policy.act(memory, since, noise=noise)
        seconds = (_clock(device) - started) / env.batch
        actions = _executable(env.spec.acts, chunk, count, alive, type(policy).__name__)
        piece = _execute(env, actions, alive, first, truth)
        deciding = torch.arange(count, device=device) == 0
        pieces.append(dataclasses.replace(piece, decided=alive & deciding, seconds=seconds * (alive & deciding)))
        since = Past(observation=piece.observation, actions=piece.actions)
        alive, done = piece.alive[:, -1:], done + count
        noise = noise.advance(count) if noise is not None else None
        if progress is not None:
            progress(done)
    return concatenate(pieces, "T")


def _execute(env: Env, actions: Actions, alive: Tensor, first: Episodes, truth: bool) -> Episodes:
    """Step the world; actions of rows that end on the way are marked as not executed from then on."""
    count = actions.size("T")
    outcomes, truths = [], list[Truth]()
    for start in range(0, count, 1 if truth else count):  # the truth is known only at the end of a call
        outcomes.append(env.step(actions.narrow("T", start, start + 1 if truth else count)))
        truths += [env.truth()] if truth else []
    outcome = concatenate(outcomes, "T")
    before = torch.cat([alive, outcome.alive[:, :-1]], 1)
    return dataclasses.replace(
        first,
        observation=outcome.observation,
        actions=dataclasses.replace(actions, valid=actions.valid & before[..., None]),
        reward=outcome.reward * before,
        alive=outcome.alive & before,
        success=outcome.success if env.spec.judged else None,
        truth=concatenate(truths, "T") if truth else None,
    )


def _executable(acts: ActionSpec, chunk: Actions, count: int, alive: Tensor, who: str) -> Actions:
    """The first `count` actions of a chunk, within the world's limits, for the rows that go on."""
    actions = chunk.narrow("T", 0, count)
    actions = dataclasses.replace(actions, valid=actions.valid & alive[..., None])
    if actions.low_level is not None and acts.low_level:
        low, high = acts.limits(actions.low_level.device, actions.low_level.dtype)
        actions = dataclasses.replace(actions, low_level=actions.low_level.clamp(low, high))
    if actions.size("T") != count:
        raise SpecError(f"{who} returned {actions.size('T')} actions, its spec promises to have {count} of them executed. Return spec.chunk of them.")
    return acts.require(actions, who)


def _require_fit(world: EnvSpec, policy: PolicySpec, steps: int, truth: bool) -> None:
    if steps % world.chunk or policy.execute % world.chunk:
        raise SpecError(
            f"the world {world.name!r} takes multiples of {world.chunk} steps, the policy executes {policy.execute} of {steps}. "
            f"Make both multiples of {world.chunk}."
        )
    if truth and world.chunk > 1:
        raise SpecError(f"the world {world.name!r} moves {world.chunk} steps at once, so the truth in between is not known. Pass truth=False.")
    if not 1 <= policy.execute <= policy.chunk:
        raise SpecError(f"the policy executes {policy.execute} of {policy.chunk} actions. Set 1 <= execute <= chunk.")
    if abs(policy.rate - world.rate) > 1e-6 * world.rate:
        raise SpecError(f"the policy acts at {policy.rate} Hz, the world {world.name!r} runs at {world.rate} Hz. Train or wrap one for the other's rate.")
    if policy.instructed and policy.sentences != world.sentences:
        raise SpecError(f"instruction ids mean {policy.sentences[:3]}... to the policy and {world.sentences[:3]}... to {world.name!r}. Use one table.")


def _clock(device: torch.device) -> float:
    """Wall time in seconds once the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
