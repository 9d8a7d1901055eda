"""Laid out either way, the numbers and gradients are torch's, in the layout that came."""

import pytest
import torch
from torch import nn

from wam.nets.blocks.group_norm import GroupNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_agrees_with_torch_in_both_layouts(layout, dtype):
    ours, torchs = GroupNorm(4, 12), nn.GroupNorm(4, 12)
    torch.nn.init.normal_(ours.weight)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 12, 6, 5).to(dtype)
    laid, plain = (x.clone(memory_format=form).requires_grad_() for form in (layout, torch.contiguous_format))
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        one, two = ours(laid), torchs(plain)
    assert one.is_contiguous(memory_format=layout)
    one.float().pow(3).sum().backward()
    two.float().pow(3).sum().backward()
    torch.testing.assert_close(one.contiguous(), two, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(laid.grad.contiguous(), plain.grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(ours.weight.grad, torchs.weight.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_learns_from_pictures_that_need_no_gradient(dtype):
    """With channels last torch 2.13's own kernel ends the process here."""
    norm, x = GroupNorm(8, 24), torch.randn(8, 24, 16, 16).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        norm(x.to(dtype)).float().pow(2).mean().backward()
    assert norm.weight.grad is not None and norm.weight.grad.isfinite().all()


def test_sequences_pass_as_they_are():
    norm, x = GroupNorm(4, 8), torch.randn(2, 8, 5)
    torch.testing.assert_close(norm(x), nn.functional.group_norm(x, 4))
