"""Sentences as tokens. A spec's instruction table goes in once; afterwards an instruction is an id into it.

`TextEncoder` is what every text encoder of this room gives: ids "B" -> tokens "B W D" and which of them are there. Id -1 is no
instruction: a row without a valid token (training drops conditions by setting ids to -1).
`WordEncoder` learns words with the model that reads them. Its words are those of the table it was made with; another table may
say new things with the same words. Does not know: words that it never saw (an error, not a guess), capitals, punctuation.
"""

import re
from abc import ABC, abstractmethod
from typing import Any, NoReturn

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.resampler import Attention, sine_places
from wam.nets.perceive.pretrained import know_constructors


class TextEncoder(nn.Module, ABC):
    """Tokens of the sentences of a table."""

    sentences: tuple[str, ...]  # what ids point into
    width: int  # D

    @abstractmethod
    def read(self, sentences: tuple[str, ...]) -> None:
        """From now on ids point into this table. ValueError where nothing of it can be read."""

    def require(self, ids: Int[Tensor, "B"]) -> None:
        """ValueError for ids whose sentence cannot be read, though others of the table can."""

    @abstractmethod
    def forward(self, ids: Int[Tensor, "B"]) -> tuple[Float[Tensor, "B W D"], Bool[Tensor, "B W"]]:
        """Tokens, zero where there are none, and which are there. W is that of the table's longest sentence; id -1 has none."""


def asked_for(words: TextEncoder | None, given: Int[Tensor, "B"] | None, batch: int, device: torch.device) -> Int[Tensor, "B"]:
    """Ids of what rows are asked for; -1 where nothing is read, or nothing was given. ValueError for what cannot be read."""
    if words is None or given is None:
        return torch.full((batch,), -1, dtype=torch.int64, device=device)
    words.require(given)
    return given


def sentence(tokens: Float[Tensor, "B W D"], real: Bool[Tensor, "B W"]) -> Float[Tensor, "B D"]:
    """The mean of a sentence's tokens; 0 where there is none."""
    return (tokens * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp_min(1)


def words_of(sentence: str) -> tuple[str, ...]:
    """Words and numbers in order, in small letters."""
    return tuple(re.findall(r"[^\W_]+(?:'[^\W_]+)?", sentence.lower()))


class WordEncoder(TextEncoder):
    """One learned vector per word, places, and `depth` layers in which words look at each other."""

    table: Tensor

    def __init__(self, sentences: tuple[str, ...], *, width: int = 64, depth: int = 1, heads: int = 4):
        super().__init__()
        self.width = width
        self.words = tuple(sorted({word for sentence in sentences for word in words_of(sentence)}))
        self.register_buffer("table", torch.empty(0), persistent=False)  # follows from the sentences
        self.read(sentences)
        self.embedding = nn.Embedding(len(self.words), width)
        self.look = nn.ModuleList([Attention(width, heads) for _ in range(depth)])
        self.think = nn.ModuleList([nn.Sequential(nn.LayerNorm(width), mlp(width, 2 * width, width)) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `TextEncoder`. ValueError for tables and sentences without words, and where every sentence has words that the first table had not."""
        spelled = [words_of(sentence) for sentence in sentences]
        if not spelled or not all(spelled):
            raise ValueError(f"the table of sentences is {sentences!r}; it needs at least one, and each at least one word. Does the spec read instructions?")
        self.unknown = {index: new for index, words in enumerate(spelled) if (new := sorted(set(words) - set(self.words)))}
        if len(self.unknown) == len(spelled):
            self._refuse(sorted({word for new in self.unknown.values() for word in new}))
        place = {word: index for index, word in enumerate(self.words)}
        longest = max(len(words) for words in spelled)
        table = [[place.get(word, -1) for word in words] + [-1] * (longest - len(words)) for words in spelled]
        self.sentences, self.table = sentences, torch.tensor(table, device=self.table.device)

    def require(self, ids: Int[Tensor, "B"]) -> None:
        """See `TextEncoder`."""
        if ids.is_meta:  # shapes only, no numbers to look at
            return
        if new := {word for index in ids.unique().tolist() for word in self.unknown.get(index, ())}:
            self._refuse(sorted(new))

    def _refuse(self, new: list[str]) -> NoReturn:
        raise ValueError(
            f"sentences with words that this encoder never saw: {new}. It knows {list(self.words)}. Say it with these, train with a table "
            "that has the new words as well, or use a pretrained text encoder."
        )

    def forward(self, ids: Int[Tensor, "B"]) -> tuple[Float[Tensor, "B W D"], Bool[Tensor, "B W"]]:
        """See `TextEncoder`."""
        words, valid = looked_up(self.table, self.table >= 0, ids)
        x = self.embedding(words.clamp_min(0))
        x = x + sine_places(x)
        for look, think in zip(self.look, self.think, strict=True):
            x = look(x, valid=valid)
            x = x + think(x)
        return self.norm(x) * valid[..., None], valid


def looked_up(table: Tensor, valid: Bool[Tensor, "S W"], ids: Int[Tensor, "B"]) -> tuple[Tensor, Bool[Tensor, "B W"]]:
    """Rows of a table "S W ..." and which of their tokens are there: none for ids below zero."""
    rows = ids.clamp_min(0)
    return table[rows], valid[rows] & (ids >= 0)[:, None]


class PretrainedTextEncoder(TextEncoder):
    """A text encoder of the package `transformers`, by name or folder: its last hidden states of the table, computed once.

    The model itself is not kept, nor are its tokens saved: they follow from name and table, so where a run is loaded the model must be
    there. Weights come from the Hub where there is a network, or from a folder. Any model with `last_hidden_state`: BERT, CLIP's text
    half, T5's encoder, ... Needs the extra "vision".
    """

    tokens: Tensor
    valid: Tensor

    def __init__(self, name: str, sentences: tuple[str, ...]):
        super().__init__()
        self.name = name
        self.register_buffer("tokens", torch.empty(0), persistent=False)
        self.register_buffer("valid", torch.empty(0, dtype=torch.bool), persistent=False)
        self.read(sentences)

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `TextEncoder`; loads the model again. ImportError that names the extra; ValueError where nothing can be had."""
        if not sentences:
            raise ValueError("the table of sentences is empty, so there is nothing to encode. Does the spec read instructions?")
        tokenizer, model = load_text_model(self.name)
        told = tokenizer(list(sentences), padding=True, return_tensors="pt")
        with torch.no_grad():
            found = model(input_ids=told["input_ids"], attention_mask=told["attention_mask"]).last_hidden_state
        valid = told["attention_mask"].bool()
        self.sentences, self.width = sentences, found.shape[-1]
        self.tokens, self.valid = (found * valid[..., None]).to(self.tokens), valid.to(self.valid)

    def forward(self, ids: Int[Tensor, "B"]) -> tuple[Float[Tensor, "B W D"], Bool[Tensor, "B W"]]:
        """See `TextEncoder`."""
        tokens, valid = looked_up(self.tokens, self.valid, ids)
        return tokens * valid[..., None], valid


def text_encoder(name: str, sentences: tuple[str, ...], *, width: int = 64) -> TextEncoder:
    """What a configuration's `text` names: a text model of `transformers`, whose width is its own, or where it is empty words that are learned."""
    return PretrainedTextEncoder(name, sentences) if name else WordEncoder(sentences, width=width)


def load_text_model(name: str) -> tuple[Any, Any]:
    """Tokenizer and encoder, by name of the Hub or folder. ImportError that names the extra; ValueError where nothing can be had."""
    know_constructors()
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise ImportError('pretrained text models need the extra "vision": pip install "wam[vision]"') from error
    try:
        tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModel.from_pretrained(name).eval()
    except OSError as error:
        raise ValueError(
            f"there is no text model {name!r}: neither a folder here nor reachable on the Hub. Check the name and the network, download it "
            "beforehand, or use the encoder that the library trains itself."
        ) from error
    return tokenizer, model.get_encoder() if model.config.is_encoder_decoder else getattr(model, "text_model", model)
