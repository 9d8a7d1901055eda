"""Starts and goals from human demonstrations: a state, and the state `offset` steps later in the same episode.

Only pairs are kept whose block moves and is not yet where it shall be. Training seeds draw from the first four fifths of the
episodes, evaluation seeds (>= 2,000,000) from the last fifth, each pair once while there are any. What learns from the
demonstrations themselves must leave that fifth out (`for_training`; `wam data convert pusht --part training`).
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.world import EVALUATION_SEEDS, SpecError

NEAR, TURN = 20.0, np.pi / 9  # px and rad: closer than both is solved


@dataclass(frozen=True)
class Demonstrations:
    """All steps end to end."""

    state: NDArray[np.float64]  # "F 5"
    action: NDArray[np.float64]  # "F 2", follows its state
    ends: NDArray[np.int64]  # "E"

    @staticmethod
    def read(path: str | Path) -> "Demonstrations":
        """From a NumPy file with `state`, `action` and `episode_ends`. SpecError where it has not, or cannot be read."""
        if not Path(path).is_file():
            raise SpecError(f"there are no demonstrations of Push-T at {str(path)!r}: pass the file with state, action and episode_ends (.npz).")
        wanted = ("state", "action", "episode_ends")
        try:
            with np.load(path) as found:
                names = sorted(found.files)
                state, action, ends = (found[name] if name in names else None for name in wanted)
        except (OSError, EOFError, ValueError, AttributeError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise SpecError(
                f"{path} cannot be read as demonstrations of Push-T ({type(error).__name__}). It is probably no NumPy archive (.npz), or was copied in part: "
                "pass the .npz with state, action and episode_ends, and copy it whole."
            ) from error
        if state is None or action is None or ends is None:
            missing = sorted(set(wanted) - set(names))
            raise SpecError(f"{path} lacks {missing}; it holds {names[:8]}. Demonstrations are a NumPy archive (.npz) of state, action and episode_ends.")
        steps, shapes = len(state), (state.shape[1:], action.shape, ends.ndim)
        if shapes != ((5,), (steps, 2), 1) or not len(ends) or ends[-1] != steps or (np.diff(ends, prepend=0) < 1).any():
            raise SpecError(
                f"{path} holds state {state.shape}, action {action.shape} and {ends.size} episode ends; expected (F, 5), (F, 2) and rising ends of which the "
                "last is F, the number of steps. Was it cut, or is it another data set?"
            )
        return Demonstrations(state.astype(np.float64), action.astype(np.float64), ends.astype(np.int64))

    @property
    def first_held_out(self) -> int:
        """Number of the first step that no training may see."""
        return int(self.ends[for_training(len(self.ends)) - 1])


def for_training(episodes: int) -> int:
    """How many of so many episodes, from the first, are not evaluated on: all but the last fifth."""
    return episodes - episodes // 5


def pairs(demonstrations: Demonstrations, offset: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the start steps: (for training, for evaluation), each in an order drawn by chance. SpecError without any."""
    starts = [np.arange(first, end - offset) for first, end in zip((0, *demonstrations.ends[:-1]), demonstrations.ends, strict=True)]
    every = np.concatenate(starts)
    every = every[~solved(demonstrations.state[every], demonstrations.state[every + offset])]
    split = demonstrations.first_held_out
    seen, held_out = every[every < split], every[every >= split]
    if not len(seen) or not len(held_out):
        raise SpecError(
            f"{len(demonstrations.ends)} demonstrations give {len(seen)} starts to learn from and {len(held_out)} to evaluate on, from which the block is "
            f"moved {offset} steps later. Pass at least 5 demonstrations, the first four fifths and the last with such episodes, or a smaller offset."
        )
    chance = np.random.default_rng(0)
    return chance.permutation(seen), chance.permutation(held_out)


def chosen(seed: int, for_training: NDArray[np.int64], for_evaluation: NDArray[np.int64]) -> int:
    """The start step of a seed."""
    if seed >= EVALUATION_SEEDS:
        return int(for_evaluation[(seed - EVALUATION_SEEDS) % len(for_evaluation)])
    return int(for_training[seed % len(for_training)])


def solved(state: NDArray[Any], goal: NDArray[Any]) -> NDArray[np.bool_]:
    """Is the block within 20 px and 20 degrees of its goal, "... 5" against "... 5"? (The measure of DINO-WM and LeWorldModel, without the pusher.)"""
    turn = np.abs((state[..., 4] - goal[..., 4] + np.pi) % (2 * np.pi) - np.pi)
    near: NDArray[np.bool_] = (np.linalg.norm(state[..., 2:4] - goal[..., 2:4], axis=-1) < NEAR) & (turn < TURN)
    return near
