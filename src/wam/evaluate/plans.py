"""Does what happens agree with what was imagined? Plan-execution agreement of policies that imagine the future they act for.

At each decision a policy imagines frames; then it acts, and the world shows what came of it. Both are read by the same fixed instrument,
and the distance of what it finds is the disagreement. Compared is one instant per decision: the first imagined frame at or after the last
executed step, so that nothing is judged that the policy did not try to bring about.
Shapes: B episodes, D decisions that the episode lasts long enough to judge.
Knows: instants.   Does not know: how places are found, whether the task was solved. Footgun: a policy that imagines that nothing moves and
does nothing agrees perfectly; agreement stands beside success.
"""

from typing import Any

import torch
from torch import Tensor

from wam.world import Actions, Episodes, Imagines, Noise, Observation, Past, Policy, Record, SpecError, Task, concatenate


class Recalled:
    """A policy that remembers what it imagined before each action; asked for nothing else. Acts exactly as the policy does."""

    def __init__(self, policy: Policy[Any], *, stride: int = 1) -> None:
        """`stride`: model steps from one imagined frame to the next, and from the present to the first. SpecError where nothing is imagined."""
        if not isinstance(policy, Imagines):
            raise SpecError(
                f"{type(policy).__name__} does not imagine a future, so no plan can be compared with what happens. It must inherit wam.world.Imagines."
            )
        self.policy, self.spec, self.imagines = policy, policy.spec, policy
        self.index = -(-policy.spec.execute // stride) - 1  # of the imagined frame that is compared
        self.ahead = (self.index + 1) * stride  # model steps from a decision to it
        self.imagined = list[Observation]()

    def begin(self, batch: int, task: Task) -> Record:
        """As the policy. What was imagined before is forgotten."""
        self.imagined = []
        memory: Record = self.policy.begin(batch, task)
        return memory

    def act(self, memory: Record, since: Past, *, noise: Noise | None = None) -> tuple[Record, Actions]:
        """As the policy."""
        future = self.imagines.imagine(memory, since, noise=noise).observation
        if future is None or not future.rgb:
            raise SpecError(f"{type(self.policy).__name__} imagines no pictures, so what it plans cannot be seen.")
        self.imagined.append(Observation(rgb=future.rgb).narrow("T", self.index, self.index + 1))
        return self.policy.act(memory, since, noise=noise)

    def compared(self, episodes: Episodes) -> tuple[Observation, Observation]:
        """(imagined, happened) "B D ..." of the rollout that just ended, or of its first rows."""
        instants = self.instants(episodes.alive.shape[1])
        imagined = concatenate(self.imagined[: len(instants)], "T").narrow("B", 0, len(episodes.alive))
        happened = Observation(rgb=episodes.observation.rgb)
        return imagined, happened.take("T", instants.to(episodes.alive.device))

    def instants(self, count: int) -> Tensor:
        """Which of `count` instants are compared, one per decision. SpecError where none is."""
        if count <= self.ahead:
            raise SpecError(f"episodes of {count - 1} steps end before what is imagined, {self.ahead} steps ahead, could happen. Give them a larger budget.")
        found = torch.arange(self.ahead, count, self.spec.execute)
        return found[: len(self.imagined)]
