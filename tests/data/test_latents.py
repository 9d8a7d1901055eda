"""Latents of recorded frames: encoded once, told apart by frames and weights, and cut into windows as they stand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from wam.data import WindowDataset, cut, frames_of, with_latents
from wam.data.meaning import DataSpec
from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import POLICIES, PushWorld
from wam.world import Latent, Noise, Observation


class Means(nn.Module):
    """The mean of each colour, times a weight: two tokens of three numbers. Counts the frames that it was shown."""

    def __init__(self, weight: float = 1.0):
        super().__init__()
        self.weight, self.asked = nn.Parameter(torch.tensor(weight)), 0

    def encode(self, observation: Observation) -> Latent:
        frames = observation.rgb["top"].float() / 255
        assert frames.shape[1] == 1
        self.asked += len(frames)
        return Latent(z=self.weight * torch.stack([frames.mean((3, 4)), -frames.mean((3, 4))], 2))


@pytest.fixture(scope="module")
def frames():
    world, seeds = PushWorld(3), range(3)
    episodes = cut(rollout(world, POLICIES["play"](world), world.spec.budget, seeds=seeds, noise=Noise.of(seeds)), world.spec.sentences)
    return frames_of(list(episodes), DataSpec.of_world(world.spec))


def test_windows_bring_the_latents_of_their_own_frames(frames, tmp_path):
    encoder = Means()
    kept = with_latents(frames, encoder, encoder.encode, tmp_path)
    window = WindowDataset(kept, past=2, horizon=3, skip=3, edges=True).batch(torch.arange(0, 40))
    for observation in (window.past.observation, window.future.observation):
        one_by_one = observation.map(lambda axes, leaf: leaf.flatten(0, 1)[:, None])
        assert isinstance(observation.state, Latent) and observation.state.z.dtype == torch.float32
        assert torch.allclose(observation.state.z.flatten(0, 1), encoder.encode(one_by_one).z[:, 0], atol=1e-3)
    assert WindowDataset(frames).batch(torch.arange(2)).past.observation.state is None


def test_frames_are_encoded_once_and_again_when_anything_changes(frames, tmp_path):
    encoder = Means()
    first = with_latents(frames, encoder, encoder.encode, tmp_path)
    assert encoder.asked == frames.lengths.sum()
    again = with_latents(frames, encoder, encoder.encode, tmp_path)
    assert encoder.asked == frames.lengths.sum() and np.array_equal(first.fields["observation.state.z"], again.fields["observation.state.z"])
    other = Means(2.0)
    assert np.allclose(with_latents(frames, other, other.encode, tmp_path).fields["observation.state.z"], 2 * first.fields["observation.state.z"], atol=1e-3)
    fewer = replace(frames, starts=frames.starts[1:], lengths=frames.lengths[1:], instructions=frames.instructions[1:])
    with_latents(fewer, encoder, encoder.encode, tmp_path)
    assert encoder.asked == frames.lengths.sum() + fewer.lengths.sum() and len(list(tmp_path.iterdir())) == 3


def test_other_pictures_have_other_latents(frames, tmp_path):
    """Even where the same was done and felt, or nothing was: another size, another look, another camera."""
    encoder = Means()
    rgb = frames.fields["observation.rgb.top"]
    video = {path: values for path, values in frames.fields.items() if path not in ("actions.low_level", "observation.proprio")}
    for fields in (frames.fields, video):
        one = replace(frames, fields=fields)
        others = [replace(frames, fields=fields | {"observation.rgb.top": other}) for other in (255 - rgb, rgb[..., ::2, ::2].copy())]
        read = [with_latents(each, encoder, encoder.encode, tmp_path).fields["observation.state.z"] for each in (one, *others)]
        assert np.allclose(read[0] + read[1], [[1] * 3, [-1] * 3], atol=2e-3) and not np.array_equal(read[0], read[2])
        assert len({each.fingerprint() for each in (one, *others)}) == (3 if fields is video else 1)


def test_an_encoder_that_fails_leaves_nothing(frames, tmp_path):
    encoder = Means()

    def fails(observation: Observation) -> Latent:
        if encoder.asked:
            raise RuntimeError("out of memory")
        return encoder.encode(observation)

    many = replace(frames, starts=frames.starts.repeat(6), lengths=frames.lengths.repeat(6))  # more than are encoded at once
    with pytest.raises(RuntimeError, match="out of memory"):
        with_latents(many, encoder, fails, tmp_path)
    assert not list(tmp_path.iterdir())
