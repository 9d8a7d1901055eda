"""Text encoders: ids into a table, no instruction, other tables with the same words; and a pretrained one read back from a folder."""

from pathlib import Path
from typing import Any

import pytest
import torch

from wam.nets.perceive.text import PretrainedTextEncoder, WordEncoder, text_encoder, words_of

TABLE = ("push the red disc to the blue zone", "Push the blue disc to the red zone.", "stop")


def opened(encoder: WordEncoder) -> WordEncoder:
    """With layers that do something, which they learn first."""
    for layer in encoder.look:
        torch.nn.init.normal_(layer.out.weight, std=0.3)
    return encoder


def test_a_sentence_is_one_token_per_word_and_no_instruction_is_none():
    encoder = opened(WordEncoder(TABLE, width=16))
    assert encoder.words == ("blue", "disc", "push", "red", "stop", "the", "to", "zone")
    tokens, valid = encoder(torch.tensor([0, 2, -1]))
    assert tokens.shape == (3, 8, 16) and valid.sum(1).tolist() == [8, 1, 0]
    assert not tokens[~valid].any() and tokens[valid].any(-1).all()
    assert torch.allclose(encoder(torch.tensor([2]))[0], tokens[1:2], atol=1e-6)  # rows are independent, padding changes nothing
    assert words_of("Don't touch robot 2!") == ("don't", "touch", "robot", "2")


def test_the_order_of_the_words_matters():
    torch.manual_seed(0)
    encoder = opened(WordEncoder(TABLE, width=16))
    one, two = encoder(torch.tensor([0, 1]))[0]
    assert not torch.allclose(one.mean(0), two.mean(0), atol=1e-3)  # the same words


def test_another_table_may_say_new_things_with_the_same_words():
    torch.manual_seed(0)
    encoder = opened(WordEncoder(TABLE, width=16))
    before = encoder(torch.tensor([0]))[0]
    encoder.read(("stop the disc", TABLE[0], "push the red zone to the blue disc to the blue zone"))
    tokens, valid = encoder(torch.tensor([1, 0]))
    assert valid.sum(1).tolist() == [8, 3] and torch.allclose(tokens[:1, :8], before, atol=1e-6)
    again = WordEncoder(TABLE, width=16)
    again.load_state_dict(encoder.state_dict())  # the table is not a weight
    assert torch.equal(again(torch.tensor([0]))[0], before)
    with pytest.raises(ValueError, match=r"never saw: \['lift'\].*knows \['blue'"):
        encoder.read(("lift the disc",))
    encoder.read(("stop", "lift the disc"))
    encoder.require(torch.tensor([0, -1]))
    with pytest.raises(ValueError, match=r"never saw: \['lift'\]"):
        encoder.require(torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="at least one word"):
        WordEncoder(("stop", ""))
    with pytest.raises(ValueError, match="needs at least one"):
        WordEncoder(())


def test_it_learns_which_word_stands_where():
    """Which colour is pushed, told from both orders of the same words."""
    torch.manual_seed(0)
    encoder = WordEncoder(TABLE[:2], width=16)
    head = torch.nn.Linear(16, 2)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 1e-2)
    ids = torch.tensor([0, 1])
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(head(encoder(ids)[0].mean(1)), ids)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05


def written(folder: Path) -> tuple[torch.nn.Module, Any]:
    """A tiny BERT with random weights, and its tokenizer, as `transformers` keeps them."""
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "push", "the", "red", "blue", "disc", "to", "zone", "stop", "."]
    config = transformers.BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    torch.manual_seed(0)
    model = transformers.BertModel(config).eval()
    model.save_pretrained(folder)
    tokenizer = transformers.BertTokenizer({word: index for index, word in enumerate(words)})
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def test_a_configuration_says_which(tmp_path):
    written(tmp_path / "tiny")
    learned, pretrained = text_encoder("", TABLE, width=16), text_encoder(str(tmp_path / "tiny"), TABLE, width=16)
    assert isinstance(learned, WordEncoder) and learned.width == 16
    assert isinstance(pretrained, PretrainedTextEncoder) and pretrained.width == 32 and not pretrained.state_dict()


def test_a_pretrained_model_is_read_once_from_a_folder(tmp_path):
    model, tokenizer = written(tmp_path / "tiny")
    encoder = PretrainedTextEncoder(str(tmp_path / "tiny"), TABLE)
    assert encoder.width == 32 and not list(encoder.parameters())
    tokens, valid = encoder(torch.tensor([2, -1, 0]))
    expected = model(**tokenizer([TABLE[2]], return_tensors="pt")).last_hidden_state
    assert valid.sum(1).tolist() == [3, 0, 10]  # with the tokens of beginning and end
    assert torch.allclose(tokens[0, :3], expected[0], atol=1e-5) and not tokens[~valid].any()
    encoder.read(("push the disc",))
    assert encoder(torch.tensor([0]))[0].shape == (1, 5, 32) and encoder.sentences == ("push the disc",)
    with pytest.raises(ValueError, match="no text model"):
        PretrainedTextEncoder(str(tmp_path / "nothing"), TABLE)
    with pytest.raises(ValueError, match="empty"):
        PretrainedTextEncoder(str(tmp_path / "tiny"), ())


def test_half_of_an_encoder_decoder_is_enough(tmp_path):
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    config = transformers.T5Config(vocab_size=14, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    transformers.T5Model(config).save_pretrained(tmp_path / "tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "push", "the", "red", "blue", "disc", "to", "zone", "stop", "."]
    transformers.BertTokenizer({word: index for index, word in enumerate(words)}).save_pretrained(tmp_path / "tiny")
    assert PretrainedTextEncoder(str(tmp_path / "tiny"), TABLE)(torch.tensor([0]))[0].shape == (1, 11, 16)
