"""What a joint model draws from: what was seen and asked for, and a stream that is given."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.nets.blocks.recent import Recent
from wam.world import Record, record


@record
class Situation(Record):
    """What a future follows: the last W frames, at unit scale, and the instruction."""

    frames: Recent  # "B W c h w"
    instruction: Int[Tensor, "B"]


@dataclass(frozen=True)
class Given:
    """A stream, and the steps of it that are known."""

    x: Float[Tensor, "B K ..."]
    known: Bool[Tensor, "B K"]
