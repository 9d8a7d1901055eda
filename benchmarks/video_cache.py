"""A video transformer imagines 64 frames: keys and values kept, against everything computed again for each frame. Prints JSON.

python benchmarks/video_cache.py [--frames 64] [--rows 1] [--threads 1] [--result results/speed_video_cache.json]

The same weights and the same context for both: all frames so far, at most as many as are imagined. Processor time; frames agree.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from play import LEVELS
from publish import Figure, publish
from torch import Tensor

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.observation_space.video import VideoWorldModel
from wam.sim.worlds import push
from wam.world import Actions, Moments, Noise, Past, Statistics, Task, concatenate, to_float

SIZE = 32


def model_of(frames: int) -> tuple[VideoWorldModel, Past, Actions]:
    """A small transformer with random weights, one real frame, and the actions that follow."""
    world = push.make(1, size=SIZE)
    data = DataSpec.of_world(world.spec)
    moments = Moments(count=1, **{key: level(data.acts.low_level) for key, level in LEVELS.items()})
    known = Statistics(acts=data.acts, proprio_slots=(), action=moments, proprio=None)
    config = VideoConfig(backbone="transformer", patch=4, dim=128, depth=4, heads=4, context=frames, law="regression")
    torch.manual_seed(0)
    model = video_model(config, replace(data.observes, proprio=()), data.acts, known, data.rate, ()).eval()
    for parameter in model.parameters():  # open what starts closed, so that frames depend on what was seen
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.01)
    observation, _ = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([0]))
    rgb = {name: to_float(frames) for name, frames in (observation.rgb or {}).items()}
    seen = Past(observation=replace(observation, proprio=None, rgb=rgb), actions=model.spec.consumes.nothing(1, 1))
    low, high = data.acts.limits(torch.device("cpu"), torch.float32)
    done = low + (high - low) * Noise.of([1]).uniform(frames, data.acts.per_step, len(data.acts.low_level))
    return model, seen, Actions(valid=torch.ones(done.shape[:-1], dtype=torch.bool), low_level=done)


@torch.no_grad()
def cached(model: VideoWorldModel, seen: Past, actions: Actions) -> Tensor:
    """As every model imagines."""
    carry = model.observe(model.begin(1, Task()), seen)
    return model.predict(carry, actions)[1].observation.rgb["top"]  # type: ignore[union-attr,index]


@torch.no_grad()
def again(model: VideoWorldModel, seen: Past, actions: Actions) -> Tensor:
    """From the first frame on, for each frame."""
    past, frames = seen, []
    for step in range(actions.size("T")):
        now = actions.narrow("T", step, step + 1)
        _, future = model.predict(model.observe(model.begin(1, Task()), past), now)
        assert future.observation is not None and future.observation.rgb is not None
        frames.append(future.observation.rgb["top"])
        past = concatenate([past, Past(observation=future.observation, actions=now)], "T")
    return torch.cat(frames, 1)


def main() -> None:
    """Both, in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    asked = model_of(options.frames)
    cached(*asked)  # warm
    took, drawn = {}, {}
    for name, way in (("cached", cached), ("again", again)):
        began = time.process_time()
        drawn[name] = way(*asked)
        took[name] = time.process_time() - began
    apart = float((drawn["cached"] - drawn["again"]).abs().max())
    figures = [
        Figure(what=f"{options.frames} frames, keys and values kept, against computing all again", value=took["again"] / took["cached"], unit="x", bar=5),
        Figure(what="largest difference of a pixel, 0 .. 1", value=apart, unit="", bar=1e-3, at_most=True),
        Figure(what="a frame, cached", value=1000 * took["cached"] / options.frames, unit="ms of processor time"),
    ]
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        protocol = f"Transformer over pixels of {SIZE} x {SIZE} in patches of 4, width 128, 4 layers, random weights, {options.threads} thread(s)."
        publish(options.result, "Imagining with a video transformer", figures, protocol=protocol, sources=("wam.models.observation_space.assembly",))


if __name__ == "__main__":
    main()
