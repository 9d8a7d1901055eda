from pathlib import Path

import numpy as np
import pytest

from tests.data.toy import toy_episode, toy_spec
from wam.data import EpisodeDataset, Recorder, open_dataset
from wam.data.inspection import contact_sheet, inspect


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


def test_contact_sheet_shows_first_to_last(dataset: EpisodeDataset) -> None:
    sheet = contact_sheet(dataset, episodes=[4], moments=3, height=16)
    assert sheet.shape == (2 * 18, 3 * 18, 3) and sheet.dtype == np.uint8
    rgb = dataset.read(4).observation.rgb
    assert rgb is not None
    for column, frame in enumerate((0, 6, 11)):
        assert np.array_equal(sheet[1:17, 18 * column + 1 : 18 * column + 17], rgb["top"][0, frame].permute(1, 2, 0).numpy())
    assert contact_sheet(dataset, height=8).shape == (8 * 2 * 10, 8 * 10, 3)
