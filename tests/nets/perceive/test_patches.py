"""Patch encoders: places, masks, learning to fill in; and pretrained ones read back from a folder."""

import json

import pytest
import torch

from wam.evaluate.probe import fit_probe, r2
from wam.nets.perceive.patches import MaskedReconstruction, SmallPatchEncoder
from wam.nets.perceive.pretrained import PretrainedPatchEncoder
from wam.world import Noise


def discs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures "N 3 16 16" of a red disc on grey, and its place in pixels."""
    place = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 10 + 3
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    away = ((rows - place[:, :1, None]) ** 2 + (columns - place[:, 1:, None]) ** 2).sqrt()
    inside = torch.sigmoid(2 * (3 - away))[:, None]
    return inside * torch.tensor([1.0, 0.1, 0.1]).view(3, 1, 1) + (1 - inside) * 0.6, place


def test_patches_are_row_by_row():
    encoder = SmallPatchEncoder(16, 24, patch=8, dim=8, depth=1)
    assert encoder.grid == (2, 3)
    pictures = torch.zeros(1, 3, 16, 24)
    pictures[:, :, :8, 16:] = 1  # top right
    changed = (encoder.tokens(pictures) - encoder.tokens(torch.zeros_like(pictures))).abs().sum(-1) > 1e-6
    assert changed.tolist() == [[False, False, True, False, False, False]]
    task = MaskedReconstruction(encoder)
    assert task.patches(pictures)[0].amax(-1).tolist() == [0, 0, 1, 0, 0, 0]
    with pytest.raises(ValueError, match="cannot be cut into patches of 8"):
        SmallPatchEncoder(20, 24)


def test_masks_hide_as_much_of_every_picture_and_are_a_row_s_own():
    task = MaskedReconstruction(SmallPatchEncoder(16, 16, patch=4, dim=8, depth=1), hidden=0.6)
    mask = task.mask(Noise.of(range(50)), 50)
    assert (mask.sum(1) == 10).all() and mask.sum(0).min() > 20 and torch.equal(mask[7:8], task.mask(Noise.of([7]), 1))


def test_it_learns_where_things_are_without_labels():
    """What is hidden gets told better, and a probe reads the disc's place better than from the same network untrained."""
    torch.manual_seed(0)
    encoder = SmallPatchEncoder(16, 16, patch=4, dim=32, depth=2)
    task = MaskedReconstruction(encoder)
    pictures, place = discs(400, 0)
    held_out, truth = discs(200, 1)

    def score() -> float:
        with torch.no_grad():
            one, two = (encoder(frames).mean(1) for frames in (pictures, held_out))
        return r2(fit_probe(one, place[:, None])(two[:, None])[:, 0, 0], truth)

    before, first = score(), float(task.loss(pictures, Noise.of(range(400))).mean().detach())
    optimiser = torch.optim.AdamW(task.parameters(), 3e-3)
    for step in range(150):
        loss = task.loss(pictures[step * 64 % 320 :][:64], Noise.of(range(step * 64, step * 64 + 64))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    last = float(task.loss(held_out, Noise.of(range(200))).mean().detach())
    assert last < 0.7 * first and 1 - score() < 0.5 * (1 - before)


def test_a_pretrained_model_is_read_back_from_a_folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    config = transformers.Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14, mlp_ratio=2)
    torch.manual_seed(0)
    model = transformers.Dinov2Model(config).eval()
    model.save_pretrained(tmp_path / "tiny")
    (tmp_path / "tiny" / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    encoder = PretrainedPatchEncoder(str(tmp_path / "tiny")).train()
    assert encoder.grid == (2, 2) and encoder.width == 32 and not any(parameter.requires_grad for parameter in encoder.parameters())
    pictures = torch.rand(2, 3, 28, 28)
    expected = model(pixel_values=(pictures - 0.5) / 0.25).last_hidden_state[:, 1:]
    assert torch.allclose(encoder(pictures), expected, atol=1e-5)
    assert encoder(torch.rand(1, 3, 64, 64)).shape == (1, 4, 32)
    with pytest.raises(ValueError, match="no vision model"):
        PretrainedPatchEncoder(str(tmp_path / "nothing"))
