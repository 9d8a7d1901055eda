"""Any Gymnasium environment with continuous actions, by its id: MuJoCo's above all. Needs the extra "gym-mujoco", or "gym" for others."""

from collections.abc import Callable
from typing import Any

from wam.sim.adapters.gym_world import GymWorld
from wam.sim.options import from_options
from wam.sim.worlds.gym.world import GymConfig as GymConfig
from wam.sim.worlds.gym.world import gym_world as gym_world
from wam.world import Idle, Policy, Uniform

OPTIONS = GymConfig  # whose fields `make` takes


def make(batch: int, *, device: str = "cpu", **options: Any) -> GymWorld:
    """The world by name: options are fields of `GymConfig`; `id` is needed. It is simulated on the CPU, whatever the device (`adapters.moved`)."""
    return gym_world(batch, from_options(OPTIONS, options, "gym"))


POLICIES: dict[str, Callable[[GymWorld], Policy[Any]]] = {"random": lambda world: Uniform(world.spec), "idle": lambda world: Idle(world.spec)}
MIXTURE = {"random": 1.0}  # who acts in a data set, with shares, unless asked otherwise
