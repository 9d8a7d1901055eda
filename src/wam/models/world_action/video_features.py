"""What a video model expects, as a perception: its hidden states in one pass, and nothing is drawn (VPP, arXiv 2412.14803).

Hidden pictures of its layers are brought to one grid, summed up by a resampler, and are what an action head attends to. Beside them the
head is told one vector: the instruction, and what the video model's eye says, where it has one: that is the hidden state in which places
are numbers. The video model has learned from videos before and stays as it is; whether its features carry more than a network that
learned nothing is the comparison to make.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from wam.models.observation_space.video import VideoWorldModel
from wam.models.policies.perception import Known, Perception
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.resampler import Resampler
from wam.nets.blocks.taps import tapped
from wam.nets.perceive.text import sentence
from wam.world import Actions, Grounded, Noise, Past, Record, SpecError, Task


class VideoFeatures(Perception):
    """Tokens of width `dim`, `queries` of each frame that the video model expects. `grid`: cells that hidden pictures are brought to.

    SpecError for a video model that reads no instructions.
    """

    def __init__(self, video: VideoWorldModel, dim: int, *, queries: int = 8, depth: int = 2, grid: tuple[int, int] = (8, 8)):
        super().__init__()
        if video.words is None:
            raise SpecError("VideoFeatures tells the action head what is asked for, and this video model reads no instructions. Build it with words.")
        self.video, self.grid = video, grid
        self.observes, self.context, self.sentences = video.spec.observes, video.context, video.spec.sentences
        hidden = self._hidden(video.begin(1, Task()), None)
        channels = sum(picture.shape[2] for picture in hidden)
        self.resample = Resampler(channels, grid[0] * grid[1], dim, queries=queries, depth=depth)
        self.sum_up = mlp(self._told(video.begin(1, Task())).shape[1], 2 * dim, dim)

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Perception`."""
        self.video.read(sentences)
        self.sentences = sentences

    def begin(self, batch: int, task: Task) -> Record:
        """The video model's carry."""
        return self.video.begin(batch, task)

    def remember(self, memory: Record, since: Past) -> Record:
        """See `Perception`. Nothing is learned through what is remembered."""
        with torch.no_grad():
            return self.video.observe(memory, since)  # type: ignore[arg-type]

    def forward(self, memory: Record, noise: Noise | None) -> Known:
        """See `Perception`."""
        tokens = self.resample(tapped(self._hidden(memory, noise), self.grid))
        return Known(vector=self.sum_up(self._told(memory)), tokens=tokens.flatten(1, 2))

    @torch.no_grad()
    def _told(self, memory: Record) -> Float[Tensor, "B D"]:
        """The mean of the instruction's words as the video model reads them, 0 where none was given; then its sight."""
        assert isinstance(memory, Grounded) and self.video.words is not None
        asked = sentence(*self.video.words(memory.seen.instruction))
        return asked if self.video.eye is None else torch.cat([asked, self.video.sight(memory)], 1)

    @torch.no_grad()
    def _hidden(self, memory: Record, noise: Noise | None) -> tuple[Float[Tensor, "B K _c _h _w"], ...]:
        """Hidden pictures of its layers; the video model learns nothing here."""
        spec = self.video.spec
        rows = memory.size("B")
        steps = Actions(valid=torch.zeros(rows, spec.chunk, spec.consumes.per_step, dtype=torch.bool, device=memory.device))
        if spec.consumes.low_level:
            steps = replace(steps, low_level=torch.zeros(*steps.valid.shape, len(spec.consumes.low_level), device=memory.device))
        return tuple(self.video.features(memory, steps, noise=noise))  # type: ignore[arg-type]
