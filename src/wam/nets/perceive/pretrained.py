"""Vision models of the package `transformers` by name or folder, frozen, as patch encoders (DINOv2, ViT, SigLIP, ...).

Weights come from the Hub where there is a network, or from a folder. Pictures are resized
and normalised as its own image processor says; without one, with the figures of ImageNet. Tokens before the patches (the
class token, registers) are left out. Needs the extra "vision".
"""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from wam.nets.perceive.patches import PatchEncoder

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation


class PretrainedPatchEncoder(PatchEncoder):
    """Any model with `last_hidden_state` "N P+c D" and a square patch size in its configuration."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, *, size: int | None = None):
        """`size`: px that pictures are resized to, brought to whole patches; None = what the model was trained on."""
        super().__init__()
        model = load_vision_model(name)
        config = getattr(model.config, "vision_config", model.config)
        patch, native = int(config.patch_size), int(config.image_size)
        self.size = patch * max(1, round((native if size is None else size) / patch))
        self.grid, self.width, self.name = (self.size // patch, self.size // patch), int(config.hidden_size), name
        mean, std = normalisation(name)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.model = model.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PretrainedPatchEncoder":
        """Frozen: dropout stays off."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """See `PatchEncoder`."""
        scaled = F.interpolate(rgb, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        found: Tensor = self.model(pixel_values=(scaled - self.mean) / self.std).last_hidden_state
        return found[:, found.shape[1] - self.grid[0] * self.grid[1] :]


def know_constructors() -> None:
    """Once per process before `from_pretrained`: torch lists which functions make tensors at its first `with torch.device(...)`.

    `transformers` has one, of its own, while it has put another `linspace` in place, which would never be one again.
    """
    with torch.device("cpu"):
        torch.zeros(())


def load_vision_model(name: str) -> Any:
    """By name of the Hub or folder. ImportError that names the extra; ValueError where nothing can be had."""
    know_constructors()
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise ImportError('pretrained vision models need the extra "vision": pip install "wam[vision]"') from error
    try:
        model = AutoModel.from_pretrained(name)
    except OSError as error:
        raise ValueError(
            f"there is no vision model {name!r}: neither a folder here nor reachable on the Hub. Check the name and the network, download it "
            "beforehand, or use the encoder that the library trains itself."
        ) from error
    return getattr(model, "vision_model", model)


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the model's pictures, per colour."""
    path = Path(name) / "preprocessor_config.json"
    if Path(name).is_dir():
        told = json.loads(path.read_text()) if path.exists() else {}
    else:
        from transformers.image_processing_base import ImageProcessingMixin

        told = ImageProcessingMixin.get_image_processor_dict(name)[0]
    return tuple(told.get("image_mean", IMAGENET[0])), tuple(told.get("image_std", IMAGENET[1]))
