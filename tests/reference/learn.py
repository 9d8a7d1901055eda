"""A few seconds of learning, and reaching places with the result."""

import torch

from tests.reference.reach import STEPS, ReachWorld, windows
from wam.plan.control.rollout import rollout
from wam.world import Episodes, Noise, Policy

BATCH = 64


def learn(model, episodes: Episodes, *, steps: int, past: int = 2, horizon: int = 4, rate: float = 2e-3) -> list[float]:
    """Adam on the sum of the model's losses; returns the loss of every step."""
    optimiser, curve = torch.optim.Adam(model.parameters(), rate), []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / steps) ** 0.5
        window = windows(episodes, past, horizon, BATCH, seed=step)
        loss = torch.stack([value.mean() for value in model.loss(window, noise=Noise.of(range(step * BATCH, (step + 1) * BATCH))).values()]).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        curve.append(float(loss.detach()))
    model.eval()
    return curve


def reach(policy_of, count: int = 12) -> tuple[float, Episodes]:
    """Share of held-out starts at whose end the pusher is at its place."""
    env = ReachWorld(count)
    policy: Policy = policy_of(env)
    seeds = range(2_000_000, 2_000_000 + count)
    episodes = rollout(env, policy, STEPS, seeds=seeds, noise=Noise.of(seeds))
    return float(episodes.success[:, -1].float().mean()), episodes
