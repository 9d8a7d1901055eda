"""What a video model expects, as a perception: its hidden states in one pass, and nothing is drawn (VPP, arXiv 2412.14803).

Hidden pictures of its layers are brought to one grid, summed up by a resampler, and are what an action head attends to; places are
looked for in them as finely as the finest is, by convolutions that the instruction scales and shifts: it says what to look for. The
video model has learned from videos before and stays as it is; whether its features carry more than a network that learned nothing is
the comparison to make. The instruction is also told to the head.
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
from wam.nets.blocks.unet import Residual
from wam.nets.perceive.keypoints import Places
from wam.nets.perceive.text import sentence
from wam.world import Actions, Grounded, Noise, Past, Record, SpecError, Task

POINTS = 32  # places looked for in the hidden pictures of each frame
SOUGHT = 64  # channels of what they are looked for in


class VideoFeatures(Perception):
    """Tokens of width `dim`, `queries` of each frame that the video model expects. `grid`: cells that hidden pictures are brought to.

    Beside them, in one vector, where things will be: places in the hidden pictures (`Places`), of each frame.
    SpecError for a video model that reads no instructions.
    """

    def __init__(self, video: VideoWorldModel, dim: int, *, queries: int = 8, depth: int = 2, grid: tuple[int, int] = (8, 8)):
        super().__init__()
        if video.words is None:
            raise SpecError("VideoFeatures looks for what an instruction names, and this video model reads none. Build it with words.")
        self.video, self.grid = video, grid
        self.observes, self.context, self.sentences = video.spec.observes, video.context, video.spec.sentences
        hidden = self._hidden(video.begin(1, Task()), None)
        self.fine: tuple[int, int] = max((picture.shape[-2], picture.shape[-1]) for picture in hidden)
        channels = sum(picture.shape[2] for picture in hidden)
        self.resample = Resampler(channels, grid[0] * grid[1], dim, queries=queries, depth=depth)
        self.seek = Residual(channels, SOUGHT, video.words.width)
        self.places = Places(SOUGHT, POINTS)
        self.sum_up = mlp(hidden[0].shape[1] * self.places.outputs + video.words.width, 2 * dim, dim)

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
        hidden, asked = self._hidden(memory, noise), self._sentence(memory)
        fine = tapped(hidden, self.fine)
        sought = self.seek(fine.flatten(0, 1).transpose(1, 2).unflatten(2, self.fine), asked.repeat_interleave(fine.shape[1], 0))
        places = self.places(sought).unflatten(0, fine.shape[:2]).flatten(1)
        return Known(vector=self.sum_up(torch.cat([places, asked], 1)), tokens=self.resample(tapped(hidden, self.grid)).flatten(1, 2))

    @torch.no_grad()
    def _sentence(self, memory: Record) -> Float[Tensor, "B D"]:
        """The mean of the instruction's words as the video model reads them; 0 where none was given."""
        assert isinstance(memory, Grounded) and self.video.words is not None
        return sentence(*self.video.words(memory.seen.instruction))

    @torch.no_grad()
    def _hidden(self, memory: Record, noise: Noise | None) -> tuple[Float[Tensor, "B K _c _h _w"], ...]:
        """Hidden pictures of its layers; the video model learns nothing here."""
        spec = self.video.spec
        rows = memory.size("B")
        steps = Actions(valid=torch.zeros(rows, spec.chunk, spec.consumes.per_step, dtype=torch.bool, device=memory.device))
        if spec.consumes.low_level:
            steps = replace(steps, low_level=torch.zeros(*steps.valid.shape, len(spec.consumes.low_level), device=memory.device))
        return tuple(self.video.features(memory, steps, noise=noise))  # type: ignore[arg-type]
