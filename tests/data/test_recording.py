import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import wam.data.consolidation as consolidation
import wam.data.recording as recording
from tests.data.test_lerobot import write_v2
from tests.data.toy import assert_same, toy_episode, toy_spec
from wam.data import DataError, DataSpec, Episode, Recorder, WindowDataset, cached_frames, cut, open_dataset
from wam.world import Actions, Contacts, Episodes, Observation, Slot, Task, Truth

LENGTHS = [5, 1, 9, 3]


def record(path: Path, spec: DataSpec, **options: Any) -> list[Episode]:
    episodes = [toy_episode(spec, length, seed, f"push {seed % 2}") for seed, length in enumerate(LENGTHS)]
    with Recorder(path, spec, **options) as recorder:
        assert [recorder.write(episode) for episode in episodes] == [0, 1, 2, 3]
    return episodes


@pytest.mark.parametrize(("size", "storage", "pixels"), [(16, "auto", 0), (16, "video", 18), (128, "auto", 18), (128, "lossless", 0)])
def test_what_is_written_is_read(tmp_path: Path, size: int, storage: Any, pixels: float) -> None:
    written = record(tmp_path / "set", toy_spec(size, cameras=("top", "side")), storage=storage)
    dataset = open_dataset(tmp_path / "set")
    assert dataset.described and dataset.spec == toy_spec(size, cameras=("top", "side"))
    assert dataset.tasks == ("push 0", "push 1") and not dataset.notes
    for read, episode in zip(dataset, written, strict=True):
        assert_same(read.check(), episode, pixels=pixels)
    assert (tmp_path / "set" / "videos").exists() == bool(pixels)
    assert not (tmp_path / "set" / "recording").exists()


def test_several_actions_per_step(tmp_path: Path) -> None:
    spec = toy_spec(per_step=3)
    episode = toy_episode(spec, 6)
    episode.actions.valid[0, 4, 2] = False
    with Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(episode)
    dataset = open_dataset(tmp_path / "set")
    assert dataset.info.feature("action").shape == (3, 2)  # type: ignore[union-attr]
    assert_same(dataset.read(0), episode)


def test_open_and_closed_states_read_the_same(tmp_path: Path) -> None:
    spec = toy_spec()
    recorder = Recorder(tmp_path / "set", spec)
    assert len(open_dataset(tmp_path / "set")) == 0
    episodes = [toy_episode(spec, 4, seed) for seed in range(3)]
    for number, episode in enumerate(episodes):
        recorder.write(episode)
        dataset = open_dataset(tmp_path / "set")
        assert len(dataset) == number + 1
        assert_same(dataset.read(number), episode)
    recorder.close()
    recorder.close()
    for read, episode in zip(open_dataset(tmp_path / "set"), episodes, strict=True):
        assert_same(read, episode)


def test_files_are_what_the_format_says(tmp_path: Path) -> None:
    written = record(tmp_path / "set", toy_spec(), storage="video")
    root = tmp_path / "set"
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"], info["total_tasks"]) == ("v3.0", 4, 18, 2)
    assert info["features"]["action"] == {"dtype": "float32", "shape": [2], "names": ["dx", "dy"]}
    assert info["features"]["observation.images.top"]["info"]["video.pix_fmt"] == "yuv444p"
    table = pq.read_table(root / "data/chunk-000/file-000.parquet").to_pydict()
    assert table["index"] == list(range(18))
    assert table["episode_index"] == np.repeat(range(4), LENGTHS).tolist()
    assert table["frame_index"] == [t for length in LENGTHS for t in range(length)]
    assert np.allclose(table["timestamp"], [t / 10 for length in LENGTHS for t in range(length)])
    assert table["task_index"] == np.repeat([0, 1, 0, 1], LENGTHS).tolist()
    actions = written[2].actions.low_level
    assert actions is not None and np.allclose(table["action"][6:14], actions[0, 1:, 0])
    tasks = pq.read_table(root / "meta/tasks.parquet").to_pydict()
    assert tasks == {"task_index": [0, 1], "task": ["push 0", "push 1"]}
    pandas = json.loads(pq.read_schema(root / "meta/tasks.parquet").metadata[b"pandas"])  # LeRobot reads it with pandas, by this index
    assert pandas["index_columns"] == ["task"] and {column["field_name"] for column in pandas["columns"]} == {"task_index", "task"}
    episodes = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pydict()
    assert episodes["dataset_from_index"] == [0, 5, 6, 15] and episodes["dataset_to_index"] == [5, 6, 15, 18]
    assert episodes["wam.seed"] == [0, 1, 2, 3] and episodes["wam.success"] == [True, False, True, False]
    assert np.allclose(episodes["videos/observation.images.top/from_timestamp"], [0, 0.5, 0.6, 1.5])
    assert np.allclose(episodes["videos/observation.images.top/to_timestamp"], [0.5, 0.6, 1.5, 1.8])
    stats = json.loads((root / "meta/stats.json").read_text())
    state = np.array(table["observation.state"])
    for name, want in (("mean", state.mean(0)), ("std", state.std(0)), ("min", state.min(0)), ("max", state.max(0))):
        assert np.allclose(stats["observation.state"][name], want, atol=1e-6)
    assert stats["observation.state"]["count"] == [18]
    assert np.array(stats["observation.images.top"]["mean"]).shape == (3, 1, 1)
    assert pq.ParquetFile(root / "data/chunk-000/file-000.parquet").num_row_groups == 4


def test_resume_appends(tmp_path: Path) -> None:
    spec = toy_spec()
    for part in range(3):
        with Recorder(tmp_path / "set", spec, resume=part > 0, storage="video") as recorder:
            for seed in (2 * part, 2 * part + 1):
                recorder.write(toy_episode(spec, 4 + seed, seed, f"task {seed // 3}"))
    dataset = open_dataset(tmp_path / "set")
    assert dataset.tasks == ("task 0", "task 1") and dataset.info.total_frames == dataset.frames == 39
    for seed in range(6):
        assert_same(dataset.read(seed), toy_episode(spec, 4 + seed, seed, f"task {seed // 3}"), pixels=18)
    assert len(list((tmp_path / "set/data").glob("*/*.parquet"))) == 3


def test_a_world_in_which_nothing_can_touch(tmp_path: Path) -> None:
    """Truth of width 0 is known to hold nothing, which is more than being absent: it returns, also through a cache."""
    written = toy_episode(toy_spec(), 4)
    none = Contacts(
        bodies=torch.zeros(1, 4, 0, 2, dtype=torch.int64),
        xyz=torch.zeros(1, 4, 0, 3),
        force=torch.zeros(1, 4, 0, 3),
        valid=torch.zeros(1, 4, 0, dtype=torch.bool),
    )
    written = replace(written, truth=Truth(pose=torch.zeros(1, 4, 0, 7), contacts=none))
    for resume in (False, True):
        with Recorder(tmp_path / "set", toy_spec(), resume=resume) as recorder:
            recorder.write(written)
            assert_same(open_dataset(tmp_path / "set").read(0), written)
    dataset = open_dataset(tmp_path / "set")
    for read in dataset:
        assert_same(read.check(), written)
    windows = WindowDataset(cached_frames(dataset), past=2, horizon=2, truth=True)
    truth = windows.batch(torch.tensor([0, 1])).truth
    assert truth is not None and truth.contacts is not None and truth.contacts.bodies.shape == (2, 4, 0, 2)


def test_files_are_cut_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consolidation, "MEGABYTE", 100)
    monkeypatch.setattr(consolidation, "CHUNK", 2)
    written = record(tmp_path / "set", toy_spec(), storage="video")
    dataset = open_dataset(tmp_path / "set")
    assert [str(entry.table.relative_to(dataset.root / "data")) for entry in dataset.episodes] == [
        f"chunk-{number // 2:03d}/file-{number % 2:03d}.parquet" for number in range(4)
    ]
    for read, episode in zip(dataset, written, strict=True):
        assert_same(read, episode, pixels=18)


def test_an_exception_leaves_an_open_set_that_can_be_continued(tmp_path: Path) -> None:
    spec = toy_spec()
    with pytest.raises(RuntimeError), Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(toy_episode(spec, 4))
        raise RuntimeError
    assert len(open_dataset(tmp_path / "set")) == 1
    with Recorder(tmp_path / "set", spec, resume=True) as recorder:
        recorder.write(toy_episode(spec, 5, 1))
    assert [entry.length for entry in open_dataset(tmp_path / "set").episodes] == [4, 5]


# -- refused -------------------------------------------------------------------------------------------------------------------------


def refused(path: Path, spec: DataSpec, episode: Episode, match: str) -> None:
    with Recorder(path, spec) as recorder:
        recorder.write(toy_episode(spec, 3))
        with pytest.raises(DataError, match=match):
            recorder.write(episode)
    assert len(open_dataset(path)) == 1


def test_evaluation_seeds(tmp_path: Path) -> None:
    refused(tmp_path / "set", toy_spec(), toy_episode(toy_spec(), 3, 2_000_000), r"episode 1: seed 2000000 is an evaluation seed")


def test_actions_beyond_their_limits(tmp_path: Path) -> None:
    episode = toy_episode(toy_spec(), 3)
    episode.actions.low_level[0, 1] = 7.0  # type: ignore[index]
    refused(tmp_path / "set", toy_spec(), episode, "'dx' spans .* 7 m, its limits are -1 .. 1")


def test_limits_are_not_asked_of_actions_that_nobody_recorded(tmp_path: Path) -> None:
    low_level = tuple(replace(slot, low=0.2) for slot in toy_spec().acts.low_level)
    spec = replace(toy_spec(), acts=replace(toy_spec().acts, low_level=low_level))
    episode = toy_episode(spec, 4)
    assert episode.actions.low_level is not None
    nobody = replace(episode.actions, low_level=torch.zeros_like(episode.actions.low_level), labelled=torch.zeros(1, 4, dtype=torch.bool))
    with Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(replace(episode, actions=nobody))
        with pytest.raises(DataError, match=r"its limits are 0.2 \.\. 1"):
            recorder.write(replace(episode, actions=replace(nobody, labelled=~nobody.labelled)))  # type: ignore[operator]


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 65.6, -1.0])
def test_depth_that_would_be_another_one_when_it_is_read(tmp_path: Path, odd: float) -> None:
    depth = torch.full((1, 3, 1, 16, 16), 65.535)
    depth[0, 1, 0, 2, 3] = odd
    episode = toy_episode(toy_spec(), 3)
    refused(tmp_path / "set", toy_spec(), replace(episode, observation=replace(episode.observation, depth={"top": depth})), r"depth 'top' spans")


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    free = tuple(replace(slot, low=-float("inf"), high=float("inf")) for slot in toy_spec().acts.low_level)
    spec = replace(toy_spec(), acts=replace(toy_spec().acts, low_level=free))
    for number, odd in enumerate((float("inf"), float("nan"))):
        episode = toy_episode(spec, 4)
        assert episode.actions.low_level is not None and episode.reward is not None
        episode.actions.low_level[0, 2, 0, 1] = odd
        refused(tmp_path / f"actions{number}", spec, episode, "not finite|NaN")
        episode = toy_episode(spec, 4)
        episode.reward[0, 2] = odd  # type: ignore[index]
        refused(tmp_path / f"rewards{number}", spec, episode, "rewards hold values that are not finite")


def test_what_is_wrong_with_an_action_is_said_once(tmp_path: Path) -> None:
    for name, unit in (("metres", "m"), ("bare", "")):
        spec = replace(toy_spec(), acts=replace(toy_spec().acts, low_level=tuple(replace(slot, unit=unit) for slot in toy_spec().acts.low_level)))
        episode = toy_episode(spec, 3)
        episode.actions.low_level[0, 1, 0, 0] = float("nan")  # type: ignore[index]
        with Recorder(tmp_path / name, spec) as recorder, pytest.raises(DataError, match=f"spans nan .. nan{unit and f' {unit}'}, its limits") as caught:
            recorder.write(episode)
        assert "not finite" not in str(caught.value)


def test_ids_of_segmentation(tmp_path: Path) -> None:
    """All that the disk holds arrive in a window; what it cannot hold is refused."""
    ids = torch.tensor([-1, 0, 40_000, 65_534]).repeat(1, 3, 16, 4)
    episode = replace(toy_episode(toy_spec(), 3), truth=Truth(segmentation={"top": ids}))
    with Recorder(tmp_path / "set", toy_spec()) as recorder:
        recorder.write(episode)
        for odd in (-2, 65_535):
            with pytest.raises(DataError, match=rf"segmentation 'top' has ids .*{odd}"):
                recorder.write(replace(episode, truth=Truth(segmentation={"top": ids.clone().fill_(odd)})))
    dataset = open_dataset(tmp_path / "set")
    window = WindowDataset(cached_frames(dataset), truth=True).batch(torch.tensor([0]))
    for read in (dataset.read(0).truth, window.truth):
        assert read is not None and read.segmentation is not None and torch.equal(read.segmentation["top"][:, :1], ids[:, :1])


def test_a_rate_below_the_clock_of_videos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0\.0004 frames per second"):
        Recorder(tmp_path / "set", replace(toy_spec(), rate=0.0004))
    record(tmp_path / "slow", replace(toy_spec(), rate=1 / 3))


def test_wrong_frame_size(tmp_path: Path) -> None:
    refused(tmp_path / "set", toy_spec(), toy_episode(toy_spec(20), 3), "'top' is 20x20, the spec says 16x16")


def test_a_first_action(tmp_path: Path) -> None:
    episode = toy_episode(toy_spec(), 3)
    episode.actions.valid[:] = True
    refused(tmp_path / "set", toy_spec(), episode, "the first action is valid")


def test_other_fields_than_before(tmp_path: Path) -> None:
    refused(tmp_path / "set", toy_spec(), replace(toy_episode(toy_spec(), 3), reward=None), r"\['next.reward'\] differ")


def test_odd_camera_name(tmp_path: Path) -> None:
    spec = toy_spec(cameras=("a/b",))
    with Recorder(tmp_path / "set", spec) as recorder, pytest.raises(DataError, match="'a/b' cannot be a feature key"):
        recorder.write(toy_episode(spec, 3))


def test_full_folder_and_second_writer(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "set", toy_spec())
    recorder.write(toy_episode(toy_spec(), 3))
    with pytest.raises(DataError, match=r"not empty.*resume=True"):
        Recorder(tmp_path / "set", toy_spec())
    with pytest.raises(DataError, match="another recorder is writing"):
        Recorder(tmp_path / "set", toy_spec(), resume=True)
    recorder.close()
    other = replace(toy_spec(), acts=replace(toy_spec().acts, low_level=(Slot(name="force"), Slot(name="torque"))))
    with pytest.raises(DataError, match="another spec"):
        Recorder(tmp_path / "set", other, resume=True)
    forgotten = Recorder(tmp_path / "set", toy_spec(), resume=True)  # what was refused holds no lock, nor does what was dropped
    del forgotten
    Recorder(tmp_path / "set", toy_spec(), resume=True).close()


def test_a_set_of_another_tool_is_never_continued(tmp_path: Path) -> None:
    """To continue it would be to replace what says where its episodes lie."""
    root = tmp_path / "set"
    write_v2(root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match=r"this library did not write .* `wam data join`"):
        Recorder(root, toy_spec(), resume=True)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


HALF = ("meta/info.json.writing", "meta/wam.json.writing", "recording/000000.writing/frames.parquet")


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("left", [HALF[:1], ("meta/info.json", HALF[1]), ("meta/info.json", "meta/wam.json", HALF[2])])
def test_what_a_kill_left_half_written_is_no_content(tmp_path: Path, left: tuple[str, ...], resume: bool) -> None:
    Recorder(tmp_path / "set", toy_spec()).close()
    for name in HALF:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text("{")
    for path in (tmp_path / "set").rglob("*"):
        if path.is_file() and str(path.relative_to(tmp_path / "set")) not in left:
            path.unlink()
    record(tmp_path / "set", toy_spec(), resume=resume)
    assert len(open_dataset(tmp_path / "set")) == len(LENGTHS) and not list((tmp_path / "set").rglob("*.writing"))


def test_an_episode_that_could_not_be_stored_says_nothing_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(tmp_path / "set", toy_spec()) as recorder:
        with monkeypatch.context() as full:
            full.setattr(pq, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(OSError, match="No space"):
                recorder.write(toy_episode(toy_spec(), 5))
        recorder.write(replace(toy_episode(toy_spec(), 5), reward=None))
    assert open_dataset(tmp_path / "set").read(0).reward is None


def test_a_set_that_could_not_be_closed_is_free_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "set", toy_spec())
    recorder.write(toy_episode(toy_spec(), 5))
    with monkeypatch.context() as full:
        full.setattr(recording, "consolidate", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            recorder.close()
    Recorder(tmp_path / "set", toy_spec(), resume=True).close()
    assert open_dataset(tmp_path / "set").info.total_episodes == 1


def test_a_forked_process_neither_keeps_nor_frees_the_lock(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "set", toy_spec())
    asked, answer = os.pipe()
    child = os.fork()
    if not child:
        os.read(asked, 1)
        os._exit(0)
    another = os.fork()
    if not another:
        recorder._release()
        os._exit(0)
    os.waitpid(another, 0)
    with pytest.raises(DataError, match="another recorder is writing"):
        Recorder(tmp_path / "set", toy_spec())
    recorder.close()
    Recorder(tmp_path / "set", toy_spec()).close()
    os.write(answer, b".")
    os.waitpid(child, 0)


@pytest.mark.parametrize("left", [(), ("meta/info.json",), ("meta/info.json", "meta/wam.json")])
def test_what_was_only_begun_may_be_begun_again(tmp_path: Path, left: tuple[str, ...]) -> None:
    """By a recording that was refused after its folder was made, or a kill within the first second."""
    with pytest.raises(RuntimeError), Recorder(tmp_path / "set", toy_spec(20)):
        raise RuntimeError
    for path in (tmp_path / "set").rglob("*.json"):
        if str(path.relative_to(tmp_path / "set")) not in left:
            path.unlink()
    record(tmp_path / "set", toy_spec())
    assert len(open_dataset(tmp_path / "set")) == len(LENGTHS)


def test_an_episode_that_was_refused_or_not_stored_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = toy_spec()
    longer = toy_episode(spec, 5, 1, "close it")
    longer = replace(longer, observation=longer.observation.narrow("T", 0, 4))
    with Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(toy_episode(spec, 4, 0, "open the drawer"))
        with pytest.raises(DataError, match=r"it has 5 steps, and .*'observation.state': 4"):
            recorder.write(longer)
        with monkeypatch.context() as full:
            full.setattr(pq, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(OSError, match="No space"):
                recorder.write(toy_episode(spec, 5, 1, "wipe it"))
        for seed, text in ((2, "lift the cup"), (3, "push the box")):
            recorder.write(toy_episode(spec, 4, seed, text))
    told = open_dataset(tmp_path / "set")
    assert [told.instruction(index) for index in range(3)] == ["open the drawer", "lift the cup", "push the box"] and len(told.tasks) == 3


# -- rollouts --------------------------------------------------------------------------------------------------------------------------


def test_cut_ends_with_the_first_dead_frame() -> None:
    alive = torch.tensor([[True] * 5, [True, True, False, False, False]])
    episodes = Episodes(
        observation=Observation(proprio=torch.arange(20.0).view(2, 5, 2)),
        actions=Actions(valid=torch.ones(2, 5, 1, dtype=torch.bool)),
        reward=torch.zeros(2, 5),
        alive=alive,
        success=~alive,
        task=Task(instruction=torch.tensor([1, -1])),
        seed=torch.tensor([7, 8]),
        decided=alive,
        seconds=torch.zeros(2, 5),
    )
    first, second = cut(episodes, ("a", "b"))
    assert (first.length, first.instruction, first.seed) == (5, "b", 7)
    assert (second.length, second.instruction, second.seed) == (3, None, 8)
    assert second.success is not None and second.success[0].tolist() == [False, False, True]
    assert second.observation.proprio is not None and second.observation.proprio[0, 0].tolist() == [10, 11]


# -- consolidation stops anywhere ------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


def test_every_file_operation_of_closing_may_be_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill after the k-th change on disk, for every k: nothing is lost, and closing again gives the same set."""
    spec = toy_spec()
    left = 0

    def dying(operation: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return operation(*arguments, **options)

        return call

    for name in ("rename", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", dying(shutil.rmtree))
    left, survived = 1 << 30, 0
    written = [toy_episode(spec, 3 + seed, seed) for seed in range(4)]
    for budget in range(200):
        root = tmp_path / str(budget)
        left = 1 << 30
        with Recorder(root, spec, storage="video") as recorder:
            recorder.write(written[0])
        recorder = Recorder(root, spec, storage="video", resume=True)
        for episode in written[1:]:
            recorder.write(episode)
        left = budget
        try:
            recorder.close()
            survived += 1
        except Killed:
            recorder._release()
        left = 1 << 30
        dataset = open_dataset(root)
        assert len(dataset) == 4
        assert_same(dataset.read(3), written[3], pixels=18)
        with Recorder(root, spec, storage="video", resume=True):
            pass
        dataset = open_dataset(root)
        assert not (root / "recording").exists() and dataset.info.total_frames == dataset.frames == 18
        for number in (0, 1, 3):
            assert_same(dataset.read(number), written[number], pixels=18)
        assert len(list(root.glob("data/*/*"))) == len(list(root.glob("videos/*/*/*"))) == 2
        if survived == 2:
            break
    assert survived == 2 and budget > 10


def test_a_set_whose_index_was_copied_in_part_is_refused_and_nothing_of_it_goes(tmp_path: Path) -> None:
    """Files that no row names would else be taken for those of a recording that was killed."""
    record(tmp_path / "set", toy_spec())
    (index,) = (tmp_path / "set" / "meta" / "episodes").rglob("*.parquet")
    index.unlink()
    before = sorted(tmp_path.rglob("*"))
    for opens in (lambda: open_dataset(tmp_path / "set"), lambda: Recorder(tmp_path / "set", toy_spec(), resume=True)):
        with pytest.raises(DataError, match=r"counts 4 episodes, meta/episodes lists 0(.|\n)*copied in part"):
            opens()
    assert [path for path in before if not path.exists()] == []


def test_a_rate_that_is_not_that_of_the_frames_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "set", toy_spec())
    path = tmp_path / "set" / "meta" / "info.json"
    path.write_text(path.read_text().replace('"fps": 10', '"fps": 30'))
    with pytest.raises(DataError, match="says 10 steps per second, the frames were recorded at 30"):
        open_dataset(tmp_path / "set")
