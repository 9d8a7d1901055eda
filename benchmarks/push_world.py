"""Speed of the `push` world on one core: frames per second including physics, four objects in motion. Prints JSON.

python benchmarks/push_world.py [--rows 1024] [--steps 30] [--result results/speed_push_world.json]
"""

import argparse
import json
import time
from pathlib import Path

import torch
from publish import Figure, publish

from wam.sim.worlds.push import COLOURS, SHAPES, Play, PushConfig, PushWorld
from wam.world import Actions, Noise, Past


def measure(size: int, rows: int, steps: int) -> dict[str, float]:
    """Frames/s of CPU time: stepping a world in which play pushes things about, and how often something moved."""
    config = PushConfig(
        task="instruction",
        objects=4,
        zones=2,
        shapes=SHAPES,
        colours=COLOURS,
        radius=0.065,
        size=size,
        budget=1000,
        varied_dynamics=True,
        varied_background=True,
    )
    world = PushWorld(rows, config)
    everyone, seeds = torch.ones(rows, dtype=torch.bool), torch.arange(rows)
    observation, task = world.reset(everyone, seeds)
    policy, noise = Play(world), Noise.of(seeds)
    memory, start = policy.begin(rows, task), world.save()
    actions: list[Actions] = []
    for step in range(steps):  # the same actions are timed below, without the policy
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
    moved = float((world.moment.state.pose[:, :-1, :2] - world.moment.scene.start[:, :-1, :2]).norm(dim=-1).gt(0.01).float().mean())
    return {"size": size, "rows": rows, "frames_per_second": round(rows * steps / best), "objects_moved": round(moved, 3)}


def main() -> None:
    """Both sizes, one thread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [measure(size, options.rows, options.steps) for size in (32, 64)]
    print(json.dumps({"torch": torch.__version__, "results": found}, indent=2))
    if options.result:
        figures = [
            Figure(what=f"{one['size']:.0f} x {one['size']:.0f} pixels, four objects", value=one["frames_per_second"], unit="frames/s", bar=bar)
            for one, bar in zip(found, (20_000, 6_000), strict=True)
        ]
        protocol = f"{options.rows} worlds at once, {options.steps} steps of play with physics and pictures, one thread, processor time, best of three."
        publish(options.result, "The push world", figures, protocol=protocol, sources=("wam.sim.worlds.push",))


if __name__ == "__main__":
    main()
