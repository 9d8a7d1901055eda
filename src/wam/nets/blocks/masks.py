"""Who may look at whom, from declared rules.

A sequence is declared as groups of tokens (the frames of a clip, a chunk of actions, registers), each of a kind, in a block of
time, and as clean copy or noisy one. A rule says which queries may see which keys; a token may look wherever any rule allows.
The published world action models are a few lines each (tests/nets/blocks/test_masks.py has them all). Order of the groups =
order of the tokens: for several streams, one stream after the other; with a cache, what is cached first (and then the last rows
of the mask are those of the new tokens).
Does not know: rows (where windows have padding, combine the mask with one of each row, "B 1 L"), nor what a token holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

EVERY = "*"  # all kinds

Blocks = Literal["any", "same", "earlier", "up to"]


@dataclass(frozen=True)
class Group:
    """Tokens that are treated alike."""

    kind: str  # e.g. "video", "action", "state"
    tokens: int  # how many; 0 is fine (a model without its registers)
    block: int = 0  # when: frame, chunk or position
    clean: bool = True  # False: the noisy copy


@dataclass(frozen=True)
class Rule:
    """Queries of the kinds `who` see keys of the kinds `sees`, where all of the following hold too."""

    who: str | tuple[str, ...]  # kinds, or EVERY
    sees: str | tuple[str, ...]  # kinds, or EVERY
    blocks: Blocks = "any"  # the key's block as seen from the query's; "up to" = same or earlier
    reach: int | None = None  # the key lies at most so many blocks back
    who_clean: bool | None = None  # only queries of this copy
    sees_clean: bool | None = None  # only keys of this copy


def mask(groups: Sequence[Group], rules: Sequence[Rule]) -> Bool[Tensor, "L L"]:
    """True where query (row) may see key (column). ValueError where a token sees nothing or a rule names an unknown kind."""
    block = torch.tensor([group.block for group in groups])
    back = block[:, None] - block
    allowed = torch.zeros_like(back, dtype=torch.bool)
    for rule in rules:
        pair = _chosen(groups, rule, rule.who, rule.who_clean)[:, None] & _chosen(groups, rule, rule.sees, rule.sees_clean)
        allowed |= pair & _related(back, rule)
    blind = [group for group, sees in zip(groups, (allowed & _filled(groups)).any(1).tolist(), strict=True) if group.tokens and not sees]
    if blind:
        raise ValueError(f"{blind[0]} sees nothing ({len(blind)} such groups), and attention over nothing is not defined. Let it see at least itself.")
    owner = owners(groups)
    return allowed[owner[:, None], owner]


def owners(groups: Sequence[Group]) -> Int[Tensor, "L"]:
    """The group (its number) of each token."""
    return torch.repeat_interleave(torch.tensor([group.tokens for group in groups]))


def _filled(groups: Sequence[Group]) -> Bool[Tensor, "G"]:
    return torch.tensor([group.tokens > 0 for group in groups])


def _chosen(groups: Sequence[Group], rule: Rule, kinds: str | tuple[str, ...], clean: bool | None) -> Bool[Tensor, "G"]:
    """Groups of these kinds and this copy."""
    known = {group.kind for group in groups}
    wanted = known if kinds == EVERY else {kinds} if isinstance(kinds, str) else set(kinds)
    if wanted - known:
        raise ValueError(f"{rule} names {sorted(wanted - known)}, but the groups are of the kinds {sorted(known)}. A misspelt kind is the usual cause.")
    return torch.tensor([group.kind in wanted and clean in (None, group.clean) for group in groups])


def _related(back: Int[Tensor, "G G"], rule: Rule) -> Bool[Tensor, "G G"]:
    """Whether the blocks lie to each other as the rule says; back = how many blocks the key is before the query."""
    relations = {"any": torch.ones_like(back, dtype=torch.bool), "same": back == 0, "earlier": back > 0, "up to": back >= 0}
    related = relations[rule.blocks]
    return related if rule.reach is None else related & (back <= rule.reach)
