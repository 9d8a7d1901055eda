"""Episodes on disk <-> windows in memory: LeRobot format, frame cache, statistics, converters.

with Recorder("runs/push", DataSpec.of_world(env.spec)) as recorder:
    for episode in cut(rollout(...), env.spec.sentences):
        recorder.write(episode)
frames = cached_frames(open_dataset("runs/push"), size=(64, 64))
windows = WindowDataset(frames, past=3, horizon=5)
window = windows.batch(torch.arange(32))
"""

from wam.data.cache import cached_frames
from wam.data.dataset import EpisodeDataset, open_dataset
from wam.data.episode import Episode, cut
from wam.data.errors import DataError
from wam.data.frames import Frames, frames_of
from wam.data.latents import with_latents
from wam.data.meaning import DataSpec
from wam.data.recording import Recorder
from wam.data.statistics import compute_statistics, require_statistics
from wam.data.take import Take
from wam.data.windows import WindowDataset, as_episodes

__all__ = [
    "DataError",
    "DataSpec",
    "Episode",
    "EpisodeDataset",
    "Frames",
    "Recorder",
    "Take",
    "WindowDataset",
    "as_episodes",
    "cached_frames",
    "compute_statistics",
    "cut",
    "frames_of",
    "open_dataset",
    "require_statistics",
    "with_latents",
]
