"""Action heads, both by the same tests: shapes, any horizon, what they depend on, and that they learn. And what only the U-Net does."""

import pytest
import torch

from wam.nets.blocks.action_expert import ActionExpert, ActionHead
from wam.nets.blocks.action_unet import ActionUNet


def head(kind: str, opened: bool = True, context: int = 7) -> torch.nn.Module:
    """In double precision; `opened`: what starts at zero does not."""
    torch.manual_seed(0)
    small = dict(dim=16, depth=2, heads=2) if kind == "expert" else dict(width=16, levels=(1, 2), heads=2)
    net = (ActionExpert if kind == "expert" else ActionUNet)(3, 6, context=context, **small).double()
    for parameter in net.parameters() if opened else ():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return net


def inputs(horizon: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return tuple(torch.randn(*shape, dtype=torch.float64) for shape in ((2, horizon, 3), (2, 6), (2, 4, 7)))


@pytest.mark.parametrize("kind", ["expert", "unet"])
@pytest.mark.parametrize("horizon", [1, 2, 3, 8])
def test_any_horizon_and_zero_untrained(kind, horizon):
    x, condition, context = inputs(horizon)
    untrained: ActionHead = head(kind, opened=False)
    out = untrained(x, condition, context)
    assert out.shape == x.shape and not out.any()
    assert head(kind)(x, condition, context).shape == x.shape


@pytest.mark.parametrize("kind", ["expert", "unet"])
def test_rows_are_independent_and_condition_and_every_token_count(kind):
    net = head(kind)
    x, condition, context = (part.requires_grad_() for part in inputs())
    out = net(x, condition, context)
    for step in range(5):
        gradients = torch.autograd.grad(out[0, step].square().sum(), (x, condition, context), retain_graph=True)
        assert all(gradient[0].any() and not gradient[1].any() for gradient in gradients)
        assert gradients[2][0].any(-1).all()
    assert torch.allclose(out[:1], net(x[:1], condition[:1], context[:1]))
    with pytest.raises(ValueError, match="Build it with context=7"):
        head(kind, context=0)(x, condition, context)


@pytest.mark.parametrize("kind", ["expert", "unet"])
def test_it_learns_from_condition_and_context(kind):
    """Actions along a ramp whose slope the condition says, from where a token says."""
    torch.manual_seed(0)
    net: torch.nn.Module = head(kind).float()
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3)
    ramp = torch.linspace(0, 1, 6)[:, None]

    def error() -> torch.Tensor:
        condition, context = torch.randn(64, 6), torch.randn(64, 4, 7)
        wanted = condition[:, None, :3] * ramp + context[:, :, :3].mean(1, keepdim=True)
        return ((net(torch.zeros(64, 6, 3), condition, context) - wanted) ** 2).mean()

    for _ in range(120):
        loss = error()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(error().detach()) < 0.3  # 0.63 where nothing is known


def test_an_action_sees_its_neighbours_both_ways():
    net = head("unet")
    x, condition, _ = inputs()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(net(x, condition)[0, 2].square().sum(), x)
    assert gradient[0].any(-1).all()


def test_odd_widths_are_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        ActionUNet(3, 6, width=12)
