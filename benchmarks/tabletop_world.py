"""Speed of the `tabletop` world on one core. Prints JSON.

python benchmarks/tabletop_world.py [--rows 8] [--steps 120] [--result results/speed_tabletop_world.json]
"""

import argparse
import json
import time
from pathlib import Path

import torch
from publish import Figure, publish

from wam.sim.worlds.tabletop import Play, TabletopConfig, TabletopWorld
from wam.world import Actions, Noise, Past


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


def main() -> None:
    """One thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = speeds(options.rows, options.steps)
    protocol = f"{options.rows} worlds, {options.steps} steps of play with physics and pictures drawn in software, one thread, processor time, best of three."
    print(json.dumps([figure.to_dict() for figure in figures], indent=2))
    if options.result:
        publish(options.result, "The tabletop world", figures, protocol=protocol, sources=("wam.sim.worlds.tabletop", "wam.sim.engines.mujoco"))


if __name__ == "__main__":
    main()
