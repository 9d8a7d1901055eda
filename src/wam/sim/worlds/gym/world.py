"""Gymnasium environments by id, through the generic adapter: what they observe, do and reward is theirs.

Sees: their vectors as proprioception (no unit), their pictures as cameras; of those that observe none, on request what they render.
Reward: theirs. Success: where `info` says it.
An episode is over when they end it, or after their own number of steps. MuJoCo's are restored exactly, others played again.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from wam.sim.adapters.gym_spec import Parts, gymnasium_
from wam.sim.adapters.gym_world import GymWorld
from wam.sim.adapters.mujoco_snapshots import Inside, mujoco_snapshots
from wam.sim.engines.mujoco import library
from wam.sim.sizes import require_size
from wam.world import SpecError

DRAWN = "rgb_array"  # Gymnasium's word for pictures as arrays


@dataclass(frozen=True, kw_only=True)
class GymConfig:
    """Which environment."""

    id: str  # as Gymnasium knows it, e.g. "HalfCheetah-v5", or "module:Name-v0" where a module must be imported first
    budget: int | None = None  # steps of an episode; by default what is registered with the id
    success: str = ""  # key of info that says whether the task is solved; "" = it never says
    pictures: bool = False  # also a camera "render": what the environment draws of itself
    size: int = 64  # px, height and width of that picture; what is not square is squeezed

    def __post_init__(self) -> None:
        """Raise SpecError for ids that name nothing, and numbers that are none of an episode or a picture."""
        if self.id.count(":") > 1:
            raise SpecError(f"the id {self.id!r} has more than one colon: it is a name like HalfCheetah-v5, or MODULE:NAME where a module registers it.")
        if self.budget is not None and self.budget < 1:
            raise SpecError(f"an episode of {self.budget} steps was asked for: set budget to at least 1, or leave it out for the environment's own.")
        require_size(self.id, self.size)


def gym_world(batch: int, config: GymConfig) -> GymWorld:
    """B environments. ImportError that names the extra where something is not installed; SpecError for unknown ids."""
    gymnasium = gymnasium_()
    with contextlib.suppress(ImportError):
        library()  # where there is MuJoCo, how it draws is chosen before Gymnasium imports it

    def make(**drawing: Any) -> Any:
        return gymnasium.make(config.id, max_episode_steps=-1, disable_env_checker=True, **drawing)  # the adapter counts steps, and checks

    def draw() -> Any:
        return Resized(make(render_mode=DRAWN), config.size)

    try:
        plain = make()
        exact, modes, observed = is_mujoco(plain), plain.metadata.get("render_modes", ()), Parts.of(plain).pictures
    except (gymnasium.error.DependencyNotInstalled, ModuleNotFoundError) as error:
        raise ImportError(f'{config.id} needs more than Gymnasium: {error}. For MuJoCo\'s environments pip install "wam[gym-mujoco]".') from error
    except gymnasium.error.UnregisteredEnv as error:
        raise SpecError(f"Gymnasium knows no environment {config.id!r}: {error} Name one that is registered, e.g. id=HalfCheetah-v5.") from error
    except gymnasium.error.Error as error:
        raise SpecError(f"Gymnasium cannot make {config.id!r}: {error} An id has a version, e.g. HalfCheetah-v5.") from error
    if config.pictures and (observed or DRAWN not in modes):
        why = f"it shows {list(observed)} without being asked" if observed else f"it draws {list(modes) or 'nothing'}, not {DRAWN}"
        raise SpecError(f"{config.id} was asked for pictures=true, but {why}. Leave pictures out, or choose another environment.")
    return GymWorld(
        draw if config.pictures else make,
        batch,
        name=config.id,
        success=config.success,
        budget=gymnasium.spec(config.id.rpartition(":")[2]).max_episode_steps if config.budget is None else config.budget,
        snapshots=mujoco_snapshots(inside) if exact else None,
    )


class Resized:
    """An environment whose rendering is of a size: everything else is its own.

    Gymnasium's MuJoCo camera stands for good where the first picture was taken from, which is therefore of one state for all.
    """

    def __init__(self, env: Any, size: int) -> None:
        self.env, self.size = env, size
        env.reset(seed=0)
        env.render()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def render(self) -> Any:
        """uint8 "size size 3", averaged down."""
        drawn = torch.from_numpy(self.env.render().copy()).permute(2, 0, 1)[None]
        return functional.interpolate(drawn.float(), (self.size, self.size), mode="bilinear", antialias=True)[0].permute(1, 2, 0).round().byte().numpy()


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
