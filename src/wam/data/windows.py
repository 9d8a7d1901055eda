"""Windows from recorded episodes: T past frames, H actions, and what they led to.

Knows: episode boundaries, strides, padding masks.   Does not know: files, what a camera is, how actions are normalised.
Footgun: a window never crosses an episode; where one is too short, frames are repeated and masked, never wrapped.

With `skip` = k a model step is k recorded frames: frames in between are not seen, their actions all are (R grows k-fold;
parts without an axis R are those of the frame that is seen), rewards are summed, and what was done is known where all of it is.
Before the first frame: the first frame again, its action not valid. Beyond the last: the last frame again, `valid` False.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from wam.data.columns import assemble
from wam.data.errors import DataError
from wam.data.frames import Frames
from wam.data.meaning import DataSpec
from wam.world.records import Episodes, Future, Past, Task, Window

PER_STEP = ("actions.valid", "actions.low_level", "actions.skill", "actions.arguments")  # fields with an axis R
HIDDEN = frozenset((*PER_STEP, "actions.labelled", "reward", "success"))  # gathered in another way, or not part of a window


@dataclass(frozen=True)
class WindowDataset:
    """All windows of some episodes, numbered. Implements the protocol `Windows`."""

    frames: Frames
    past: int = 1  # T, frames up to now
    horizon: int = 1  # H, steps after now
    skip: int = 1  # k, recorded frames per model step
    stride: int = 1  # recorded frames from one window to the next
    unlabelled: bool = False  # also windows with steps whose actions nobody recorded
    labelled: float = 0.0  # least share of windows whose actions are known; where they are fewer, each stands several times
    edges: bool = False  # also windows that overhang an episode's ends (masked); short episodes give one in any case
    truth: bool = False  # hand on what only the simulator knew
    _now: NDArray[np.int64] = field(init=False, repr=False, compare=False)  # "W 2": episode, last seen frame in it

    def __post_init__(self) -> None:
        for name in ("past", "horizon", "skip", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; at least 1 is needed.")
        if not 0 <= self.labelled < 1:
            raise ValueError(f"the least share of labelled windows is {self.labelled}, expected at least 0 and less than 1.")
        object.__setattr__(self, "_now", self._numbered())
        if not len(self):
            longest = int(self.frames.lengths.max(initial=0))
            if longest > self.skip and not self.unlabelled:
                raise DataError(
                    f"nobody recorded the actions of any whole window of these {len(self.frames.lengths)} episodes.",
                    cause="the column actions.labelled says so.",
                    remedy="Choose episodes with actions, or a model that learns from video alone (unlabelled = True).",
                )
            raise DataError(
                f"no episode has a single step: the longest has {longest} frames.", remedy=f"A step needs {self.skip + 1}: lower skip, or record more."
            )

    def __len__(self) -> int:
        return len(self._now)

    def _numbered(self) -> NDArray[np.int64]:
        """(episode, now) of every window."""
        known, others = [np.empty((0, 2), np.int64)], [np.empty((0, 2), np.int64)]
        labelled = self.frames.labelled()
        silent = np.concatenate([[0], np.cumsum(~labelled & self.frames.acted())])  # frames before each one of which nobody knows what led there
        for episode, (start, length) in enumerate(zip(self.frames.starts.tolist(), self.frames.lengths.tolist(), strict=True)):
            told = bool(labelled[start : start + length].any())
            if not (self.unlabelled or told):
                continue
            now = self._nows(length)
            if not self.unlabelled:
                now = now[self._told(silent, start, length, now)]
            (known if told else others).append(np.stack([np.full_like(now, episode), now], 1))
        sure, video = np.concatenate(known), np.concatenate(others)
        again = math.ceil(self.labelled / (1 - self.labelled) * len(video) / len(sure)) if len(sure) else 1
        every = np.concatenate([np.tile(sure, (max(1, again), 1)), video])
        return every[np.lexsort((every[:, 1], every[:, 0]))]

    def _nows(self, length: int) -> NDArray[np.int64]:
        """Where the windows of an episode stand."""
        first, last = (self.past - 1) * self.skip, length - 1 - self.skip  # at least one real step must follow
        if self.edges:
            return np.arange(0, last + 1, self.stride)
        full = np.arange(first, length - self.horizon * self.skip, self.stride)
        return full if len(full) or last < 0 else np.array([min(first, last)])

    def _told(self, silent: NDArray[np.int64], start: int, length: int, now: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Is it known of every step of these windows what was done?"""
        first, end = np.maximum(0, now + 1 - self.past * self.skip), np.minimum(length, now + self.horizon * self.skip + 1)
        whole: NDArray[np.bool_] = silent[start + end] == silent[start + first]
        return whole

    @property
    def too_short(self) -> tuple[int, ...]:
        """Episodes without a single step: they give no window."""
        return tuple(np.flatnonzero(self.frames.lengths <= self.skip).tolist())

    @property
    def longest(self) -> int:
        """Most model steps that any episode goes on after `past` frames; with a longer horizon every window is masked in part."""
        return max(0, (int(self.frames.lengths.max(initial=0)) - 1) // self.skip - (self.past - 1))

    @property
    def spec(self) -> DataSpec:
        """Of what a window shows: rate and R as `skip` makes them, instructions as ids into `sentences`."""
        spec = self.frames.spec
        acts = replace(spec.acts, per_step=spec.acts.per_step * self.skip)
        return replace(spec, acts=acts, rate=spec.rate / self.skip, sentences=self.frames.sentences)

    def episode_of(self, indices: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Number of the episode of each window."""
        return torch.from_numpy(self._now[indices.cpu().numpy(), 0])

    def batch(self, indices: Int[Tensor, "B"]) -> Window:
        """The windows with these numbers. RGB stays uint8; see `world.images.to_float`."""
        episode, now = self._now[indices.cpu().numpy()].T
        first, length = self.frames.starts[episode, None], self.frames.lengths[episode, None]
        steps = now[:, None] + np.arange(1 - self.past, self.horizon + 1) * self.skip  # "B E", frames within the episode
        seen = [path for path in self.frames.fields if path not in HIDDEN and (self.truth or not path.startswith("truth."))]
        parts = self.frames.gather(first + np.minimum(np.maximum(steps, 0), length - 1), seen)
        parts |= self._between(first, length, steps)
        return self._window(parts, torch.from_numpy(steps < length)[:, self.past :], self.frames.instructions[episode])

    def _between(self, first: NDArray[np.int64], length: NDArray[np.int64], steps: NDArray[np.int64]) -> dict[str, Tensor]:
        """What happened since the step before: actions "B E k R ..." -> "B E k*R ...", rewards summed. Nothing beyond the episode."""
        since = steps[..., None] + np.arange(1 - self.skip, 1)
        inside = torch.from_numpy((since >= 0) & (since < length[..., None]))
        frames = first + np.minimum(np.maximum(since.reshape(len(since), -1), 0), length - 1)
        found = self.frames.gather(frames, [name for name in (*PER_STEP, "actions.labelled", "reward") if name in self.frames.fields])
        done = inside & found["actions.valid"].any(-1).view(inside.shape)
        for path, leaf in found.items():
            values = leaf.view(*inside.shape, *leaf.shape[2:])
            if path == "actions.valid":
                values = values & inside[..., None]
            if path == "actions.labelled":
                found[path] = (values | ~done).all(-1)
            else:
                found[path] = (values * inside).sum(-1) if path == "reward" else values.flatten(2, 3)
        return found

    def _window(self, parts: dict[str, Tensor], valid: Tensor, instructions: NDArray[np.int64]) -> Window:
        """Split fields "B E ..." at now: views, no copies."""
        seen = {path: leaf for path, leaf in parts.items() if not path.startswith("truth.")}
        past = assemble({path: leaf[:, : self.past] for path, leaf in seen.items()}, self.frames.spec)
        future = assemble({path: leaf[:, self.past :] for path, leaf in seen.items()}, self.frames.spec)
        return Window(
            past=Past(observation=past.observation, actions=past.actions),
            actions=future.actions,
            future=Future(
                observation=future.observation,
                reward=future.reward,
                alive=None if future.alive is None else future.alive.float(),
            ),
            valid=valid,
            task=Task(instruction=torch.from_numpy(instructions) if self.frames.sentences else None),
            truth=assemble(parts, self.frames.spec).truth if self.truth else None,
        )


def as_episodes(frames: Frames, episodes: list[int] | None = None) -> Episodes:
    """Whole episodes as one batch for models that `fit`; shorter ones repeat their last frame and are not alive there.

    Seeds and decision times were not recorded per step, so they are absent.
    """
    chosen = np.arange(len(frames.lengths)) if episodes is None else np.array(episodes, np.int64)
    lengths = frames.lengths[chosen, None]
    steps = np.broadcast_to(np.arange(lengths.max()), (len(chosen), lengths.max()))
    whole = assemble(frames.gather(frames.starts[chosen, None] + np.minimum(steps, lengths - 1)), frames.spec)
    inside = torch.from_numpy(steps < lengths)
    return Episodes(
        observation=whole.observation,
        actions=replace(whole.actions, valid=whole.actions.valid & inside[..., None]),
        reward=None if whole.reward is None else whole.reward * inside,
        alive=inside if whole.alive is None else whole.alive & inside,
        success=whole.success,
        task=Task(instruction=torch.from_numpy(frames.instructions[chosen]) if frames.sentences else None),
        truth=whole.truth,
    )
