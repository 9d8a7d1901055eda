"""The DeepMind Control suite (Tassa et al. 2018), seen as states. Needs the extra "control-suite", in an environment of its own."""

from collections.abc import Callable
from typing import Any

from wam.sim.adapters.gym_world import GymWorld
from wam.sim.options import from_options
from wam.sim.worlds.control_suite.world import ControlSuiteConfig as ControlSuiteConfig
from wam.sim.worlds.control_suite.world import control_suite as control_suite
from wam.world import Idle, Policy, Uniform

OPTIONS = ControlSuiteConfig  # whose fields `make` takes


def make(batch: int, *, device: str = "cpu", **options: Any) -> GymWorld:
    """The world by name: options are fields of `ControlSuiteConfig`; `task` is needed. It is simulated on the CPU, whatever the device (`adapters.moved`)."""
    return control_suite(batch, from_options(OPTIONS, options, "control_suite"))


POLICIES: dict[str, Callable[[GymWorld], Policy[Any]]] = {"random": lambda world: Uniform(world.spec), "idle": lambda world: Idle(world.spec)}
MIXTURE = {"random": 1.0}  # who acts in a data set, with shares, unless asked otherwise
