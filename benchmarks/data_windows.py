"""How fast are random windows of 8 frames at 96 px from the warm cache, against a plain copy and against PyAV?

    python benchmarks/data_windows.py [--batch 64] [--result results/speed_data_windows.json]

Three ways to get the same windows, in turns in one process on one thread, processor time, median of rounds:
    windows   `WindowDataset.batch`: the whole record, with actions, masks and instructions
    copy      `numpy.copyto` of as many contiguous bytes from a random place of the same mapped file into a fresh array
    decode    PyAV from the videos that the cache was made of: seek to the key frame before, decode, resize to 96 px
Bars: windows at least half the speed of copy, and at least 50 times the speed of decode.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from publish import Figure, publish

from wam.data import DataSpec, Episode, Recorder, WindowDataset, cached_frames, open_dataset
from wam.data.pictures import resize_area
from wam.data.video import read_video
from wam.world import Actions, ActionSpec, Camera, Observation, ObservationSpec, Slot

FRAMES, SIZE = 8, 96


def record(root: Path, episodes: int, length: int, height: int, width: int) -> None:
    """Moving coloured squares, encoded as the library encodes frames of this size."""
    slots = (Slot(name="x"), Slot(name="y"))
    cameras = {"top": Camera(height=height, width=width)}
    spec = DataSpec(observes=ObservationSpec(cameras=cameras, proprio=slots), acts=ActionSpec(low_level=slots), rate=10.0)
    rng = np.random.default_rng(0)
    with Recorder(root, spec, storage="video") as recorder:
        for _ in range(episodes):
            background = rng.integers(0, 255, (3, height // 8, width // 8), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
            frames = np.broadcast_to(background, (length, *background.shape)).copy()
            path = np.cumsum(rng.normal(size=(length, 2)), 0) * 2 + (height / 2, width / 2)
            for frame, (y, x) in zip(frames, path, strict=True):
                row, column = int(np.clip(y, 0, height - 20)), int(np.clip(x, 0, width - 20))
                frame[:, row : row + 20, column : column + 20] = np.array([230, 30, 40], np.uint8)[:, None, None]
            valid = torch.ones(1, length, 1, dtype=torch.bool)
            valid[:, 0] = False
            move = torch.from_numpy(path).float()[None]
            recorder.write(
                Episode(
                    observation=Observation(rgb={"top": torch.from_numpy(frames)[None]}, proprio=move),
                    actions=Actions(valid=valid, low_level=move[:, :, None]),
                    instruction="watch",
                )
            )


def seconds(work: Callable[[], object], times: int = 8) -> float:
    """Processor time of one call, averaged over some in a row."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--video", type=int, nargs=2, default=(SIZE, SIZE), metavar=("HEIGHT", "WIDTH"), help="size of the recorded video")
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder) / "set", options.episodes, 150, *options.video)
        dataset = open_dataset(Path(folder) / "set")
        frames = cached_frames(dataset, size=(SIZE, SIZE))
        windows = WindowDataset(frames, past=4, horizon=4)
        mapped = frames.fields["observation.rgb.top"]
        rng = np.random.default_rng(1)
        size = options.batch * FRAMES

        def cut() -> object:
            return windows.batch(torch.from_numpy(rng.integers(0, len(windows), options.batch)))

        def copy() -> object:
            start = int(rng.integers(0, len(mapped) - size))
            out = np.empty((size, *mapped.shape[1:]), np.uint8)
            np.copyto(out, mapped[start : start + size])
            return out

        def decode(count: int = 4) -> object:
            found = []
            for _ in range(count):
                entry = dataset.episodes[int(rng.integers(0, len(dataset)))]
                span = entry.videos["observation.images.top"]
                start = span.start + int(rng.integers(0, entry.length - FRAMES)) / dataset.info.fps
                found.append(resize_area(read_video(span.path, FRAMES, start=start, fps=dataset.info.fps, episode=entry.index), (SIZE, SIZE)))
            return found

        for array in frames.fields.values():
            array.sum()  # warm: every page mapped
        times: dict[str, list[float]] = {"windows": [], "copy": [], "decode": []}
        for _ in range(options.rounds):
            times["windows"].append(seconds(cut) / options.batch)
            times["copy"].append(seconds(copy) / options.batch)
            times["decode"].append(seconds(decode, 1) / 4)
    middle = {name: statistics.median(values) for name, values in times.items()}
    figures = {
        "microseconds_per_window": {name: round(value * 1e6, 1) for name, value in middle.items()},
        "gigabytes_per_second": round(FRAMES * 3 * SIZE * SIZE / middle["windows"] / 1e9, 2),
        "speed_against_copy": round(middle["copy"] / middle["windows"], 3),
        "speed_against_decode": round(middle["decode"] / middle["windows"], 1),
        "bars": {"speed_against_copy": 0.5, "speed_against_decode": 50},
        "batch": options.batch,
        "video": list(options.video),
    }
    print(json.dumps(figures, indent=2))
    if options.result:
        published = [
            Figure(what="against a plain NumPy copy of the same bytes", value=middle["copy"] / middle["windows"], unit="x", bar=0.5),
            Figure(what="against decoding by PyAV", value=middle["decode"] / middle["windows"], unit="x", bar=50.0),
            Figure(what="windows", value=1 / middle["windows"], unit="windows/s"),
        ]
        protocol = f"Random windows of {FRAMES} frames at {SIZE} px, {options.batch} at once, warm cache, one thread, processor time, {options.rounds} rounds."
        publish(options.result, "Windows from the frame cache", published, protocol=protocol, sources=("wam.data.windows", "wam.data.cache"))


if __name__ == "__main__":
    main()
