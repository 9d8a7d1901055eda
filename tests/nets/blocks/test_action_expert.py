"""What only the expert does; what all action heads do is tested in `test_action_unet.py`."""

import pytest
import torch

from wam.nets.blocks.action_expert import ActionExpert
from wam.nets.blocks.transformer import Block


def network(opened: bool = True, **options) -> ActionExpert:
    torch.manual_seed(0)
    net = ActionExpert(3, 6, dim=16, depth=2, heads=2, **options).double()
    for parameter in net.parameters() if opened else ():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    return net


def inputs(horizon: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return tuple(torch.randn(*shape, dtype=torch.float64) for shape in ((2, horizon, 3), (2, 6), (2, 4, 7)))


def test_context_is_a_set():
    net = network(context=7)
    x, condition, context = inputs()
    out, order = net(x, condition, context), torch.tensor([2, 0, 3, 1])
    assert torch.allclose(net(x, condition, context[:, order]), out) and not torch.allclose(net(x, condition), out)


def test_every_action_depends_on_every_other_and_on_its_place():
    net = network()
    x, condition, _ = inputs()
    x.requires_grad_()
    out = net(x, condition)
    for step in range(5):
        (gradient,) = torch.autograd.grad(out[0, step].square().sum(), x, retain_graph=True)
        assert gradient[0].any(-1).all() and not gradient[1].any()
    same = net(x[:, :1].expand(-1, 5, -1), condition)
    assert not torch.allclose(same[:, 0], same[:, 1])


def test_an_untrained_block_is_the_identity():
    net = network(opened=False, context=7)
    x, condition, context = inputs()
    hidden = net.enter(x)
    assert torch.equal(net.look[0](hidden, context), hidden) and isinstance(net.blocks[0], Block)
    assert torch.equal(net.blocks[0](hidden, net.condition(condition)[:, None], hidden.new_zeros(()), None)[0], hidden)


def test_odd_widths_are_refused_early():
    with pytest.raises(ValueError, match="do not divide"):
        ActionExpert(3, 6, context=4, dim=16, heads=3)
