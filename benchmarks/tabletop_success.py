"""How often the `tabletop` world's own policies solve its tasks on held-out starts. Writes a result; `make pages` shows it in docs/tabletop.md.

python benchmarks/tabletop_success.py experts      --result results/tabletop_expert.json       each task: expert, noisy expert, random, stay
python benchmarks/tabletop_success.py splits       --result results/tabletop_splits.json       each task: the expert on each held-out split
python benchmarks/tabletop_success.py goal_images  --result results/tabletop_goal_images.json  pushing and drawer: what needs no learning
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from wam.evaluate import Origin, Sources, SuccessRow, evaluation_seeds, measure_success
from wam.evaluate.grid import GridRow, SuccessGrid
from wam.sim.worlds.tabletop import CHAINS, POLICIES, TabletopConfig, TabletopWorld

BLIND = TabletopConfig(cameras=(), varied_dynamics=True)
TASKS = {
    "push": replace(BLIND, tasks=("push",), blocks=2, dishes=1, zones=2),
    "sink": replace(BLIND, tasks=("sink",), blocks=1, dishes=2, zones=0),
    "stack": replace(BLIND, tasks=("stack",), blocks=2, dishes=1, zones=0),
    "open": replace(BLIND, tasks=("open",), blocks=1, dishes=1, zones=0),
    "close": replace(BLIND, tasks=("close",), blocks=1, dishes=1, zones=0),
    "clear": replace(BLIND, tasks=("clear",), blocks=2, dishes=2, zones=0),
    "dishes": replace(BLIND, tasks=("dishes",), blocks=1, dishes=2, zones=0),
    "store": replace(BLIND, tasks=("store",), blocks=2, dishes=1, zones=0),
    "fetch": replace(BLIND, tasks=("fetch",), blocks=2, dishes=1, zones=0),
    "tower": replace(BLIND, tasks=("tower",), blocks=3, dishes=0, zones=0),
}
SPLITS = ("colours", "shapes", "looks", "clutter", "dynamics", "gripper")
BATCH = 50  # worlds at once


def solved(config: TabletopConfig, policy: str, starts: int, name: str) -> SuccessRow:
    """One cell, on evaluation starts."""
    world = TabletopWorld(min(BATCH, starts), config)
    found = measure_success(world, POLICIES[policy](world), name=name, seeds=evaluation_seeds(starts))
    print(f"{','.join(config.tasks)} {name}: {found.success:.3f} of {starts} in {found.steps} steps", flush=True)
    return found


def asked(task: str) -> float:
    """What the expert shall do on this task."""
    return 0.7 if task in CHAINS else 0.9


def experts(starts: int) -> tuple[tuple[str, ...], tuple[GridRow, ...], str]:
    """Every task."""
    rows = []
    for task, config in TASKS.items():
        others = [solved(config, policy, starts // 8 if task in CHAINS else starts // 2, policy) for policy in ("noisy_expert", "random", "stay")]
        rows.append(GridRow(name=task, bar=asked(task), cells=(solved(config, "expert", starts, "expert"), *others)))
    return ("expert", "noisy_expert", "random", "stay"), tuple(rows), f"{starts} starts for the expert, {starts // 2} for the others, {starts // 8} on chains"


def splits(starts: int) -> tuple[tuple[str, ...], tuple[GridRow, ...], str]:
    """Every task on every split, by the expert; no bar is set for them. Only two colours of blocks are held out, so towers have two here."""
    counts = {task: starts // 8 if task in CHAINS else starts // 4 for task in TASKS}
    configs = {**TASKS, "tower": replace(TASKS["tower"], blocks=2)}
    rows = tuple(
        GridRow(name=task, cells=tuple(solved(replace(config, split=split), "expert", counts[task], split) for split in SPLITS))
        for task, config in configs.items()
    )
    return SPLITS, rows, f"{starts // 4} starts per cell, {starts // 8} for chains, by the expert; towers of two blocks"


def goal_images(starts: int) -> tuple[tuple[str, ...], tuple[GridRow, ...], str]:
    """What needs no learning, where the task is put as a goal image: whole tasks, and goals 15 steps ahead on an expert's way."""
    rows, asked_by_image = [], TabletopConfig(ask="goal_image", cameras=("front",), size=16)
    for changed, how in (({}, "arm shown where it started"), ({"goal_arm": "above"}, "arm shown above what was moved"), ({"offset": 15}, "15 steps ahead")):
        for task in ("push", "open", "close"):
            config = replace(asked_by_image, tasks=(task,), **changed)
            cells = tuple(solved(config, policy, starts // 2, policy) for policy in ("random", "stay", "drive_to_goal", "expert"))
            rows.append(GridRow(name=f"{task}, {how}", cells=cells))
    return ("random", "stay", "drive_to_goal", "expert"), tuple(rows), f"{starts // 2} starts per cell; one block, one zone"


KINDS: dict[str, Callable[[int], tuple[tuple[str, ...], tuple[GridRow, ...], str]]] = {"experts": experts, "splits": splits, "goal_images": goal_images}


def main() -> None:
    """One thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--starts", type=int, default=200)
    parser.add_argument("--result", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started, sources = time.monotonic(), Sources.of("wam.sim.worlds.tabletop", "wam.evaluate.success")
    columns, rows, counts = KINDS[options.kind](options.starts)
    protocol = f"Held-out seeds from 2,000,000 on; {counts}; success judged at the end of the task's budget"
    origin = Origin.now(started=started, protocol=f"{protocol}.", seeds="evaluation 2,000,000 and up", sources=sources)
    SuccessGrid(corner="task", columns=columns, rows=rows, origin=origin).save(options.result)


if __name__ == "__main__":
    main()
