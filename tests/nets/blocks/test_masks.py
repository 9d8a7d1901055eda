"""Masks from rules: each published one, declared once, against a picture drawn by hand."""

from dataclasses import dataclass

import pytest
import torch

from wam.nets.blocks.masks import EVERY, Group, Rule, mask, owners


@dataclass(frozen=True)
class Case:
    """A declaration, and who sees whom by hand: one row per group of queries ("/" ends it), one letter per group of keys."""

    groups: list[Group]
    rules: list[Rule]
    picture: str

    def letters(self) -> list[str]:
        return "".join(self.picture.split()).split("/")

    def by_hand(self) -> torch.Tensor:
        sizes = [group.tokens for group in self.groups]
        rows = [[torch.full((sizes[i], sizes[j]), letter == "#") for j, letter in enumerate(row)] for i, row in enumerate(self.letters())]
        return torch.cat([torch.cat(row, 1) for row in rows])


def frames(count: int, tokens: int = 2) -> list[Group]:
    return [Group("video", tokens, block) for block in range(count)]


FIRST, FUTURE, ACTION = Group("first", 2), Group("future", 3, clean=False), Group("action", 2, clean=False)
ALL = [Rule(EVERY, EVERY)]

CASES = {
    "full": Case(frames(3), ALL, "### / ### / ###"),
    "frame-causal": Case(frames(4), [Rule("video", "video", "up to")], "#... / ##.. / ###. / ####"),
    "frame-causal, band of 2": Case(frames(4), [Rule("video", "video", "up to", reach=1)], "#... / ##.. / .##. / ..##"),
    "block-causal, band of 2": Case(
        [Group("video", 2, block=frame // 2) for frame in range(6)],  # blocks of two frames
        [Rule("video", "video", "up to", reach=1)],
        "##.... / ##.... / ####.. / ####.. / ..#### / ..####",
    ),
    "UWM": Case([Group("action", 3), Group("video", 4), Group("register", 2)], ALL, "### / ### / ###"),
    "UWM without registers": Case([Group("action", 3), Group("video", 4), Group("register", 0)], ALL, "### / ### / ###"),
    "Fast-WAM": Case(
        [FIRST, FUTURE, ACTION],
        [Rule("first", "first"), Rule("future", ("first", "future")), Rule("action", ("first", "action"))],
        "#.. / ##. / #.#",
    ),
    "Fast-WAM, joint": Case(
        [FIRST, FUTURE, ACTION],
        [Rule("first", "first"), Rule(("future", "action"), EVERY)],
        "#.. / ### / ###",
    ),
    "Fast-WAM, IDM": Case(  # the future twice: noisy to learn video, clean (or lightly noised) for the actions to look at
        [FIRST, FUTURE, Group("future", 3), ACTION],
        [
            Rule(EVERY, "first"),
            Rule("future", "future", who_clean=False, sees_clean=False),
            Rule("future", "future", who_clean=True, sees_clean=True),
            Rule("action", "future", sees_clean=True),
            Rule("action", "action"),
        ],
        "#... / ##.. / #.#. / #.##",
    ),
    "DreamZero": Case(  # first frame | video blocks | action blocks | states
        [Group("first", 2), *(Group(kind, tokens, block) for kind, tokens in (("video", 4), ("action", 3), ("state", 1)) for block in (1, 2, 3))],
        [
            Rule(("first", "video", "action"), "first"),
            Rule(("video", "action"), "video", "up to"),
            Rule(("video", "action"), ("action", "state"), "same"),
            Rule("state", "state", "same"),
        ],
        """#......... /
           ##..#..#.. /
           ###..#..#. /
           ####..#..# /
           ##..#..#.. /
           ###..#..#. /
           ####..#..# /
           .......#.. /
           ........#. /
           .........#""",
    ),
    "LingBot-VA": Case(  # noisy video | clean video | noisy actions | clean actions; chunk k is video block 2k, then action block 2k + 1
        [
            Group(kind, tokens, 2 * chunk + late, clean)
            for kind, tokens, late in (("video", 2, 0), ("action", 1, 1))
            for clean in (False, True)
            for chunk in range(3)
        ],
        [
            Rule(EVERY, EVERY, "up to", reach=3, who_clean=True, sees_clean=True),
            Rule(EVERY, EVERY, "earlier", reach=3, who_clean=False, sees_clean=True),
            Rule(EVERY, EVERY, "same", who_clean=False, sees_clean=False),
        ],
        # noisy z | clean z | noisy a | clean a
        """#.. ... ... ... /
           .#. #.. ... #.. /
           ..# .#. ... ##. /
           ... #.. ... ... /
           ... ##. ... #.. /
           ... .## ... ##. /
           ... #.. #.. ... /
           ... ##. .#. #.. /
           ... .## ..# .#. /
           ... #.. ... #.. /
           ... ##. ... ##. /
           ... .## ... .##""",
    ),
    "GR-2, a causal GPT": Case([Group("token", 1, place) for place in range(5)], [Rule("token", "token", "up to")], "#.... / ##... / ###.. / ####. / #####"),
}


@pytest.mark.parametrize("name", CASES)
def test_declared_masks_are_those_drawn_by_hand(name):
    case = CASES[name]
    assert torch.equal(mask(case.groups, case.rules), case.by_hand())


def test_owners_say_which_group_each_token_is_of():
    assert owners([Group("a", 2), Group("b", 0), Group("c", 3)]).tolist() == [0, 0, 2, 2, 2]


def test_a_token_that_sees_nothing_is_refused():
    with pytest.raises(ValueError, match=r"kind='action'.* sees nothing \(1 such"):
        mask([Group("video", 2), Group("action", 1)], [Rule("video", EVERY)])
    with pytest.raises(ValueError, match="sees nothing"):  # it may look at a group that is empty
        mask([Group("video", 2), Group("register", 0)], [Rule("video", "register")])


def test_an_empty_group_need_not_see_anything():
    assert mask([Group("video", 2), Group("register", 0)], [Rule("video", "video")]).all()


@pytest.mark.parametrize("rule", [Rule("vidoe", EVERY), Rule("video", ("video", "acton"))])
def test_a_rule_about_an_unknown_kind_is_refused(rule):
    with pytest.raises(ValueError, match="but the groups are of the kinds"):
        mask(frames(2), [*ALL, rule])


def test_reach_bounds_the_past_only():
    seen = mask(frames(3, tokens=1), [Rule("video", "video", reach=1)])
    assert seen.tolist() == [[True, True, True], [True, True, True], [False, True, True]]
