"""The U-Net over frames: shapes, who may depend on what (by gradient), context, and that it learns."""

import pytest
import torch

from wam.nets.blocks.unet import UNet

STEPS, SIZE = 4, 16


def network(opened: bool = True, **options) -> UNet:
    """Small, in double precision; `opened`: what starts at zero does not."""
    torch.manual_seed(0)
    net = UNet(2, 3, condition=6, width=8, levels=(1, 2), **options).double()
    for parameter in net.parameters() if opened else ():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return net


def clip(batch: int = 2, steps: int = STEPS) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(batch, steps, 2, SIZE, SIZE, dtype=torch.float64), torch.randn(batch, steps, 6, dtype=torch.float64)


def reached(net: UNet, *context: torch.Tensor, of: str) -> torch.Tensor:
    """Bool "T T": does frame i of the output depend on frame j of the pictures or of the condition, in the same row."""
    x, condition = (part.requires_grad_() for part in clip())
    out = net(x, condition, *context)
    rows = []
    for step in range(STEPS):
        (gradient,) = torch.autograd.grad(out[0, step].square().sum(), x if of == "x" else condition, retain_graph=True)
        assert not gradient[1].any()  # the other row
        rows.append(gradient[0].flatten(1).any(1))
    return torch.stack(rows)


@pytest.mark.parametrize("of", ["x", "condition"])
@pytest.mark.parametrize(
    ("time", "expected"),
    [("none", torch.eye(STEPS)), ("full", torch.ones(STEPS, STEPS)), ("causal", torch.ones(STEPS, STEPS).tril())],
)
def test_which_frames_a_frame_depends_on(time, expected, of):
    assert torch.equal(reached(network(time=time), of=of), expected.bool())


def test_untrained_it_gives_zero_of_the_right_shape():
    for fold, levels, sides in ((1, (1,), (5, 7)), (2, (1, 2), (8, 12)), (4, (1, 2, 2), (16, 32))):
        net = UNet(2, 5, condition=6, width=8, levels=levels, fold=fold)
        out = net(torch.randn(2, 3, 2, *sides), torch.randn(2, 3, 6))
        assert out.shape == (2, 3, 5, *sides) and not out.any()
    with pytest.raises(ValueError, match="multiples of 4 px"):
        network()(torch.randn(1, 1, 2, 16, 18).double(), torch.randn(1, 1, 6).double())
    with pytest.raises(ValueError, match="multiples of 8"):
        UNet(2, 5, condition=6, width=12)
    with pytest.raises(ValueError, match="Add a level"):
        UNet(2, 5, condition=6, levels=(1,), time="full")


def test_features_are_the_levels_on_the_way_up_and_the_last_is_what_the_exit_reads():
    net = network(time="full")
    x, condition = clip()
    hidden = net.features(x, condition)
    assert [level.shape for level in hidden] == [(2, STEPS, width, side, side) for width, side in zip((16, 8), (4, 8), strict=True)]
    out = net.unfold(net.leave(hidden[-1].flatten(0, 1))).unflatten(0, (2, STEPS))
    assert torch.allclose(out, net(x, condition))


def test_frames_on_their_own_are_frames_of_a_clip_without_time():
    net = network()
    x, condition = clip()
    alone = torch.cat([net(x[:, [step]], condition[:, [step]]) for step in range(STEPS)], 1)
    assert torch.allclose(net(x, condition), alone)
    pictures, inside = x.clone(), x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)  # channels last
    assert torch.allclose(net(inside, condition), alone) and torch.equal(x, pictures)


def test_an_earlier_part_of_a_causal_clip_is_the_same_without_the_rest():
    net = network(time="causal")
    x, condition = clip()
    assert torch.allclose(net(x, condition)[:, :2], net(x[:, :2], condition[:, :2]))


def test_context_reaches_every_frame_of_its_row_and_only_valid_tokens_count():
    net = network(context=5, time="none")
    x, condition = clip()
    context = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    valid = torch.tensor([[True, True, False], [False, False, False]])
    out = net(x, condition, context, valid)
    for step in range(STEPS):
        (gradient,) = torch.autograd.grad(out[:, step].square().sum(), context, retain_graph=True)
        assert gradient.any(-1).tolist() == valid.tolist()
    assert torch.allclose(out[1], net(x, condition)[1])  # no valid token: as without context
    order = torch.tensor([1, 0, 2])
    assert torch.allclose(net(x, condition, context[:, order], valid[:, order]), out)  # tokens are a set
    with pytest.raises(ValueError, match="Build it with context"):
        network()(x, condition, context)


def test_it_learns_to_move_a_dot_as_its_frame_s_condition_says():
    """Regression: a dot in the first channel, to be shown shifted by as many pixels as the condition says."""
    torch.manual_seed(0)
    net = UNet(1, 1, condition=8, width=16, levels=(1, 2), time="full")
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)

    def examples(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        start, shift = torch.randint(0, 12, (count,)), torch.randint(0, 5, (count, 2))
        rows = torch.randint(0, 16, (count,))
        x, y = torch.zeros(2, count, 2, 1, 16, 16)
        for step in range(2):
            x[torch.arange(count), step, 0, rows, start] = 1
            y[torch.arange(count), step, 0, rows, start + shift[:, step]] = 1
        return x, torch.nn.functional.one_hot(shift, 8).float(), y

    for _ in range(100):
        x, condition, y = examples(16)
        loss = ((net(x, condition) - y) ** 2 * (0.02 + y)).mean() / 0.024
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    x, condition, y = examples(64)
    with torch.no_grad():
        found, confused = net(x, condition), net(x, condition.roll(1, 0))

    def right(pictures: torch.Tensor) -> float:
        return float((pictures.flatten(2).argmax(-1) == y.flatten(2).argmax(-1)).float().mean())

    assert right(found) > 0.8 and right(confused) < 0.5  # by chance one in five
