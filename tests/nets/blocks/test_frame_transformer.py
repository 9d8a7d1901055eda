"""Frames of many tokens: all at once, by pieces and rolled from a shared cache agree; with one token it is the plain transformer."""

import pytest
import torch

from wam.nets.blocks.frame_transformer import FrameTransformer
from wam.nets.blocks.transformer import BandedTransformer

DIM, STEPS, SHARE, TOKENS = 16, 5, 3, 4


def network(band: int, tokens: int = TOKENS) -> FrameTransformer:
    torch.manual_seed(0)
    net = FrameTransformer(DIM, depth=2, heads=4, band=band, tokens=tokens).double()
    for parameter in net.parameters():  # open the gates, which start closed
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def frames(batch: int, steps: int, voids: float = 0.0, tokens: int = TOKENS):
    x = torch.randn(batch, steps, tokens, DIM, dtype=torch.float64)
    return x, torch.randn(batch, steps, DIM, dtype=torch.float64), torch.rand(batch, steps) >= voids


def test_one_token_per_frame_is_the_plain_transformer():
    net = network(3, tokens=1)
    plain = BandedTransformer(DIM, depth=2, heads=4, band=3).double()
    plain.load_state_dict(net.state_dict())
    x, condition, joined = frames(2, STEPS, 0.3, tokens=1)
    assert torch.allclose(net(x, condition, joined)[0][:, :, 0], plain(x[:, :, 0], condition, joined)[0])


@pytest.mark.parametrize("band", [1, 2, 4])
@pytest.mark.parametrize("voids", [0.0, 0.3])
@pytest.mark.parametrize("before", [0, 2, 5])
def test_rolling_from_a_shared_cache_is_the_whole_history_at_once(band, voids, before):
    net = network(band)
    past, future = frames(2, before, voids), frames(2 * SHARE, STEPS, voids)
    cache = net.empty(2)
    if before:
        _, cache = net(*past, cache)
    rolling = net.roll(cache, *future[1:])
    out = torch.stack([rolling(frame) for frame in future[0].unbind(1)], 1)
    spread = [part.repeat_interleave(SHARE, 0) for part in past]
    whole, _ = net(*[torch.cat([old, new], 1) for old, new in zip(spread, future, strict=True)])
    assert torch.allclose(out, whole[:, before:])
    after, (_, expected) = rolling.cache(), net(*future, cache.repeat(SHARE))
    assert torch.equal(after.count, expected.count)
    real = torch.arange(band - 1, 0, -1) <= after.count[:, None]
    for mine, theirs in ((after.key, expected.key), (after.value, expected.value)):
        assert torch.allclose(mine.transpose(1, 2)[real], theirs.transpose(1, 2)[real])


def test_all_tokens_of_a_frame_see_each_other_and_none_sees_the_future():
    net = network(2)
    x, condition, joined = frames(1, 3)
    joined = torch.ones_like(joined)
    base = net(x, condition, joined)[0]
    changed = x.clone()
    changed[0, 1, 2, 0] += 1  # one channel: the same on all is taken away by the norms
    moved = (net(changed, condition, joined)[0] - base).abs().amax(-1)[0] > 1e-9
    assert moved.tolist() == [[False] * 4, [True] * 4, [True] * 4]
