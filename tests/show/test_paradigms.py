"""Pictures of the experiment: everything asked for is in them, the same figures give the same bytes."""

import pytest
import torch

pytest.importorskip("matplotlib", reason='needs the extra "show"')

from wam.evaluate.intervals import wilson
from wam.show.paradigms import label_curves, looks, plan_strip, split_bars, stored, success_over_time

RATES = {0.05: wilson(3, 10), 1.0: wilson(9, 10)}


def test_curves_bars_and_times():
    names = [f"arm {number}" for number in range(15)]
    assert len(set(looks(names).values())) == 15 and looks(names)["arm 3"] == looks(names[:5])["arm 3"]
    curves = {**dict.fromkeys(names, RATES), "expert": {None: wilson(10, 10)}, "partial": {1.0: wilson(1, 10)}}
    drawn = [
        lambda: label_curves(curves, tuple(curves)),
        lambda: split_bars({"one": {"a": wilson(1, 4), "b": wilson(2, 4)}, "two": {"b": wilson(2, 4)}}),
        lambda: success_over_time({"one": (3.0, wilson(1, 4)), "two": (300.0, wilson(2, 4))}, ("two", "one")),
    ]
    for draw in drawn:
        picture = draw()
        assert picture.mime == "image/svg+xml" and picture == draw()
    assert label_curves({"expert": {None: wilson(1, 1)}}, ("expert",)).data  # nothing learned


def test_a_strip_comes_back_from_its_file(tmp_path):
    made = plan_strip(torch.zeros(1, 3, 32, 32), torch.rand(4, 3, 32, 32), torch.zeros(4, 3, 32, 32).byte(), (0.6, 1.2, 1.8, 2.4))
    made.save(tmp_path / "strip.png")
    assert stored(tmp_path / "strip.png") == made
