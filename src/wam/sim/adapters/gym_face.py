"""A world of ours, also an imagined one, as a Gymnasium environment: for any library that wants one.

    env = gym_face(PushWorld(1))

One row; actions and observations are as in `gym_spaces`. A step is as many model steps as the world makes at once (`EnvSpec.chunk`): what
is seen is the last of them, their rewards are summed, and what would follow an end within them does not happen. An episode
terminates where the world ends it and is truncated by its budget, in model steps; `info["success"]` says what the world judges, where it does.
"""

from typing import Any

import numpy as np
import torch

from wam.sim.adapters.gym_spaces import Frames, acted, copied, lived, shown, spaces_of
from wam.sim.adapters.gym_spec import gymnasium_
from wam.sim.adapters.moved import Moved
from wam.world import EVALUATION_SEEDS, Env, Observation, SpecError

ROW = np.ones(1, np.bool_)


def gym_face(world: Env) -> Any:
    """A `gymnasium.Env` around a world with one row. SpecError for several rows, and for worlds that `spaces_of` refuses."""
    gymnasium = gymnasium_()
    spec, near = world.spec, Moved(world, torch.device("cpu"))
    if world.batch != 1:
        raise SpecError(f"a Gymnasium environment has one row, {spec.name!r} has {world.batch} rows. Make it with one, or take gym_vector(world).")
    acts, observes = spaces_of(spec)

    class Face(gymnasium.Env):  # type: ignore[misc, name-defined]
        metadata = {"render_modes": ["rgb_array"], "render_fps": spec.rate}  # noqa: RUF012
        render_mode = "rgb_array" if spec.observes.cameras else None

        def __init__(self) -> None:
            self.action_space, self.observation_space = acts, observes
            self._last: Frames = {}
            self._steps = 0

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frames, dict[str, Any]]:
            super().reset(seed=seed)
            chosen = int(self.np_random.integers(EVALUATION_SEEDS)) if seed is None else seed
            observation, _ = near.reset(torch.ones(1, dtype=torch.bool), torch.tensor([chosen]))
            self._steps = 0
            return self._see(observation), {}

        def step(self, action: Any) -> tuple[Frames, float, bool, bool, dict[str, Any]]:
            outcome = near.step(acted(spec, np.asarray(action)[None], ROW))
            self._steps += int(lived(outcome.alive, ROW)[0])
            over, spent = not bool(outcome.alive[0, -1]), self._steps >= spec.budget
            told = {"success": bool(outcome.success[0, -1])} if spec.judged else {}
            return self._see(outcome.observation), float(outcome.reward.double().sum()), over and not spent, spent, told

        def render(self) -> Any:
            return copied(self._last)[next(iter(spec.observes.cameras))]

        def _see(self, observation: Observation) -> Frames:
            self._last = {name: values[0] for name, values in shown(observation).items()}
            return copied(self._last)

    return Face()
