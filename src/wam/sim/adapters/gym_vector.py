"""A batch of worlds of ours, also imagined ones, as one vector environment of Gymnasium 1.x: all rows in one step of the world.

    envs = gym_vector(ImaginedWorld(model, starts, tasks, 64))

Actions and observations are as in `gym_spaces`; what `info["success"]` says and how a row ends are as in `gym_face`. Rows that ended
restart as Gymnasium's autoreset modes say: with the next step, whose action is then not looked at ("NextStep", the default); in the
same step, the last observation in `info["final_obs"]` ("SameStep"); or when `reset(options={"reset_mask": mask})` says so ("Disabled"),
which restarts rows in the middle of an episode too. What the other rows do is the same with and without it.
Row i is seeded with seed + i; later episodes draw their seeds from a generator of that seed, row by row, as SyncVectorEnv would.
Needs the extra "gym".
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wam.sim.adapters.gym_spaces import Frames, acted, copied, lived, shown, spaces_of
from wam.sim.adapters.gym_spec import gymnasium_
from wam.sim.adapters.moved import Moved
from wam.world import EVALUATION_SEEDS, Env

Autoreset = Literal["NextStep", "SameStep", "Disabled"]
Mask = NDArray[np.bool_]


def gym_vector(world: Env, autoreset: Autoreset = "NextStep") -> Any:
    """A `gymnasium.vector.VectorEnv` around a world. SpecError for one without low-level actions, and for one that shows nothing."""
    gymnasium = gymnasium_()
    spec, batch, near = world.spec, world.batch, Moved(world, torch.device("cpu"))
    acts, observes = spaces_of(spec)
    batch_space, mode = gymnasium.vector.utils.batch_space, gymnasium.vector.AutoresetMode(autoreset)

    class VectorFace(gymnasium.vector.VectorEnv):  # type: ignore[misc, name-defined]
        metadata = {"render_modes": ["rgb_array"], "render_fps": spec.rate, "autoreset_mode": mode}  # noqa: RUF012
        render_mode = "rgb_array" if spec.observes.cameras else None

        def __init__(self) -> None:
            self.num_envs = batch
            self.single_action_space, self.single_observation_space = acts, observes
            self.action_space, self.observation_space = batch_space(acts, batch), batch_space(observes, batch)
            self._chance = [gymnasium.utils.seeding.np_random()[0] for _ in range(batch)]
            self._steps = np.zeros(batch, np.int64)
            self._ended = np.zeros(batch, np.bool_)
            self._last: Frames = {}

        def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
            super().reset(seed=seed if isinstance(seed, int) else None)
            given = [None] * batch if seed is None else [seed + row for row in range(batch)] if isinstance(seed, int) else list(seed)
            if len(given) != batch:
                raise ValueError(f"{len(given)} seeds for {batch} rows. Pass one number, or one per row.")
            mask = _reset_mask(options, batch)
            for row in np.flatnonzero(mask):
                if (chosen := given[row]) is not None:
                    self._chance[row] = gymnasium.utils.seeding.np_random(chosen)[0]
            return self._restart(mask, given), {}

        def step(self, actions: Any) -> tuple[Any, NDArray[np.float64], Mask, Mask, dict[str, Any]]:
            before = self._ended
            if before.any() and mode is gymnasium.vector.AutoresetMode.DISABLED:
                raise gymnasium.error.ResetNeeded(f'rows {np.flatnonzero(before).tolist()} have ended: call reset(options={{"reset_mask": mask}}) first.')
            outcome = near.step(acted(spec, actions, ~before))
            self._last, self._steps = shown(outcome.observation), self._steps + lived(outcome.alive, ~before)
            over, spent = ~outcome.alive[:, -1].numpy() & ~before, (self._steps >= spec.budget) & ~before
            reward = np.where(before, 0.0, outcome.reward.double().sum(1).numpy())
            judged = {"success": outcome.success[:, -1].numpy()} if spec.judged else {}
            self._ended, told = over | spent, _info(judged, ~before)
            if mode is gymnasium.vector.AutoresetMode.SAME_STEP and self._ended.any():
                final = np.full(batch, None, dtype=object)
                for row in np.flatnonzero(self._ended):
                    final[row] = {name: values[row].copy() for name, values in self._last.items()}
                inner, told = _info(judged, self._ended), _info(judged, ~self._ended)
                told |= {"final_obs": final, "_final_obs": self._ended.copy(), "final_info": inner, "_final_info": self._ended.copy()}
                self._restart(self._ended.copy(), [None] * batch)
            elif before.any():
                self._restart(before, [None] * batch, ended=self._ended)
            return copied(self._last), reward, over & ~spent, spent, told

        def render(self) -> tuple[Any, ...]:
            return tuple(copied(self._last)[next(iter(spec.observes.cameras))])

        def _restart(self, mask: Mask, given: list[Any], ended: Mask | None = None) -> Frames:
            """Reset the masked rows; those without a seed draw one of their own, none that is kept for evaluation."""
            drawn = {int(row): int(self._chance[row].integers(EVALUATION_SEEDS)) for row in np.flatnonzero(mask) if given[row] is None}
            seeds = [drawn.get(row, given[row]) or 0 for row in range(batch)]
            observation, _ = near.reset(torch.from_numpy(mask), torch.tensor(seeds))
            self._last = shown(observation)
            self._steps = np.where(mask, 0, self._steps)
            self._ended = np.where(mask, False, self._ended if ended is None else ended)
            return copied(self._last)

    return VectorFace()


def _reset_mask(options: dict[str, Any] | None, batch: int) -> Mask:
    """Which rows to reset: those of `options["reset_mask"]`, or all. ValueError for a mask of another kind."""
    mask = (options or {}).get("reset_mask")
    if mask is None:
        return np.ones(batch, np.bool_)
    if not isinstance(mask, np.ndarray) or mask.shape != (batch,) or mask.dtype != np.bool_ or not mask.any():
        raise ValueError(f'options["reset_mask"] is {mask!r}, expected a NumPy array of {batch} booleans, at least one of them True.')
    return mask.copy()


def _info(values: dict[str, Mask], known: Mask) -> dict[str, Any]:
    """Figures by name with the rows that have them, as Gymnasium writes them; no names where no row has any."""
    found: dict[str, Any] = {}
    for name, told in values.items() if known.any() else ():
        found |= {name: told & known, f"_{name}": known.copy()}
    return found
