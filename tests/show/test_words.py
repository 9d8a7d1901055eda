"""Figures as words."""

import pytest

from wam.show.words import duration, percent, span


@pytest.mark.parametrize(("seconds", "words"), [(3e-6, "3 µs"), (0.0123, "12.3 ms"), (2.5, "2.5 s"), (89.6, "89.6 s"), (90, "1.5 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_rates_and_spans():
    assert percent(0.975) == "97.5 %"
    assert span([4, 4]) == "4" and span([4, 2, 9]) == "2 to 9"
