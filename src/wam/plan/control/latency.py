"""How long a policy takes per chunk, how often it asks its network, and how fast a robot could go with it.

Wall time on the machine at hand: name the machine beside the figure, and compare two policies in one run only. Measured per
call of `act`, whatever the batch; for a robot measure with one row. The first call warms up, so the figures are quantiles.

Footgun: evaluations are calls of the module itself (`network(...)`); a method of it that is called directly is not seen.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wam.world import Actions, Noise, Past, Policy, Record, Spec, Task


@dataclass(frozen=True, kw_only=True)
class Latency(Spec):
    """Figures of several decisions."""

    decisions: int
    milliseconds: float  # per chunk, median
    slowest: float  # milliseconds that 95 % of the chunks stay under
    evaluations: float | None  # of the network per chunk, mean; None = not counted
    hertz: float  # executed steps (of R actions each) per second of deciding, at the median


class Metered:
    """Any policy, with a clock beside it. The figures belong to this object, the memory is the policy's own."""

    def __init__(self, policy: Policy[Any], network: nn.Module | None = None) -> None:
        """`network`: whose calls are counted."""
        self.policy, self.spec, self.network = policy, policy.spec, network
        self.seconds, self.evaluations = list[float](), 0

    def begin(self, batch: int, task: Task) -> Record:
        """As the policy."""
        memory: Record = self.policy.begin(batch, task)
        return memory

    def act(self, memory: Record, since: Past, *, noise: Noise | None = None) -> tuple[Record, Actions]:
        """As the policy, timed until the device has finished."""
        counting = self.network.register_forward_hook(self._count) if self.network is not None else None
        if since.device.type == "cuda":
            torch.cuda.synchronize(since.device)  # what others asked of it is not this decision's
        started = time.perf_counter()
        try:
            memory, actions = self.policy.act(memory, since, noise=noise)
        finally:
            if counting is not None:
                counting.remove()
        if actions.device.type == "cuda":
            torch.cuda.synchronize(actions.device)
        self.seconds.append(time.perf_counter() - started)
        return memory, actions

    def latency(self) -> Latency:
        """The figures so far; ValueError before the first decision."""
        if not self.seconds:
            raise ValueError("no decision was made yet, so nothing was measured. Let the policy act first.")
        median, slowest = torch.tensor(self.seconds, dtype=torch.float64).quantile(torch.tensor([0.5, 0.95], dtype=torch.float64)).tolist()
        return Latency(
            decisions=len(self.seconds),
            milliseconds=1000 * median,
            slowest=1000 * slowest,
            evaluations=None if self.network is None else self.evaluations / len(self.seconds),
            hertz=self.spec.execute / median,
        )

    def _count(self, *_: object) -> None:
        self.evaluations += 1
