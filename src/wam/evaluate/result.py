"""A published result: figures of ours under results/, what they say of a system, and where they come from.

Every result is a subclass of `Result`, so that `wam list` can read what any of them says without knowing its figures.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Self

from wam.evaluate.intervals import Interval
from wam.evaluate.origin import Origin
from wam.files import replace_text
from wam.world import Spec, SpecError

FOLDER = Path(__file__).parents[3] / "results"  # of a checkout; an installed package has none
RECIPES = "wam.recipes."


@dataclass(frozen=True, kw_only=True)
class Verdicts(Spec):
    """What a result says of the system that its origin names; None = it says nothing of that."""

    conforms: bool | None = None  # the tiny preset passes every check
    uses_conditions: bool | None = None  # its error grows clearly with others' actions, instructions, ...
    learns: bool | None = None  # beats the best trivial baseline by the margin that its protocol states
    mechanism: Literal["effect", "null", "reversed"] | None = None  # the paper's idea on against off


TRAININGS, EPISODES = 3, 100  # the least that a verdict rests on: of each arm, and over all its trainings


def enough(*, trainings: int, episodes: int) -> bool:
    """For a verdict: one training more may differ by more than an interval over starts says."""
    return trainings >= TRAININGS and episodes >= EPISODES


def verdict_on(difference: Interval, *, trainings: int, episodes: int) -> Literal["effect", "null", "reversed"] | None:
    """Of a mechanism, by the interval of what it adds; None where too little was tried."""
    if not enough(trainings=trainings, episodes=episodes):
        return None
    return "effect" if difference.low > 0 else "reversed" if difference.high < 0 else "null"


def in_words(verdict: Literal["effect", "null", "reversed"] | None) -> str:
    """A verdict on a mechanism, for people."""
    return verdict or f"no verdict, which takes {TRAININGS} trainings of each and {EPISODES} episodes"


@dataclass(frozen=True, kw_only=True)
class Result(Spec):
    """Base of all results; subclasses add their figures."""

    origin: Origin
    verdicts: Verdicts = field(default_factory=Verdicts)
    of_recipes: dict[str, Verdicts] = field(default_factory=dict)  # where it compares several: of each that it says something of

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `save` wrote. SpecError that names the file: of another kind, cut off, or written by another version."""
        try:
            told = json.loads(path.read_text())
            kind = told["kind"]
        except (ValueError, KeyError, TypeError) as error:
            raise SpecError(f"{path} is no published result ({error!r}). It was probably cut off: run its command again, or name another file.") from error
        if kind != cls.__name__:
            raise SpecError(f"{path} holds a {kind}, expected a {cls.__name__}: figures of another command. Name another file.")
        try:
            return cls.from_dict(told)
        except SpecError as error:
            raise SpecError(f"{path} cannot be read: {error} It was probably written by another version of wam: run its command again.") from error

    def save(self, path: Path) -> Path:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(self.to_dict(), indent=1) + "\n")
        return path


@dataclass(frozen=True)
class Evidence:
    """What the results say of one recipe together."""

    verdicts: Verdicts
    stale: tuple[str, ...]  # names of results whose sources have changed since


Published = tuple[str, Origin, Mapping[str, Verdicts]]  # name of the file, where it comes from, what it says of recipes


def published(folder: Path = FOLDER) -> Iterator[Published]:
    """(file name, origin, verdicts by recipe) of each result. SpecError for a file that is none."""
    for path in sorted(folder.glob("*.json")):
        try:
            told = json.loads(path.read_text())
            origin, said = Origin.from_dict(told["origin"]), dict(told.get("of_recipes", {}))
            said |= {origin.recipe.split(" ")[0]: told["verdicts"]} if origin.recipe else {}
            yield path.name, origin, {recipe: Verdicts.from_dict(one) for recipe, one in said.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise SpecError(f"{path} is no published result ({error!r}). It was cut off, or another version of wam wrote it: run its command again.") from error


def evidence_of(recipe: str, results: Iterable[Published]) -> Evidence:
    """What results say of a recipe, and which that rest on it are stale; of "" those that rest on none.

    Where those that name it disagree on whether something holds, it does not; on a mechanism, nothing is said.
    """
    said: dict[str, list[bool | str]] = {}
    mine = [one for one in results if recipe in (recipes_of(one[1]) or {""})]
    for _, _, verdicts in mine:
        for part in fields(Verdicts):
            if (value := getattr(verdicts.get(recipe, Verdicts()), part.name)) is not None:
                said.setdefault(part.name, []).append(value)
    agreed = {name: (all(values) if isinstance(values[0], bool) else values[0] if len(set(values)) == 1 else None) for name, values in said.items()}
    return Evidence(verdicts=Verdicts.from_dict(agreed), stale=tuple(name for name, origin, _ in mine if origin.stale))


def recipes_of(origin: Origin) -> set[str]:
    """The recipe that a result is about, or where it is about none alone, all that it compares."""
    if origin.recipe:
        return {origin.recipe.split(" ")[0]}
    return {root.removeprefix(RECIPES) for root in origin.sources.roots if root.startswith(RECIPES)}
