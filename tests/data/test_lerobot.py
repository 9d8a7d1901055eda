"""Sets written by hand after the format's public description, with what is found in public sets: versions, spellings, deviations."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from tests.data.toy import toy_episode, toy_spec
from wam.cli import app
from wam.data import DataError, Recorder, open_dataset
from wam.data.pictures import encode_png
from wam.data.validation import check_dataset
from wam.data.video import join_videos, write_video
from wam.world import Camera

RNG = np.random.default_rng(0)
LENGTHS = (4, 6, 3)


def frames(length: int, size: int = 32) -> np.ndarray:
    return np.broadcast_to(RNG.integers(0, 255, (length, 3, 1, 1), dtype=np.uint8), (length, 3, size, size)).copy()


def rows(episode: int, first: int, length: int) -> dict[str, Any]:
    steps = np.arange(length)
    return {
        "action": [[float(10 * episode + t), -1.0] for t in steps],
        "observation.state": [[float(t), 0.0, 5.0] for t in steps],
        "timestamp": steps / 10.0,
        "frame_index": steps,
        "episode_index": np.full(length, episode),
        "index": first + steps,
        "task_index": np.full(length, episode % 2),
        "next.reward": steps.astype(np.float64),
        "next.done": steps == length - 1,
    }


def features(**more: Any) -> dict[str, Any]:
    return {
        "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["x", "y"]}},
        "observation.state": {"dtype": "float32", "shape": [3], "names": None},
        "observation.images.top": {
            "dtype": "video",
            "shape": [3, 32, 32],
            "names": ["channels", "height", "width"],
            "info": {"video.fps": 10.0, "video.is_depth_map": False},
        },
        **{key: {"dtype": "int64", "shape": [1], "names": None} for key in ("frame_index", "episode_index", "index", "task_index")},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        "next.reward": {"dtype": "float32", "shape": [1], "names": None},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        **more,
    }


def write_info(root: Path, version: str, data_path: str, video_path: str, **more: Any) -> None:
    (root / "meta").mkdir(parents=True, exist_ok=True)
    info = {"codebase_version": version, "fps": 10, "robot_type": "arm", "chunks_size": 2, "data_path": data_path, "video_path": video_path}
    info |= {"total_episodes": 3, "total_frames": 13, "total_tasks": 2, "features": features(**more)}
    (root / "meta/info.json").write_text(json.dumps(info))


def write_v2(root: Path, version: str = "v2.1", data_path: str = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet") -> list[np.ndarray]:
    write_info(root, version, data_path, "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4")
    shown, first = [], 0
    with (root / "meta/episodes.jsonl").open("w") as file:
        for episode, length in enumerate(LENGTHS):
            file.write(json.dumps({"episode_index": episode, "tasks": [f"task {episode % 2}"], "length": length}) + "\n")
            table = root / f"data/chunk-{episode // 2:03d}/episode_{episode:06d}.parquet"
            table.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(rows(episode, first, length)), table)
            first += length
            video = root / f"videos/chunk-{episode // 2:03d}/observation.images.top/episode_{episode:06d}.mp4"
            video.parent.mkdir(parents=True, exist_ok=True)
            shown.append(frames(length))
            write_video(video, shown[-1], 10)
    (root / "meta/tasks.jsonl").write_text("\n".join(json.dumps({"task_index": i, "task": f"task {i}"}) for i in (1, 0)))
    return shown


def write_v3(root: Path) -> list[np.ndarray]:
    """Two data files, row groups that do not follow episodes, one video file, an unnamed pandas index of tasks."""
    write_info(
        root, "v3.0", "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    )
    tables, first = [], 0
    for episode, length in enumerate(LENGTHS):
        tables.append(pa.table(rows(episode, first, length)))
        first += length
    (root / "data/chunk-000").mkdir(parents=True)
    pq.write_table(pa.concat_tables(tables[:2]), root / "data/chunk-000/file-000.parquet", row_group_size=3)
    pq.write_table(tables[2], root / "data/chunk-000/file-001.parquet")
    shown = [frames(length) for length in LENGTHS]
    folder = root / "videos/observation.images.top/chunk-000"
    folder.mkdir(parents=True)
    for number, part in enumerate(shown):
        write_video(root / f"{number}.mp4", part, 10)
    starts = [0.0, 0.4, 1.0]
    join_videos([root / f"{i}.mp4" for i in range(3)], folder / "file-000.mp4", starts)
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    place = "videos/observation.images.top/"
    pq.write_table(
        pa.table(
            {
                "episode_index": [0, 1, 2],
                "tasks": [["task 0"], ["task 1"], ["task 0"]],
                "length": list(LENGTHS),
                "data/chunk_index": [0, 0, 0],
                "data/file_index": [0, 0, 1],
                "dataset_from_index": [0, 4, 10],
                "dataset_to_index": [4, 10, 13],
                place + "chunk_index": [0, 0, 0],
                place + "file_index": [0, 0, 0],
                place + "from_timestamp": starts,
                place + "to_timestamp": [0.4, 1.0, 1.3],
                "stats/action/mean": [[0.0, 0.0]] * 3,
            }
        ),
        root / "meta/episodes/chunk-000/file-000.parquet",
    )
    pq.write_table(pa.table({"task_index": [0, 1], "__index_level_0__": ["task 0", "task 1"]}), root / "meta/tasks.parquet")
    return shown


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_every_version_reads_the_same(tmp_path: Path, version: str) -> None:
    shown = write_v3(tmp_path) if version == "v3.0" else write_v2(tmp_path, version)
    dataset = open_dataset(tmp_path)
    assert (len(dataset), dataset.frames, dataset.tasks, dataset.described) == (3, 13, ("task 0", "task 1"), False)
    assert dataset.cameras == ("top",) and (dataset.spec.observes.cameras["top"].height, dataset.spec.rate) == (32, 10.0)
    assert [slot.name for slot in dataset.spec.acts.low_level] == ["x", "y"]
    assert [slot.name for slot in dataset.spec.observes.proprio] == ["slot_0", "slot_1", "slot_2"]
    for number, length in enumerate(LENGTHS):
        episode = dataset.read(number).check()
        assert episode.instruction == f"task {number % 2}" and episode.length == length
        assert episode.actions.low_level is not None and episode.reward is not None and episode.observation.rgb is not None
        assert episode.actions.low_level[0, :, 0, 0].tolist() == [0.0, *(10.0 * number + t for t in range(length - 1))]
        assert episode.actions.valid[0, :, 0].tolist() == [False] + [True] * (length - 1)
        assert episode.reward[0].tolist() == [0.0, *map(float, range(length - 1))]
        error = np.abs(episode.observation.rgb["top"][0].numpy().astype(int) - shown[number]).max()
        assert error <= 3  # flat colours survive


def test_pictures_in_the_table(tmp_path: Path) -> None:
    """ "image" features: bytes in the table, or a path beside it."""
    write_v2(tmp_path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    info["features"]["observation.image"] = {"dtype": "image", "shape": [32, 32, 3], "names": ["height", "width", "channel"]}
    info["features"]["observation.images.top_depth"] = {"dtype": "image", "shape": [32, 32, 1], "names": None, "info": {"is_depth_map": True}}
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    shown = []
    for path in sorted((tmp_path / "data").rglob("*.parquet")):
        table = pq.read_table(path)
        shown.append((frames(len(table)), RNG.integers(0, 9000, (len(table), 1, 32, 32), dtype=np.uint16)))
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{path.stem}.png").write_bytes(encode_png(shown[-1][0][0]))
        cells = [{"bytes": None, "path": f"images/{path.stem}.png"}] + [{"bytes": encode_png(frame), "path": None} for frame in shown[-1][0][1:]]
        depth = [{"bytes": encode_png(frame), "path": None} for frame in shown[-1][1]]
        pq.write_table(table.append_column("observation.image", pa.array(cells)).append_column("observation.images.top_depth", pa.array(depth)), path)
    dataset = open_dataset(tmp_path)
    assert dataset.cameras == ("top", "image") and dataset.spec.observes.cameras["top"].depth
    for episode, (rgb, depth) in zip(dataset, shown, strict=True):
        assert episode.observation.rgb is not None and episode.observation.depth is not None
        assert np.array_equal(episode.observation.rgb["image"][0].numpy(), rgb)
        assert np.allclose(episode.observation.depth["top"][0].numpy() * 1000, depth, atol=1e-3)


def test_wrong_path_templates_are_accepted_with_a_note(tmp_path: Path) -> None:
    write_v2(tmp_path, data_path="data/chunk-{episode_index:03d}/episode_{episode_index:06d}.parquet")
    dataset = open_dataset(tmp_path)
    assert dataset.read(1).length == 6
    assert "path templates" in dataset.notes[0].what and dataset.notes[0].where == "from episode 1 on"


def test_declared_camera_without_any_file(tmp_path: Path) -> None:
    write_v2(tmp_path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    info["features"]["observation.images.ghost"] = info["features"]["observation.images.top"]
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    dataset = open_dataset(tmp_path)
    assert dataset.cameras == ("top",) and "'observation.images.ghost' is declared but has no file" in dataset.notes[0].what
    with pytest.raises(DataError, match=r"no camera .*ghost.*declared but has no file"):
        dataset.read(0, cameras=["ghost"])


def renamed(root: Path, keys: dict[str, str]) -> Path:
    """A recorded set as another tool might have written it: features under other keys, nothing of ours about their meaning."""
    (root / "meta/wam.json").unlink()
    edit(root, lambda info: info | {"features": {keys.get(key, key): entry for key, entry in info["features"].items()}})
    for path in (root / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.rename_columns([keys.get(key, key) for key in table.column_names]), path)
    return root


def edit(root: Path, change: Any) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize("key", ["image", "wrist_image", "observation.wrist"])
def test_pictures_are_read_whatever_their_key(tmp_path: Path, key: str) -> None:
    with Recorder(tmp_path, toy_spec()) as recorder:
        recorder.write(toy_episode(toy_spec(), 5))
    dataset = open_dataset(renamed(tmp_path, {"observation.images.top": key}))
    name = key.removeprefix("observation.")
    rgb, written = dataset.read(0).observation.rgb, toy_episode(toy_spec(), 5).observation.rgb
    assert dataset.cameras == (name,) and rgb is not None and written is not None and torch.equal(rgb[name], written["top"])
    assert dataset.read(0, cameras=()).observation.rgb is None


@pytest.mark.parametrize(("key", "camera"), [("observation.images.depth_top", "depth_top"), ("observation.depth", "depth"), ("wrist_depth", "wrist")])
def test_depth_is_in_metres_or_said_to_be_left_out(tmp_path: Path, key: str, camera: str) -> None:
    spec, episode = toy_spec(), toy_episode(toy_spec(), 5)
    depth = {"top": torch.full((1, 5, 1, 16, 16), 1.5)}
    with Recorder(tmp_path, spec) as recorder:
        recorder.write(replace(episode, observation=replace(episode.observation, depth=depth)))
    dataset = open_dataset(renamed(tmp_path, {"observation.images.top_depth": key}))
    assert dataset.read(0).observation.depth is None
    assert f"depth {key!r} is not read: there is no camera {camera!r}" in dataset.notes[0].what
    named = replace(dataset.spec, observes=replace(dataset.spec.observes, cameras={camera: Camera(height=16, width=16, depth=True)}))
    dataset = open_dataset(tmp_path, spec=named)
    read = dataset.read(0).observation.depth
    assert not dataset.notes and read is not None and torch.equal(read[camera], depth["top"])


def test_depth_in_a_video_is_no_picture(tmp_path: Path) -> None:
    with Recorder(tmp_path, toy_spec(cameras=("top", "top_far")), storage="video") as recorder:
        recorder.write(toy_episode(recorder.spec, 5))
    place = "videos/observation.images.top_far"
    (tmp_path / place).rename(tmp_path / place.replace("_far", "_depth"))
    path = next((tmp_path / "meta/episodes").rglob("*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.rename_columns([name.replace("top_far", "top_depth") for name in table.column_names]), path)
    renamed(tmp_path, {"observation.images.top_far": "observation.images.top_depth"})
    edit(tmp_path, lambda info: info["features"]["observation.images.top_depth"]["info"].update(is_depth_map=True) or info)
    dataset = open_dataset(tmp_path)
    assert dataset.cameras == ("top",) and not dataset.spec.observes.cameras["top"].depth
    assert list(dataset.read(0).observation.rgb or {}) == ["top"] and "in a video its millimetres are lost" in dataset.notes[0].what


def test_ends_and_successes_as_whole_numbers(tmp_path: Path) -> None:
    write_v2(tmp_path)
    edit(
        tmp_path, lambda info: info["features"].update({key: {"dtype": "int64", "shape": [1], "names": None} for key in ("next.done", "next.success")}) or info
    )
    for path in (tmp_path / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        ends = pa.array([0, 1, *[0] * (len(table) - 3), 1], pa.int64())
        table = table.drop_columns(["next.done"] if "next.done" in table.column_names else [])
        pq.write_table(table.append_column("next.done", ends).append_column("next.success", ends), path)
    episode = open_dataset(tmp_path).read(1)
    assert episode.alive is not None and episode.alive[0].tolist() == [True, True, False, True, True, True]
    told = [False, False, True, False, False, True]  # also what the last row says, to which no frame follows
    assert episode.success is not None and episode.success[0].tolist() == told


@pytest.mark.parametrize("storage", ["lossless", "video"])
def test_pictures_of_another_size_than_declared(tmp_path: Path, storage: Any) -> None:
    with Recorder(tmp_path, toy_spec(32), storage=storage) as recorder:
        recorder.write(toy_episode(toy_spec(32), 5))
    edit(tmp_path, lambda info: info["features"]["observation.images.top"].update(shape=[16, 16, 3]) or info)
    with pytest.raises(DataError, match=r"episode 0: .* 32 x 32 pixels .* declares 16 x 16"):
        open_dataset(tmp_path).read(0)
    assert [finding.kind for finding in check_dataset(tmp_path)] == ["unreadable"]


def test_slots_whose_names_repeat_are_numbered_and_said_to_be(tmp_path: Path) -> None:
    with Recorder(tmp_path, toy_spec()) as recorder:
        recorder.write(toy_episode(toy_spec(), 30))
    edit(renamed(tmp_path, {}), lambda info: info["features"]["action"].update(names={"left": ["j0"], "right": ["j0"]}) or info)
    dataset = open_dataset(tmp_path)
    assert [slot.name for slot in dataset.spec.acts.low_level] == ["slot_0", "slot_1"]
    assert "action has the name 'j0' more than once" in dataset.notes[0].what and not check_dataset(dataset)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    write_info(tmp_path, "v2.1", "", "")
    write_v2(tmp_path)
    info = json.loads((tmp_path / "meta/info.json").read_text())
    info["features"]["observation.effort"] = {"dtype": "float32", "shape": [2], "names": None}
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    assert "observation.effort" in open_dataset(tmp_path).notes[0].what


def test_a_spec_gives_meaning(tmp_path: Path) -> None:
    write_v2(tmp_path)
    dataset = open_dataset(tmp_path, spec=toy_spec(32))
    assert dataset.described and dataset.spec.acts.low_level[0].relative


def break_json(root: Path) -> None:
    (root / "meta/info.json").write_text("{")


def break_version(root: Path) -> None:
    (root / "meta/info.json").write_text(json.dumps({"codebase_version": "v1.6"}))


def cut_table(root: Path) -> None:
    path = root / "data/chunk-000/episode_000001.parquet"
    path.write_bytes(path.read_bytes()[:200])


def drop_table(root: Path) -> None:
    (root / "data/chunk-000/episode_000001.parquet").unlink()


def drop_rows(root: Path) -> None:
    path = root / "data/chunk-000/episode_000001.parquet"
    pq.write_table(pq.read_table(path).slice(0, 4), path)


def drop_column(root: Path) -> None:
    path = root / "data/chunk-000/episode_000001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["action"]), path)


def ragged(root: Path) -> None:
    path = root / "data/chunk-000/episode_000001.parquet"
    table = pq.read_table(path)
    actions = table["action"].to_pylist()
    actions[2] = [1.0]
    pq.write_table(table.set_column(table.column_names.index("action"), "action", pa.array(actions)), path)


def drop_video(root: Path) -> None:
    (root / "videos/chunk-000/observation.images.top/episode_000001.mp4").unlink()


def renumber(root: Path) -> None:
    path = root / "meta/episodes.jsonl"
    path.write_text(path.read_text().replace('"episode_index": 1', '"episode_index": 7'))


def another_task(root: Path) -> None:
    path = root / "data/chunk-000/episode_000001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index("task_index"), "task_index", pa.array([-1] * len(table))), path)


def drop_tasks(root: Path) -> None:
    (root / "meta/tasks.jsonl").unlink()


def declared(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """A fault of what meta/info.json declares."""

    def fault(root: Path) -> None:
        path = root / "meta/info.json"
        raw = json.loads(path.read_text())
        change(raw)
        path.write_text(json.dumps(raw))

    return fault


def unnamed(file: str, key: str) -> Callable[[Path], None]:
    """A row of meta/FILE without a key."""

    def fault(root: Path) -> None:
        path = root / "meta" / file
        path.write_text(path.read_text().replace(f'"{key}"', '"other"', 1))

    return fault


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (declared(lambda raw: raw["features"]["action"].pop("dtype")), r"info.json: something in it is absent or of another kind .*'dtype'.*dtype and shape"),
        (declared(lambda raw: raw.update(features=[])), r"info.json: something in it is absent or of another kind"),
        (declared(lambda raw: raw.update(data_path=None)), r"info.json: .*data_path is None"),
        (declared(lambda raw: raw.update(total_episodes="many")), r"info.json: .*'many'"),
        (unnamed("tasks.jsonl", "task"), r"meta: something in episodes.jsonl, tasks.jsonl .*'task'"),
        (unnamed("episodes.jsonl", "episode_index"), r"meta: something in episodes.jsonl, tasks.jsonl .*'episode_index'"),
        (break_json, r"info.json: not valid JSON"),
        (break_version, r"codebase_version is 'v1.6'; this library reads v2.0, v2.1, v3.0"),
        (cut_table, r"episode_000001.parquet.*cannot be read"),
        (drop_table, r"episode_000001.parquet.*absent"),
        (drop_rows, r"episode_000001.parquet, episode 1: 4 rows in the table, 6 in the episode index"),
        (drop_column, r"episode 1: columns \['action'\] are declared but not in the table"),
        (ragged, r"episode 1: column 'action' holds 11 numbers in 6 rows"),
        (drop_video, r"episode_000001.mp4, episode 1: the video cannot be read"),
        (renumber, r"episode numbers are \[0, 7, 2\]"),
        (another_task, r"episode 1: task_index is -1; there are"),
        (drop_tasks, r"tasks.jsonl: the file is absent"),
    ],
)
def test_faults_are_named(tmp_path: Path, fault: Any, match: str) -> None:
    write_v2(tmp_path)
    fault(tmp_path)
    with pytest.raises(DataError, match=match):
        open_dataset(tmp_path).read(1)


@pytest.mark.parametrize("fps", [0, -10, float("nan"), float("inf"), "fast", None])
@pytest.mark.parametrize("ours", [False, True])
def test_a_rate_that_is_none_is_a_finding(tmp_path: Path, fps: Any, ours: bool) -> None:
    if ours:
        with Recorder(tmp_path, toy_spec()) as recorder:
            recorder.write(toy_episode(toy_spec(), 3))
    else:
        write_v2(tmp_path)
    edit(tmp_path, lambda info: info | {"fps": fps})
    (finding,) = check_dataset(tmp_path)
    assert finding.path == tmp_path / "meta/info.json" and "frames per second, above 0" in finding.what and finding.severity == "error"


def test_a_camera_without_pixels_is_a_finding(tmp_path: Path) -> None:
    write_v2(tmp_path)
    edit(tmp_path, lambda info: info | {"features": info["features"] | {"observation.images.top": {"dtype": "video", "shape": [3, 0, 0], "names": None}}})
    (finding,) = check_dataset(tmp_path)
    assert finding.path == tmp_path / "meta/info.json" and "at least 1 pixel" in finding.what


def test_a_set_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_v2(tmp_path)
    asked = []

    def snapshot_download(name: str, repo_type: str) -> str:
        asked.append((name, repo_type))
        if name == "owner/absent":
            raise OSError("no such set")
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert len(open_dataset("owner/name")) == 3 and asked == [("owner/name", "dataset")]
    with pytest.raises(DataError, match=r"there is no such folder, and no data set of that name on the Hub that can be read \(no such set\)"):
        open_dataset("owner/absent")
    (tmp_path / "owner").mkdir()  # a folder of the same name says nothing of the Hub
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("owner/other")) == 3 and asked[2:] == [("owner/other", "dataset")]


def test_missing_extras_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"needs av: pip install 'wam\[data\]'"):
        open_dataset(tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"wam\[hub\]"):
        open_dataset("owner/name")


def test_no_such_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Give a folder, or a Hub id of the form owner/name"):
        open_dataset(tmp_path / "absent")
    with pytest.raises(DataError, match="meta/, data/ and videos/"):
        open_dataset(tmp_path)
    write_v2(tmp_path)
    with pytest.raises(DataError, match="the set has 3 episodes"):
        open_dataset(tmp_path).read(3)


def test_what_a_new_set_will_not_hold_is_told(tmp_path: Path) -> None:
    """Columns that no episode has a place for are not copied by `wam data select`."""
    with Recorder(tmp_path / "set", toy_spec()) as recorder:
        for seed in range(2):
            recorder.write(toy_episode(recorder.spec, 4, seed))
    edit(tmp_path / "set", lambda info: info["features"].update({"observation.effort": {"dtype": "float32", "shape": [2], "names": None}}) or info)
    for path in (tmp_path / "set" / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column("observation.effort", pa.array([[0.0, 1.0]] * len(table), pa.list_(pa.float32()))), path)
    told = CliRunner().invoke(app, ["data", "select", str(tmp_path / "set"), "--out", str(tmp_path / "new"), "--keep", "0"])
    assert told.exit_code == 0 and "not read: observation.effort" in told.output
