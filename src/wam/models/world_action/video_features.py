"""What a video model expects, as a perception: its hidden states in one pass, and nothing is drawn (VPP, arXiv 2412.14803).

Hidden pictures of its layers are brought to one grid, summed up by a resampler, and are what an action head attends to. Beside them the
head is told one vector: the instruction; what the video model's eye sees, where it has one; and, where asked, where things are in the
hidden pictures, read off as places. Cells of a grid say roughly where something is expected, places say it in numbers. The video model
has learned from videos before and stays as it is; whether its features carry more than a network that learned nothing is the comparison
to make.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from wam.models.observation_space.video import VideoWorldModel
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Known, Perception
from wam.models.world_action.video_alone import video_alone
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.resampler import Resampler
from wam.nets.blocks.taps import tapped
from wam.nets.perceive.keypoints import Places
from wam.world import Actions, Envisions, Noise, Past, Record, SpecError, Task


class VideoFeatures(Perception):
    """Tokens of width `dim`, `queries` of each frame that the video model expects. `grid`: cells that hidden pictures are brought to.

    `points`: places read off every hidden picture, beside the tokens; 0 = none.

    SpecError for a video model that reads no instructions.
    """

    def __init__(self, video: VideoWorldModel, dim: int, *, queries: int = 8, depth: int = 2, grid: tuple[int, int] = (8, 8), points: int = 0):
        super().__init__()
        if video.words is None:
            raise SpecError("VideoFeatures tells the action head what is asked for, and this video model reads no instructions. Build it with words.")
        self.video, self.grid = video, grid
        self.observes, self.context, self.sentences = video.spec.observes, video.context, video.spec.sentences
        hidden, told = self._expected(video.begin(1, Task()), None)
        self.resample = Resampler(sum(picture.shape[2] for picture in hidden), grid[0] * grid[1], dim, queries=queries, depth=depth)
        self.places = nn.ModuleList(Places(picture.shape[2], points) for picture in hidden) if points else None
        places = 3 * points * sum(picture.shape[1] for picture in hidden)
        self.sum_up = mlp(sum(vector.shape[1] for vector in told) + places, 2 * dim, dim)

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
        hidden, told = self._expected(memory, noise)
        if self.places is not None:
            told = (
                *told,
                *(places(picture.flatten(0, 1)).unflatten(0, picture.shape[:2]).flatten(1) for places, picture in zip(self.places, hidden, strict=True)),
            )
        return Known(vector=self.sum_up(torch.cat(told, 1)), tokens=self.resample(tapped(hidden, self.grid)).flatten(1, 2))

    @torch.no_grad()
    def _expected(self, memory: Record, noise: Noise | None) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """See `VideoWorldModel.features`: without actions; the video model learns nothing here."""
        spec = self.video.spec
        rows = memory.size("B")
        steps = Actions(valid=torch.zeros(rows, spec.chunk, spec.consumes.per_step, dtype=torch.bool, device=memory.device))
        if spec.consumes.low_level:
            steps = replace(steps, low_level=torch.zeros(*steps.valid.shape, len(spec.consumes.low_level), device=memory.device))
        return self.video.features(memory, steps, noise=noise)  # type: ignore[arg-type]


class FeaturePolicy(ChunkPolicy, Envisions):
    """A chunk policy whose perception are `VideoFeatures`: the video model in them can be looked at."""

    perception: VideoFeatures

    def as_video(self) -> VideoWorldModel:
        """See `Envisions` and `video_alone`."""
        return video_alone(self.perception.video, self.spec)
