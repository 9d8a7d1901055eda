"""Speed of the `tabletop` world on one core, and how often its expert solves each task. Prints JSON.

python benchmarks/tabletop_world.py [--rows 8] [--steps 120] [--result results/speed_tabletop_world.json]
python benchmarks/tabletop_world.py --expert 200 [--result results/tabletop_expert.json]
python benchmarks/tabletop_world.py --page          the tables of docs/tabletop.md, from both results
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import torch
from publish import ROOT, Figure, Speed, publish

from wam.evaluate import evaluation_seeds, measure_success
from wam.sim.worlds.tabletop import Expert, NoisyExpert, Play, TabletopConfig, TabletopWorld, Wander
from wam.world import Actions, Noise, Past

TASKS = {
    "push": TabletopConfig(tasks=("push",), blocks=2, dishes=1, zones=2, cameras=()),
    "sink": TabletopConfig(tasks=("sink",), blocks=1, dishes=2, zones=0, cameras=()),
    "stack": TabletopConfig(tasks=("stack",), blocks=2, dishes=1, zones=0, cameras=()),
    "open": TabletopConfig(tasks=("open",), blocks=1, dishes=1, zones=0, cameras=()),
    "close": TabletopConfig(tasks=("close",), blocks=1, dishes=1, zones=0, cameras=()),
    "clear": TabletopConfig(tasks=("clear",), blocks=2, dishes=2, zones=0, cameras=()),
}
SPLITS = ("colours", "shapes", "looks", "clutter", "dynamics", "gripper")


def speed(things: tuple[int, int], rows: int, steps: int, cameras: tuple[str, ...], size: int, depth: bool = False) -> float:
    """Control steps/s of processor time while play is at work; the policy is not timed."""
    world = TabletopWorld(
        rows, TabletopConfig(ask="nothing", blocks=things[0], dishes=things[1], cameras=cameras, size=size, depth=depth, budget=10_000, varied_dynamics=True)
    )
    seeds = torch.arange(rows)
    observation, task = world.reset(torch.ones(rows, dtype=torch.bool), seeds)
    policy, noise, start = Play(world), Noise.of(seeds), world.save()
    memory, actions = policy.begin(rows, task), list[Actions]()
    for step in range(steps):
        memory, action = policy.act(memory, Past(observation=observation, actions=world.spec.acts.nothing(rows, 1)), noise=noise.advance(step))
        actions.append(action)
        world.step(action)
    best = float("inf")
    for _ in range(3):
        world.restore(start)
        begin = time.process_time()
        for action in actions:
            world.step(action)
        best = min(best, time.process_time() - begin)
    return rows * steps / best


def speeds(rows: int, steps: int) -> list[Figure]:
    """The bar is for one 64 x 64 camera, with the usual three things and with four."""
    return [
        Figure(what="one 64 x 64 camera, two blocks and a dish", value=speed((2, 1), rows, steps, ("front",), 64), unit="steps/s", bar=300),
        Figure(what="one 64 x 64 camera, two blocks and two dishes", value=speed((2, 2), rows, steps, ("front",), 64), unit="steps/s", bar=300),
        Figure(
            what="three 96 x 96 cameras with depth, two blocks and two dishes",
            value=speed((2, 2), rows, steps, ("front", "side", "wrist"), 96, True),
            unit="steps/s",
        ),
        Figure(what="no camera, two blocks and two dishes", value=speed((2, 2), rows, steps, (), 64), unit="steps/s"),
    ]


def successes(starts: int) -> list[Figure]:
    """Success at the end of the budget on held-out seeds: the expert on each task and split, the noisy one, and random motion."""
    found = list[Figure]()
    usual = {name: dataclasses.replace(config, varied_dynamics=True) for name, config in TASKS.items()}
    runs = [(f"expert, {name}", Expert, config, 0.7 if name == "clear" else 0.9) for name, config in usual.items()]
    runs += [(f"expert, sink, split={split}", Expert, dataclasses.replace(usual["sink"], split=split), None) for split in SPLITS]
    runs += [(f"expert, stack, split={split}", Expert, dataclasses.replace(usual["stack"], split=split), None) for split in SPLITS if split != "looks"]
    runs += [(f"noisy expert, {name}", NoisyExpert, config, None) for name, config in usual.items() if name != "clear"]
    runs += [(f"random, {name}", Wander, config, None) for name, config in usual.items() if name != "clear"]
    for what, policy, config, bar in runs:
        seeds = evaluation_seeds(starts if bar is not None else starts // 4)
        world = TabletopWorld(len(seeds), config)
        rate = measure_success(world, policy(world), name=what, seeds=seeds)
        found.append(Figure(what=f"{what} ({rate.low:.1%} to {rate.high:.1%})", value=100 * rate.success, unit="%", bar=None if bar is None else 100 * bar))
        print(found[-1], flush=True)
    return found


def page() -> None:
    """Write the tables behind the mark in docs/tabletop.md."""
    document, mark = ROOT / "docs" / "tabletop.md", "<!-- figures -->"
    lines = [document.read_text().partition(mark)[0] + mark, ""]
    for name in ("tabletop_expert", "speed_tabletop_world"):
        found = Speed.from_json((ROOT / "results" / f"{name}.json").read_text())
        lines += [f"**{found.title}.** `{found.origin.command}`, {found.origin.device}. {found.origin.protocol}", ""]
        lines += ["| what | measured | asked | kept |", "| --- | --- | --- | --- |", *map(str, found.figures), ""]
    document.write_text("\n".join(lines).rstrip() + "\n")


def main() -> None:
    """One thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--expert", type=int, default=0, help="measure success on so many starts instead of speed")
    parser.add_argument("--page", action="store_true", help="only write the tables of the documents")
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.page:
        page()
        return
    if options.expert:
        figures = successes(options.expert)
        title = "The tabletop world's experts"
        protocol = (
            f"{options.expert} seeded starts from 2,000,000 on for the rows with a bar, a quarter of them for the others; dynamics varied; success judged "
            "at the end of the budget (80 steps, 60 for the drawer, 420 for clearing two blocks and two dishes); 95 % Wilson intervals in brackets."
        )
    else:
        figures = speeds(options.rows, options.steps)
        title = "The tabletop world"
        protocol = (
            f"{options.rows} worlds, {options.steps} steps of play with physics and pictures drawn in software, one thread, processor time, best of three."
        )
    print(json.dumps([figure.to_dict() for figure in figures], indent=2))
    if options.result:
        publish(options.result, title, figures, protocol=protocol, sources=("wam.sim.worlds.tabletop", "wam.sim.engines.mujoco"))


if __name__ == "__main__":
    main()
