"""The simulator of the package gym-pusht, and putting it into a recorded state.

State: pusher x, y, block x, y (px of a 512 px field, y down), block angle (rad). Footgun: a block turns about its centre of mass,
so that setting its angle after its position moves it, by up to 72 px: the angle goes first. Velocities start at zero, as in
the recordings: then recorded actions give recorded states again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELD = 512.0  # px
RATE = 10.0  # Hz


def simulator(size: int) -> Any:
    """One environment with pictures of size x size px. ImportError that names the extra."""
    try:
        from gym_pusht.envs.pusht import PushTEnv
    except ImportError as error:
        raise ImportError('Push-T needs the extra "pusht": pip install "wam[pusht]"') from error
    return PushTEnv(obs_type="pixels_agent_pos", observation_width=size, observation_height=size)


def put(env: Any, state: NDArray[np.floating[Any]]) -> dict[str, NDArray[Any]]:
    """Put a simulator into a state "5", at rest. Returns what it then shows."""
    env.reset(seed=0)
    place(env, state)
    seen: dict[str, NDArray[Any]] = env.get_obs()
    return seen


def place(env: Any, state: NDArray[np.floating[Any]]) -> None:
    """Move pusher and block, nothing else."""
    env.agent.position, env.agent.velocity = tuple(map(float, state[:2])), (0.0, 0.0)
    env.block.angle = float(state[4])
    env.block.position = tuple(map(float, state[2:4]))
    env.block.velocity, env.block.angular_velocity = (0.0, 0.0), 0.0
    for body in (env.agent, env.block):
        env.space.reindex_shapes_for_body(body)


def state_of(env: Any) -> NDArray[np.float64]:
    """The state "5" as it is."""
    return np.array([*env.agent.position, *env.block.position, env.block.angle])


def draw(states: NDArray[np.floating[Any]], size: int) -> NDArray[np.uint8]:
    """Pictures "N size size 3" of states "N 5"."""
    env, frames = simulator(size), []
    env.reset(seed=0)
    for state in states:
        place(env, state)
        frames.append(env.get_obs()["pixels"])
    return np.stack(frames)
