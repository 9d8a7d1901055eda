"""A world by name, with its options: made at its own clock, or as a run wants to see it."""

from types import SimpleNamespace

import pytest

from wam.jobs.place import Place
from wam.recipes.recipe import load_recipe
from wam.world import Camera, SpecError


def run(*sizes: int) -> SimpleNamespace:
    cameras = {f"camera {index}": Camera(height=size, width=size) for index, size in enumerate(sizes)}
    return SimpleNamespace(model=SimpleNamespace(spec=SimpleNamespace(observes=SimpleNamespace(cameras=cameras))))


def test_a_world_that_there_is_not_is_refused_at_once():
    with pytest.raises(ValueError, match=r"there is no world 'pusht2'. Did you mean 'pusht'"):
        Place("pusht2")


def test_it_is_made_and_shown():
    place, preset = Place("push", {"size": 32, "budget": 7}), load_recipe("lewm").preset("tiny")
    own, seen = place.make(3), place.shown(2, preset)
    assert (own.batch, own.spec.budget, own.spec.acts.per_step) == (3, 7, 1) and str(place) == "push budget=7 size=32"
    assert (seen.batch, seen.spec.budget, seen.spec.acts.per_step) == (2, 3, preset.skip)


def test_pictures_have_the_size_that_a_run_was_trained_on():
    assert Place("push").sized_for(run(48)).options == {"size": 48} and Place("push", {"size": 48}).sized_for(run(48, 48)).options == {"size": 48}
    for some in (run(), run(32, 64)):  # no pictures, or of several sizes: as asked
        assert Place("push", {"budget": 7}).sized_for(some).options == {"budget": 7}
    with pytest.raises(SpecError, match=r"trained on pictures of 48 px, the option size=64 asks for others"):
        Place("push", {"size": 64}).sized_for(run(48))
