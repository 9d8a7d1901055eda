"""A learner's window shape reaches the data set."""

from unittest.mock import Mock

import pytest

from wam.data import Frames
from wam.train import Gradient, windows_from


def test_every_figure_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam.train.windows.WindowDataset", made := Mock())
    frames = Mock(spec=Frames)
    windows_from(frames, skip=2, truth=True)(Gradient(weights={"a": 1.0}, steps=1, past=3, horizon=5, stride=4, edges=True, unlabelled=True, labelled=0.5))
    made.assert_called_once_with(frames, past=3, horizon=5, skip=2, stride=4, edges=True, unlabelled=True, labelled=0.5, truth=True)
