"""Names, sentences and atoms of the `tabletop` world: one fixed table for every configuration, so that ids never shift."""

from itertools import combinations

from wam.sim.worlds.tabletop.config import COLOURS, KINDS, ZONE_COLOURS
from wam.world import FactsSpec, Predicate

NAMES = tuple(f"{colour} {kind}" for colour in COLOURS for kind in KINDS)  # id = 3 * colour + kind
BLOCKS = tuple(name for name in NAMES if name.endswith("block"))
ZONES = tuple(f"{colour} zone" for colour in ZONE_COLOURS)

OPEN, CLOSE, CLEAR = "open the drawer", "close the drawer", "clear the table"
DISHES, TOWER = "put the dishes into the sink", "build a tower of the blocks"
SENTENCES = (
    *(f"push the {name} to the {zone}" for name in BLOCKS for zone in ZONES),
    *(f"put the {name} into the sink" for name in NAMES),
    *(f"stack the {one} on the {two}" for one in BLOCKS for two in BLOCKS if one != two),
    OPEN,
    CLOSE,
    CLEAR,
    DISHES,
    *(f"put the {name} into the drawer and close it" for name in BLOCKS),
    *(f"take the {name} out of the drawer and close it" for name in BLOCKS),
    TOWER,
)

PLACES = ("table", *BLOCKS)  # what a thing can stand on
ATOMS = (
    *(f"on({name}, {place})" for name in NAMES for place in PLACES if name != place),
    *(f"in({name}, {place})" for name in NAMES for place in (*ZONES, "sink", "drawer")),
    *(f"holding({name})" for name in NAMES),
    *(f"touching(gripper, {name})" for name in NAMES),
    *(f"touching({one}, {two})" for one, two in combinations(NAMES, 2)),
    "open(drawer)",
    "closed(drawer)",
)

FACTS = FactsSpec(
    predicates=(
        Predicate(name="on", types=("thing", "support")),
        Predicate(name="in", types=("thing", "place")),
        Predicate(name="holding", types=("thing",)),
        Predicate(name="touching", types=("body", "body")),
        Predicate(name="open", types=("drawer",)),
        Predicate(name="closed", types=("drawer",)),
    ),
    atoms=ATOMS,
)
