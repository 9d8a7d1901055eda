"""An idea on and off, by success in a world: trainings may be added to figures whose runs are gone."""

from dataclasses import replace

import pytest

from wam.jobs.compare import MechanismComparison, compare_mechanism, following
from wam.jobs.record import record_world
from wam.world import SpecError

ASKED = {"world": "push", "goals": 4, "steps": 2, "options": {"budget": 6}}


def test_seeds_go_on():
    assert (list(following((), 2)), list(following((0, 3), 2))) == ([0, 1], [4, 5])


def test_trainings_are_added_to_figures_whose_runs_are_gone(tmp_path):
    """As if all had been trained at once."""
    data = record_world("push", tmp_path / "data", episodes=4, policies={"play": 1.0}, options={"size": 32, "budget": 12})
    whole = compare_mechanism("lewm", data, tmp_path / "whole", tmp_path / "whole.json", seeds=2, **ASKED)
    first = compare_mechanism("lewm", data, tmp_path / "first", tmp_path / "first.json", seeds=1, **ASKED)
    both = compare_mechanism("lewm", data, tmp_path / "second", tmp_path / "both.json", seeds=1, earlier=first, **ASKED)
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["off-1", "run-1"]
    assert both.seeds == (0, 1) and both.older == () and replace(both, origin=whole.origin) == whole
    assert both.episodes == 8 and MechanismComparison.from_json((tmp_path / "both.json").read_text()) == both
    old = replace(first, origin=replace(first.origin, data="another recording"))
    assert compare_mechanism("lewm", data, tmp_path / "second", tmp_path / "old.json", seeds=1, earlier=old, **ASKED).older == (0,)
    changed = replace(first, origin=replace(first.origin, recipe="lewm tiny, changed"))  # where the mechanism is a change of the preset
    assert compare_mechanism("lewm", data, tmp_path / "second", tmp_path / "on.json", seeds=1, earlier=changed, **ASKED).seeds == (0, 1)
    with pytest.raises(SpecError, match="another protocol"):  # of other data
        compare_mechanism("lewm", tmp_path / "fresh", tmp_path / "third", tmp_path / "no.json", seeds=1, earlier=first, **ASKED)
    with pytest.raises(SpecError, match="trained on pictures of 32 px, the option size=64"):
        compare_mechanism("lewm", data, tmp_path / "third", tmp_path / "no.json", seeds=1, **ASKED | {"options": {"size": 64}})
    assert not (tmp_path / "third").exists()
    for other, said in (({"goals": 5}, "another protocol"), ({"steps": 3}, "another protocol"), ({"preset": "robot"}, "another system")):
        with pytest.raises(SpecError, match=said):
            compare_mechanism("lewm", data, tmp_path / said, tmp_path / "no.json", seeds=1, earlier=first, **ASKED | other)
        assert not (tmp_path / said).exists()  # told before anything is trained
