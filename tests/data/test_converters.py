"""Converters on layouts written by hand, and on the real excerpts where they are present."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.data.test_tfrecord import example, part
from tests.world.geometry.real_data import folder
from wam.data import DataError, cached_frames, compute_statistics, open_dataset
from wam.data.converters import BRIDGE, convert_droid, convert_rlds
from wam.data.converters.droid import motion
from wam.data.converters.tfrecord import parse_example, read_records, write_records
from wam.data.pictures import encode_png
from wam.data.validation import check_dataset
from wam.data.video import write_video
from wam.world.geometry import rotations

RNG = np.random.default_rng(0)


# -- DROID -----------------------------------------------------------------------------------------------------------------------------


def droid_layout(root: Path, frames: int = 7, states: int = 7, recorded: bool = True, name: str = "12") -> dict[str, Any]:
    """States walk at 15 Hz; `states` is every third row."""
    fast = np.concatenate([RNG.normal(size=(3 * states - 1, 6)).cumsum(0) * 0.01, RNG.uniform(size=(3 * states - 1, 1))], 1)
    raw: dict[str, Any] = {"texts": ["do it"], "success": 1, "states": fast[::3].tolist(), "joints": RNG.normal(size=(states, 8)).tolist()}
    if recorded:
        raw["observation.state.cartesian_position"] = fast[:, :6].tolist()
        raw["observation.state.joint_position"] = RNG.normal(size=(len(fast), 7)).tolist()
        raw["action.cartesian_position"] = (fast[:, :6] + 1).tolist()
        raw["action.gripper_position"] = fast[:, 6].tolist()
    (root / "annotation/val").mkdir(parents=True, exist_ok=True)
    (root / f"annotation/val/{name}.json").write_text(json.dumps(raw))
    for camera in range(3):
        path = root / f"videos/val/{name}/{camera}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, RNG.integers(0, 255, (frames, 3, 32, 64), dtype=np.uint8), 5)
    return raw


def test_three_commands_lead_to_each_frame(tmp_path: Path) -> None:
    raw = droid_layout(tmp_path / "in")
    report = convert_droid(tmp_path / "in", tmp_path / "out")
    assert (report.episodes, report.frames) == (1, 7) and "gripper" in report.notes[0].what
    dataset = open_dataset(tmp_path / "out")
    assert dataset.cameras == ("outside_1", "outside_2", "wrist") and (dataset.spec.rate, dataset.spec.acts.per_step) == (5.0, 3)
    episode = dataset.read(0)
    commands = np.concatenate([raw["action.cartesian_position"], 1 - np.array(raw["action.gripper_position"])[:, None]], 1)
    for frame in range(1, 7):
        assert np.allclose(episode.actions.low_level[0, frame], commands[3 * frame - 3 : 3 * frame], atol=1e-6)  # type: ignore[index]
    assert episode.actions.valid[0, 1:].all() and not episode.actions.valid[0, 0].any()
    state = np.array(raw["states"])
    assert episode.observation.proprio is not None
    assert np.allclose(episode.observation.proprio[0, :, :6], state[:, :6], atol=1e-6)
    assert np.allclose(episode.observation.proprio[0, :, 6], 1 - state[:, 6], atol=1e-6)  # 1 = open
    assert np.allclose(episode.observation.proprio[0, :, 7:], np.array(raw["joints"])[:, :7], atol=1e-6)
    assert (episode.instruction, episode.source, dataset.episodes[0].success) == ("do it", "annotation/val/12.json", True)


def test_a_full_target_is_refused_and_left_alone(tmp_path: Path) -> None:
    droid_layout(tmp_path / "in")
    convert_droid(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DataError, match=r"file .*out: the folder is not empty.*earlier conversion.*Choose a new folder\.$"):
        convert_droid(tmp_path / "in", tmp_path / "out")
    assert len(open_dataset(tmp_path / "out")) == 1


def test_derived_motions_lead_from_frame_to_frame(tmp_path: Path) -> None:
    """Oracle: applying the motion to one state gives the next."""
    raw = droid_layout(tmp_path / "in", recorded=False)
    report = convert_droid(tmp_path / "in", tmp_path / "out")
    assert any("derived" in note.what for note in report.notes)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.spec.derived and all(slot.derived for slot in dataset.spec.acts.low_level)
    moves = dataset.read(0).actions.low_level[0, :, 0].double()  # type: ignore[index]
    state = torch.tensor(raw["states"], dtype=torch.float64)
    for frame in range(1, 7):
        assert torch.allclose(state[frame - 1, :3] + moves[frame, :3], state[frame, :3], atol=1e-6)
        turned = rotations.exp(moves[frame, 3:6]) @ rotations.matrix_from_euler(state[frame - 1, 3:6])
        assert torch.allclose(turned, rotations.matrix_from_euler(state[frame, 3:6]), atol=1e-5)


def test_a_turn_through_pi_is_a_small_motion() -> None:
    states = torch.tensor([[0, 0, 0, 3.14, 0.1, 0.2, 1], [0, 0, 0, -3.14, 0.1, 0.2, 1]], dtype=torch.float64)
    assert motion(states)[1, 3:6].norm() < 0.01


def test_more_frames_than_states(tmp_path: Path) -> None:
    droid_layout(tmp_path / "in", name="3")
    droid_layout(tmp_path / "in", frames=8, name="6")
    with pytest.raises(DataError, match=r"6.json, episode val/6: 7 states, but 8 in videos/val/6/0.mp4.*`--trim`"):
        convert_droid(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    report = convert_droid(tmp_path / "in", tmp_path / "out", trim=True)
    assert (report.episodes, report.frames) == (2, 14) and "trimmed to 7 frames" in report.notes[0].what


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda raw: raw.pop("texts"), r"keys \['texts'\] missing"),
        (lambda raw: raw.update({"action.cartesian_position": None}) or raw.pop("action.cartesian_position"), "Pass actions='derived'"),
        (lambda raw: raw["states"][4].__setitem__(0, 9.0), "cannot be aligned"),
        (lambda raw: raw["states"][4].__setitem__(6, 1.7), "'gripper' spans"),
    ],
)
def test_bad_annotations(tmp_path: Path, change: Any, match: str) -> None:
    raw = droid_layout(tmp_path / "in")
    change(raw)
    (tmp_path / "in/annotation/val/12.json").write_text(json.dumps(raw))
    with pytest.raises(DataError, match=match):
        convert_droid(tmp_path / "in", tmp_path / "out", actions="derived" if "gripper" in match else "recorded")
    assert not (tmp_path / "out").exists()


SHORT = r"12.json, episode val/12: {} is of shape {}; 7 frames need {} or more.* Drop the episode"
FAST_JOINTS = "observation.state.joint_position"


@pytest.mark.parametrize(
    ("key", "change", "match"),
    [
        (FAST_JOINTS, lambda rows: rows[:10], SHORT.format(FAST_JOINTS, r"\[10, 7\]", r"\[19, 7\]")),
        ("joints", lambda rows: [row[:6] for row in rows], SHORT.format("joints", r"\[7, 6\]", r"\[7, 7\]")),
        ("joints", lambda rows: [*rows[:-1], rows[-1][:3]], r"episode val/12: joints is no table of numbers \(.*got 3"),
        ("states", lambda rows: [*rows[:-1], rows[-1][:3]], r"episode val/12: states is no table of numbers \(.*got 3"),
        ("action.gripper_position", lambda rows: rows[:10], SHORT.format("action.gripper_position", r"\[10\]", r"\[18\]")),
    ],
)
def test_rows_that_are_missing_or_short_name_the_episode(tmp_path: Path, key: str, change: Any, match: str) -> None:
    raw = droid_layout(tmp_path / "in")
    if key == FAST_JOINTS:
        del raw["joints"]
    raw[key] = change(raw[key])
    (tmp_path / "in/annotation/val/12.json").write_text(json.dumps(raw))
    with pytest.raises(DataError, match=match):
        convert_droid(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_episode_trimmed_to_one_frame(tmp_path: Path) -> None:
    raw = droid_layout(tmp_path / "in")
    raw["joints"] = raw["joints"][:1]
    (tmp_path / "in/annotation/val/12.json").write_text(json.dumps(raw))
    assert convert_droid(tmp_path / "in", tmp_path / "out", trim=True).frames == 1
    assert not open_dataset(tmp_path / "out").read(0).actions.valid.any()


def test_no_droid_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotation"):
        convert_droid(tmp_path, tmp_path / "out")


def test_real_droid(tmp_path: Path) -> None:
    root = folder("droid_ctrlworld")
    report = convert_droid(root / "droid_subset", tmp_path / "subset")
    assert (report.episodes, report.frames) == (5, 395)
    dataset = open_dataset(tmp_path / "subset")
    assert (dataset.spec.acts.per_step, dataset.spec.rate, dataset.spec.derived) == (3, 5.0, False)
    assert not [str(finding) for finding in check_dataset(dataset, decode=False) if finding.severity == "error"]
    with pytest.raises(DataError, match=r"0006.json, episode val/0006: 41 states, but 42 .*`--trim`"):
        convert_droid(root / "droid_new_setup", tmp_path / "new")


# -- RLDS --------------------------------------------------------------------------------------------------------------------------------


def rlds_record(length: int = 5, **changes: bytes) -> tuple[bytes, np.ndarray, np.ndarray]:
    action, pictures = RNG.normal(size=(length, 7)).astype(np.float32), RNG.integers(0, 255, (length, 3, 16, 16), dtype=np.uint8)
    action[:, 6] = 1
    images = part(1, b"".join(part(1, encode_png(frame)) for frame in pictures))
    black = part(1, b"".join(part(1, encode_png(np.zeros((3, 16, 16), np.uint8))) for _ in range(length)))
    features = {
        "steps/action": part(2, part(1, action.tobytes())),
        "steps/observation/state": part(2, part(1, np.zeros((length, 7), np.float32).tobytes())),
        "steps/language_instruction": part(1, part(1, b"lift it") * length),
        **{f"steps/observation/image_{i}": images for i in range(3)},
        "steps/observation/image_3": black,
        **changes,
    }
    return example(**features), action, pictures


def test_actions_follow_their_observation_in_rlds(tmp_path: Path) -> None:
    record, action, pictures = rlds_record()
    write_records(tmp_path / "a.tfrecord-0", [record, record])
    report = convert_rlds(tmp_path, tmp_path / "out")
    assert report.episodes == 2 and "'image_3' (of one colour throughout) left out" in report.notes[0].what
    episode = open_dataset(tmp_path / "out").read(1)
    assert episode.actions.low_level is not None and episode.observation.rgb is not None
    assert np.array_equal(episode.actions.low_level[0, 1:, 0].numpy(), action[:-1])
    assert np.array_equal(episode.observation.rgb["image_2"][0].numpy(), pictures)
    assert (episode.instruction, episode.source) == ("lift it", "a.tfrecord-0#1")


def test_rlds_without_cameras(tmp_path: Path) -> None:
    record, action, _ = rlds_record()
    write_records(tmp_path / "a.tfrecord", [record])
    report = convert_rlds(tmp_path, tmp_path / "out", replace(BRIDGE, cameras=()))
    episode = open_dataset(tmp_path / "out").read(0)
    assert report.frames == 5 and episode.observation.rgb is None and episode.actions.low_level is not None
    assert np.array_equal(episode.actions.low_level[0, 1:, 0].numpy(), action[:-1])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"steps/action": part(2, part(1, bytes(4 * 30)))}, "holds 30 numbers; 5 steps x 7 slots are 35"),
        ({"steps/observation/image_1": part(1, part(1, encode_png(np.zeros((3, 16, 16), np.uint8))))}, "1 pictures of 'image_1', 5"),
        ({"steps/observation/image_1": part(1, part(1, b"x") * 5)}, "cannot be decoded"),
        ({"steps/observation/state": b""}, "holds 0 numbers"),
    ],
)
def test_bad_records(tmp_path: Path, changes: dict[str, bytes], match: str) -> None:
    write_records(tmp_path / "a.tfrecord", [rlds_record()[0], rlds_record(**changes)[0]])
    with pytest.raises(DataError, match=rf"a.tfrecord, episode 1: .*{match}"):
        convert_rlds(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    for convert in (convert_rlds, convert_droid):
        with pytest.raises(DataError, match="there is no such file or folder"):
            convert(tmp_path / "misspelt", tmp_path / "set")


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no TFRecord"):
        convert_rlds(tmp_path, tmp_path / "out")
    write_records(tmp_path / "a.tfrecord", [])
    with pytest.raises(DataError, match="no record"):
        convert_rlds(tmp_path, tmp_path / "out")
    write_records(tmp_path / "a.tfrecord", [example(other=part(1, part(1, b"x")))])
    with pytest.raises(DataError, match=r"keys \['steps/action'"):
        convert_rlds(tmp_path, tmp_path / "out")


def test_real_bridge(tmp_path: Path) -> None:
    path = folder("bridge_octo") / "bridge_dataset-train.tfrecord-00000-of-00001"
    report = convert_rlds(path, tmp_path / "out")
    assert (report.episodes, report.frames) == (25, 250) and "image_3" in report.notes[0].what
    dataset = open_dataset(tmp_path / "out")
    assert sorted(dataset.tasks)[0] == "flip pot upright which is in sink" and len(dataset.tasks) == 4
    first = parse_example(next(read_records(path)), path=path, episode=0)["steps/action"]
    assert isinstance(first, np.ndarray)
    assert np.array_equal(dataset.read(0).actions.low_level[0, 1:, 0].numpy(), first.reshape(10, 7)[:-1])  # type: ignore[index]
    assert check_dataset(dataset) == ()
    statistics = compute_statistics(cached_frames(dataset, cameras=()))
    assert statistics.action is not None and statistics.action.count == 225 and statistics.acts.low_level == BRIDGE.action


def test_real_groot_as_it_is() -> None:
    dataset = open_dataset(folder("groot_gr1_lerobot") / "robot_sim.PickNPlace")
    assert [entry.length for entry in dataset.episodes] == [416, 470, 470, 412, 328] and dataset.cameras == ("ego_view",)
    assert {note.what.split(" ")[0] for note in dataset.notes} == {"path", "video", "columns"}
    episode = dataset.read(4).check()
    assert episode.instruction == "pick the cupcake from the counter and place it in the plate"
    assert episode.observation.rgb is not None and episode.observation.rgb["ego_view"].shape == (1, 328, 3, 256, 256)
    found = check_dataset(dataset, decode=False)
    assert [finding.kind for finding in found if finding.severity == "error"] == []
