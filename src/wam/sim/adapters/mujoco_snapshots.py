"""Exact snapshots of other libraries' MuJoCo environments: a copy of the whole mjData, and of the environment's generator.

The whole, not only positions and velocities: rewards of some environments read bodies that lag behind by a substep, and the
solver starts from its last solution. What an environment keeps elsewhere (a target drawn at the reset) follows from its seed.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wam.sim.adapters.gym_world import Snapshots
from wam.sim.engines.mujoco import library


@dataclass(frozen=True)
class Inside:
    """Where an environment has its simulation."""

    model: Any  # MjModel
    data: Any  # MjData
    get_chance: Callable[[], Any]  # state of its generator
    set_chance: Callable[[Any], None]


def mujoco_snapshots(inside: Callable[[Any], Inside]) -> Snapshots:
    """Snapshots of environments whose simulation `inside` finds."""

    def keep(env: Any) -> tuple[Any, Any]:
        found = inside(env)
        return copy.copy(found.data), found.get_chance()

    def put(env: Any, kept: tuple[Any, Any]) -> None:
        found, (data, chance) = inside(env), kept
        library().mj_copyData(found.data, found.model, data)
        found.set_chance(chance)

    return Snapshots(keep=keep, put=put)
