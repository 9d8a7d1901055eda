"""Small convolutional encoder and decoder: which sizes there are."""

import pytest
import torch

from wam.nets.blocks.conv import ConvDecoder, ConvEncoder


@pytest.mark.parametrize("size", [8, 32])
def test_a_picture_becomes_a_vector_and_back(size):
    code = ConvEncoder(3, size, 4, 5)(torch.rand(2, 3, size, size))
    assert code.shape == (2, 5) and ConvDecoder(5, 3, size, 4)(code).shape == (2, 3, size, size)


@pytest.mark.parametrize("size", [0, 4, 12, 48])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"pictures of {size} pixels: expected 8, 16"):
        ConvEncoder(3, size, 4, 5)
