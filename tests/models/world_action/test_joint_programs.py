"""Programs are tables of levels; a stretch in which the same streams move is one phase."""

from itertools import pairwise

import pytest
import torch

from wam.models.world_action.joint_programs import Lesson, phases, table
from wam.nets.generate.laws import Fixed, Levels, Uniform
from wam.nets.generate.schedule import require

TABLES = {
    "policy": [(1, 1), (1, 0.5), (1, 0)],
    "forward": [(1, 0), (0.5, 0), (0, 0)],
    "inverse": [(0, 1), (0, 0.5), (0, 0)],
    "video": [(1, 1), (0.5, 1), (0, 1)],
    "joint": [(1, 1), (0.5, 0.5), (0, 0)],
    "imagine first": [(1, 1), (0.5, 1), (0, 1), (0, 0.5), (0, 0)],
}
MOVES = {"policy": [(1,)], "forward": [(0,)], "inverse": [(1,)], "video": [(0,)], "joint": [(0, 1)], "imagine first": [(0,), (1,)]}


@pytest.mark.parametrize("program", TABLES)
def test_tables_and_their_phases(program):
    found = table(program, 2)
    require(found, 2)
    assert found.tolist() == [list(row) for row in TABLES[program]]
    cut = phases(found)
    assert [streams for streams, _ in cut] == MOVES[program]
    assert torch.equal(torch.cat([cut[0][1][:1], *[rows[1:] for _, rows in cut]]), found)
    assert all(torch.equal(before[-1], after[0]) for (_, before), (_, after) in pairwise(cut))


def test_what_a_lesson_neither_learns_nor_knows_is_left_out():
    assert Lesson(Levels((Fixed(1.0), Uniform())), learns=("actions",)).absent == ("video",)
    assert Lesson(Levels((Fixed(0.0), Uniform())), learns=("actions",)).absent == ()  # given
    assert Lesson(Levels((Fixed(1.0), Uniform()))).absent == ()  # learned, from nothing


def test_a_row_counts_the_same_however_few_learn_a_lesson():
    assert [Lesson(Levels((Uniform(), Uniform())), share=0.25).rows(count) for count in (1, 2, 3, 8)] == [1, 1, 1, 2]
