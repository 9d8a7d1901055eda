"""A video transformer imagines 64 frames: keys and values kept, against all frames so far in one pass for each. Prints JSON.

python benchmarks/video_cache.py [--frames 64] [--threads 1] [--result results/speed_video_cache.json]

The same weights and the same context for both: all frames so far, at most as many as are imagined. Processor time; frames agree.
"""

import argparse
import json
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from play import LEVELS
from publish import Figure, publish
from torch import Tensor

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.observation_space.backbones import TransformerBackbone, Words
from wam.models.observation_space.video import VideoWorldModel
from wam.nets.blocks.grid import from_patches, places, tokens_of
from wam.nets.blocks.masks import Group, Rule, mask
from wam.sim.worlds import push
from wam.world import Actions, Moments, Noise, Past, Statistics, Task, to_float
from wam.world.record import Record, record

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


@record
class Frames(Record):
    """All clean frames so far, and what each was told."""

    z: Float[Tensor, "B W c h w"]
    condition: Float[Tensor, "B W E"]


class OnePass(TransformerBackbone):
    """The same weights without a cache: what is remembered goes through the network again, together with the frame that is asked for."""

    def empty(self, batch: int) -> Frames:
        """Nothing was seen."""
        weight, width = self.enter.weight, self.net.layers[0][0].modulation.in_features  # type: ignore[index,union-attr]
        frames = weight.new_zeros(batch, 0, weight.shape[1], *(side * self.patch for side in self.grid))
        return Frames(z=frames, condition=weight.new_zeros(batch, 0, width))  # type: ignore[arg-type]

    def remember(self, memory: Record, z: Tensor, condition: Tensor, joined: Tensor) -> Frames:
        """Kept as they are. One stretch alone."""
        assert isinstance(memory, Frames)
        return Frames(z=torch.cat([memory.z, z], 1), condition=torch.cat([memory.condition, condition], 1))

    def forward(self, memory: Record, noisy: Tensor, condition: Tensor, words: Words | None) -> Tensor:
        """Every clean frame sees itself and those before it, the asked one all."""
        assert isinstance(memory, Frames) and words is None
        z, told = torch.cat([memory.z, noisy], 1), torch.cat([memory.condition, condition], 1)
        tokens = tokens_of(self.enter(z.flatten(0, 1))).unflatten(0, z.shape[:2]).flatten(1, 2)
        allowed = mask([Group("frame", self.tokens, block=frame) for frame in range(z.shape[1])], [Rule("frame", "frame", blocks="up to")])
        (seen,) = self.net.trace((tokens,), (told,), (places(range(z.shape[1]), self.grid),), allowed).tokens
        assert seen is not None
        asked = self.leave(seen[:, -noisy.shape[1] * self.tokens :])
        frames: Tensor = from_patches(asked.unflatten(1, (-1, self.tokens)).flatten(0, 1), self.grid, self.patch).unflatten(0, noisy.shape[:2])
        return frames


def uncached(model: VideoWorldModel) -> VideoWorldModel:
    """The same model without a cache."""
    twin = deepcopy(model)
    twin.backbone.__class__ = OnePass  # the same parameters, asked in another way
    return twin


@torch.no_grad()
def imagined(model: VideoWorldModel, seen: Past, actions: Actions) -> Tensor:
    """As every model imagines."""
    carry = model.observe(model.begin(1, Task()), seen)
    return model.predict(carry, actions)[1].observation.rgb["top"]  # type: ignore[union-attr,index]


def main() -> None:
    """Both, in one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, seen, actions = model_of(options.frames)
    imagined(model, seen, actions)  # warm
    took, drawn = {}, {}
    for name, way in (("cached", model), ("uncached", uncached(model))):
        began = time.process_time()
        drawn[name] = imagined(way, seen, actions)
        took[name] = time.process_time() - began
    apart = float((drawn["cached"] - drawn["uncached"]).abs().max())
    figures = [
        Figure(
            what=f"{options.frames} frames, keys and values kept, against one pass over all so far for each",
            value=took["uncached"] / took["cached"],
            unit="x",
            bar=5,
        ),
        Figure(what="largest difference of a pixel, 0 .. 1", value=apart, unit="", bar=1e-3, at_most=True),
        Figure(what="a frame, cached", value=1000 * took["cached"] / options.frames, unit="ms of processor time"),
    ]
    print(json.dumps({"torch": torch.__version__, "results": [figure.to_dict() for figure in figures]}, indent=2))
    if options.result:
        protocol = f"Transformer over pixels of {SIZE} x {SIZE} in patches of 4, width 128, 4 layers, random weights, {options.threads} thread(s)."
        publish(options.result, "Imagining with a video transformer", figures, protocol=protocol, sources=("wam.models.observation_space.assembly",))


if __name__ == "__main__":
    main()
