"""Share of the training time that is spent waiting for data: `lewm` tiny, windows from memory-mapped frames. Prints JSON.

python benchmarks/training_wait.py [--steps 40] [--batch 64] [--device cpu] [--result results/speed_training_wait.json]

The bar is 3 %. Beside it stands what the share would be without reading ahead: reading a batch alone against a whole step.
The first ten steps (warming up) are not counted. Both figures come from the wall clock of one run.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from publish import Figure, publish

from wam.data import DataSpec, Frames, WindowDataset, compute_statistics
from wam.models.state_space.latent.lewm import LeWMConfig, LeWorldModel
from wam.train import Gradient, Provenance, Stage, run
from wam.train.log import FILE
from wam.train.order import Order
from wam.world import ActionSpec, Camera, ObservationSpec, Slot

WARMING = 10  # steps


def frames_on_disk(folder: Path, size: int, episodes: int = 40, length: int = 100) -> Frames:
    """Random frames behind a memory map, as the frame cache keeps them."""
    count, random = episodes * length, np.random.default_rng(0)
    slots = tuple(Slot(name=name, unit="m/s", low=-1.0, high=1.0) for name in ("x", "y"))
    spec = DataSpec(observes=ObservationSpec(cameras={"top": Camera(height=size, width=size)}), acts=ActionSpec(low_level=slots), rate=10.0)
    values = {
        "observation.rgb.top": random.integers(0, 256, (count, 3, size, size), np.uint8),
        "actions.low_level": random.uniform(-1, 1, (count, 1, 2)).astype(np.float32),
        "actions.valid": np.arange(count)[:, None] % length > 0,
    }
    for name, array in values.items():
        np.save(folder / f"{name}.npy", array)
    return Frames(
        fields={name: np.lib.format.open_memmap(folder / f"{name}.npy", "c") for name in values},
        starts=np.arange(episodes) * length,
        lengths=np.full(episodes, length),
        instructions=np.full(episodes, -1),
        sentences=(),
        spec=spec,
    )


def measure(size: int, steps: int, batch: int, device: str) -> dict[str, float]:
    """One run."""
    learner = Gradient(
        weights={"prediction": 1.0, "gaussian": 0.1, "picture": 1.0}, batch_statistics=("gaussian",), steps=steps, batch=batch, past=1, horizon=3
    )
    with tempfile.TemporaryDirectory() as place:
        frames = frames_on_disk(Path(place), size)
        windows = WindowDataset(frames, past=learner.past, horizon=learner.horizon)
        statistics = compute_statistics(frames)
        model = LeWorldModel(LeWMConfig(), frames.spec.observes, frames.spec.acts, statistics, frames.spec.rate)
        provenance = Provenance(spec=model.spec, statistics=statistics)
        run(
            model,
            [Stage("world", learner)],
            windows=lambda _: windows,
            provenance=provenance,
            folder=Path(place) / "run",
            device=device,
            show=False,
        )
        lines = [json.loads(text) for text in (Path(place) / "run" / FILE).read_text().splitlines()][WARMING:]
        step_seconds = sum(batch / line["samples_per_second"] for line in lines) / len(lines)
        wait = sum(line["wait_share"] * batch / line["samples_per_second"] for line in lines) / len(lines)

        order = Order(len(windows), batch, 1)
        began = time.perf_counter()
        for step in range(len(lines)):
            windows.batch(order.indices(step)).to(device)
        reading = (time.perf_counter() - began) / len(lines)
    return {
        "size": size,
        "batch": batch,
        "steps": len(lines),
        "milliseconds_per_step": round(1000 * step_seconds, 2),
        "data_wait_percent": round(100 * wait / step_seconds, 3),
        "percent_without_reading_ahead": round(100 * reading / (reading + step_seconds - wait), 3),
    }


def main() -> None:
    """32 and 64 pixels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [measure(size, options.steps, options.batch, options.device) for size in (32, 64)]
    print(json.dumps({"torch": torch.__version__, "device": options.device, "bar_percent": 3.0, "results": results}, indent=2))
    if options.result:
        figures = []
        for one in results:
            name = f"{one['size']:.0f} pixels, batch {one['batch']:.0f}"
            figures += [
                Figure(what=f"waiting for data, {name}", value=one["data_wait_percent"], unit="% of a step", bar=3.0, at_most=True),
                Figure(what=f"the same without reading ahead, {name}", value=one["percent_without_reading_ahead"], unit="% of a step"),
            ]
        protocol = f"lewm tiny, windows of four frames from memory-mapped frames, {options.steps} steps, one thread, wall time."
        publish(
            options.result, "Waiting for data in training", figures, protocol=protocol, sources=("wam.train.loop", "wam.data.windows"), device=options.device
        )


if __name__ == "__main__":
    main()
