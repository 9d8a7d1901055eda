"""Results say what they say of a recipe, and results that disagree do not make it true."""

from dataclasses import dataclass, replace

import pytest

from wam.evaluate import Origin, Result, Sources, Verdicts
from wam.evaluate.intervals import Interval
from wam.evaluate.result import evidence_of, in_words, published, verdict_on
from wam.world import SpecError


@dataclass(frozen=True, kw_only=True)
class Figure(Result):
    value: float


def result(recipe: str, verdicts: Verdicts, digest: str | None = None) -> Figure:
    sources = Sources.of("wam.world") if digest is None else Sources(roots=("wam.world",), digest=digest)
    origin = Origin(command="", protocol="", seeds="", device="", wall_seconds=1.0, versions={}, sources=sources, recipe=recipe)
    return Figure(origin=origin, verdicts=verdicts, value=0.5)


def test_results_are_read_back_and_gathered(tmp_path):
    one = result("lewm tiny", Verdicts(conforms=True, learns=True))
    assert Figure.from_json(one.save(tmp_path / "a.json").read_text()) == one
    result("lewm small", Verdicts(learns=False, mechanism="null"), digest="0").save(tmp_path / "b.json")
    result("other tiny", Verdicts(uses_conditions=True)).save(tmp_path / "c.json")
    together = result("", Verdicts(learns=True), digest="0")
    compared = replace(together.origin.sources, roots=("wam.jobs.compare", "wam.recipes.lewm", "wam.recipes.third"))
    replace(together, origin=replace(together.origin, sources=compared), of_recipes={"third": Verdicts(learns=True)}).save(tmp_path / "d.json")
    together.save(tmp_path / "e.json")
    results = list(published(tmp_path))
    found = evidence_of("lewm", results)
    assert found.verdicts == Verdicts(conforms=True, learns=False, mechanism="null") and found.stale == ("b.json", "d.json")
    third, none = evidence_of("third", results), evidence_of("", results)
    assert third.stale == ("d.json",) and none.stale == ("e.json",)
    assert third.verdicts == Verdicts(learns=True) and none.verdicts == Verdicts()  # what compares several says of each what it says
    assert evidence_of("nothing", results).verdicts == Verdicts()


def test_a_file_that_is_no_result_is_an_error(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SpecError, match="no published result"):
        list(published(tmp_path))


def test_what_is_no_such_result_is_told_by_its_file(tmp_path):
    one = result("lewm tiny", Verdicts())
    assert Figure.read(one.save(tmp_path / "a.json")) == one
    whole = (tmp_path / "a.json").read_text()
    for text, said in (
        (whole[:-20], r"b\.json is no published result .* cut off"),
        (whole.replace('"Figure"', '"Other"'), r"b\.json holds a Other, expected a Figure: figures of another command"),
        (whole.replace('"value"', '"worth"'), r"b\.json cannot be read: .* another version of wam"),
    ):
        (tmp_path / "b.json").write_text(text)
        with pytest.raises(SpecError, match=said):
            Figure.read(tmp_path / "b.json")


def test_the_published_results_can_be_read():
    for _, origin, _ in published():
        assert origin.command and origin.commit and origin.sources.roots


def test_a_verdict_takes_three_trainings_and_a_hundred_episodes():
    clear, unclear, reversed_ = (Interval(value=0.0, low=low, high=high) for low, high in ((0.1, 0.2), (-0.1, 0.2), (-0.2, -0.1)))
    said = [verdict_on(difference, trainings=3, episodes=100) for difference in (clear, unclear, reversed_)]
    assert said == ["effect", "null", "reversed"]
    assert verdict_on(clear, trainings=2, episodes=300) is None and verdict_on(clear, trainings=3, episodes=99) is None
    assert in_words(None).startswith("no verdict") and in_words("null") == "null"


def test_figures_of_weights_that_other_sources_trained_are_stale(tmp_path):
    one = result("lewm tiny", Verdicts())
    assert not one.origin.stale
    assert replace(one.origin, weights=one.origin.sources).stale is False
    assert replace(one.origin, weights=replace(one.origin.sources, digest="0" * 12)).stale
