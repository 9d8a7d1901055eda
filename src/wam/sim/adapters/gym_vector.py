"""A batch of worlds of ours, also imagined ones, as one vector environment of Gymnasium 1.x: all rows in one step of the world.

    envs = gym_vector(ImaginedWorld(model, starts, tasks, 64))

What is seen, what `info["success"]` says and how a row ends are as in `gym_face`. Rows that ended restart as Gymnasium's
autoreset modes say: with the next step, whose action is then not looked at ("NextStep", the default); in the same step, the last
observation in `info["final_obs"]` ("SameStep"); or when `reset(options={"reset_mask": mask})` says so ("Disabled").
Row i is seeded with seed + i; later episodes draw their seeds from a generator of that seed, row by row, as SyncVectorEnv would.
With R actions per model step they stand one after the other: "R * A" numbers. Needs the extra "gym".
Does not know: instructions, goals, and states, for which Gymnasium has no common word.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wam.sim.adapters.gym_spec import gymnasium_
from wam.world import EVALUATION_SEEDS, Actions, Env, Observation, SpecError, to_uint8

Autoreset = Literal["NextStep", "SameStep", "Disabled"]
Mask = NDArray[np.bool_]


def gym_vector(world: Env, autoreset: Autoreset = "NextStep") -> Any:
    """A `gymnasium.vector.VectorEnv` around a world that takes low-level actions step by step. SpecError for other worlds."""
    gymnasium = gymnasium_()
    spec, batch = world.spec, world.batch
    if not spec.acts.low_level or spec.chunk != 1:
        raise SpecError(
            f"{spec.name!r} has {len(spec.acts.low_level)} low-level slots and chunk = {spec.chunk}; a vector environment takes low-level actions step by step."
        )
    if not spec.observes.cameras and not spec.observes.proprio:
        raise SpecError(f"{spec.name!r} shows neither pictures nor proprioception, so there is nothing to observe. Show what a model decodes.")
    box, batch_space = gymnasium.spaces.Box, gymnasium.vector.utils.batch_space
    mode = gymnasium.vector.AutoresetMode(autoreset)
    low, high = (np.tile(limit.cpu().numpy(), spec.acts.per_step) for limit in spec.acts.limits())

    class VectorFace(gymnasium.vector.VectorEnv):  # type: ignore[misc, name-defined]
        metadata = {"render_modes": ["rgb_array"], "render_fps": spec.rate, "autoreset_mode": mode}  # noqa: RUF012
        render_mode = "rgb_array" if spec.observes.cameras else None

        def __init__(self) -> None:
            pictures = {name: box(0, 255, (c.height, c.width, 3), np.uint8) for name, c in spec.observes.cameras.items()}
            felt = {"proprio": box(-np.inf, np.inf, (len(spec.observes.proprio),), np.float32)} if spec.observes.proprio else {}
            self.num_envs = batch
            self.single_action_space = box(low, high, dtype=np.float32)
            self.single_observation_space = gymnasium.spaces.Dict({**pictures, **felt})
            self.action_space = batch_space(self.single_action_space, batch)
            self.observation_space = batch_space(self.single_observation_space, batch)
            self._chance = [gymnasium.utils.seeding.np_random()[0] for _ in range(batch)]
            self._steps = np.zeros(batch, np.int64)
            self._ended = np.zeros(batch, np.bool_)
            self._last: dict[str, NDArray[Any]] = {}

        def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
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
            values = torch.from_numpy(np.array(actions, np.float32)).view(batch, 1, spec.acts.per_step, -1)
            going = torch.from_numpy(~before)[:, None, None].expand(values.shape[:-1])
            outcome = world.step(Actions(valid=going, low_level=values))
            self._last, self._steps = _shown(outcome.observation), self._steps + ~before
            over, spent = ~outcome.alive[:, 0].cpu().numpy() & ~before, (self._steps >= spec.budget) & ~before
            reward = np.where(before, 0.0, outcome.reward[:, 0].double().cpu().numpy())
            judged = {"success": outcome.success[:, 0].cpu().numpy()} if spec.judged else {}
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
            return _copied(self._last), reward, over & ~spent, spent, told

        def render(self) -> tuple[Any, ...]:
            return tuple(_copied(self._last)[next(iter(spec.observes.cameras))])

        def _restart(self, mask: Mask, given: list[Any], ended: Mask | None = None) -> dict[str, NDArray[Any]]:
            """Reset the masked rows; those without a seed draw one of their own, none that is kept for evaluation."""
            drawn = {int(row): int(self._chance[row].integers(EVALUATION_SEEDS)) for row in np.flatnonzero(mask) if given[row] is None}
            seeds = [drawn.get(row, given[row]) or 0 for row in range(batch)]
            observation, _ = world.reset(torch.from_numpy(mask), torch.tensor(seeds))
            self._last = _shown(observation)
            self._steps = np.where(mask, 0, self._steps)
            self._ended = np.where(mask, False, self._ended if ended is None else ended)
            return _copied(self._last)

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


def _shown(observation: Observation) -> dict[str, NDArray[Any]]:
    """The last frame of all rows as NumPy, by name: "B h w 3" and "B P"."""
    frames = {name: to_uint8(rgb)[:, -1].permute(0, 2, 3, 1).cpu().numpy() for name, rgb in (observation.rgb or {}).items()}
    return {**frames, **({} if observation.proprio is None else {"proprio": observation.proprio[:, -1].float().cpu().numpy()})}


def _copied(seen: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays that the caller may keep and change."""
    return {name: values.copy() for name, values in seen.items()}
