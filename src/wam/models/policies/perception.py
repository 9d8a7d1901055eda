"""What a policy knows when it decides: a condition vector, and tokens where its head can attend to some.

`Perception` is the interface; `Look` is the plain one: the last W frames of all cameras, proprioception, the instruction, and a
goal picture where asked for. Features of a video model (`world_action.video_features`) are another.
Does not know: actions, how they are drawn.
"""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.normalise import Normalise
from wam.nets.blocks.recent import Recent
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.nets.perceive.text import TextEncoder, asked_for, sentence
from wam.world import Noise, Observation, ObservationSpec, Past, Record, SpecError, Statistics, Task, record, to_float


@record
class Known(Record):
    """What goes into a decision."""

    vector: Float[Tensor, "B E"]
    tokens: Float[Tensor, "B K D"] | None = None


class Perception(nn.Module, ABC):
    """See the module's docstring."""

    observes: ObservationSpec
    sentences: tuple[str, ...] = ()  # that it reads; () = instructions are not read
    context: int  # W, frames that it looks back
    goal_conditioned: bool = False  # does `begin` need the task's goal

    def read(self, sentences: tuple[str, ...]) -> None:
        """From now on instructions point into this table. SpecError for perceptions that read none."""
        raise SpecError(f"{type(self).__name__} reads no instructions, and {len(sentences)} of them were given.")

    @abstractmethod
    def begin(self, batch: int, task: Task) -> Record:
        """Nothing was seen."""

    @abstractmethod
    def remember(self, memory: Record, since: Past) -> Record:
        """The memory after these frames and executed actions."""

    @abstractmethod
    def forward(self, memory: Record, noise: Noise | None) -> Known:
        """What is known now. `noise`: for perceptions that imagine."""


@record
class Looked(Record):
    """What the last W frames say, and what was asked for."""

    frames: Recent
    instruction: Int[Tensor, "B"]
    goal: dict[str, Shaped[Tensor, "B 1 3 h w"]] | None = None  # pictures to reach, where they are asked for


class Look(Perception):
    """Places of things in each camera's frames; the instruction says what to look for, and is a part of what is known itself.

    A goal picture and its difference from the frame lie behind each frame as further channels: what has to move is seen where they differ.
    """

    def __init__(
        self,
        observes: ObservationSpec,
        statistics: Statistics,
        dim: int,
        *,
        context: int = 2,
        width: int = 32,
        words: TextEncoder | None = None,
        goal: bool = False,
    ):
        """`dim`: D, of a frame and of what is known. `width`: channels of the encoders' first layer. `goal`: also look at the task's goal picture."""
        super().__init__()
        if not observes.cameras and not observes.proprio:
            raise SpecError("Look needs cameras or proprioception, and this ObservationSpec has neither. Name what the policy sees.")
        self.observes, self.context, self.words, self.goal_conditioned = observes, context, words, goal
        self.sentences = words.sentences if words is not None else ()
        told = words.width if words is not None else 0
        self.cameras = nn.ModuleDict({name: KeypointEncoder(9 if goal else 3, dim, width=width, condition=told) for name in observes.cameras})
        known = statistics.for_proprio(observes.proprio).proprio if observes.proprio else None
        self.scale = Normalise(known.mean, known.std) if known is not None else None
        self.body = nn.Linear(len(observes.proprio), dim) if observes.proprio else None
        self.join = mlp(context * dim + told, 2 * dim, dim)
        self.register_buffer("zero", torch.zeros(dim), persistent=False)  # knows the type and the device
        self.zero: Tensor

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Perception`. ValueError for words that it never learned."""
        if self.words is None:
            super().read(sentences)
            return
        self.words.read(sentences)
        self.sentences = sentences

    def begin(self, batch: int, task: Task) -> Looked:
        """SpecError where a goal picture is asked for and the task has none, ValueError for instructions with unknown words."""
        if self.goal_conditioned and (task.goal is None or task.goal.rgb is None):
            raise SpecError("this policy is told by a goal picture where to go, and the task has none. Use a world that shows goal images.")
        shown = task.goal.narrow("T", -1).rgb if self.goal_conditioned and task.goal is not None else None
        goal = {name: shown[name] for name in self.cameras} if shown is not None else None
        return Looked(
            frames=Recent.none(batch, self.context, self.zero), instruction=asked_for(self.words, task.instruction, batch, self.zero.device), goal=goal
        )

    def remember(self, memory: Record, since: Past) -> Looked:
        """See `Perception`."""
        assert isinstance(memory, Looked)
        self.observes.require(since.observation, "Look")
        new = self._encode(since.observation, memory)
        return replace(memory, frames=memory.frames.after(new, since.actions.valid.any(-1)))

    def forward(self, memory: Record, noise: Noise | None) -> Known:
        """See `Perception`. Frames that are not known are 0."""
        assert isinstance(memory, Looked)
        frames, told = memory.frames.shown.flatten(1), self._sentence(memory.instruction)
        return Known(vector=self.join(frames if told is None else torch.cat([frames, told], -1)))

    def _sentence(self, instruction: Int[Tensor, "B"]) -> Float[Tensor, "B D"] | None:
        """The mean of its words; 0 where there is none."""
        if self.words is None:
            return None
        return sentence(*self.words(instruction))

    def _encode(self, observation: Observation, memory: Looked) -> Float[Tensor, "B T D"]:
        """The sum of what each sensor says."""
        asked, found = self._sentence(memory.instruction), []
        for name, encoder in self.cameras.items():
            frames = to_float((observation.rgb or {})[name], self.zero.dtype)
            if memory.goal is not None:
                goal = to_float(memory.goal[name], self.zero.dtype).expand_as(frames)
                frames = torch.cat([frames, goal, (1 + goal - frames) / 2], 2)
            told = asked.repeat_interleave(frames.shape[1], 0) if asked is not None else None
            found.append(encoder(frames.flatten(0, 1), told).unflatten(0, frames.shape[:2]))
        if self.scale is not None and self.body is not None:
            found.append(self.body(self.scale(observation.proprio)))
        return torch.stack(found).sum(0)
