"""Patch encoders: places, masks, emphasis, learning to fill in; and pretrained ones read back from a folder."""

import json
import subprocess
import sys

import pytest
import torch

from wam.evaluate.probe import fit_probe, r2
from wam.nets.perceive.patches import ConvPatchEncoder, MaskedReconstruction
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
    encoder = ConvPatchEncoder(16, 24, patch=8, dim=8, channels=8)
    assert encoder.grid == (2, 3) and encoder(torch.rand(2, 3, 16, 24)).shape == (2, 6, 8)
    with torch.no_grad():
        for layer in encoder.body[:-1]:  # with the neighbours out of sight, a token knows its own patch
            if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.weight[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
            if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (4, 4):
                layer.weight[:, :, [0, 3]] = 0
                layer.weight[:, :, :, [0, 3]] = 0
        encoder.body = torch.nn.Sequential(*(layer for layer in encoder.body if not isinstance(layer, torch.nn.GroupNorm)))
        pictures = torch.zeros(1, 3, 16, 24)
        pictures[:, :, :8, 16:] = 1  # top right
        changed = (encoder(pictures) - encoder(torch.zeros_like(pictures))).abs().sum(-1) > 1e-6
    assert changed.tolist() == [[False, False, True, False, False, False]]
    for wrong in (dict(height=20, width=24), dict(height=24, width=24, patch=6), dict(height=24, width=24, patch=1)):
        with pytest.raises(ValueError, match="cannot be cut into patches"):
            ConvPatchEncoder(**wrong)


def test_cells_are_hidden_alike_in_every_picture_and_are_a_row_s_own():
    task = MaskedReconstruction(ConvPatchEncoder(16, 16, patch=8, dim=8, channels=8), hidden=0.5)
    mask = task.mask(Noise.of(range(50)), 50)
    assert mask.shape == (50, 1, 16, 16) and (mask.sum((1, 2, 3)) == 8 * 16).all()
    assert torch.equal(mask[:, :, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3), mask)  # whole cells of 4 px
    assert (mask.sum(0) > 10).all() and torch.equal(mask[7:8], task.mask(Noise.of([7]), 1))


def test_what_is_emphasised_counts():
    """With a head that says grey, the error is the squared distance from grey, weighted."""
    task = MaskedReconstruction(ConvPatchEncoder(8, 8, patch=4, dim=8, channels=8))
    torch.nn.init.zeros_(task.head.weight)
    torch.nn.init.constant_(task.head.bias, 0.5)
    pictures, emphasis = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    pictures[:, :, :4] = 1
    assert float(task.loss(pictures, emphasis, Noise.of([0])).detach()) == pytest.approx(0.125)  # half of the pixels are 0.5 away
    emphasis[:, :, :4] = 1
    assert float(task.loss(pictures, emphasis, Noise.of([0])).detach()) == pytest.approx(0.25 * 1.02 / 1.04)


def test_it_learns_where_things_are_without_labels():
    """What is hidden gets told better, and a probe reads the disc's place better than from the same network untrained."""
    torch.manual_seed(0)
    encoder = ConvPatchEncoder(16, 16, patch=4, dim=16, channels=16)
    task = MaskedReconstruction(encoder)
    pictures, place = discs(400, 0)
    held_out, truth = discs(200, 1)

    def score() -> float:
        with torch.no_grad():
            one, two = (encoder(frames).mean(1) for frames in (pictures, held_out))
        return r2(fit_probe(one, place[:, None])(two[:, None])[:, 0, 0], truth)

    def error(frames: torch.Tensor) -> float:
        with torch.no_grad():
            return float(task.loss(frames, torch.zeros(len(frames), 1, 16, 16), Noise.of(range(len(frames)))).mean())

    before, first = score(), error(pictures)
    optimiser = torch.optim.AdamW(task.parameters(), 3e-3)
    for step in range(150):
        frames = pictures[step * 64 % 320 :][:64]
        loss = task.loss(frames, torch.zeros(len(frames), 1, 16, 16), Noise.of(range(step * 64, step * 64 + len(frames)))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert error(held_out) < 0.3 * first and score() > before


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


def test_device_blocks_still_make_all_tensors_where_they_say(tmp_path):
    """In a process of its own: what torch lists once is listed before `transformers` changes it."""
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    config = transformers.Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14, mlp_ratio=2)
    transformers.Dinov2Model(config).save_pretrained(tmp_path / "tiny")
    program = (
        "import sys, torch; from wam.nets.perceive.pretrained import load_vision_model; load_vision_model(sys.argv[1])\n"
        "with torch.device('meta'): print(torch.linspace(0, 1, 3).device)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "tiny")], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "meta"
