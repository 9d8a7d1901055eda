"""Backbones: what a transformer remembers is its history in one pass, and hidden pictures are those of the answer, where they belong."""

import pytest
import torch

from wam.models.observation_space.backbones import StackedBackbone, TransformerBackbone, UNetBackbone
from wam.nets.blocks.masks import Group, Rule, mask
from wam.nets.blocks.streams import StreamTransformer
from wam.nets.blocks.unet import UNet

EXACT = torch.float64
C, W, K = 5, 2, 3  # width of the conditions, frames remembered, frames of a chunk
SHAPE, PATCH = (2, 4, 6), 2  # of a frame: a grid of 2 x 3 patches
P = 6


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=EXACT)


def opened(backbone):
    """What starts at zero does not; in double precision."""
    for parameter in backbone.double().parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.5)
    return backbone


def transformer(time="full", *, depth: int = 3, context: int = W, words: int = 0) -> TransformerBackbone:
    net = StreamTransformer((12,), depth, heads=2, head_width=8, condition=C, context=words)
    return opened(TransformerBackbone(SHAPE, 2, net, patch=PATCH, context=context, time=time))


def stacked(anchor: bool = False) -> StackedBackbone:
    unet = UNet(UNetBackbone.channels(SHAPE, W, K, anchor=anchor), K * 2, condition=C, width=8, levels=(1, 2), fold=1)
    return opened(StackedBackbone(SHAPE, unet, context=W, anchor=anchor, chunk=K, condition=C))


def remembering(backbone, frames: int = W):
    """Two rows after so many frames."""
    joined = torch.arange(frames).expand(2, -1) > 0
    return backbone.remember(backbone.empty(2), randn(2, frames, *SHAPE), randn(2, frames, C), joined)


# -- what a transformer remembers --------------------------------------------------------------------------------------------


def cells(z: torch.Tensor) -> torch.Tensor:
    """Patches of frames "B T c h w" as tokens "B T*P c*p*p", row by row from the top left; by hand."""
    parts = [z[..., y : y + PATCH, x : x + PATCH].flatten(2) for y in range(0, SHAPE[1], PATCH) for x in range(0, SHAPE[2], PATCH)]
    return torch.stack(parts, 2).flatten(1, 2)


def in_one_pass(backbone: TransformerBackbone, z: torch.Tensor, condition: torch.Tensor, clean: int, reach: int, starts: tuple[int, ...]) -> torch.Tensor:
    """Tokens of the noisy frames, which come after the `clean` ones: all in one sequence, on one clock, without a cache.

    reach: how many frames back a clean one sees, and all noisy ones from the last clean one. starts: where the present stretch begins in each row.
    """
    frames = z.shape[1]
    now = torch.arange(frames).repeat_interleave(P)
    sees = torch.where(now < clean, now, clean)[:, None]  # what is noisy looks back from one place
    near = (now < clean) & (now <= sees) & (sees - now <= reach)
    groups = [Group("chunk", P, block=block) for block in range(frames - clean)]
    among = mask(groups, [Rule("chunk", "chunk", blocks={"full": "any", "causal": "up to", "none": "same"}[backbone.time])])
    near[clean * P :, clean * P :] = among
    stretch = torch.stack([now >= start for start in starts])
    allowed = near & (stretch[:, :, None] == stretch[:, None, :])
    tokens = cells(z) @ backbone.enter.weight.flatten(1).T + backbone.enter.bias
    places = torch.cartesian_prod(torch.arange(100, 100 + frames), torch.arange(2), torch.arange(3))
    (out,) = backbone.net.trace((tokens,), (condition,), (places,), allowed).tokens
    return out[:, clean * P :]


@pytest.mark.parametrize("time", ["full", "causal", "none"])
@pytest.mark.parametrize("context", [1, 2, 3])
def test_what_a_transformer_remembers_is_its_history_in_one_pass_under_the_declared_band(context, time):
    """A clean frame sees itself and W before it, a chunk W clean ones and itself. Row 1 begins a new stretch on the way, less than W frames ago."""
    backbone, clean = transformer(time, context=context), 6
    z, condition = randn(2, clean + K, *SHAPE), randn(2, clean + K, C)
    for start in (clean - 1, clean - 2, 2):
        joined = torch.ones(2, clean, dtype=torch.bool)
        joined[1, start] = False
        memory = backbone.empty(2)
        for part in (slice(0, 2), slice(2, clean)):  # how frames come changes nothing
            memory = backbone.remember(memory, z[:, part], condition[:, part], joined[:, part])
        answer = backbone(memory, z[:, clean:], condition[:, clean:], None)
        for reach in (context - 1, context, context + 1):
            expected = backbone.leave(in_one_pass(backbone, z, condition, clean, reach, (0, start)))
            close = [torch.allclose(cells(answer)[row], expected[row], rtol=0, atol=1e-9) for row in range(2)]
            assert close == [reach == context, reach == context or min(reach, context) >= clean - start]


# -- hidden pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [0, 4])
def test_features_of_a_transformer_are_its_middle_layer_and_what_the_exit_reads(words):
    backbone = transformer(depth=4, words=words)
    text = (randn(2, 3, 4), torch.tensor([[True, True, False], [False] * 3])) if words else None
    memory, noisy, told = remembering(backbone), randn(2, K, *SHAPE), randn(2, K, C)
    middle, last = backbone.features(memory, noisy, told, text)
    assert middle.shape == last.shape == (2, K, 12, 2, 3)
    read = backbone.leave(last.flatten(3).mT).flatten(1, 2)
    assert torch.allclose(cells(backbone(memory, noisy, told, text)), read)
    backbone.net.layers = backbone.net.layers[:3]  # without what comes after the middle
    assert torch.allclose(backbone.features(memory, noisy, told, text)[-1], middle)
    assert not torch.allclose(middle, last)


def test_features_of_a_patch_lie_where_the_patch_does():
    """Where tokens take nothing from each other, one patch of one frame is one cell of it."""
    backbone = transformer()
    for (layer,) in backbone.net.layers:
        torch.nn.init.zeros_(layer.out.weight)
    memory, noisy, told = remembering(backbone), randn(2, K, *SHAPE), randn(2, K, C)
    other = noisy.clone()
    other[1, 2, :, 2:4, 4:6] += 1
    for before, after in zip(backbone.features(memory, noisy, told, None), backbone.features(memory, other, told, None), strict=True):
        assert (before != after).any(2).nonzero().tolist() == [[1, 2, 1, 2]]


def reached(feature: torch.Tensor, *inputs: torch.Tensor) -> list[list[bool]]:
    """Which frames of each input it depends on."""
    slopes = torch.autograd.grad(feature.sin().sum(), inputs, retain_graph=True)
    return [slope.transpose(0, 1).flatten(1).any(1).tolist() for slope in slopes]


def test_features_of_a_transformer_depend_on_what_is_remembered_the_chunk_and_what_is_told():
    backbone, z, told = transformer(), randn(2, W, *SHAPE).requires_grad_(), randn(2, W + K, C).requires_grad_()
    memory, noisy = backbone.remember(backbone.empty(2), z, told[:, :W], torch.tensor([[False, True]] * 2)), randn(2, K, *SHAPE).requires_grad_()
    for feature in backbone.features(memory, noisy, told[:, W:], None):
        assert reached(feature[:, 0], z, noisy, told) == [[True] * W, [True] * K, [True] * (W + K)]


@pytest.mark.parametrize("anchor", [False, True])
def test_features_of_stacked_frames_are_of_them_all_together(anchor):
    """Two levels, coarsest first; the last is what the exit reads. They depend on every frame, on what is told of it, and on what is remembered."""
    backbone, z = stacked(anchor), randn(2, W, *SHAPE).requires_grad_()
    noisy, told = randn(2, K, *SHAPE).requires_grad_(), randn(2, K, C).requires_grad_()
    memory = backbone.remember(backbone.empty(2), z, told[:, :W], torch.tensor([[False, True]] * 2))
    coarse, fine = backbone.features(memory, noisy, told, None)
    assert coarse.shape == (2, 1, 16, 2, 3) and fine.shape == (2, 1, 8, 4, 6)
    assert all(reached(feature, z, noisy, told) == [[True] * W, [True] * K, [True] * K] for feature in (coarse, fine))
    answer = backbone.net.leave(fine[:, 0]).unflatten(1, (K, -1))
    assert torch.allclose(backbone(memory, noisy, told, None), answer)
