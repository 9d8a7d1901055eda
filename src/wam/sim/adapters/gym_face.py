"""A world of ours, also an imagined one, as a Gymnasium environment: for any library that wants one.

    env = gym_face(PushWorld(1))

One row; pictures become uint8 "h w 3", proprioception "proprio". An episode terminates where the world ends it and is truncated
by its budget; `info["success"]` says what the world judges, where it does. Instructions are left out: Gymnasium has no common word for them.
"""

from typing import Any

import numpy as np
import torch

from wam.sim.adapters.gym_spec import gymnasium_
from wam.world import EVALUATION_SEEDS, Actions, Env, Observation, SpecError, to_uint8


def gym_face(world: Env) -> Any:
    """A `gymnasium.Env` around a world with one row and one action per step. SpecError for other worlds."""
    gymnasium = gymnasium_()
    spec = world.spec
    if world.batch != 1 or spec.acts.per_step != 1 or spec.chunk != 1:
        raise SpecError(f"a Gymnasium environment has one row and one action a step; {spec.name!r} has {world.batch} rows and R = {spec.acts.per_step}.")
    low, high = (limit.numpy() for limit in spec.acts.limits())

    class Face(gymnasium.Env):  # type: ignore[misc, name-defined]
        metadata = {"render_modes": ["rgb_array"], "render_fps": spec.rate}  # noqa: RUF012
        render_mode = "rgb_array" if spec.observes.cameras else None

        def __init__(self) -> None:
            self.action_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
            pictures = {name: gymnasium.spaces.Box(0, 255, (c.height, c.width, 3), np.uint8) for name, c in spec.observes.cameras.items()}
            felt = {"proprio": gymnasium.spaces.Box(-np.inf, np.inf, (len(spec.observes.proprio),), np.float32)} if spec.observes.proprio else {}
            self.observation_space = gymnasium.spaces.Dict({**pictures, **felt})
            self._last: dict[str, Any] = {}
            self._steps = 0

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
            super().reset(seed=seed)
            chosen = int(self.np_random.integers(EVALUATION_SEEDS)) if seed is None else seed
            observation, _ = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([chosen]))
            self._last, self._steps = shown(observation), 0
            return self._last, {}

        def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
            values = torch.as_tensor(np.asarray(action, np.float32)).view(1, 1, 1, -1)
            outcome = world.step(Actions(valid=torch.ones(1, 1, 1, dtype=torch.bool), low_level=values))
            self._last, self._steps = shown(outcome.observation), self._steps + 1
            over, spent = not bool(outcome.alive[0, 0]), self._steps >= spec.budget
            return self._last, float(outcome.reward[0, 0]), over and not spent, spent, {"success": bool(outcome.success[0, 0])} if spec.judged else {}

        def render(self) -> Any:
            return self._last[next(iter(spec.observes.cameras))]

    return Face()


def shown(observation: Observation) -> dict[str, Any]:
    """One frame as NumPy, by name."""
    pictures = {name: to_uint8(rgb)[0, 0].permute(1, 2, 0).cpu().numpy() for name, rgb in (observation.rgb or {}).items()}
    return {**pictures, **({} if observation.proprio is None else {"proprio": observation.proprio[0, 0].float().cpu().numpy()})}
