"""Names, sentences and atoms of the `push` world: one fixed table for every configuration, so that ids never shift."""

from wam.sim.worlds.push.config import COLOURS, SHAPES, ZONE_COLOURS
from wam.world import FactsSpec, Predicate

NAMES = tuple(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)  # id = 2 * colour + shape
ZONES = tuple(f"{colour} zone" for colour in ZONE_COLOURS)
SENTENCES = tuple(f"push the {name} to the {zone}" for name in NAMES for zone in ZONES)  # id = 4 * name + zone

PAIRS = tuple((first, second) for first in range(len(NAMES)) for second in range(first + 1, len(NAMES)))
INSIDE_ATOMS = tuple(f"in({name}, {zone})" for name in NAMES for zone in ZONES)
TOUCHING_ATOMS = (
    *(f"touching(pusher, {name})" for name in NAMES),
    *(f"touching({NAMES[first]}, {NAMES[second]})" for first, second in PAIRS),
)
NEAR_ATOMS = tuple(f"near{atom.removeprefix('touching')}" for atom in TOUCHING_ATOMS)
ATOMS = INSIDE_ATOMS + TOUCHING_ATOMS + NEAR_ATOMS

FACTS = FactsSpec(
    predicates=(
        Predicate(name="in", types=("object", "zone")),
        Predicate(name="touching", types=("body", "body")),
        Predicate(name="near", types=("body", "body")),
    ),
    atoms=ATOMS,
)
