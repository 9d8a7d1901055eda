"""Speed of `wam play` at 64 x 64 pixels: frames per second through a headless Chromium, and whether a frame's cost stays flat. Prints JSON.

python benchmarks/play.py [--recipes lewm,cosmos_predict] [--threads 1] [--seconds 6] [--result results/speed_play.json]

Models are the recipes' tiny presets for the push world at 64 pixels, with random weights: speed does not depend on them. The browser
asks for frames as fast as it can draw them, while a key is held; the other core is for it.
Flatness: median processor time of steps 401 to 500 over that of steps 1 to 100, in a session without browser and truth.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from publish import Figure, publish

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.show.browser import Browser, find_browser  # noqa: E402
from tests.show.toys import running  # noqa: E402
from wam.data import DataSpec  # noqa: E402
from wam.jobs.play import BUDGET  # noqa: E402
from wam.jobs.practise import as_shown  # noqa: E402
from wam.recipes.recipe import Preset, Recipe, load_recipe  # noqa: E402
from wam.show.play import PlaySession, Start, Step  # noqa: E402
from wam.show.play.server import PlayServer  # noqa: E402
from wam.sim.worlds import push  # noqa: E402
from wam.world import EVALUATION_SEEDS, Env, Moments, Past, Statistics, WorldModel  # noqa: E402

SIZE = 64
STEPS = 500
HELD = Step(frozenset({"ArrowUp"}))
LEVELS = {
    "mean": lambda slots: (0.0,) * len(slots),
    "std": lambda slots: tuple(slot.high / 2 for slot in slots),
    **dict.fromkeys(("low", "q01"), lambda slots: tuple(slot.low for slot in slots)),
    **dict.fromkeys(("high", "q99"), lambda slots: tuple(slot.high for slot in slots)),
}


def model_of(preset: Preset, recipe: Recipe) -> WorldModel:
    """With random weights."""
    data = DataSpec.of_world(world_of(preset).spec)
    done, felt = (Moments(count=1, **{name: level(slots) for name, level in LEVELS.items()}) for slots in (data.acts.low_level, data.observes.proprio))
    known = Statistics(acts=data.acts, proprio_slots=data.observes.proprio, action=done, proprio=felt)
    model: WorldModel = recipe.build(preset.config, data, known).eval()
    return model


def world_of(preset: Preset) -> Env:
    """The true one, at the preset's clock."""
    return as_shown(push.make(1, size=SIZE, budget=BUDGET), preset)


def session(model: WorldModel, preset: Preset, truth: bool) -> PlaySession:
    """From one real frame."""
    world, seed = world_of(preset), EVALUATION_SEEDS
    observation, task = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([seed]))
    start = Start(name="start", past=Past(observation=observation, actions=model.spec.consumes.nothing(1, 1)), task=task, seed=seed)
    return PlaySession(model, [start], world=world if truth else None)


def through_browser(model: WorldModel, preset: Preset, truth: bool, seconds: float) -> float:
    """Frames drawn per second."""
    program = find_browser()
    assert program is not None, "there is no Chromium on this machine, so nothing can be measured through one"
    server = PlayServer(lambda: session(model, preset, truth), title="benchmark", port=0)
    with running(server) as port, Browser(program) as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait("document.querySelector('#steps')?.textContent === '0'")
        browser.evaluate("document.getElementById('fast').click()")
        browser.down("ArrowUp")
        browser.wait("frame.clock >= 20")  # warm
        before, began = browser.evaluate("[frame.clock, performance.now()]")
        time.sleep(seconds)
        after, ended = browser.evaluate("[frame.clock, performance.now()]")
    return 1000 * (after - before) / (ended - began)


def growth(model: WorldModel, preset: Preset) -> float:
    """Of a frame's cost from the first to the last hundred of `STEPS`."""
    play, took = session(model, preset, truth=False), []
    for _ in range(STEPS):
        began = time.process_time()
        play.answer(HELD)
        took.append(time.process_time() - began)
    return statistics.median(took[-100:]) / statistics.median(took[:100])


def main() -> None:
    """All recipes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default="lewm,cosmos_predict")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = []
    for name in options.recipes.split(","):
        recipe = load_recipe(name)
        preset = recipe.preset("tiny")
        torch.manual_seed(0)
        model = model_of(preset, recipe)
        alone, beside = (through_browser(model, preset, truth, options.seconds) for truth in (False, True))
        figures += [
            Figure(what=f"{name}: imagination, through the browser", value=alone, unit="frames/s", bar=30),
            Figure(what=f"{name}: beside the truth, {preset.skip} steps of the world a frame", value=beside, unit="frames/s"),
            Figure(what=f"{name}: cost of frames 401 to {STEPS} over frames 1 to 100", value=growth(model, preset), unit="x", bar=1.1, at_most=True),
        ]
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        protocol = f"Tiny presets for the push world at {SIZE} x {SIZE}, random weights, torch in {options.threads} thread(s), Chromium beside it."
        sources = ("wam.jobs.play", "wam.show.play.server", *(f"wam.recipes.{name}" for name in options.recipes.split(",")))
        publish(options.result, "Playing", figures, protocol=protocol, sources=sources)


if __name__ == "__main__":
    main()
