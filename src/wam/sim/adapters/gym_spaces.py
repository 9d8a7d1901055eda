"""A world of ours in Gymnasium's words: spaces, frames and actions, for one row (`gym_face`) and for many (`gym_vector`).

An action is one flat box of K * R * A numbers: the world's `chunk` of K model steps one after the other, in each the R actions of a model
step, of each its A numbers: `action.reshape(K, R, A)`. Limits are those of the slots, infinite where they have none.
An observation is a Dict: cameras by name (uint8 "h w 3"), "proprio" ("P"), and of a world that shows a learned state "state" in its shape.
Does not know: instructions, goals, and other states, for which Gymnasium has no common word.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wam.sim.adapters.gym_spec import gymnasium_
from wam.world import Actions, EnvSpec, Latent, LatentSpec, Observation, SpecError, to_uint8

Frames = dict[str, NDArray[Any]]


def spaces_of(spec: EnvSpec) -> tuple[Any, Any]:
    """(actions, observations) of one row. SpecError for a world without low-level actions, and for one that shows nothing which these spaces can hold."""
    box = gymnasium_().spaces.Box
    if not spec.acts.low_level:
        raise SpecError(f"{spec.name!r} takes no low-level actions, and a Gymnasium environment takes nothing else. Use the world itself: `rollout`.")
    seen, state = spec.observes, spec.observes.state
    pictures = {name: box(0, 255, (camera.height, camera.width, 3), np.uint8) for name, camera in seen.cameras.items()}
    felt = {"proprio": box(-np.inf, np.inf, (len(seen.proprio),), np.float32)} if seen.proprio else {}
    learned = {"state": box(-np.inf, np.inf, state.shape, np.float32)} if isinstance(state, LatentSpec) else {}
    if not pictures and not felt and not learned:
        raise SpecError(
            f"{spec.name!r} shows neither pictures nor proprioception nor a learned state, so there is nothing to observe. Show what a model decodes: "
            "pictured(model), of wam.use.pictured."
        )
    low, high = (np.tile(limit.numpy(), spec.chunk * spec.acts.per_step) for limit in spec.acts.limits())
    return box(low, high, dtype=np.float32), gymnasium_().spaces.Dict({**pictures, **felt, **learned})


def acted(spec: EnvSpec, values: Any, going: NDArray[np.bool_]) -> Actions:
    """Boxes "B K*R*A" as K model steps; rows that are not `going` ("B") do nothing."""
    low_level = torch.from_numpy(np.array(values, np.float32)).view(len(going), spec.chunk, spec.acts.per_step, len(spec.acts.low_level))
    return Actions(valid=torch.from_numpy(going)[:, None, None].expand(low_level.shape[:-1]), low_level=low_level)


def lived(alive: torch.Tensor, going: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of T steps happened in each row: those until the one that ended it, none in rows that are not `going`."""
    told = alive.numpy()
    return np.asarray(np.concatenate([going[:, None], told[:, :-1] & going[:, None]], 1).sum(1), np.int64)


def shown(observation: Observation) -> Frames:
    """The last frame of all rows, by name: "B h w 3", "B P", "B ...". It may share memory with the world's own."""
    frames = {name: to_uint8(rgb)[:, -1].permute(0, 2, 3, 1).numpy() for name, rgb in (observation.rgb or {}).items()}
    felt = {} if observation.proprio is None else {"proprio": observation.proprio[:, -1].float().numpy()}
    learned = {"state": observation.state.z[:, -1].float().numpy()} if isinstance(observation.state, Latent) else {}
    return {**frames, **felt, **learned}


def copied(seen: Frames) -> Frames:
    """Arrays that the caller may keep and change."""
    return {name: values.copy() for name, values in seen.items()}
