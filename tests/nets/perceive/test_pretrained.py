"""Plain vision transformers of `transformers` at any size; what gives other tokens than its grid says is refused in words."""

import json

import pytest
import torch

from wam.nets.perceive.pretrained import PretrainedPatchEncoder

transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
CUT = {**SMALL, "intermediate_size": 32, "image_size": 32, "patch_size": 8}
WORDS = {**SMALL, "intermediate_size": 32, "vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1}
FOURTEEN = {**SMALL, "image_size": 28, "patch_size": 14, "mlp_ratio": 2}
PLAIN = {
    "ViT": lambda: transformers.ViTModel(transformers.ViTConfig(**CUT)),
    "DeiT": lambda: transformers.DeiTModel(transformers.DeiTConfig(**CUT)),
    "BEiT": lambda: transformers.BeitModel(transformers.BeitConfig(**CUT)),
    "CLIP": lambda: transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**CUT)),
    "CLIP with text": lambda: transformers.CLIPModel(transformers.CLIPConfig(text_config=WORDS, vision_config=CUT)),
    "SigLIP": lambda: transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**CUT)),
    "SigLIP with text": lambda: transformers.SiglipModel(transformers.SiglipConfig(text_config=WORDS, vision_config=CUT)),
    "DINOv2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**FOURTEEN)),
    "DINOv2 with registers": lambda: transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**FOURTEEN)),
    "DINOv3": lambda: transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**CUT, num_register_tokens=4)),
}
OTHERS = {
    "ViTMAEModel": lambda: transformers.ViTMAEModel(transformers.ViTMAEConfig(**CUT)),
    "SwinModel": lambda: transformers.SwinModel(
        transformers.SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[1, 2], image_size=32, patch_size=4, window_size=2)
    ),
    "ResNetModel": lambda: transformers.ResNetModel(transformers.ResNetConfig(hidden_sizes=[8, 16], depths=[1, 1], embedding_size=8)),
    "Siglip2VisionModel": lambda: transformers.Siglip2VisionModel(transformers.Siglip2VisionConfig(**SMALL, intermediate_size=32, patch_size=8)),
}


def stored(make, folder):
    torch.manual_seed(0)
    model = make()
    model.save_pretrained(folder)
    return str(folder), model.eval()


@pytest.mark.parametrize("family", PLAIN)
@pytest.mark.parametrize("size", [None, 56], ids=["its own size", "56 px"])
def test_a_token_for_each_patch_at_any_size(family, size, tmp_path):
    name, _ = stored(PLAIN[family], tmp_path / "model")
    encoder, rgb = PretrainedPatchEncoder(name, size=size), torch.rand(2, 3, 40, 40)
    assert encoder.size == (size or (28 if "DINOv2" in family else 32)) and encoder.grid[0] == encoder.size // encoder.patch
    tokens = encoder(rgb)
    assert tokens.shape == (2, encoder.grid[0] ** 2, 16) and torch.equal(tokens, encoder(rgb))


def test_what_comes_before_the_patches_is_left_out(tmp_path):
    name, model = stored(PLAIN["DINOv2 with registers"], tmp_path / "model")
    encoder, rgb = PretrainedPatchEncoder(name), torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        every = model(pixel_values=(rgb - encoder.mean) / encoder.std).last_hidden_state
    assert every.shape[1] == 1 + 4 + 4 and torch.allclose(encoder(rgb), every[:, 5:], atol=1e-6)


@pytest.mark.parametrize("family", OTHERS)
def test_other_tokens_than_the_grid_says_are_refused(family, tmp_path):
    name, _ = stored(OTHERS[family], tmp_path / "model")
    with pytest.raises(ValueError, match=rf"(?s)model', a {family},.*Choose a plain vision transformer \(ViT"):
        PretrainedPatchEncoder(name, size=32)


def test_merged_patches_are_told_by_their_shapes(tmp_path):
    name, _ = stored(OTHERS["SwinModel"], tmp_path / "model")
    with pytest.raises(ValueError, match=r"shape \(1, 16, 16\) for a picture of 32 x 32 px, expected \(1, 64, 16\), a token for each patch of 4 px"):
        PretrainedPatchEncoder(name)


def test_weights_in_half_precision_become_whole(tmp_path):
    transformers.ViTModel(transformers.ViTConfig(**CUT)).half().save_pretrained(tmp_path / "model")
    assert PretrainedPatchEncoder(str(tmp_path / "model"))(torch.rand(1, 3, 32, 32)).dtype == torch.float32


@pytest.mark.parametrize("family", PLAIN)
def test_is_built_again_without_its_files(family, tmp_path):
    name, _ = stored(PLAIN[family], tmp_path / "model")
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}))
    encoder, rgb = PretrainedPatchEncoder(name, size=56), torch.rand(2, 3, 40, 40)
    assert str(tmp_path) not in encoder.about
    again = PretrainedPatchEncoder("nowhere", size=56, about=encoder.about)
    again.load_state_dict(encoder.state_dict())
    assert again.about == encoder.about and torch.equal(again(rgb), encoder(rgb))


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"there is no vision model .*nowhere"):
        PretrainedPatchEncoder(str(tmp_path / "nowhere"))
