"""What a policy declares that can go on from a chunk that runs: see `chunks.Asynchronous`.

A file of its own, because models declare it: how chunks are executed may change without their training becoming stale.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from jaxtyping import Float
from torch import Tensor

from wam.world import Actions, Noise, Past, Record

Memory = TypeVar("Memory", bound=Record)


class Continues(ABC, Generic[Memory]):
    """A policy that takes the beginning of its next chunk as given, e.g. by inpainting."""

    @abstractmethod
    def act_on(
        self, memory: Memory, since: Past, planned: Float[Tensor, "B K R A"], weight: Float[Tensor, "B K"], *, noise: Noise | None = None
    ) -> tuple[Memory, Actions]:
        """As `act`; the K actions agree with `planned` (physical units) where `weight` is 1, and are free where it is 0."""
        ...
