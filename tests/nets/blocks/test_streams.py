"""Streams joined by one masked attention: nothing leaks, what is cached changes nothing, weights are per stream, gates start closed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.nets.blocks.test_masks import ALL, CASES
from wam.nets.blocks.masks import EVERY, Group, Rule, mask, owners
from wam.nets.blocks.stream_cache import StreamCache
from wam.nets.blocks.stream_layer import normed
from wam.nets.blocks.streams import StreamTransformer

EXACT = torch.float64
C = 5  # width of the conditions


def network(*widths: int, depth: int = 2, context: int = 0, opened: bool = True) -> StreamTransformer:
    torch.manual_seed(0)
    net = StreamTransformer(widths, depth, heads=2, head_width=8, condition=C, context=context).double()
    for name, parameter in net.named_parameters():
        if opened and "modulation" in name:  # gates start closed
            torch.nn.init.normal_(parameter, std=0.5)
    return net


def through(net: StreamTransformer, *arguments, **options):
    """The tokens after all layers."""
    return net.trace(*arguments, **options).tokens


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=EXACT)


def grid(count: int, tokens: int) -> torch.Tensor:
    """Places (time, row) of frames of so many tokens."""
    return torch.cartesian_prod(torch.arange(count), torch.arange(tokens))


def close(one, two) -> bool:
    return torch.allclose(one, two, rtol=0, atol=1e-9)


# -- the mask holds through the whole network --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_nothing_leaks_through_a_declared_mask(name):
    """Output i depends on input j exactly where j can be reached in as many looks as there are layers."""
    allowed = mask(CASES[name].groups, CASES[name].rules)
    length, depth = len(allowed), 2
    half = length // 2  # in two streams, wherever the cut falls
    net = network(12, 8, depth=depth)
    tokens = (randn(1, half, 12).requires_grad_(), randn(1, length - half, 8).requires_grad_())
    out = through(net, tokens, (randn(1, 1, C), randn(1, 1, C)), (torch.rand(half, 2), torch.rand(length - half, 2)), allowed)
    depends = []
    for one in [token for part in out for token in part[0]]:
        slopes = torch.autograd.grad((one * torch.randn_like(one)).sum(), tokens, retain_graph=True)
        depends.append(torch.cat([slope[0].abs().amax(-1) for slope in slopes]) > 0)
    steps = (allowed | torch.eye(length, dtype=torch.bool)).long()
    assert torch.equal(torch.stack(depends), torch.linalg.matrix_power(steps, depth) > 0)


def test_no_mask_is_all_see_all():
    net, x, condition, places = network(12), randn(2, 6, 12), randn(2, 3, C), grid(3, 2)
    allowed = mask([Group("video", 6)], ALL)
    assert close(through(net, (x,), (condition,), (places,), None)[0], through(net, (x,), (condition,), (places,), allowed)[0])


# -- what is cached changes nothing --------------------------------------------------------------------------------------------


def test_actions_after_a_prefilled_frame_are_those_of_one_pass():
    """Fast-WAM: the first frame once, then action denoising that reads it; another noise level each time."""
    net = network(12, 8, context=4)
    frame, action, text = randn(2, 4, 12), randn(2, 3, 8), randn(2, 3, 4)
    clean, noisy = randn(2, 1, C), randn(2, 1, C)
    where, when = grid(1, 4) + 5, torch.tensor([[5.0, 0], [5.5, 0], [6, 0]])  # on a clock of their own
    groups, rules = [Group("first", 4), Group("action", 3)], [Rule("first", "first"), Rule("action", EVERY)]
    allowed = mask(groups, rules)
    cache = net.trace((frame, None), (clean, None), (where, None), mask(groups[:1], rules[:1]), context=text).cache()
    assert cache.count.tolist() == [4, 4]
    for level in (noisy, noisy * 0.5):
        whole = through(net, (frame, action), (clean, level), (where, when), allowed, context=text)
        none, out = through(net, (None, action), (None, level), (None, when - 5), allowed[4:], context=text, cache=cache, cached_places=where - 5)
        assert none is None
        assert close(out, whole[1])
        turned = cache.at(where - 5)  # once for all passes
        assert close(through(net, (None, action), (None, level), (None, when - 5), allowed[4:], context=text, cache=turned)[1], whole[1])


@pytest.mark.parametrize("band", [1, 2, 3])
def test_a_rolling_cache_is_the_whole_history_under_the_declared_band(band):
    """Frames one by one after a cache of band - 1; row 1 starts afresh at frame 3. Noisy passes write nothing."""
    count, start, tokens = 7, 3, 3  # each frame: two patches in one stream, an action token in the other
    net, rule = network(12, 8, depth=3), [Rule("frame", "frame", "up to", reach=band - 1)]
    video, action = randn(2, count, 2, 12), randn(2, count, 1, 8)
    clean = (randn(2, count, C), randn(2, count, C))
    shape = torch.tensor([[0, 0], [0, 1], [0, 0]])  # places of the tokens of a frame

    def places(frames: torch.Tensor) -> torch.Tensor:
        return (torch.stack([frames, frames * 0], -1)[:, None] + shape).flatten(0, 1)

    def cached(frame, x, condition, cache):
        now, past = places(torch.zeros(1)), places(torch.arange(1 - band, 0))
        allowed = mask([Group("frame", tokens, block) for block in range(band)], rule)[-tokens:]
        given = tuple(part[:, frame : frame + 1] for part in condition)
        return net.trace((x, action[:, frame]), given, (now[:2], now[2:]), allowed, cache=cache, cached_places=past)

    def whole(row, frame, x, condition):
        """The row's history up to this frame in one pass, on a clock that runs on."""
        frames = slice(start if row else 0, frame + 1)
        blocks, rows = range(frames.start, frames.stop), slice(row, row + 1)
        history = torch.cat([video[rows, frames.start : frame], x[rows, None]], 1).flatten(1, 2)
        clock = places(torch.arange(frames.start, frames.stop)).view(-1, tokens, 2) + torch.tensor([100.0, 0])
        allowed = mask([Group("frame", size, block) for size in (2, 1) for block in blocks], rule)
        given = tuple(part[rows, frames] for part in condition)
        out = through(net, (history, action[rows, frames].flatten(1, 2)), given, (clock[:, :2].flatten(0, 1), clock[:, 2]), allowed)
        return out[0][:, -2:], out[1][:, -1:]

    cache = net.empty(2, (band - 1) * tokens)
    for frame in range(count):
        if frame == start:
            cache = cache.where(torch.tensor([True, False]), net.empty(2, (band - 1) * tokens))
        noisy = (clean[0].index_fill(1, torch.tensor([frame]), 0.7), clean[1])
        for x, condition in ((randn(2, 2, 12), noisy), (randn(2, 2, 12), noisy), (video[:, frame], clean)):
            trace = cached(frame, x, condition, cache)
            for row in (0, 1) if frame >= start else (0,):
                for out, expected in zip(trace.tokens, whole(row, frame, x, condition), strict=True):
                    assert close(out[row : row + 1], expected)
        cache = cache.push(trace.cache())
        ages = (frame + 1, frame + 1 - start if frame >= start else frame + 1)
        assert cache.count.tolist() == [tokens * min(age, band - 1) for age in ages]


def test_pushing_drops_the_oldest_and_counts_up_to_the_room_there_is():
    def numbered(first, size):
        part = torch.arange(first, first + size, dtype=EXACT).view(1, size, 1, 1, 1)
        return StreamCache(key=part, value=-part, count=torch.tensor([size]))

    cache = StreamCache(key=torch.zeros(1, 3, 1, 1, 1, dtype=EXACT), value=torch.zeros(1, 3, 1, 1, 1, dtype=EXACT), count=torch.tensor([0]))
    for first, key, count in ((1, [0, 1, 2], 2), (3, [2, 3, 4], 3)):
        cache = cache.push(numbered(first, 2))
        assert (cache.key.flatten().tolist(), cache.value.flatten().neg().tolist(), cache.count.tolist()) == (key, key, [count])
    assert cache.push(numbered(5, 4)).key.flatten().tolist() == [6, 7, 8]
    assert network(8).empty(2, 0).push(network(8).trace((randn(2, 3, 8),), (randn(2, 1, C),), (torch.zeros(3, 1),), None).cache()).key.numel() == 0


# -- streams, conditions, context ------------------------------------------------------------------------------------------------


def test_two_streams_with_the_same_weights_are_one_stream():
    one, two = network(12, context=4), network(12, 12, context=4)
    for layer, pair in zip(one.layers, two.layers, strict=True):
        for stream in pair:
            stream.load_state_dict(layer[0].state_dict())
    x, condition, places, text = randn(2, 6, 12), randn(2, 3, C), grid(3, 2), randn(2, 3, 4)
    allowed = mask([Group("video", 2, block) for block in range(3)], [Rule("video", "video", "up to")])
    (whole,) = through(one, (x,), (condition,), (places,), allowed, context=text)
    parts = through(two, (x[:, :2], x[:, 2:]), (condition[:, :1], condition[:, 1:]), (places[:2], places[2:]), allowed, context=text)
    assert close(torch.cat(parts, 1), whole)


def test_an_untrained_network_is_the_identity():
    net = network(12, 8, context=4, opened=False)
    tokens = (randn(2, 4, 12), randn(2, 3, 8))
    out = through(net, tokens, (randn(2, 1, C), randn(2, 3, C)), (grid(2, 2), grid(3, 1)), None, context=randn(2, 3, 4))
    assert all(torch.equal(after, before) for after, before in zip(out, tokens, strict=True))


def test_conditions_by_run_by_owner_and_by_token_are_the_same():
    net, x, condition, places = network(12), randn(2, 6, 12), randn(2, 3, C), grid(3, 2)
    owner = owners([Group("video", 2, block) for block in range(3)])
    runs, owned, single = (
        through(net, (x,), (given,), (places,), None, owners=by)[0]
        for given, by in ((condition, None), (condition, (owner,)), (condition.repeat_interleave(2, 1), None))
    )
    assert close(runs, owned) and close(runs, single)
    uneven = torch.tensor([0, 0, 0, 1, 2, 2])
    assert close(through(net, (x,), (condition,), (places,), None, owners=(uneven,))[0], through(net, (x,), (condition[:, uneven],), (places,), None)[0])
    assert not close(through(net, (x,), (condition.flip(1),), (places,), None)[0], runs)


def test_rows_are_independent():
    net, allowed = network(12, 8, context=4), mask([Group("a", 6), Group("b", 3)], ALL)
    parts = [randn(3, 6, 12), randn(3, 3, 8), randn(3, 1, C), randn(3, 3, C), randn(3, 2, 4)]
    valid = torch.tensor([[True, True], [False, False], [True, False]])

    def out(rows):
        video, action, one, two, text = (part[rows] for part in parts)
        return through(net, (video, action), (one, two), (grid(3, 2), grid(3, 1)), allowed, context=text, context_valid=valid[rows])

    order = [2, 0, 1]
    for mixed, plain in zip(out(order), out([0, 1, 2]), strict=True):
        assert close(mixed, plain[order])


def test_rows_may_have_masks_and_places_of_their_own():
    net, x, condition, cache = (
        network(12),
        randn(2, 6, 12),
        randn(2, 3, C),
        StreamCache(key=randn(2, 4, 2, 2, 8), value=randn(2, 4, 2, 2, 8), count=torch.tensor([4, 2])),
    )
    places, past = torch.rand(2, 6, 2), torch.rand(2, 4, 2)
    allowed = (torch.rand(2, 6, 10) < 0.5) | torch.eye(6, 10).roll(4, 1).bool()
    (both,) = through(net, (x,), (condition,), (places,), allowed, cache=cache, cached_places=past)
    for row in (0, 1):
        own, at = slice(row, row + 1), cache.select(torch.tensor([row]))
        (alone,) = through(net, (x[own],), (condition[own],), (places[row],), allowed[row], cache=at, cached_places=past[row])
        assert close(both[own], alone)
    (shared,) = through(net, (x,), (condition,), (places[0],), allowed, cache=cache, cached_places=past)  # only what is remembered has its own
    assert close(shared[:1], both[:1])


def test_context_counts_where_it_is_valid_and_nothing_is_taken_from_none():
    net, x, condition, places = network(12, context=4), randn(3, 6, 12), randn(3, 3, C), grid(3, 2)
    text = randn(3, 4, 4).requires_grad_()
    valid = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    (out,) = through(net, (x,), (condition,), (places,), None, context=text, context_valid=valid)
    assert out.isfinite().all()
    (slope,) = torch.autograd.grad((out * torch.randn_like(out)).sum(), text)
    assert slope.isfinite().all() and torch.equal(slope.abs().amax(-1) > 0, valid)
    (short,) = through(net, (x[1:2],), (condition[1:2],), (places,), None, context=text[1:2, :2])
    assert close(out[1:2], short)
    for layer in net.layers:  # nothing: not even the bias of the output
        torch.nn.init.zeros_(layer[0].look.out.weight)
        torch.nn.init.zeros_(layer[0].look.out.bias)
    (without,) = through(net, (x,), (condition,), (places,), None, context=text)
    assert close(out[2], without[2])


def test_a_norm_leaves_each_head_its_direction_and_the_length_of_its_scale():
    x, scale = randn(2, 3, 2, 4, 8), randn(2, 1, 8)
    one = normed(x, torch.ones(2, 1, 8, dtype=EXACT))
    assert torch.allclose(one.square().mean(-1), torch.ones(2, 3, 2, 4, dtype=EXACT), atol=1e-4)
    assert torch.allclose(one / one[..., :1], x / x[..., :1]) and bool((one * x > 0).all())
    assert close(normed(x, scale), one * scale)
    assert normed(torch.zeros_like(x), scale).any().logical_not()


def test_how_large_queries_and_keys_are_does_not_matter_but_their_learned_scale_does():
    """Between streams and of context; larger and smaller in each head on its own."""
    net = network(12, 8, context=4)
    positional, options = arguments(net)
    plain = through(net, *positional, **options)
    layers = [layer for streams in net.layers for layer in streams]
    factor = torch.tensor([30.0, 0.5], dtype=EXACT).repeat_interleave(8)  # of each head
    with torch.no_grad():
        for layer in layers:
            for linear, times in (
                (layer.query_key_value, torch.cat([factor, factor.flip(0), torch.ones(16, dtype=EXACT)])),  # queries, keys, values
                (layer.look.query, factor),
                (layer.look.key_value, torch.cat([factor.flip(0), torch.ones(16, dtype=EXACT)])),
            ):
                linear.weight.mul_(times[:, None])
                linear.bias.mul_(times)
    for one, two in zip(plain, through(net, *positional, **options), strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-3)
    for scale in ("scale", "query_scale", "key_scale"):
        with torch.no_grad():
            parts = [getattr(layer if scale == "scale" else layer.look, scale) for layer in layers]
            for part in parts:
                part.mul_(3)
            assert all((one - two).abs().max() > 1e-2 for one, two in zip(plain, through(net, *positional, **options), strict=True)), scale
            for part in parts:
                part.div_(3)


def test_hidden_states_can_be_had_after_each_layer():
    net, arguments = network(12, depth=3), ((randn(2, 6, 12),), (randn(2, 3, C),), (grid(3, 2),), None)
    full = net.trace(*arguments)
    net.layers = net.layers[:2]
    short = net.trace(*arguments)
    assert len(full.hidden) == 3 and torch.equal(full.hidden[-1][0], full.tokens[0])
    assert len(short.hidden) == 2 and torch.equal(short.tokens[0], full.hidden[1][0])


# -- how it behaves --------------------------------------------------------------------------------------------------------------


def arguments(net: StreamTransformer):
    """Everything at once: two streams, a mask, context, and a cache with a fresh row."""
    groups = [Group("past", 4), Group("video", 4), Group("action", 3)]
    tokens, conditions = (randn(2, 4, 12), randn(2, 3, 8)), (randn(2, 2, C), randn(2, 1, C))
    places = (grid(2, 2), torch.rand(3, 2, dtype=EXACT))
    allowed = mask(groups, [Rule("past", "past"), Rule("video", ("past", "video")), Rule("action", EVERY)])[4:]
    cache = StreamCache(key=randn(2, 4, 2, 2, 8), value=randn(2, 4, 2, 2, 8), count=torch.tensor([4, 0]))
    options = {"context": randn(2, 3, 4), "context_valid": torch.tensor([[True, True, False], [False] * 3]), "cache": cache, "cached_places": grid(2, 2) - 2}
    return (tokens, conditions, places, allowed), options


def test_inputs_are_not_written_to():
    net = network(12, 8, context=4)
    positional, options = arguments(net)
    leaves = torch.utils._pytree.tree_leaves((positional, options))
    before = [leaf.clone() for leaf in leaves]
    net.trace(*positional, **options).cache()
    assert all(torch.equal(leaf, old) for leaf, old in zip(leaves, before, strict=True))


def test_gradients_reach_tokens_conditions_context_and_cache_as_finite_differences_say():
    net = network(12, 8, context=4)
    (tokens, conditions, places, allowed), options = arguments(net)
    cache = options["cache"]

    def out(*leaves):
        remembered = StreamCache(key=leaves[5], value=leaves[6], count=cache.count)
        return through(net, leaves[:2], leaves[2:4], places, allowed, **{**options, "context": leaves[4], "cache": remembered})

    leaves = [leaf.clone().requires_grad_() for leaf in (*tokens, *conditions, options["context"], cache.key, cache.value)]
    assert torch.autograd.gradcheck(out, leaves, fast_mode=True)
    assert all(slope.abs().sum() > 0 for slope in torch.autograd.grad([part.sin().sum() for part in out(*leaves)], leaves))


def test_every_weight_and_every_part_of_the_modulation_counts():
    net = network(12, 8, context=4)
    positional, options = arguments(net)
    sum(part.sin().sum() for part in through(net, *positional, **options)).backward()
    for name, parameter in net.named_parameters():
        parts = parameter.grad.chunk(9) if "modulation" in name else [parameter.grad]
        assert all(part.abs().sum() > 1e-9 for part in parts), name


COMPILE = """
import torch
from tests.nets.blocks.test_streams import arguments, close, network, through

net = network(12, 8, context=4)
positional, options = arguments(net)
compiled = torch.compile(through, fullgraph=True, backend="eager")(net, *positional, **options)
assert all(close(one, two) for one, two in zip(compiled, through(net, *positional, **options), strict=True))
print("the same")
"""


def test_it_compiles_in_one_piece():
    """In a process of its own: shape checks, which the tests add, cannot be compiled."""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-W", "error", "-c", COMPILE], cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "the same", done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_fused_kernel_of_a_gpu_gives_the_same():
    net = network(12, 8, context=4)
    positional, options = arguments(net)
    plain = through(net, *positional, **options)
    on_gpu = torch.utils._pytree.tree_map(lambda leaf: leaf.cuda(), (positional, options))
    fused = through(net.cuda(), *on_gpu[0], **on_gpu[1])
    assert all(close(one, two.cpu()) for one, two in zip(plain, fused, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": (randn(2, 6, 12),)}, "Give None for a stream"),
        ({"conditions": (randn(2, 1, C), None)}, "no conditions or no places"),
        ({"conditions": (randn(2, 4, C), randn(2, 1, C))}, "masks.owners"),
        ({"places": (grid(3, 1), grid(3, 1))}, "6 tokens and 3 places"),
        ({"allowed": torch.ones(9, 8, dtype=torch.bool)}, "a mask of"),
        ({"context": randn(2, 3, 4)}, "context is given"),
        ({"cached_places": grid(1, 2)}, "2 cached places for 0"),
        ({"tokens": (None, None)}, "no stream has tokens"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    fits = {"tokens": (randn(2, 6, 12), randn(2, 3, 8)), "conditions": (randn(2, 3, C), randn(2, 1, C)), "places": (grid(3, 2), grid(3, 1)), "allowed": None}
    with pytest.raises(ValueError, match=message):
        through(network(12, 8), **{**fits, **change})
