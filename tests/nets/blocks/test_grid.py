"""Patches, row by row from the top left: there and back, and where each of them is."""

import pytest
import torch

from wam.nets.blocks.grid import from_patches, grid_of, pictures_of, places, tokens_of


def test_tokens_become_pictures_and_come_back():
    tokens = torch.randn(2, 6, 5)
    shown = pictures_of(tokens, (2, 3))
    assert torch.equal(shown[:, :, 1, 2], tokens[:, 5]) and torch.equal(tokens_of(shown), tokens)
    with pytest.raises(ValueError, match="6 tokens do not fill a grid of 2 x 2"):
        pictures_of(tokens, (2, 2))


def test_patches_are_laid_where_they_were_cut():
    pictures, grid = torch.randn(2, 3, 4, 6), grid_of(4, 6, 2)
    assert grid == (2, 3)
    cut = [pictures[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(1) for _, row, column in places([7], grid).tolist()]
    assert torch.equal(from_patches(torch.stack(cut, 1), grid, 2), pictures)
    with pytest.raises(ValueError, match="4 x 6 cells cannot be cut into patches of 4"):
        grid_of(4, 6, 4)


def test_places_go_frame_by_frame():
    assert places([3, 4], (1, 2)).tolist() == [[3, 0, 0], [3, 0, 1], [4, 0, 0], [4, 0, 1]]
