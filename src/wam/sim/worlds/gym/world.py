"""Gymnasium environments by id, through the generic adapter: what they observe, do and reward is theirs.

Sees: their vectors as proprioception (no unit), their pictures as cameras. Reward: theirs. Success: where `info` says it.
An episode is over when they end it, or after their own number of steps. MuJoCo's are restored exactly, others played again.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

from wam.sim.adapters.gym_spec import gymnasium_
from wam.sim.adapters.gym_world import GymWorld
from wam.sim.adapters.mujoco_snapshots import Inside, mujoco_snapshots
from wam.sim.engines.mujoco import library
from wam.world import SpecError


@dataclass(frozen=True, kw_only=True)
class GymConfig:
    """Which environment."""

    id: str  # as Gymnasium knows it, e.g. "HalfCheetah-v5", or "module:Name-v0" where a module must be imported first
    budget: int | None = None  # steps of an episode; by default what is registered with the id
    success: str = ""  # key of info that says whether the task is solved; "" = it never says


def gym_world(batch: int, config: GymConfig) -> GymWorld:
    """B environments. ImportError that names the extra where something is not installed; SpecError for unknown ids."""
    gymnasium = gymnasium_()
    with contextlib.suppress(ImportError):
        library()  # where there is MuJoCo, how it draws is chosen before Gymnasium imports it

    def make() -> Any:
        return gymnasium.make(config.id, max_episode_steps=-1, disable_env_checker=True)  # the adapter counts steps, and checks

    try:
        exact = is_mujoco(make())
    except (gymnasium.error.DependencyNotInstalled, ModuleNotFoundError) as error:
        raise ImportError(f'{config.id} needs more than Gymnasium: {error}. For MuJoCo\'s environments pip install "wam[gym-mujoco]".') from error
    except gymnasium.error.UnregisteredEnv as error:
        raise SpecError(f"Gymnasium knows no environment {config.id!r}: {error} Name one that is registered, e.g. id=HalfCheetah-v5.") from error
    return GymWorld(
        make,
        batch,
        name=config.id,
        success=config.success,
        budget=gymnasium.spec(config.id.rpartition(":")[2]).max_episode_steps if config.budget is None else config.budget,
        snapshots=mujoco_snapshots(inside) if exact else None,
    )


def is_mujoco(env: Any) -> bool:
    """Is it one of MuJoCo's? Not where these cannot even be imported."""
    try:
        from gymnasium.envs.mujoco import MujocoEnv
    except (ImportError, gymnasium_().error.DependencyNotInstalled):
        return False
    return isinstance(env.unwrapped, MujocoEnv)


def inside(env: Any) -> Inside:
    """Gymnasium's MuJoCo environments hold their simulation in the open; chance is their `np_random`."""
    own = env.unwrapped

    def set_chance(state: Any) -> None:
        own.np_random.bit_generator.state = state

    return Inside(model=own.model, data=own.data, get_chance=lambda: own.np_random.bit_generator.state, set_chance=set_chance)
