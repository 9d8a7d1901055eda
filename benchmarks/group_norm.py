"""Group norms in bfloat16 of pictures whose channels lie last: ours, which lays them out anew, against torch's kernel for that layout. Prints JSON.

python benchmarks/group_norm.py [--threads 1] [--result results/speed_group_norm.json]

Forward and backward, the median of many, in the sizes that the U-Nets of tiny presets have. Processor time.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from publish import Figure, publish
from torch import nn

from wam.nets.blocks.group_norm import GroupNorm

SIZES = ((64, 16, 16), (64, 32, 16), (64, 32, 8))  # rows, channels, px
ROUNDS = 15


def seconds(norm: nn.Module, rows: int, channels: int, side: int) -> float:
    """Of processor time, there and back."""
    x = torch.randn(rows, channels, side, side, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    back, took = torch.randn_like(x), list[float]()
    for _ in range(ROUNDS):
        began = time.process_time()
        norm(x).backward(back)
        took.append(time.process_time() - began)
    return statistics.median(took)


def main() -> None:
    """Both, in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = []
    for rows, channels, side in SIZES:
        torchs, ours = (seconds(kind(8, channels).bfloat16(), rows, channels, side) for kind in (nn.GroupNorm, GroupNorm))
        figures.append(Figure(what=f"{rows} pictures of {channels} x {side} x {side}: faster than torch's", value=torchs / ours, unit="x", bar=1))
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        protocol = f"bfloat16, channels last in memory, 8 groups, forward and backward, median of {ROUNDS}, {options.threads} thread(s), processor time."
        publish(options.result, "Group norms", figures, protocol=protocol, sources=("wam.nets.blocks.group_norm",))


if __name__ == "__main__":
    main()
