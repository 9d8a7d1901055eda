"""What there is and what is known of it: one line per recipe, its status read from the published results."""

from dataclasses import dataclass
from typing import Literal

from wam.evaluate.changes import Changes, changes_since
from wam.evaluate.result import FOLDER, Published, evidence_of, published
from wam.recipes.recipe import Recipe, all_recipes
from wam.world import Spec
from wam.world.names import suggestion

PRESETS = {
    "tiny": "a laptop: two cores, no GPU",
    "quick": "tiny, in no more steps than five minutes on two cores with bfloat16 allow",
    "robot": "a few real episodes, every frame",
    "rollout": "tiny that is trained to stay true for a whole episode: a world for policies",
    "sight": "tiny by what cameras show: cloning that acts in models that imagine pictures, control learned from pictures",
    "control": "DeepMind Control and Gymnasium: episodes of hundreds of decisions",
    "small": "a GPU",
    "paper": "the paper's sizes",
}  # what each is for


@dataclass(frozen=True, kw_only=True)
class Listing(Spec):
    """A recipe and its evidence; None = no result says."""

    name: str
    title: str
    paper: str  # arXiv number
    reference: str  # where to read it
    cells: str  # place in the tutorial
    uses: tuple[str, ...]
    presets: tuple[str, ...]
    conforms: bool | None
    uses_conditions: bool | None
    learns: bool | None
    mechanism: Literal["effect", "null", "reversed"] | None
    stale: tuple[str, ...]  # results whose sources have changed since

    def evidence(self) -> tuple[str, ...]:
        """For people, a few words each: what was measured, and how many results are older than the sources that they depend on."""
        told = {"conforms": self.conforms, "uses its conditions": self.uses_conditions, "learns": self.learns}
        words = [f"{name}: {'yes' if value else 'no'}" for name, value in told.items() if value is not None]
        words += [f"mechanism: {self.mechanism}"] if self.mechanism else []
        words += [f"stale results: {len(self.stale)}"] if self.stale else []
        return tuple(words) or ("no verdict yet",)

    def older(self) -> str:
        """Which results are stale, in a line; empty where none is."""
        return f"{self.name}: {', '.join(self.stale)}" if self.stale else ""


def listing() -> list[Listing]:
    """All recipes by name."""
    results = list(published())
    return [_line(recipe, results) for recipe in all_recipes()]


def changes_of(name: str) -> Changes:
    """Since the result of this name was measured, of the code that measured it and of its recipe; what else trained its models is not looked at.

    ValueError that suggests what was meant, SpecError where git cannot tell.
    """
    origins = {file: origin for file, origin, _ in published()}
    if name not in origins:
        raise ValueError(f"there is no result {name!r} in {FOLDER}. {suggestion(name, origins)}")
    return changes_since(origins[name].commit, origins[name].sources)


def stale_elsewhere() -> tuple[str, ...]:
    """Stale results that rest on no recipe: of worlds, planners, data."""
    return evidence_of("", published()).stale


def _line(recipe: Recipe, results: list[Published]) -> Listing:
    card, found = recipe.card, evidence_of(recipe.name, results)
    return Listing(
        name=recipe.name,
        title=card.title,
        paper=card.paper,
        reference=f"https://arxiv.org/abs/{card.paper}",
        cells=card.place,
        uses=card.uses,
        presets=tuple(recipe.presets),
        conforms=found.verdicts.conforms,
        uses_conditions=found.verdicts.uses_conditions,
        learns=found.verdicts.learns,
        mechanism=found.verdicts.mechanism,
        stale=found.stale,
    )
