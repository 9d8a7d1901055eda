"""What goes into a play session, and what comes out: starts, commands, frames."""

from dataclasses import dataclass

from jaxtyping import UInt8
from torch import Tensor

from wam.world import Past, Task

Pictures = dict[str, UInt8[Tensor, "3 h w"]]


class CommandError(ValueError):
    """A command that cannot be followed; told to the person, and nothing has changed."""


@dataclass(frozen=True)
class Step:
    """Imagine one model step on, with these keys held."""

    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reset:
    """Back to a real frame: of the start with this number, or of the present one. `replay`: then do what was done there."""

    start: int | None = None
    replay: bool = False


@dataclass(frozen=True)
class Look:
    """Show the model the true frames up to now: it imagines on from there."""


@dataclass(frozen=True)
class SetChance:
    """Let a stochastic model draw its future (on), or show its mode or mean (off)."""

    on: bool


Command = Step | Reset | Look | SetChance


@dataclass(frozen=True)
class Start:
    """Real frames of one row to imagine on from."""

    name: str
    past: Past  # T frames up to now
    task: Task
    seed: int = 0  # of the true world, where one runs along
    recorded: Past | None = None  # H frames that followed, each with the action that led to it


@dataclass(frozen=True)
class Frame:
    """What is to be seen after a command."""

    imagined: Pictures
    truth: Pictures | None  # None: nobody knows it
    start: int
    step: int  # model steps since the last real frame that the model saw
    clock: int  # model steps since the start
    milliseconds: float  # of the model, for this step
    rate: float  # frames per second of late, all costs and waiting included; 0 = unknown yet
    drift: float | None  # dB; None without truth, or where nothing has moved
    action: tuple[float, ...]  # physical units
    over: bool = False  # the true episode or the recording has ended
    replaying: bool = False
    chance: bool = False  # is the future drawn
