"""One task of the control suite as a Gymnasium environment: what the generic adapter takes.

The suite's own clock is switched off (`time_limit`): whoever steps it counts. Each reset starts the task's generator anew with
its seed, which gives the episode that the suite itself gives for `task_kwargs={"random": seed}`; only `lqr`, which draws its
bodies when it is loaded, keeps those of seed 0.
"""

import math
from collections import OrderedDict
from typing import Any

import numpy as np

from wam.sim.adapters.gym_spec import gymnasium_
from wam.sim.adapters.mujoco_snapshots import Inside
from wam.sim.engines.mujoco import library
from wam.world import SpecError
from wam.world.names import suggestion


def suite() -> Any:
    """The package `dm_control.suite`; ImportError that names the extra."""
    library()  # chooses how MuJoCo draws, before dm_control does
    try:
        from dm_control import suite
    except ModuleNotFoundError as error:
        raise ImportError(
            'the control suite needs dm_control, which does not go with MuJoCo 4: in an environment of its own, pip install "wam[control-suite]".'
        ) from error
    return suite


def domain_and_task(name: str) -> tuple[str, str]:
    """ "cartpole_swingup" -> ("cartpole", "swingup"). SpecError that suggests what was meant."""
    known = {f"{domain}_{task}": (domain, task) for domain, task in suite().ALL_TASKS}
    if name not in known:
        raise SpecError(f"the control suite has no task {name!r}. {suggestion(name, known)}")
    return known[name]


class SuiteTask:
    """A task, stepped `repeat` control steps at once; their rewards are summed."""

    spec = None  # it is not registered with Gymnasium
    render_mode = None

    def __init__(self, name: str, repeat: int) -> None:
        spaces, (domain, task) = gymnasium_().spaces, domain_and_task(name)
        self.inner = suite().load(domain, task, task_kwargs={"random": 0, "time_limit": math.inf})
        self.repeat = repeat
        self.unwrapped = self
        self.metadata = {"render_fps": 1 / (self.inner.control_timestep() * repeat)}
        acts = self.inner.action_spec()
        self.action_space = spaces.Box(acts.minimum.astype(np.float32), acts.maximum.astype(np.float32))
        seen = self.inner.observation_spec()
        parts = OrderedDict((name, spaces.Box(-np.inf, np.inf, part.shape, np.float64)) for name, part in seen.items())
        self.observation_space = spaces.Dict(parts)  # of a plain dict it would sort the names

    def reset(self, *, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode: the first observation."""
        self.inner.task.random.seed(seed)
        return self.inner.reset().observation, {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Observation, summed reward, did the task end. An end comes at once, whatever is left to repeat."""
        reward = 0.0
        for _ in range(self.repeat):
            now = self.inner.step(action)
            reward += now.reward
            if now.last():
                break
        return now.observation, reward, now.last(), False, {}

    def close(self) -> None:
        """Let it go."""
        self.inner.close()


def inside(env: SuiteTask) -> Inside:
    """Where the simulation and the generator of a task are."""
    physics, chance = env.inner.physics, env.inner.task.random
    return Inside(model=physics.model.ptr, data=physics.data.ptr, get_chance=chance.get_state, set_chance=chance.set_state)
