"""Faults planted one by one, each found by the right check with its place, cause and remedy; a clean set has none."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.data.test_lerobot import write_v2
from tests.data.toy import toy_episode, toy_spec
from wam.data import Episode, Recorder, open_dataset
from wam.data.inspection import inspect
from wam.data.pictures import encode_png
from wam.data.validation import Finding, check_dataset
from wam.data.video import read_video, write_video

LENGTHS = (20, 25, 30)
Change = Callable[[dict[str, Any]], None]


def record(root: Path, storage: Any = "auto", edit: Callable[[Episode], Episode] = lambda episode: episode) -> Path:
    spec = toy_spec(128 if storage == "auto" else 16)
    with Recorder(root, spec, storage=storage) as recorder:
        for seed, length in enumerate(LENGTHS):
            recorder.write(edit(toy_episode(spec, length, seed)))
    return root


def rewrite(root: Path, change: Change) -> None:
    """Edit the table of a recorded set behind the library's back."""
    path = next((root / "data").rglob("*.parquet"))
    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    change(columns)
    pq.write_table(pa.table({name: pa.array(values, table.schema.field(name).type) for name, values in columns.items()}), path)


def info(root: Path, **changes: Any) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def only(root: Path, kind: str, **options: Any) -> Finding:
    found = check_dataset(root, **options)
    assert [finding.kind for finding in found] == [kind], "\n".join(map(str, found))
    assert found[0].cause and found[0].remedy and found[0].path is not None and str(found[0].path) in str(found[0])
    return found[0]


@pytest.mark.parametrize("storage", ["auto", "lossless"])
def test_a_clean_set(tmp_path: Path, storage: str) -> None:
    assert check_dataset(record(tmp_path, storage)) == ()


def test_a_set_without_episodes(tmp_path: Path) -> None:
    Recorder(tmp_path, toy_spec()).close()
    finding = only(tmp_path, "empty")
    assert finding.severity == "error" and "no episode" in finding.what


def test_an_open_recording_is_clean(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, toy_spec())
    recorder.write(toy_episode(toy_spec(), 9))
    assert check_dataset(tmp_path) == ()
    recorder.close()


def test_a_recording_that_was_killed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Recorder(tmp_path, toy_spec()) as recorder:
        recorder.write(toy_episode(toy_spec(), 9))
        raise RuntimeError
    finding = only(tmp_path, "unfinished")
    assert finding.severity == "warning" and "1 of 1 episodes" in finding.what and "--resume" in finding.remedy
    Recorder(tmp_path, toy_spec(), resume=True).close()
    assert check_dataset(tmp_path) == ()


def test_video_without_labels_is_clean(tmp_path: Path) -> None:
    """Zeros stand where nobody recorded what was done: they are no actions out of their limits, and none that never change."""

    def hidden(episode: Episode) -> Episode:
        labelled = torch.full((1, episode.length), episode.seed == 1)
        low_level = torch.where(labelled[..., None, None], episode.actions.low_level, 0)  # type: ignore[arg-type]
        return replace(episode, actions=replace(episode.actions, labelled=labelled, low_level=low_level))

    assert check_dataset(record(tmp_path / "some", "lossless", hidden)) == ()
    assert check_dataset(record(tmp_path / "none", "lossless", lambda episode: hidden(replace(episode, seed=7)))) == ()
    histogram = inspect(open_dataset(tmp_path / "some")).histograms[0]
    assert histogram.counts.sum() == LENGTHS[1] - 1 and not inspect(open_dataset(tmp_path / "none")).histograms


@pytest.mark.parametrize(("lengths", "severity"), [((1, 1, 1), "error"), ((9, 1, 9), "warning")])
def test_episodes_of_one_frame(tmp_path: Path, lengths: tuple[int, ...], severity: str) -> None:
    with Recorder(tmp_path, toy_spec()) as recorder:
        for seed, length in enumerate(lengths):
            recorder.write(toy_episode(toy_spec(), length, seed))
    finding = only(tmp_path, "short")
    assert finding.severity == severity and f"{lengths.count(1)} of 3 episodes" in finding.what and f"episode {lengths.index(1)}" in finding.what


def test_wrong_totals(tmp_path: Path) -> None:
    info(record(tmp_path, "lossless"), total_frames=80)
    assert "total_frames is 80, the index has 75" in only(tmp_path, "counts").what


def test_missing_rows(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: [values.pop(30) for values in columns.values()])
    finding = only(tmp_path, "counts")
    assert finding.episode == 1 and "24 rows in the table, 25" in finding.what


def test_missing_video_frames(tmp_path: Path) -> None:
    record(tmp_path)
    path = next((tmp_path / "videos").rglob("*.mp4"))
    write_video(path, read_video(path, fps=10, episode=0)[:-1], 10)
    found = check_dataset(tmp_path)
    assert {finding.kind for finding in found} == {"counts"} and found[0].path == path
    assert any("74 frames in the video, 75 rows" in finding.what for finding in found)
    assert any(finding.episode == 2 and "29 frames" in finding.what for finding in found)


def test_unreadable_video(tmp_path: Path) -> None:
    record(tmp_path)
    path = next((tmp_path / "videos").rglob("*.mp4"))
    path.write_bytes(path.read_bytes()[:3000])
    assert only(tmp_path, "unreadable", decode=False).path == path
    assert {finding.kind for finding in check_dataset(tmp_path)} == {"unreadable"}


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        (None, r"observation.images.top, row 8: there is no picture"),
        ({"bytes": None, "path": "images/8.png"}, r"row 8: the picture .*images/8.png is not there"),
        ({"bytes": encode_png(np.zeros((3, 20, 20), np.uint8)), "path": None}, r"pictures of the shapes \[\(3, 16, 16\), \(3, 20, 20\)\]"),
    ],
)
def test_missing_and_odd_pictures(tmp_path: Path, cell: Any, what: str) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["observation.images.top"].__setitem__(28, cell))
    finding = only(tmp_path, "unreadable")
    assert finding.episode == 1 and re.search(what, finding.what)


def test_after_an_episode_that_cannot_be_read_the_others_keep_their_numbers(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, toy_spec(16), storage="lossless")
    for seed, length in enumerate(LENGTHS):
        episode = toy_episode(toy_spec(16), length, seed)
        if seed == 2:
            episode.observation.proprio[:, 7] = 1e6  # type: ignore[index]
        recorder.write(episode)
    table = tmp_path / "recording/episode-000000/frames.parquet"
    rows = pq.read_table(table)
    pq.write_table(rows.slice(0, 5), table)
    found = {finding.kind: finding.episode for finding in check_dataset(tmp_path)}
    assert found["counts"] == 0 and found["range"] == 2


def test_broken_picture(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["observation.images.top"][33].update(bytes=b"nothing"))
    assert only(tmp_path, "unreadable").episode == 1
    assert check_dataset(tmp_path, decode=False) == ()


def test_time_gap(tmp_path: Path) -> None:
    record(tmp_path, "lossless")

    def gap(columns: dict[str, Any]) -> None:
        columns["timestamp"][50:75] = [t + 0.3 * (t > 1.05) for t in columns["timestamp"][50:75]]

    rewrite(tmp_path, gap)
    finding = only(tmp_path, "time")
    assert finding.episode == 2 and "1 steps are not 0.1 s long; the first is 0.4 s, after row 10" in finding.what


def test_rows_out_of_order(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["frame_index"].__setitem__(slice(3, 5), [4, 3]))
    assert only(tmp_path, "time").episode == 0


def test_nan(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["observation.state"][25].__setitem__(1, float("nan")))
    finding = only(tmp_path, "nan")
    assert finding.episode == 1 and finding.what.endswith("state holds 1 values that are not numbers, in 1 of 3 episodes: row 5 of episode 1.")


def test_nan_in_many_episodes_is_one_finding(tmp_path: Path) -> None:
    with Recorder(tmp_path, toy_spec()) as recorder:
        for seed in range(12):
            recorder.write(toy_episode(toy_spec(), 5, seed))

    def spoil(columns: dict[str, Any]) -> None:
        for row in range(8, 60, 5):  # row 3 of all but the first
            columns["observation.state"][row] = [float("nan"), float("inf")]

    rewrite(tmp_path, spoil)
    finding = only(tmp_path, "nan")
    assert finding.episode == 1 and "holds 22 values that are not numbers, in 11 of 12 episodes: row 3 of episode 1, row 3 of episode 2" in finding.what
    assert finding.what.count("row 3") == 8 and finding.what.endswith("row 3 of episode 8, and others.")


def test_beyond_declared_limits(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["action"][50].__setitem__(0, 40.0))
    finding = only(tmp_path, "range")
    assert (finding.severity, finding.episode) == ("error", 2) and "'dx' spans" in finding.what and "40 m" in finding.what


def test_slots_that_leave_their_limits_for_one_cause_are_one_finding(tmp_path: Path) -> None:
    record(tmp_path, "lossless")

    def wrong(columns: dict[str, Any]) -> None:
        columns["action"][50][0], columns["action"][5][1] = 40.0, -40.0

    rewrite(tmp_path, wrong)
    finding = only(tmp_path, "range")
    assert finding.episode == 0 and "'dx' spans" in finding.what and "so it is with 1 more: 'dy'." in finding.what and " ;" not in str(finding)


def test_far_from_all_others_without_limits(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["observation.state"][60].__setitem__(0, 1e5))
    finding = only(tmp_path, "range")
    assert (finding.severity, finding.episode) == ("warning", 2)


@pytest.mark.parametrize(("value", "severity"), [(6.0, "warning"), (1e4, "error")])
def test_an_action_far_beyond_all_others_is_an_error(tmp_path: Path, value: float, severity: str) -> None:
    """No limits are declared: 20 times the usual range is odd, 10 km in a step is no motion."""
    record(tmp_path, "lossless")
    (tmp_path / "meta/wam.json").unlink()
    rewrite(tmp_path, lambda columns: columns["action"][60].__setitem__(0, value))
    finding = only(tmp_path, "range")
    assert (finding.severity, finding.episode) == (severity, 2) and f"{value:.4g}" in finding.what and "another unit" in finding.cause


def test_constant_slot_and_constant_episode(tmp_path: Path) -> None:
    def still(episode: Episode) -> Episode:
        episode.actions.low_level[..., 1] = 0.5  # type: ignore[index]
        if episode.seed == 1:
            episode.actions.low_level[..., 0] = 0.25  # type: ignore[index]
        return episode

    found = check_dataset(record(tmp_path, "lossless", still))
    assert [(finding.kind, finding.severity, finding.episode) for finding in found] == [("constant", "error", 1), ("constant", "warning", None)]
    assert "dy = 0.5" in found[1].what


def test_missing_statistics(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    path = tmp_path / "meta/stats.json"
    held = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in held.items() if key != "action"}))
    assert "of action" in only(tmp_path, "statistics").what
    path.unlink()
    assert "action, observation.state" in only(tmp_path, "statistics").what


def test_blank_camera(tmp_path: Path) -> None:
    def cover(episode: Episode) -> Episode:
        if episode.seed == 2:
            episode.observation.rgb["top"][:] = 3  # type: ignore[index]
        return episode

    finding = only(record(tmp_path, "lossless", cover), "blank")
    assert (finding.severity, finding.episode) == ("warning", 2)


def test_unknown_task(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    rewrite(tmp_path, lambda columns: columns["task_index"].__setitem__(slice(20, 45), [6] * 25))
    assert "task_index [6]; there are 1 tasks" in only(tmp_path, "instruction").what


@pytest.mark.parametrize(("shift", "severity"), [(1, "error"), (2, "error"), (-1, "warning")])
def test_misaligned_relative_actions(tmp_path: Path, shift: int, severity: str) -> None:
    """Actions stored `shift` rows too late."""

    def late(episode: Episode) -> Episode:
        action = episode.actions.low_level
        assert action is not None
        return replace(episode, actions=replace(episode.actions, low_level=action.roll(shift, 1)))

    finding = only(record(tmp_path, "lossless", late), "alignment")
    assert finding.severity == severity and f"{abs(shift)} step" in finding.what
    assert ("before" if shift > 0 else "after") in finding.what


@pytest.mark.parametrize("shift", [0, 1])
def test_misaligned_absolute_actions(tmp_path: Path, shift: int) -> None:
    """Targets with the states' own names, reached one step later; shifted by one, they are what has been reached already."""
    spec = toy_spec()
    slots = tuple(replace(slot, low=-float("inf"), high=float("inf"), relative=False) for slot in spec.observes.proprio)
    spec = replace(spec, acts=replace(spec.acts, low_level=slots))
    with Recorder(tmp_path, spec) as recorder:
        for seed in range(3):
            episode = toy_episode(toy_spec(), 30, seed)
            target = episode.observation.proprio
            assert target is not None
            recorder.write(replace(episode, actions=replace(episode.actions, low_level=target.roll(shift, 1)[:, :, None])))
    if shift:
        assert only(tmp_path, "alignment").severity == "error"
    else:
        assert check_dataset(tmp_path) == ()


def test_several_actions_per_step_are_summed(tmp_path: Path) -> None:
    spec = toy_spec(per_step=3)
    with Recorder(tmp_path, spec) as recorder:
        for seed in range(3):
            recorder.write(toy_episode(spec, 30, seed))
    assert check_dataset(tmp_path) == ()


def test_a_set_that_does_not_open(tmp_path: Path) -> None:
    assert only(tmp_path, "unreadable").severity == "error"


def test_each_reading_error_has_its_own_cause(tmp_path: Path) -> None:
    (nowhere,) = check_dataset(tmp_path / "absent" / "set")
    assert nowhere.what == "no such folder." and "misspelt" in nowhere.cause and "Give a folder" in nowhere.remedy
    info(record(tmp_path, "lossless"), codebase_version="v9.0")
    version = only(tmp_path, "unreadable")
    assert "'v9.0'" in version.what and "v3.0" in version.what and "newer" in version.cause and "Convert" in version.remedy


# -- missing ---------------------------------------------------------------------------------------------------------------------------


def test_a_missing_camera(tmp_path: Path) -> None:
    """An error where this library wrote the set, which then had the videos; a warning in a foreign one."""
    record(tmp_path)
    next((tmp_path / "videos").rglob("*.mp4")).unlink()
    finding = only(tmp_path, "missing")
    assert finding.severity == "error" and "camera 'top'" in finding.what and "deleted" in finding.cause and "Copy them again" in finding.remedy
    (tmp_path / "meta/wam.json").unlink()
    finding = only(tmp_path, "missing")
    assert finding.severity == "warning" and "never published" in finding.cause and "without this camera" in finding.remedy


def features(root: Path, change: Change) -> None:
    held = json.loads((root / "meta/info.json").read_text())["features"]
    change(held)
    info(root, features=held)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda held: held.pop("action"), "action: the spec has 2 slots (dx, dy), meta/info.json has no such feature"),
        (lambda held: held["observation.state"].update(shape=[3]), "observation.state: the spec has 2 slots (x, y), meta/info.json has shape [3]"),
        (lambda held: held.pop("observation.images.top"), "the spec has the cameras ['top'], meta/info.json has only []"),
    ],
)
def test_slots_without_their_column(tmp_path: Path, change: Change, says: str) -> None:
    features(record(tmp_path, "lossless"), change)
    finding = next(finding for finding in check_dataset(tmp_path) if finding.kind == "missing")
    assert finding.severity == "error" and says in finding.what and "edited" in finding.cause and "Restore both" in finding.remedy


def test_no_actions_at_all(tmp_path: Path) -> None:
    record(tmp_path, "lossless")
    features(tmp_path, lambda held: [held.pop(key) for key in ("action", "wam.actions.valid")])
    (tmp_path / "meta/wam.json").unlink()
    finding = only(tmp_path, "missing")
    assert finding.severity == "warning" and "no actions" in finding.what and "not called action" in finding.cause and "Name the column" in finding.remedy


def test_version_two_statistics(tmp_path: Path) -> None:
    write_v2(tmp_path)
    assert "statistics" in [finding.kind for finding in check_dataset(tmp_path)]
    one = {name: [0.0] for name in ("mean", "std", "min", "max")}
    lines = [json.dumps({"episode_index": i, "stats": {"action": one, "observation.state": one}}) for i in range(3)]
    (tmp_path / "meta/episodes_stats.jsonl").write_text("\n".join(lines))
    assert "statistics" not in [finding.kind for finding in check_dataset(tmp_path)]


def test_frames_are_not_changed_by_checking(tmp_path: Path) -> None:
    record(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    check_dataset(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
