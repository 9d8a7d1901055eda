import errno
import fcntl
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import wam.data.cache as cache
import wam.data.cache_folder as cache_folder
from tests.data.toy import assert_same, toy_episode, toy_spec
from wam.data import DataError, Episode, EpisodeDataset, Recorder, WindowDataset, cached_frames, open_dataset
from wam.data.pictures import encode_png, resize_area
from wam.world import Observation


@pytest.fixture
def dataset(tmp_path: Path) -> EpisodeDataset:
    spec = toy_spec(cameras=("top", "side"))
    with Recorder(tmp_path / "set", spec) as recorder:
        for seed in range(3):
            recorder.write(toy_episode(spec, 4 + seed, seed, f"task {seed % 2}"))
    return open_dataset(tmp_path / "set")


def test_holds_what_the_set_holds(dataset: EpisodeDataset) -> None:
    frames = cached_frames(dataset)
    for number in range(3):
        read = dataset.read(number)
        assert_same(replace(frames.episode(number), instruction=read.instruction, seed=read.seed), read)
    assert frames.sentences == ("task 0", "task 1") and frames.instructions.tolist() == [0, 1, 0]


def test_decoded_once_and_never_written_to(dataset: EpisodeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    first = cached_frames(dataset, size=(8, 8), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr(cache, "build", None)  # a second build would fail
    again = cached_frames(dataset, size=(8, 8))
    file = next((dataset.root / "cache").rglob("observation.rgb.top.npy"))
    before = file.read_bytes()
    again.fields["observation.rgb.top"][:] = 0
    assert file.read_bytes() == before and first.fields["observation.rgb.top"].any()


def test_resized_by_area(dataset: EpisodeDataset) -> None:
    frames = cached_frames(dataset, cameras=["side"], size=(5, 7))
    assert "observation.rgb.top" not in frames.fields
    rgb = dataset.read(1).observation.rgb
    assert rgb is not None and np.array_equal(frames.fields["observation.rgb.side"][4:9], resize_area(rgb["side"][0].numpy(), (5, 7)))
    assert {name: (camera.height, camera.width) for name, camera in frames.spec.observes.cameras.items()} == {"side": (5, 7)}
    window = WindowDataset(frames, past=2, horizon=1).batch(torch.arange(2))
    assert not frames.spec.observes.problems(window.past.observation)


def test_some_episodes(dataset: EpisodeDataset) -> None:
    frames = cached_frames(dataset, episodes=[2, 0])
    assert frames.lengths.tolist() == [6, 4] and frames.starts.tolist() == [9, 0]
    assert torch.equal(frames.episode(0).observation.proprio, dataset.read(2).observation.proprio)  # type: ignore[arg-type]


def test_a_set_without_episodes_is_refused(tmp_path: Path) -> None:
    Recorder(tmp_path / "none", toy_spec()).close()
    with pytest.raises(DataError, match="it holds no episode"):
        cached_frames(open_dataset(tmp_path / "none"))
    assert not (tmp_path / "none" / "cache").exists()


def test_changed_files_make_a_new_cache(dataset: EpisodeDataset) -> None:
    cached_frames(dataset)
    with Recorder(dataset.root, dataset.spec, resume=True) as recorder:
        recorder.write(toy_episode(dataset.spec, 5, 9, "task 0"))
    assert len(cached_frames(open_dataset(dataset.root)).lengths) == 4
    assert len(list((dataset.root / "cache").iterdir())) == 1


def test_only_earlier_states_of_the_same_set_go(dataset: EpisodeDataset, tmp_path: Path) -> None:
    with Recorder(tmp_path / "other", dataset.spec) as recorder:
        recorder.write(toy_episode(dataset.spec, 5))
    asked: list[dict[str, Any]] = [{}, {"cameras": ["top"]}, {"size": (8, 8)}]
    for options in asked:
        cached_frames(dataset, folder=tmp_path / "caches", **options)
    cached_frames(open_dataset(tmp_path / "other"), folder=tmp_path / "caches")
    opened = cached_frames(dataset, folder=tmp_path / "caches")
    with Recorder(dataset.root, dataset.spec, resume=True) as recorder:
        recorder.write(toy_episode(dataset.spec, 5, 9, "task 0"))
    again = open_dataset(dataset.root)
    for options in asked:
        cached_frames(again, folder=tmp_path / "caches", **options)
    assert len(list((tmp_path / "caches").iterdir())) == 4
    assert_same(replace(opened.episode(0), instruction="task 0", seed=0), dataset.read(0))  # still mapped


@pytest.mark.parametrize("version", [1, 3])
def test_caches_of_another_version_go(dataset: EpisodeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Of version 1, which did not say what they are of, only those that lie within the set."""
    homes = (dataset.root / "cache", tmp_path / "caches")
    for home in homes:
        monkeypatch.setattr(cache, "VERSION", version)
        cached_frames(dataset, folder=home)
        meta = next(home.glob("*/meta.json"))
        (home / "notes").mkdir()
        (home / "notes/meta.json").write_text("{}")
        if version == 1:
            meta.write_text(json.dumps({key: value for key, value in json.loads(meta.read_text()).items() if key != "of"}))
        monkeypatch.undo()
        cached_frames(dataset, folder=home)
        assert meta.exists() == (version == 1 and home != homes[0]) and (home / "notes/meta.json").exists()


def test_a_video_that_is_read_from_another_moment_makes_a_new_cache(tmp_path: Path) -> None:
    with Recorder(tmp_path, toy_spec(), storage="video") as recorder:
        for seed in range(2):
            recorder.write(toy_episode(toy_spec(), 6, seed))
    first = cached_frames(open_dataset(tmp_path))
    path = next((tmp_path / "meta/episodes").rglob("*.parquet"))
    table, key = pq.read_table(path), "videos/observation.images.top/from_timestamp"
    pq.write_table(table.set_column(table.schema.get_field_index(key), key, pa.array([0.6, 0.0])), path)
    second = cached_frames(open_dataset(tmp_path))
    assert np.array_equal(second.fields["observation.rgb.top"][6:], first.fields["observation.rgb.top"][:6])


def test_pictures_in_files_of_their_own_are_watched(tmp_path: Path) -> None:
    with Recorder(tmp_path, toy_spec(), storage="lossless") as recorder:
        recorder.write(toy_episode(toy_spec(), 4))
    key, table = "observation.images.top", next((tmp_path / "data").rglob("*.parquet"))
    rows = pq.read_table(table)
    place = rows.schema.get_field_index(key)
    (tmp_path / "images").mkdir()
    for number, cell in enumerate(rows[key].to_pylist()):
        (tmp_path / f"images/{number}.png").write_bytes(cell["bytes"])
    cells = pa.array([{"bytes": None, "path": f"images/{number}.png"} for number in range(4)], rows.schema.field(place).type)
    pq.write_table(rows.set_column(place, key, cells), table)
    assert cached_frames(open_dataset(tmp_path)).fields["observation.rgb.top"].any()
    for number in range(4):
        (tmp_path / f"images/{number}.png").write_bytes(encode_png(np.zeros((3, 16, 16), np.uint8)))
    assert not cached_frames(open_dataset(tmp_path)).fields["observation.rgb.top"].any()


def test_corrected_instructions_are_read(dataset: EpisodeDataset) -> None:
    assert "task 0" in cached_frames(dataset).sentences
    path = dataset.root / "meta/tasks.parquet"
    table = pq.read_table(path)
    texts = [text.replace("task 0", "the first task") for text in table["task"].to_pylist()]
    pq.write_table(table.set_column(table.schema.get_field_index("task"), "task", [texts]), path)
    assert "the first task" in cached_frames(open_dataset(dataset.root)).sentences


def test_an_interrupted_build_leaves_nothing(dataset: EpisodeDataset) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_frames(dataset, progress=stop)
    assert not list((dataset.root / "cache").iterdir())


def test_what_was_abandoned_goes_and_nothing_else(dataset: EpisodeDataset) -> None:
    home = dataset.root / "cache"
    places = {name: home / f"{name * 8}-{name * 8}.writing" for name in ("ab", "cd", "ef", "01")}
    for name in ("ab", "cd"):
        places[name].mkdir(parents=True)
        (places[name] / "lock").touch()
    (home / "my-notes.writing").mkdir()
    held = os.open(places["cd"] / "lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    places["ef"].mkdir()  # begun this very moment
    places["01"].mkdir()
    os.utime(places["01"], (0, 0))  # begun long ago, and never locked
    cached_frames(dataset)
    os.close(held)
    assert {path.name for path in home.glob("*.writing")} == {places["cd"].name, places["ef"].name, "my-notes.writing"}
    assert {path.name for path in home.glob("*/lock")} == {"lock"} and len(list(home.glob("*/lock"))) == 1  # a finished cache has none


def test_a_killed_build_does_not_stand_in_the_way_of_the_next(dataset: EpisodeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in that of one with the same process number, which is the rule in containers."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    child = os.fork()
    if not child:
        cached_frames(dataset, progress=lambda done, total: os._exit(9))
    os.waitpid(child, 0)
    home = dataset.root / "cache"
    assert len(list(home.glob("*.writing"))) == 1
    cached_frames(dataset)
    assert not list(home.glob("*.writing"))


def test_a_build_that_is_killed_while_flushing_is_cleaned_up(dataset: EpisodeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.fork()
    if not child:
        monkeypatch.setattr(cache_folder, "sync", lambda *paths: os._exit(9))
        cached_frames(dataset)
    os.waitpid(child, 0)
    home = dataset.root / "cache"
    assert len(list(home.glob("*.writing"))) == 1
    cached_frames(dataset)
    assert not list(home.glob("*.writing")) and not list(home.glob("*/lock"))


def test_a_file_system_without_locks_is_left_as_it_was(dataset: EpisodeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError("No locks available")

    monkeypatch.setattr("wam.data.cache_folder.fcntl.flock", refuse)
    with pytest.raises(DataError, match=r"cannot write a cache here \(No locks available\)"):
        cached_frames(dataset)
    assert not list((dataset.root / "cache").iterdir())


def test_another_process_may_finish_first(dataset: EpisodeDataset) -> None:
    def overtaken(done: int, total: int) -> None:
        if done == total:
            cached_frames(dataset)

    cached_frames(dataset, progress=overtaken)
    assert len(list((dataset.root / "cache").iterdir())) == 1


def test_depth_is_not_averaged(tmp_path: Path) -> None:
    spec = toy_spec()
    episode = toy_episode(spec, 3)
    observation = Observation(rgb=episode.observation.rgb, proprio=episode.observation.proprio, depth={"top": torch.full((1, 3, 1, 16, 16), 1.234)})
    with Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(Episode(observation=observation, actions=episode.actions))
    dataset = open_dataset(tmp_path / "set")
    window = WindowDataset(cached_frames(dataset)).batch(torch.tensor([0]))
    assert window.past.observation.depth is not None
    assert torch.allclose(window.past.observation.depth["top"], torch.tensor(1.234)) and window.past.observation.depth["top"].dtype == torch.float32
    with pytest.raises(DataError, match="cannot be resized by averaging"):
        cached_frames(dataset, size=(8, 8))


def test_intrinsics_follow_the_size() -> None:
    spec = toy_spec()
    camera = replace(spec.observes.cameras["top"], intrinsics=(10.0, 20.0, 8.0, 8.0))
    spec = replace(spec, observes=replace(spec.observes, cameras={"top": camera}))
    assert cache.spec_for(spec, ["top"], (8, 32)).observes.cameras["top"].intrinsics == (20.0, 10.0, 16.5, 3.75)


def test_a_disk_without_room_is_an_error_in_words(dataset: EpisodeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map whose pages cannot be written would end the process."""

    def full(handle: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"needs \d+\.\d GB, and \d+\.\d GB are free"):
        cached_frames(dataset)
    assert not list((dataset.root / "cache").iterdir())


def test_many_frames_are_resized_as_each_alone() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (130, 3, 24, 20), np.uint8)
    assert np.array_equal(resize_area(frames, (8, 10)), np.concatenate([resize_area(frame[None], (8, 10)) for frame in frames]))
