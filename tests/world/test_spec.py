"""Specs as values: JSON that any reader takes, the same value back, and errors that name the field."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from wam.world import ActionSpec, Camera, FutureSpec, LatentSpec, ObservationSpec, Slot, Spec, SpecError, TracksSpec, read_spec, with_values


@dataclass(frozen=True, kw_only=True)
class Inner(Spec):
    name: str
    low: float = -float("inf")


@dataclass(frozen=True, kw_only=True)
class Other(Spec):
    count: int


@dataclass(frozen=True, kw_only=True)
class Outer(Spec):
    inner: Inner
    several: tuple[Inner, ...] = ()
    pair: tuple[int, float] = (1, 2.0)
    words: tuple[str, ...] = ()
    by_name: dict[str, Inner] = field(default_factory=dict)
    either: Inner | Other | None = None
    maybe: int | None = None
    flag: bool = False
    share: float = 0.5
    kind_of_sum: Literal["mean", "sum"] = "mean"
    verdict: Literal["effect", "null"] | None = None


FULL = Outer(
    inner=Inner(name="a"),
    several=(Inner(name="b", low=1.0), Inner(name="c", low=float("inf"))),
    pair=(3, 4.5),
    words=("x", "\u00fc"),
    by_name={"left": Inner(name="d")},
    either=Other(count=7),
    maybe=2,
    flag=True,
    share=1e-300,
    kind_of_sum="sum",
    verdict="null",
)


def test_values_come_back() -> None:
    assert Outer.from_json(FULL.to_json()) == FULL
    assert Outer.from_dict(FULL.to_dict()) == FULL
    least = Outer(inner=Inner(name="a"))
    assert Outer.from_json(least.to_json()) == least
    assert Outer.from_dict({"inner": {"name": "a"}}) == least


def test_types_come_back() -> None:
    back = Outer.from_json(FULL.to_json())
    assert isinstance(back.several, tuple) and isinstance(back.pair, tuple)
    assert isinstance(Outer.from_dict({"inner": {"name": "a", "low": 3}}).inner.low, float)
    assert isinstance(back.either, Other)


def test_any_json_reader_takes_it() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    json.loads(FULL.to_json(), parse_constant=refuse)
    json.loads(ActionSpec(low_level=(Slot(name="unlimited"),)).to_json(), parse_constant=refuse)


def test_unions_are_told_apart_by_kind() -> None:
    for state in (LatentSpec(shape=(4, 8)), TracksSpec(points=3)):
        spec = FutureSpec(state=state)
        assert FutureSpec.from_json(spec.to_json()) == spec


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown field": (
        lambda data: data.update(colour=1),
        r"Outer cannot be read: unknown fields \['colour'\], missing fields \[\]\. It has the fields \['inner', 'several'",
    ),
    "misspelt field": (lambda data: data.update(shar=data.pop("share")), r"Did you mean 'share' where it says 'shar'\?"),
    "missing field": (lambda data: data.pop("inner"), r"Outer cannot be read: .*missing fields \['inner'\]"),
    "missing nested field": (lambda data: data["inner"].pop("name"), r"Inner cannot be read: .*missing fields \['name'\]"),
    "another kind": (lambda data: data.update(kind="Inner"), "expected a Outer, the data is a Inner"),
    "another nested kind": (lambda data: data["inner"].update(kind="Other"), "expected a Inner, the data is a Other"),
    "a kind outside the union": (lambda data: data.update(either={"kind": "Outer"}), r"Outer\.either is a Outer, expected one of \['Inner', 'Other'\]"),
    "wrong type": (lambda data: data.update(flag="yes"), r"Outer\.flag is 'yes', expected bool"),
    "wrong type in a tuple": (lambda data: data.update(words=["a", 3]), r"Outer\.words\[1\] is 3, expected str"),
    "text for a number": (lambda data: data.update(share="half"), r"Outer\.share is 'half', expected float"),
    "truth for a number": (lambda data: data.update(share=True), r"Outer\.share is True, expected float"),
    "number for text": (lambda data: data["inner"].update(name=3), r"Inner\.name is 3, expected str"),
    "a list for a spec": (lambda data: data.update(inner=[1]), r"expected a Inner, the data is \[1\]"),
    "a list for names": (lambda data: data.update(by_name=["left"]), r"Outer\.by_name is \['left'\], expected names and values"),
    "text for a list": (lambda data: data.update(words="abc"), r"Outer\.words is 'abc', expected a list"),
    "a number for a list": (lambda data: data.update(several=3), r"Outer\.several is 3, expected a list"),
    "a word outside the choice": (lambda data: data.update(kind_of_sum="most"), r"Outer\.kind_of_sum is 'most', expected one of \['mean', 'sum'\]"),
    "a word outside an optional choice": (lambda data: data.update(verdict="yes"), r"Outer\.verdict is 'yes', expected one of \['effect', 'null'\]"),
    "wrong length": (lambda data: data.update(pair=[1, 2.0, 3]), r"Outer\.pair is \[1, 2\.0, 3\], expected a list of 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_data_is_a_spec_error(fault: str) -> None:
    data = json.loads(FULL.to_json())
    spoil, message = FAULTS[fault]
    spoil(data)
    with pytest.raises(SpecError, match=message):
        Outer.from_dict(data)


def test_only_what_the_library_wrote_is_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="another version of wam"):
        Outer.from_json('{"colour": 1}')
    path = tmp_path / "mine.json"
    for text, message in (
        ('{"inner": {"name": "a"}, "flags": true}', r"mine\.json cannot be used: Outer.*Did you mean 'flag' where it says 'flags'\? It has the fields"),
        ('{"inner": {"name": "a",}}', r"mine\.json is no JSON: .*line 1.*A comma too many.*Expected the fields \['inner'"),
    ):
        path.write_text(text)
        with pytest.raises(SpecError, match=message) as found:
            read_spec(path, Outer)
        assert "another version" not in str(found.value)
    path.write_text(FULL.to_json())
    assert read_spec(path, Outer) == FULL


def test_fields_are_replaced_by_what_a_person_wrote() -> None:
    changed = with_values(FULL, {"share": 1, "pair": [1, 2], "kind_of_sum": "mean", "maybe": None})
    assert (changed.share, changed.pair, changed.kind_of_sum, changed.maybe, changed.inner) == (1.0, (1, 2.0), "mean", None, FULL.inner)
    with pytest.raises(SpecError, match=r"Outer has no fields \['shore'\]\. Did you mean 'share' .* It has, with what they are: .*'flag': True"):
        with_values(FULL, {"shore": 1})
    with pytest.raises(SpecError, match=r"Outer\.maybe is 'two', expected int\."):
        with_values(FULL, {"maybe": "two"})


def test_specs_compare_by_value() -> None:
    one = ObservationSpec(cameras={"front": Camera(height=8, width=8)})
    assert one == ObservationSpec(cameras={"front": Camera(height=8, width=8)})
    assert one != ObservationSpec(cameras={"front": Camera(height=8, width=9)})
