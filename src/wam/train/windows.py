"""The windows that a learner asks for, cut from the frames of a data set."""

from collections.abc import Callable

from wam.data import Frames, WindowDataset
from wam.train.stage import Gradient


def windows_from(frames: Frames, *, skip: int = 1, truth: bool = False) -> Callable[[Gradient], WindowDataset]:
    """For `run(windows=...)`. `skip`: recorded frames per model step. `truth` hands on what only the simulator knew, for models that learn from it."""

    def cut(learner: Gradient) -> WindowDataset:
        return WindowDataset(
            frames,
            past=learner.past,
            horizon=learner.horizon,
            skip=skip,
            stride=learner.stride,
            edges=learner.edges,
            unlabelled=learner.unlabelled,
            labelled=learner.labelled,
            truth=truth,
        )

    return cut
