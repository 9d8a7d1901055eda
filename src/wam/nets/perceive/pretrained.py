"""Plain vision transformers of the package `transformers` by name or folder, frozen, as patch encoders.

Plain: a token for each square patch of the picture, in order (ViT, DeiT, BEiT, CLIP, SigLIP, DINOv2, DINOv3), at any size of whole
patches. Others (Swin, ViT-MAE, ResNet) are refused by a try when they are built. Weights come from the Hub where there is a
network, or from a folder. Pictures are resized and normalised as the model's own image processor says; without one, with the
figures of ImageNet. Tokens before the patches (the class token, registers) are left out. Needs the extra "vision".
"""

import inspect
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from wam.nets.perceive.patches import PatchEncoder

PLAIN = (
    "Choose a plain vision transformer (ViT, DeiT, BEiT, CLIP, SigLIP, DINOv2, DINOv3; not Swin, ViT-MAE, ResNet), or the encoder that the library "
    "trains itself."
)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation


class PretrainedPatchEncoder(PatchEncoder):
    """A model whose `last_hidden_state` "N c+P D" holds P patches after its c class and register tokens.

    `about`: its configuration and its pictures' figures, as JSON. With it, it is built again without the model's files.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, *, size: int | None = None, about: str = ""):
        """`size`: px that pictures are resized to, brought to whole patches; None = what the model was trained on.

        `about`: of one that was built before; then nothing is read by name, and the weights are random until a checkpoint's are restored.
        ValueError for a model that cannot be had, or is no plain vision transformer.
        """
        super().__init__()
        if about:
            told = json.loads(about)
            model, mean, std = vision_model_like(told["model"]), told["mean"], told["std"]
        else:
            model, (mean, std) = load_vision_model(name), normalisation(name)
        self.name, self.about = name, about or json.dumps({"model": described(model), "mean": mean, "std": std})
        self.patch, native, self.width = (_whole(model, name, number) for number in ("patch_size", "image_size", "hidden_size"))
        self.size = self.patch * max(1, round((native if size is None else size) / self.patch))
        self.grid = (self.size // self.patch, self.size // self.patch)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.model = model.requires_grad_(False).eval()
        resizes = "interpolate_pos_encoding" in inspect.signature(model.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if resizes else {}  # else it does so unasked
        self._try()

    def train(self, mode: bool = True) -> "PretrainedPatchEncoder":
        """Frozen: dropout stays off."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """See `PatchEncoder`."""
        scaled = F.interpolate(rgb, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False)
        found = self._tokens((scaled - self.mean) / self.std)
        return found[:, found.shape[1] - self.grid[0] * self.grid[1] :]

    def _tokens(self, pixels: Float[Tensor, "N 3 s s"]) -> Float[Tensor, "N Pc D"]:
        found: Tensor = self.model(pixel_values=pixels, **self.options).last_hidden_state
        return found

    @torch.no_grad()
    def _try(self) -> None:
        """ValueError where one picture does not give a token for each patch after the class and register tokens."""
        patches, before = self.grid[0] * self.grid[1], 2 + getattr(self.model.config, "num_register_tokens", 0)  # DeiT has two class tokens
        try:
            shape = tuple(self._tokens(self.mean.new_zeros(1, 3, self.size, self.size)).shape)
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{_family(self.model, self.name)} cannot take a picture of {self.size} x {self.size} px ({error}). {PLAIN}") from error
        if len(shape) != 3 or not patches <= shape[1] <= patches + before or shape[2] != self.width:
            raise ValueError(
                f"{_family(self.model, self.name)} gave numbers of the shape {shape} for a picture of {self.size} x {self.size} px, expected "
                f"{(1, patches, self.width)}, a token for each patch of {self.patch} px, with at most {before} class and register tokens before. "
                f"It probably merges patches, hides some of them, or is convolutional. {PLAIN}"
            )


def know_constructors() -> None:
    """Once per process before `from_pretrained`: torch lists which functions make tensors at its first `with torch.device(...)`.

    `transformers` has one, of its own, while it has put another `linspace` in place, which would never be one again.
    """
    with torch.device("cpu"):
        torch.zeros(())


def load_vision_model(name: str) -> Any:
    """By name of the Hub or folder, in float32. ImportError that names the extra; ValueError where nothing can be had."""
    try:
        model = _transformers().AutoModel.from_pretrained(name)
    except OSError as error:
        raise ValueError(
            f"there is no vision model {name!r}: neither a folder here nor reachable on the Hub. Check the name and the network, download it "
            "beforehand, or use the encoder that the library trains itself."
        ) from error
    return getattr(model, "vision_model", model).float()


def vision_model_like(told: dict[str, Any]) -> Any:
    """The networks that `described` told of, in float32; their weights are random. ImportError that names the extra."""
    transformers = _transformers()
    model = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**told))
    return getattr(model, "vision_model", model).float()


def described(model: Any) -> dict[str, Any]:
    """The whole configuration of a vision model, JSON-ready; where its files lie is left out."""
    told: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    return {name: value for name, value in told.items() if name not in ("_name_or_path", "transformers_version")}


def _transformers() -> Any:
    know_constructors()
    try:
        import transformers
    except ImportError as error:
        raise ImportError('pretrained vision models need the extra "vision": pip install "wam[vision]"') from error
    return transformers


def _family(model: Any, name: str) -> str:
    return f"the vision model {name!r}, a {type(model).__name__},"


def _whole(model: Any, name: str, number: str) -> int:
    """A whole number of a model's configuration. ValueError where it has none of that name."""
    found = getattr(model.config, number, None)
    if not isinstance(found, int):
        raise ValueError(f"{_family(model, name)} has {number} = {found} in its configuration, expected a whole number, as square patches have. {PLAIN}")
    return found


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the model's pictures, per colour."""
    path = Path(name) / "preprocessor_config.json"
    if Path(name).is_dir():
        told = json.loads(path.read_text()) if path.exists() else {}
    else:
        from transformers.image_processing_base import ImageProcessingMixin

        told = ImageProcessingMixin.get_image_processor_dict(name)[0]
    return tuple(told.get("image_mean", IMAGENET[0])), tuple(told.get("image_std", IMAGENET[1]))
