"""Minutes that the arms of the paradigm experiment, and a video model beside them, train for with two processes, one per core. Prints JSON.

python benchmarks/training_minutes.py [--data runs/paradigms/data] [--steps 200] [--result results/speed_training_minutes.json]

Every stage of each `tiny` preset is started with `wam train --processes 2` for a few steps on the experiment's own demonstrations; minutes are its
whole number of steps times the median of what a step took after the first ones. Reading the set, features computed between stages and writing
checkpoints are not counted.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from publish import Figure, publish

from wam.recipes.recipe import load_recipe
from wam.train import Gradient
from wam.train.log import FILE

ASKED = {name: 5.0 for name in ("diffusion_policy", "unipi", "susie", "vpp", "uwm", "fast_wam")} | {"cosmos_predict": 3.0}  # minutes
LAST = 0.5  # share of a stage's steps that are timed


def minutes(name: str, data: Path, steps: int) -> float:
    """Of all stages of one system."""
    preset, total = load_recipe(name).preset("tiny"), 0.0
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        start = [sys.executable, "-m", "wam.cli", "train", name, "--processes", "2"]
        subprocess.run([*start, "--data", str(data), "--steps", str(steps), "--out", str(run)], check=True, capture_output=True)
        lines = [json.loads(text) for text in (run / FILE).read_text().splitlines()]
    for stage in preset.stages:
        assert isinstance(stage.learner, Gradient)
        timed = [line["samples_per_second"] for line in lines if line["stage"] == stage.name][int((1 - LAST) * steps) :]
        total += stage.learner.steps * stage.learner.batch / median(timed)
    return total / 60


def main() -> None:
    """All arms, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("runs/paradigms/data"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--result", type=Path)
    args = parser.parse_args()
    found = {name: minutes(name, args.data, args.steps) for name in ASKED}
    print(json.dumps(found, indent=2))
    if args.result:
        publish(
            args.result,
            "Training an arm of the paradigm experiment, or a video model",
            [Figure(what=f"{name} tiny, all stages", value=value, unit="min", bar=ASKED[name], at_most=True) for name, value in found.items()],
            protocol=f"Two processes, one thread each, 32 x 32 pixels; the median of {args.steps} steps of every stage, the first half not counted.",
            sources=tuple(f"wam.recipes.{name}" for name in ASKED),
        )


if __name__ == "__main__":
    main()
