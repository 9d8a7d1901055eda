"""Hidden states as tokens: which token is which cell, averaged or repeated, channels side by side."""

import pytest
import torch

from wam.nets.blocks.taps import tapped
from wam.nets.blocks.unet import UNet


def test_cells_are_averaged_or_repeated_and_channels_stand_side_by_side():
    fine, coarse = torch.randn(2, 3, 4, 8, 4), torch.randn(2, 3, 5, 2, 1)
    tokens = tapped([coarse, fine], (4, 2))
    assert tokens.shape == (2, 3, 8, 9)
    for row, column in ((0, 0), (1, 1), (3, 0)):
        token = tokens[:, :, 2 * row + column]
        assert torch.equal(token[..., :5], coarse[..., row // 2, 0])
        assert torch.allclose(token[..., 5:], fine[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean((-1, -2)))
    with pytest.raises(ValueError, match="at least one layer"):
        tapped([], (2, 2))


def test_a_u_net_is_tapped():
    net = UNet(3, 3, condition=4, width=8, levels=(1, 2, 3))
    tokens = tapped(net.features(torch.randn(2, 5, 3, 32, 32), torch.randn(2, 5, 4)), (8, 8))
    assert tokens.shape == (2, 5, 64, 8 + 16 + 24)
