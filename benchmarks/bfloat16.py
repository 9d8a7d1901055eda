"""Layers of tiny presets under bfloat16 autocast against float32, forward and backward: is it asked for only where it pays? Prints JSON.

python benchmarks/bfloat16.py [--threads 1] [--result results/speed_bfloat16.json]

Where `wam` uses bfloat16, at least as fast is asked; elsewhere it stays in float32, and the figure says what that saves.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from publish import Figure, publish
from torch import nn

from wam.plan.control.precision import has_bfloat16

ROUNDS = 15
LAYERS = {
    "convolution, 64 pictures of 32 x 16 x 16": (nn.Conv2d(32, 32, 3, padding=1).to(memory_format=torch.channels_last), (64, 32, 16, 16)),
    "2,000 tokens, 128 to 512 numbers": (nn.Linear(128, 512), (2000, 128)),
    "256 x 256 by 256 x 256": (nn.Linear(256, 256), (256, 256)),
}


def seconds(layer: nn.Module, shape: tuple[int, ...], bf16: bool) -> float:
    """Of processor time, there and back."""
    x = torch.randn(shape)
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    took = list[float]()
    for _ in range(ROUNDS):
        began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = layer(x)
        y.float().square().sum().backward()
        took.append(time.process_time() - began)
    return statistics.median(took)


def main() -> None:
    """All layers, both ways, in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    used = has_bfloat16(torch.device("cpu"))
    bar = 1 if used else None
    ratios = {name: seconds(layer, shape, False) / seconds(layer, shape, True) for name, (layer, shape) in LAYERS.items()}
    figures = [Figure(what=f"{name}: speed in bfloat16, against float32", value=ratio, unit="x", bar=bar) for name, ratio in ratios.items()]
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        kind = torch.backends.cpu.get_cpu_capability()
        protocol = f"{kind}, where presets {'use bfloat16' if used else 'stay in float32'}; median of {ROUNDS}, {options.threads} thread(s), processor time."
        publish(options.result, "bfloat16", figures, protocol=protocol, sources=("wam.plan.control.precision",))


if __name__ == "__main__":
    main()
