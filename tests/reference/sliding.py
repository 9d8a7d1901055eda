"""Data that identifies friction and damping: discs that slide freely, far from walls and pusher."""

from dataclasses import replace

import torch

from tests.reference.sensing import SensedWorld
from wam.sim.worlds.push import PushConfig
from wam.world import Episodes, Noise, concatenate


def sliding(count: int = 64, steps: int = 5) -> tuple[Episodes, torch.Tensor]:
    """Episodes of `count` discs, and the true (friction, damping)."""
    env = SensedWorld(count, PushConfig(task="play", size=16))
    _, task = env.reset(torch.ones(count, dtype=torch.bool), torch.arange(count))
    moment = env.save()
    pose, velocity = moment.state.pose.clone(), torch.zeros_like(moment.state.velocity)
    angle, pace = Noise.of(range(count)).fork("push").uniform(1, 2)[:, 0].unbind(1)
    way = torch.stack([(2 * torch.pi * angle).cos(), (2 * torch.pi * angle).sin()], 1)
    pose[:, 1, :2], pose[:, 0, :2], velocity[:, 0, :2] = 0.42, -0.25 * way, (1.2 + 0.7 * pace[:, None]) * way
    env.restore(replace(moment, state=replace(moment.state, pose=pose, velocity=velocity)))
    still = replace(env.spec.acts.nothing(count, 1), valid=torch.ones(count, 1, 1, dtype=torch.bool))
    seen = concatenate([env.step(still) for _ in range(steps)], "T")
    episodes = Episodes(
        observation=seen.observation,
        actions=concatenate([still] * steps, "T"),
        reward=seen.reward,
        alive=seen.alive,
        success=seen.success,
        task=task,
        seed=torch.arange(count),
        decided=torch.zeros(count, steps, dtype=torch.bool),
        seconds=torch.zeros(count, steps),
    )
    return episodes, env.truth().physical.parameters[0, 4:6]
