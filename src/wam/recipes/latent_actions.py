"""Pre-training on latent actions, as a graph of stages: what AdaWorld and DreamDojo share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wam.data import DataSpec, WindowDataset
from wam.data.columns import assemble
from wam.models.observation_space.adapted import Adapted
from wam.models.observation_space.latent_assembly import LatentVideoConfig, adapted_model
from wam.recipes.latents import picture_stage, remember
from wam.recipes.usual import cameras_only, usual
from wam.train import Gradient, Stage
from wam.world import Statistics, Windows

AT_ONCE = 512  # pairs of frames given to the latent action model at once


def inferred(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Windows with the latent action that led to every frame, a model step before it. The same model and frames give the same ones."""
    assert isinstance(model, Adapted)
    codes, recorded = model.pretrained.latent_actions, _recorded(windows)
    frames, device = recorded.frames, next(codes.parameters()).device
    seen = [name for name in frames.fields if name.startswith("observation.rgb.") or name == "actions.valid"]
    latent = _nothing(recorded, codes.acts.latent)
    numbers = frames.rows()
    before = np.maximum(numbers - recorded.skip, np.repeat(frames.starts, frames.lengths))
    for first in range(0, len(numbers), AT_ONCE):
        now = numbers[first : first + AT_ONCE]
        pairs = assemble(frames.gather(np.stack([before[first : first + AT_ONCE], now], 1), seen), frames.spec).observation.to(device)
        with torch.no_grad():
            found = codes.infer_actions(pairs).latent
        assert found is not None
        latent[now] = found[:, 1].float().cpu().numpy()
    return _with_latent(recorded, latent)


def pretraining(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Inferred latent actions; where the video model has an autoencoder, also every frame's latents, encoded once."""
    return inferred(model, _encoded(model, windows, folder), folder)


def action_agnostic(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """The same with latent actions that are all 0: nothing is told but the frames."""
    return untold(model, _encoded(model, windows, folder), folder)


def untold(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Windows with latent actions that are all 0, where `inferred` would ask what infers them."""
    assert isinstance(model, Adapted)
    recorded = _recorded(windows)
    return _with_latent(recorded, _nothing(recorded, model.pretrained.latent_actions.acts.latent))


def _recorded(windows: Windows) -> WindowDataset:
    if not isinstance(windows, WindowDataset):
        raise TypeError(f"latent actions are kept for windows cut from recorded frames (WindowDataset), got {type(windows).__name__}.")
    return windows


def _encoded(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    assert isinstance(model, Adapted)
    world = model.pretrained.world
    return windows if world.codec.autoencoder is None else remember(world, windows, folder)


def _nothing(windows: WindowDataset, size: int) -> NDArray[np.float32]:
    return np.zeros((len(next(iter(windows.frames.fields.values()))), size), np.float32)


def _with_latent(windows: WindowDataset, latent: NDArray[np.float32]) -> WindowDataset:
    return replace(windows, frames=replace(windows.frames, fields={**windows.frames.fields, "actions.latent": latent}))


CODES, WORLD = "pretrained.latent_actions", "pretrained.world"


def stages(
    *,
    codes: int,
    world: int,
    translate: int,
    adapt: int,
    batch: int,
    learning_rate: float,
    past: int = 2,
    horizon: int = 1,
    beta: float = 1e-3,
    pictures: int = 0,
) -> tuple[Stage, ...]:
    """Codes from video, the world on codes, low-level actions as codes, and both together. `pictures`: steps of an autoencoder, 0 = none.

    The first stages learn from all episodes, the last two from labelled ones.
    """
    codec = f"{WORLD}.codec"
    pairs = usual(
        {f"{CODES}.reconstruction": 1.0, f"{CODES}.kl": beta},
        steps=codes,
        batch=batch,
        learning_rate=1.5 * learning_rate,
        horizon=1,
        precision="bf16",
        unlabelled=True,
    )

    def learner(weights: dict[str, float], steps: int, rate: float, *, unlabelled: bool = False) -> Gradient:
        return usual(weights, steps=steps, batch=batch, learning_rate=rate, past=past, horizon=horizon, edges=False, precision="bf16", unlabelled=unlabelled)

    fixed = (CODES, codec) if pictures else (CODES,)
    told = learner({"pretrained.video": 1.0}, world, learning_rate, unlabelled=True)
    said = learner({"video": 1.0, "code": 1.0}, translate, learning_rate)
    tuned = learner({"video": 1.0, "code": 0.0}, adapt, learning_rate)
    return (
        *((picture_stage(codec, steps=pictures, batch=batch),) if pictures else ()),
        Stage(name="codes", learner=pairs, parts=(CODES,)),
        Stage(name="world", learner=told, after=("codes",), parts=("pretrained",), frozen=fixed, derives=pretraining),
        Stage(name="translate", learner=said, after=("world",), frozen=("pretrained",), derives=inferred),
        Stage(name="adapt", learner=tuned, after=("translate",), frozen=fixed, derives=inferred),
    )


def build(config: LatentVideoConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only."""
    seen, known = cameras_only(data, statistics)
    return adapted_model(config, seen, data.acts, known, data.rate, data.sentences)
