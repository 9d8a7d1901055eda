"""Milliseconds and network evaluations per decision of world action models at 64 x 64 pixels, for one robot. Prints JSON.

python benchmarks/chunk_latency.py [--threads 2] [--episodes 3] [--result results/speed_chunk_latency.json]

Tiny presets for language tasks of the push world, with random weights: time does not depend on them. `fast_wam` is one network whose
future branch is left out, and `imagine first` the same network that draws the future before its actions; both in this run.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from play import LEVELS
from publish import Figure, publish

from wam.data import DataSpec
from wam.jobs.paradigms.cell import Cost
from wam.jobs.paradigms.cost import cost_of
from wam.jobs.paradigms.worlds import setting_of
from wam.jobs.practise import as_shown
from wam.models.world_action.joint import JointModel
from wam.recipes import fast_wam
from wam.recipes.recipe import Preset, load_recipe
from wam.sim.worlds import push
from wam.world import EVALUATION_SEEDS, Moments, Statistics

SIZE = 64
ASKED = {"vpp": 60.0, "fast_wam": 60.0}  # ms
ARMS: dict[str, tuple[str, Callable[[Preset], Preset] | None]] = {
    "diffusion_policy": ("diffusion_policy", None),
    "unipi": ("unipi", None),
    "susie": ("susie", None),
    "vpp": ("vpp", None),
    "uwm": ("uwm", None),
    "fast_wam": ("fast_wam", None),
    "fast_wam, imagine first": ("fast_wam", partial(fast_wam.with_arm, arm="imagine_first")),
}


def cost(name: str, change: Callable[[Preset], Preset] | None, episodes: int) -> Cost:
    """Of deciding for one robot, over whole episodes."""
    recipe = load_recipe(name)
    preset = recipe.preset("tiny") if change is None else change(recipe.preset("tiny"))
    setting = setting_of("push")
    world = as_shown(push.make(1, **{**setting.options, "size": SIZE, "budget": setting.budget}), preset)
    data = DataSpec.of_world(world.spec)
    done, felt = (Moments(count=1, **{key: level(slots) for key, level in LEVELS.items()}) for slots in (data.acts.low_level, data.observes.proprio))
    known = Statistics(acts=data.acts, proprio_slots=data.observes.proprio, action=done, proprio=felt)
    torch.manual_seed(0)
    model = recipe.build(preset.config, data, known).eval()
    policy = model.as_policy() if isinstance(model, JointModel) else model
    return cost_of(world, policy, range(EVALUATION_SEEDS, EVALUATION_SEEDS + episodes))


def main() -> None:
    """All arms, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=3)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    costs = {arm: cost(name, change, options.episodes) for arm, (name, change) in ARMS.items()}
    figures = []
    for arm, found in costs.items():
        figures.append(Figure(what=f"{arm}: a decision, median", value=found.milliseconds, unit="ms", bar=ASKED.get(arm), at_most=True))
        figures.append(Figure(what=f"{arm}: passes of the pictures' network, of the actions'", value=found.video, unit=f"and {found.actions:g}"))
    slower = costs["fast_wam, imagine first"].milliseconds / costs["fast_wam"].milliseconds
    figures.append(Figure(what="fast_wam: imagining first against leaving the future out", value=slower, unit="x", bar=3))
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        protocol = f"Tiny presets, one robot, {SIZE} x {SIZE}, {options.episodes} episodes, random weights, {options.threads} thread(s), wall time."
        roots = sorted({f"wam.recipes.{name}" for name, _ in ARMS.values()})
        publish(options.result, "Deciding", figures, protocol=protocol, sources=("wam.jobs.paradigms.cost", *roots))


if __name__ == "__main__":
    main()
