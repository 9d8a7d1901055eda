"""Attention by hand, distances, places; and the resampler: which frames and tokens count, and that it learns."""

import pytest
import torch

from wam.nets.blocks.resampler import REACH, Attention, Distance, Resampler, sine_places


def opened(net: torch.nn.Module) -> torch.nn.Module:
    """What starts at zero does not."""
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return net.double()


def test_attention_is_that_of_torch():
    """The same weights in torch's own layer, which has no norms and no residual."""
    torch.manual_seed(0)
    mine = opened(Attention(8, 2, 6))
    theirs = torch.nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True).double()
    with torch.no_grad():
        theirs.q_proj_weight.copy_(mine.query.weight)
        key, value = mine.pair.weight.chunk(2)
        theirs.k_proj_weight.copy_(key)
        theirs.v_proj_weight.copy_(value)
        theirs.in_proj_bias.copy_(torch.cat([mine.query.bias, mine.pair.bias]))
        theirs.out_proj.weight.copy_(mine.out.weight)
        theirs.out_proj.bias.zero_()
    x, tokens, valid = torch.randn(3, 4, 8).double(), torch.randn(3, 5, 6).double(), torch.rand(3, 5) > 0.4
    valid[:, 0] = True
    bias = torch.randn(2, 4, 5).double()
    asked, seen = mine.norm(x), mine.norm_tokens(tokens)
    assert torch.allclose(mine(x, tokens), x + theirs(asked, seen, seen)[0])
    mask = torch.where(valid[:, None, None], bias, float("-inf")).flatten(0, 1)
    assert torch.allclose(mine(x, tokens, valid, bias), x + theirs(asked, seen, seen, attn_mask=mask)[0])


def test_nothing_valid_is_nothing_taken_and_untrained_is_the_identity():
    torch.manual_seed(0)
    x, tokens, valid = torch.randn(2, 4, 8).double(), torch.randn(2, 5, 6).double(), torch.zeros(2, 5, dtype=torch.bool)
    assert torch.equal(Attention(8, 2, 6).double()(x, tokens), x)
    net = opened(Attention(8, 2, 6))
    assert torch.equal(net(x, tokens, valid), x) and torch.equal(net(x, tokens[:, :0]), x)
    with pytest.raises(ValueError, match="3 heads do not divide"):
        Attention(8, 3)


def test_distances_are_relative_and_causal_ones_do_not_look_ahead():
    distance, causal = Distance(2), Distance(2, "causal")
    with torch.no_grad():
        for each in (distance, causal):
            each.table.copy_(torch.arange(2 * (2 * REACH + 1)).view(2, -1))
    bias = distance(40)
    assert bias[0, 5, 2] == REACH + 3 and bias[0, 2, 5] == REACH - 3 and bias[0, 39, 0] == 2 * REACH  # beyond the reach: as far as it goes
    assert torch.equal(bias[:, 1:, 1:], bias[:, :-1, :-1])
    assert torch.equal(causal(6).isinf(), torch.ones(6, 6).triu(1).bool().expand(2, 6, 6))


def test_places_differ_and_do_not_depend_on_how_many_there_are():
    places = sine_places(torch.zeros(3, 100, 16))
    assert places.shape == (100, 16) and torch.equal(places[:7], sine_places(torch.zeros(7, 16)))
    apart = torch.cdist(places, places) + 10 * torch.eye(100)
    assert apart.min() > 0.1


def test_few_tokens_of_many_from_all_frames():
    torch.manual_seed(0)
    net = opened(Resampler(5, 6, 8, queries=3, depth=1, heads=2))
    features = torch.randn(2, 4, 6, 5, dtype=torch.float64, requires_grad=True)
    out = net(features)
    assert out.shape == (2, 4, 3, 8)
    (gradient,) = torch.autograd.grad(out[0, 1, 2].square().sum(), features)
    assert gradient[0].any(-1).all() and not gradient[1].any()
    assert torch.allclose(net(features[1:]), out[1:]) and net(features[:, :1]).shape == (2, 1, 3, 8)


def test_without_time_a_frame_is_on_its_own_and_the_order_of_frames_matters_with_it():
    torch.manual_seed(0)
    net = opened(Resampler(5, 6, 8, queries=3, depth=2, heads=2))
    features, turned = torch.randn(1, 4, 6, 5).double(), torch.tensor([2, 0, 3, 1])
    assert not torch.allclose(net(features)[:, turned], net(features[:, turned]))
    with torch.no_grad():
        for time in net.time:
            time.out.weight.zero_()
    assert torch.allclose(net(features)[:, turned], net(features[:, turned]))


def test_it_learns_where_the_odd_token_is():
    torch.manual_seed(0)
    net, head = Resampler(4, 9, 16, queries=2, depth=1, heads=2), torch.nn.Linear(32, 9)
    optimiser = torch.optim.AdamW([*net.parameters(), *head.parameters()], 1e-2)
    for _ in range(100):
        place = torch.randint(0, 9, (32, 2))
        features = torch.randn(32, 2, 9, 4) * 0.3
        features[torch.arange(32)[:, None], torch.arange(2), place] += torch.tensor([2.0, 0, 0, -2.0])
        loss = torch.nn.functional.cross_entropy(head(net(features).flatten(2)).flatten(0, 1), place.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.6  # 2.2 by chance
