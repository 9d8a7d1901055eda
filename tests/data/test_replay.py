"""Replay buffers and robomimic-style files come over with every number in its place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.world.geometry.real_data import folder as real_data
from wam.data import DataError, open_dataset
from wam.data.converters import PUSHT, ReplayLayout, convert_replay
from wam.world import Slot, SpecError

LENGTHS = (4, 6, 3)
LAYOUT = ReplayLayout(
    action=(Slot(name="a"), Slot(name="b")), state=tuple(Slot(name=name) for name in "xyz"), rate=5.0, cameras={"top": "img"}, states=("place", "height")
)


def buffer() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    count = sum(LENGTHS)
    return {
        "action": rng.normal(size=(count, 2)),
        "place": rng.normal(size=(count, 2)).astype(np.float32),
        "height": rng.normal(size=(count, 1)),
        "img": rng.integers(0, 255, (count, 16, 16, 3), np.uint8),
        "unused": np.zeros((count, 4)),
        "episode_ends": np.cumsum(LENGTHS),
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path / "buffer.npz", **arrays)
    return path / "buffer.npz"


def write_zarr(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    zarr = pytest.importorskip("zarr", reason='needs the extra "convert"')
    group = zarr.open_group(path / "buffer.zarr", mode="w", zarr_format=2)
    for name, array in arrays.items():
        group.create_array(f"{'meta' if name == 'episode_ends' else 'data'}/{name}", data=array, chunks=(2, *array.shape[1:]))
    return path / "buffer.zarr"


def write_hdf5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    h5py = pytest.importorskip("h5py", reason='needs the extra "convert"')
    with h5py.File(path / "demos.hdf5", "w") as file:
        for number, (start, end) in enumerate(zip(np.cumsum((0, *LENGTHS)), np.cumsum(LENGTHS), strict=False)):
            for name, array in arrays.items():
                if name != "episode_ends":
                    key = "actions" if name == "action" else name if name == "unused" else f"obs/{name}"
                    file[f"data/demo_{number}/{key}"] = array[start:end]
    return path / "demos.hdf5"


ROBOMIMIC = replace(LAYOUT, actions="actions", states=("obs/place", "obs/height"), cameras={"top": "obs/img"})


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("write", "layout"), [(write_npz, LAYOUT), (write_zarr, LAYOUT), (write_hdf5, ROBOMIMIC)], ids=["npz", "zarr", "hdf5"])
def test_every_number_is_in_its_place(tmp_path, write, layout):
    arrays = buffer()
    made = convert_replay(write(tmp_path, arrays), tmp_path / "set", layout)
    assert (made.episodes, made.frames) == (3, 13) and any("unused" in note.what for note in made.notes)
    start = 0
    for number, length in enumerate(LENGTHS):
        episode, part = open_dataset(tmp_path / "set").read(number), slice(start, start + length)
        assert torch.allclose(episode.observation.proprio[0, :, :2], torch.from_numpy(arrays["place"][part]))
        assert torch.allclose(episode.observation.proprio[0, :, 2:].double(), torch.from_numpy(arrays["height"][part]), atol=1e-6)
        assert torch.equal(episode.observation.rgb["top"][0], torch.from_numpy(arrays["img"][part].transpose(0, 3, 1, 2)))
        led = torch.from_numpy(arrays["action"][part][:-1]).float()  # what followed a frame led to the next
        assert torch.allclose(episode.actions.low_level[0, 1:, 0], led) and not episode.actions.valid[0, 0]
        start += length


def test_a_tenth_demonstration_comes_after_the_ninth(tmp_path):
    h5py = pytest.importorskip("h5py", reason='needs the extra "convert"')
    with h5py.File(tmp_path / "demos.hdf5", "w") as file:
        for number in range(11):
            file[f"data/demo_{number}/action"] = np.full((2, 1), float(number))
            file[f"data/demo_{number}/state"] = np.full((2, 1), float(number))
    layout = ReplayLayout(action=(Slot(name="a"),), state=(Slot(name="x"),), rate=1.0)
    convert_replay(tmp_path / "demos.hdf5", tmp_path / "set", layout)
    assert [float(episode.observation.proprio[0, 0, 0]) for episode in open_dataset(tmp_path / "set")] == list(range(11))


def test_an_action_minus_a_state_is_a_move(tmp_path):
    arrays = buffer()
    convert_replay(write_npz(tmp_path, arrays), tmp_path / "set", replace(LAYOUT, minus=("z", "x")))
    episode = open_dataset(tmp_path / "set").read(1)
    moved = arrays["action"][4:9] - np.stack([arrays["height"][4:9, 0], arrays["place"][4:9, 0]], 1)  # from where it was before it acted
    assert torch.allclose(episode.actions.low_level[0, 1:, 0], torch.from_numpy(moved).float(), atol=1e-6)
    for minus in (("x",), ("x", "nothing")):
        with pytest.raises(SpecError, match="name one state slot for each"):
            convert_replay(tmp_path / "buffer.npz", tmp_path / "other", replace(LAYOUT, minus=minus))


def test_mistakes_explain_themselves(tmp_path):
    arrays = buffer()
    source = write_npz(tmp_path, arrays)
    for layout, message in (
        (replace(LAYOUT, actions="act"), r"arrays \['act'\] missing"),
        (replace(LAYOUT, action=LAYOUT.action[:1]), "the layout names 1 columns"),
        (replace(LAYOUT, cameras={"top": "place"}), "pictures are uint8"),
    ):
        with pytest.raises(DataError, match=message):
            convert_replay(source, tmp_path / "set", layout)
        assert not (tmp_path / "set").exists()
    with pytest.raises(DataError, match="there is no episode_ends"):
        convert_replay(write_npz(tmp_path, {name: array for name, array in arrays.items() if name != "episode_ends"}), tmp_path / "set", LAYOUT)
    with pytest.raises(DataError, match="ends at 12 and must rise"):
        convert_replay(write_npz(tmp_path, {**arrays, "episode_ends": np.array([4, 10, 12])}), tmp_path / "set", LAYOUT)
    for ends in (np.array([[4], [10]]), np.array([4.0, 10.0]), np.array(["4", "10"])):
        with pytest.raises(DataError, match=r"episode_ends is .* expected whole numbers of shape \(episodes,\)"):
            convert_replay(write_npz(tmp_path, {**arrays, "episode_ends": ends}), tmp_path / "set", LAYOUT)
    with pytest.raises(DataError, match="episode_ends is empty"):
        convert_replay(write_npz(tmp_path, {**arrays, "episode_ends": np.array([], np.int64)}), tmp_path / "set", LAYOUT)
    whole = write_npz(tmp_path, arrays)
    whole.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(DataError, match=r"cannot be read .* cut off in copying"):
        convert_replay(whole, tmp_path / "set", LAYOUT)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    packed = bytearray((tmp_path / "packed.npz").read_bytes())
    packed[60:400] = b"\xff" * 340
    (tmp_path / "packed.npz").write_bytes(packed)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    for name in ("packed.npz", "one.npz"):
        with pytest.raises(DataError, match=rf"{name}: it cannot be read .* of another format"):
            convert_replay(tmp_path / name, tmp_path / "set", LAYOUT)
    (tmp_path / "cut.zarr").mkdir()
    (tmp_path / "cut.zarr/.zgroup").write_text("{")
    for name in ("cut.hdf5", "cut.zarr.zip", "file.zarr"):
        (tmp_path / name).write_bytes(b"no such file")
    for name in ("cut.hdf5", "cut.zarr.zip", "cut.zarr", "file.zarr"):
        with pytest.raises(DataError, match=rf"{name}: it cannot be read"):
            convert_replay(tmp_path / name, tmp_path / "set", LAYOUT)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match="ending"):
        convert_replay(tmp_path / "notes.txt", tmp_path / "set", LAYOUT)
    with pytest.raises(DataError, match="no such file or folder"):
        convert_replay(tmp_path / "nothing.npz", tmp_path / "set", LAYOUT)


def test_by_name_with_a_layout_file(tmp_path):
    from wam.jobs.convert import convert

    source, told = write_npz(tmp_path, buffer()), []
    (tmp_path / "layout.json").write_text(LAYOUT.to_json())
    assert convert("replay", source, tmp_path / "set", layout_file=tmp_path / "layout.json", progress=lambda *done: told.append(done)).episodes == 3
    assert told == [(1, None), (2, None), (3, None)]
    (tmp_path / "layout.json").write_text(LAYOUT.to_json().replace('"rate"', '"fps"').replace('"cameras"', '"camera"'))
    with pytest.raises(SpecError, match=r"layout\.json cannot be used: .*Did you mean 'cameras' where it says 'camera'"):
        convert("replay", source, tmp_path / "other", layout_file=tmp_path / "layout.json")
    for options, message in (
        ({"layout": "replay"}, "needs --layout"),
        ({"layout": "zarr"}, "not known"),
        ({"layout": "rlds", "trim": True}, "for the layout droid"),
        ({"layout": "rlds", "actions": "moves"}, "knows no choice"),
        ({"layout": "pusht", "actions": "derived"}, "knows recorded, moves"),
        ({"layout": "droid", "part": "training"}, "for the layout pusht"),
    ):
        with pytest.raises(ValueError, match=message):
            convert(source=source, target=tmp_path / "other", **options)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["pusht_human_lowdim.npz", "pusht_cchi_v7_replay_lowdim.zarr.zip"])
def test_the_human_demonstrations_of_push_t(tmp_path, name):
    if name.endswith(".zip"):
        pytest.importorskip("zarr", reason='needs the extra "convert"')
    made = convert_replay(real_data("pusht_human") / name, tmp_path / "set", PUSHT)
    assert (made.episodes, made.frames) == (206, 25650)
    episode = open_dataset(tmp_path / "set").read(205)
    assert episode.instruction == "push the T to its place" and float(episode.observation.proprio[..., :4].max()) < 512
