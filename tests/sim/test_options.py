"""Options of a world are read by the fields of its configuration; what does not fit is named, with what would."""

from dataclasses import dataclass
from typing import Literal

import pytest

from wam.sim.options import from_options
from wam.sim.worlds import push
from wam.world import SpecError


@dataclass(frozen=True, kw_only=True)
class Config:
    path: str  # needed
    size: int = 32
    reach: float = 1.0
    kind: Literal["a", "b"] = "a"
    deep: bool = False
    budget: int | None = None
    names: tuple[str, ...] = ()
    place: tuple[float, float] = (0.0, 0.0)


def test_what_fits_is_taken_over():
    given = {"path": "x", "size": 64, "reach": 2, "kind": "b", "deep": True, "budget": None, "names": ["c", "d"], "place": (1, 2.5)}
    assert from_options(Config, given, "dots") == Config(**{**given, "names": ("c", "d")})
    assert push.make(1, colours=["red", "blue"], objects=2).config.colours == ("red", "blue")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sise": 64}, "dots has no option 'sise'. Did you mean 'size'"),
        ({"zzz": 64}, "no option 'zzz'. There are path, size"),
        ({"size": "foo"}, "size of dots is 'foo', expected a whole number. Give it"),
        ({"size": True}, "size of dots is True, expected a whole number"),
        ({"size": 6.5}, "is 6.5, expected a whole number"),
        ({"reach": "far"}, "expected a number"),
        ({"kind": "c"}, "is 'c', expected one of 'a', 'b'"),
        ({"deep": 1}, "is 1, expected true or false"),
        ({"budget": "x"}, "expected a whole number or null"),
        ({"names": (1,)}, "expected a list like [a word, ...]"),
        ({"place": (1, 2, 3)}, "expected a list [a number, a number]"),
        ({}, "needs the option path, which was not given. On the command line: --option path=VALUE"),
    ],
)
def test_what_does_not_fit_is_named(options, words):
    with pytest.raises(SpecError) as error:
        from_options(Config, {"path": "x", **options} if options else {}, "dots")
    assert words in str(error.value)


def test_words_may_be_listed_with_commas():
    assert from_options(Config, {"path": "x,y", "names": "c,d"}, "dots").names == ("c", "d")
    assert from_options(Config, {"path": "x,y", "names": ""}, "dots").names == ()
    assert from_options(Config, {"path": "x,y", "names": "c,d"}, "dots").path == "x,y"


def test_the_push_world_reads_its_options_so():
    with pytest.raises(SpecError, match=r"push has no option 'sise'\. Did you mean 'size'"):
        push.make(1, sise=64)
