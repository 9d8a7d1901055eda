"""Real starts of imagined episodes: what was seen, what is asked for, and where each comes from.

Held-out starts (evaluation seeds) are for judging, all others for making data; whoever takes starts says which he takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from wam.data import WindowDataset
from wam.world import EVALUATION_SEEDS, Env, Past, Task, concatenate, in_batches


@dataclass(frozen=True)
class Starts:
    """N starts."""

    past: Past  # B = N
    task: Task  # B = N
    names: tuple[str, ...]  # N, e.g. "push, seed 7" or "runs/push, episode 3, window 40"
    sentences: tuple[str, ...]  # the table of the instructions; () = none
    held_out: bool  # are evaluation seeds among them

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "Starts":
        """The same there."""
        return replace(self, past=self.past.to(device), task=self.task.to(device))


def world_starts(env: Env, seeds: Sequence[int]) -> Starts:
    """The first frames and tasks of a world, one per seed. The last batch is filled up with its last seed."""
    pasts, tasks = [], []
    for filled, count in in_batches(seeds, env.batch):
        observation, task = env.reset(torch.ones(env.batch, dtype=torch.bool), filled)
        past = Past(observation=observation, actions=env.spec.acts.nothing(env.batch, 1, observation.device))
        pasts.append(past.narrow("B", 0, count))
        tasks.append(task.narrow("B", 0, count))
    return Starts(
        past=concatenate(pasts, "B"),
        task=concatenate(tasks, "B"),
        names=tuple(f"{env.spec.name}, seed {seed}" for seed in seeds),
        sentences=env.spec.sentences,
        held_out=any(seed >= EVALUATION_SEEDS for seed in seeds),
    )


def recorded_starts(windows: WindowDataset, indices: Int[Tensor, "N"], name: str) -> Starts:
    """The pasts and instructions of recorded windows; `name` of their data set. Recorded goals are not kept, recorded seeds are no evaluation seeds."""
    found = windows.batch(indices)
    episodes = windows.episode_of(indices).tolist()
    names = tuple(f"{name}, episode {episode}, window {window}" for episode, window in zip(episodes, indices.tolist(), strict=True))
    return Starts(past=found.past, task=found.task, names=names, sentences=windows.spec.sentences, held_out=False)
