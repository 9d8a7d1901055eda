"""What a joint model draws from, and learns from: what was seen and asked for, and streams, as they are given and as lessons show them."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.models.world_action.joint_programs import Lesson
from wam.nets.blocks.recent import Recent
from wam.world import Noise, Record, record


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

    def select(self, rows: Int[Tensor, "N"]) -> "Given":
        """These rows."""
        return Given(self.x.index_select(0, rows), self.known.index_select(0, rows))


@record
class Shown(Record):
    """Streams at levels, by kind: states are what the processes make of what they are and of noise."""

    clean: dict[str, Float[Tensor, "B K ..."]]
    eps: dict[str, Float[Tensor, "B K ..."]]
    levels: dict[str, Float[Tensor, "B K"]]
    states: dict[str, Float[Tensor, "B K ..."]]


@dataclass(frozen=True)
class Taught:
    """A lesson and its N rows."""

    lesson: Lesson
    rows: Int[Tensor, "N"]  # of what was seen: those that hear the instruction, and after them the deaf
    given: dict[str, Given]
    noise: Noise

    @property
    def shares(self) -> bool:
        """Is it learned in one pass with others? A lesson of several draws is not, nor one without the video, for which others' frames would be waste."""
        return self.lesson.draws == 1 and "video" in self.given
