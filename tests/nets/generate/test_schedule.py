"""Tables: every program of the systems that this library is for is one line."""

import pytest
import torch
from torch import Tensor

from wam.nets.generate.schedule import descend, held, in_turn, together


def test_a_descent_is_even_and_ends_to_the_bit() -> None:
    torch.testing.assert_close(descend(4)[:, 0], torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0], dtype=torch.float64))
    for shift in (0.3, 1.0, 3.3, 5.0):
        levels = descend(7, start=0.9, end=0.35, shift=shift)[:, 0]
        assert levels[0] == 0.9 and levels[-1] == 0.35 and (levels.diff() < 0).all() and len(levels) == 8
    torch.testing.assert_close(descend(4, shift=3.0)[2, 0], torch.tensor(0.75, dtype=torch.float64))  # 3 * 0.5 / (1 + 2 * 0.5)
    whole, half = descend(10, shift=5.0), descend(5, end=float(descend(10, shift=5.0)[5]), shift=5.0)
    torch.testing.assert_close(half, whole[:6])  # stopping early is the beginning of the whole


def rows(table: Tensor) -> list[list[float]]:
    return table.tolist()


def test_together_and_in_turn() -> None:
    assert rows(together(descend(2), held(0.0), descend(2, end=0.5))) == [[1, 0, 1], [0.5, 0, 0.75], [0, 0, 0.5]]
    assert rows(in_turn(descend(2), descend(1))) == [[1, 1], [0.5, 1], [0, 1], [0, 0]]
    assert rows(in_turn(descend(1, end=0.5), descend(1))) == [[1, 1], [0.5, 1], [0.5, 0]]
    assert rows(in_turn(together(descend(1), held(1.0)), descend(1))) == [[1, 1, 1], [0, 1, 1], [0, 1, 0]]  # pieces are tables too
    assert rows(in_turn(held(0.0), descend(1))) == rows(together(held(0.0), descend(1)))


UNKNOWN, GIVEN = held(1), held(0)
PROGRAMS = {  # columns: video, action
    "UniPi": (descend(50), 50),
    "VPP's features: one forward, no step": (held(0.7), 0),
    "UWM policy": (together(UNKNOWN, descend(10)), 10),
    "UWM video": (together(descend(10), UNKNOWN), 10),
    "UWM forward": (together(descend(10), GIVEN), 10),
    "UWM inverse": (together(GIVEN, descend(10)), 10),
    "UWM joint": (together(descend(10), descend(10)), 10),
    "Fast-WAM, no future imagined": (descend(10), 10),  # the video is a closure's cache
    "Fast-WAM Joint": (together(descend(10, shift=5), descend(10, shift=5)), 10),
    "Fast-WAM IDM": (in_turn(descend(10, shift=5), descend(10, shift=5)), 20),
    "mimic-video, pure noise": (together(UNKNOWN, descend(10)), 10),
    "mimic-video, partly denoised": (in_turn(descend(5, end=0.5), descend(10)), 15),
    "LingBot-VA": (in_turn(descend(3, end=0.6, shift=5), descend(10)), 13),
    "DreamZero Flash": (together(descend(1), descend(1)), 1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    table, cost = PROGRAMS[name]
    assert len(table) - 1 == cost  # evaluations of the network
    assert ((table >= 0) & (table <= 1)).all() and (table.diff(dim=0) <= 0).all()


def test_what_makes_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="a schedule falls"):
        descend(10, start=0.2, end=0.5)
    with pytest.raises(ValueError, match="at least 1 step"):
        descend(0)
    with pytest.raises(ValueError, match="expected a level from 0"):
        held(1.5)
    with pytest.raises(ValueError, match="3 and 4 rows"):
        together(descend(2), descend(3))
