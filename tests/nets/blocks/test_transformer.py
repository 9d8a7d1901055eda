"""Three ways through the same weights agree: all tokens at once, piece by piece with a cache, one by one from a shared cache."""

import pytest
import torch

from wam.nets.blocks.transformer import BandedTransformer, Cache

DIM, STEPS, SHARE = 16, 7, 3


def network(band: int) -> BandedTransformer:
    torch.manual_seed(0)
    net = BandedTransformer(DIM, depth=2, heads=4, band=band).double()
    for parameter in net.parameters():  # open the gates, which start closed
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def tokens(batch: int, steps: int, voids: float = 0.0):
    x, condition = torch.randn(2, batch, steps, DIM, dtype=torch.float64)
    return x, condition, torch.rand(batch, steps) >= voids


def roll(net: BandedTransformer, cache: Cache, x, condition, joined):
    rolling = net.roll(cache, condition, joined)
    return torch.stack([rolling(step) for step in x.unbind(1)], 1), rolling.cache()


@pytest.mark.parametrize("band", [1, 2, 4])
@pytest.mark.parametrize("voids", [0.0, 0.3])
@pytest.mark.parametrize("before", [0, 2, 5])
def test_rolling_from_a_shared_cache_is_the_whole_history_at_once(band, voids, before):
    net = network(band)
    past, future = tokens(2, before, voids), tokens(2 * SHARE, STEPS, voids)
    cache = net.empty(2)
    if before:
        _, cache = net(*past, cache)
    out, after = roll(net, cache, *future)
    spread = [part.repeat_interleave(SHARE, 0) for part in past]
    whole, _ = net(*[torch.cat([old, new], 1) for old, new in zip(spread, future, strict=True)])
    assert torch.allclose(out, whole[:, before:])
    _, expected = net(*future, cache.repeat(SHARE))
    assert torch.equal(after.count, expected.count)
    real = torch.arange(band - 1, 0, -1) <= after.count[:, None]  # what lies before them is nobody's
    for mine, theirs in ((after.key, expected.key), (after.value, expected.value)):
        assert torch.allclose(mine.transpose(1, 2)[real], theirs.transpose(1, 2)[real])


def test_pieces_and_gradients(band=3):
    net = network(band)
    x, condition, joined = tokens(2, STEPS)
    x.requires_grad_()
    one, cache = roll(net, net.empty(2), x[:, :3], condition[:, :3], joined[:, :3])
    two, _ = roll(net, cache, x[:, 3:], condition[:, 3:], joined[:, 3:])
    whole, _ = net(x, condition, joined)
    assert torch.allclose(torch.cat([one, two], 1), whole)
    rolled, once = (torch.autograd.grad(out.square().sum(), x, retain_graph=True)[0] for out in (torch.cat([one, two], 1), whole))
    assert torch.allclose(rolled, once)
