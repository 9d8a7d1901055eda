from pathlib import Path

import numpy as np
import pytest

from tests.data.toy import toy_episode, toy_spec
from wam.data import EpisodeDataset, Recorder, open_dataset
from wam.data.inspection import GAP, TEXT, contact_sheet, histogram, inspect
from wam.world import Slot


@pytest.fixture
def dataset(tmp_path: Path) -> EpisodeDataset:
    spec = toy_spec(cameras=("top", "side"))
    with Recorder(tmp_path / "set", spec) as recorder:
        for seed in range(10):
            recorder.write(toy_episode(spec, 12, seed, f"task {seed % 2}"))
    return open_dataset(tmp_path / "set")


def test_table(dataset: EpisodeDataset) -> None:
    found = inspect(dataset, bins=5)
    assert (found.version, found.rate, found.frames, found.per_step, found.derived) == ("v3.0", 10.0, 120, 1, False)
    assert (found.episodes[3].instruction, found.episodes[3].seed, found.episodes[3].success, found.episodes[3].seconds) == ("task 1", 3, False, 1.2)
    by_key = {line.key: line for line in found.features}
    assert by_key["action"].meaning == "dx (m), dy (m)" and by_key["observation.images.top"].meaning == "pictures in the table"


def test_histograms_are_numpys(dataset: EpisodeDataset) -> None:
    values = np.concatenate([episode.actions.low_level[0, 1:, 0, 1].numpy() for episode in dataset])  # type: ignore[index]
    found = inspect(dataset, bins=7).histograms[1]
    counts, edges = np.histogram(values, 7)
    assert found.slot.name == "dy" and np.array_equal(found.counts, counts) and np.allclose(found.edges, edges)
    assert found.counts.sum() == 110 and np.isclose(found.mean, values.mean())
    assert (found.low, found.high) == (values.min(), values.max()) == (found.edges[0], found.edges[-1])


def test_no_range_is_made_up() -> None:
    """A slot that stands still at -1.5 lies at -1.5, not between -2 and -1; without a number there is no range."""
    still = histogram(Slot(name="motor_7"), np.full(9, -1.5), 20)
    assert (still.low, still.high, still.mean, still.counts.tolist(), still.edges.tolist()) == (-1.5, -1.5, -1.5, [9], [-1.5, -1.5])
    assert np.isnan(histogram(Slot(name="motor_7"), np.zeros(0), 20).low)


def test_contact_sheet_shows_first_to_last(dataset: EpisodeDataset) -> None:
    sheet = contact_sheet(dataset, episodes=[4], moments=3, height=16)
    top, left = TEXT + 2 * GAP, sheet.shape[1] - 3 * (16 + GAP)
    assert sheet.shape[0] == top + 2 * (16 + GAP) and left > 0 and sheet.dtype == np.uint8
    rgb = dataset.read(4).observation.rgb
    assert rgb is not None
    for column, frame in enumerate((0, 6, 11)):
        at = left + column * (16 + GAP)
        for row, camera in enumerate(("top", "side")):
            down = top + row * (16 + GAP)
            assert np.array_equal(sheet[down : down + 16, at : at + 16], rgb[camera][0, frame].permute(1, 2, 0).numpy())
    assert (sheet[top:, :left].min(), sheet[:top, left:].min()) < (128, 128)  # names at the left, labels above
    assert contact_sheet(dataset, height=8).shape[0] == top + 8 * 2 * (8 + GAP)
