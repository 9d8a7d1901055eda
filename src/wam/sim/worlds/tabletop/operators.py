"""The skills of a `tabletop` row as STRIPS operators over its facts, written by hand: for search over symbols, and as truth for what learns them.

pick needs an empty hand, a thing that nothing stands on, and the drawer open where the thing is in it; place needs the thing in the
hand; open and close need an empty hand. An operator says what holds when its skill went well. Nothing is picked up out of the sink.
"""

from wam.sim.worlds.tabletop.row import Row
from wam.sim.worlds.tabletop.skills import CLOSE, OPEN, PICK, PLACE, WHERE
from wam.sim.worlds.tabletop.truth import atom
from wam.sim.worlds.tabletop.words import NAMES, ZONES
from wam.world import Operator


def operators(row: Row) -> tuple[Operator, ...]:
    """All that can be done with the things, zones and drawer of a row, in a fixed order. Indices point into `words.ATOMS`."""
    things = [NAMES[thing.name] for thing in row.scene.things]
    blocks = [NAMES[thing.name] for thing in row.scene.things if thing.kind == "block"]
    zones = [ZONES[zone.colour] for zone in row.scene.zones]
    found = [one for name in things for one in (*_picks(name, things, blocks, zones), *_places(name, things, blocks, zones))]
    hand = _atoms(*(f"holding({name})" for name in things))
    opened, closed = _atoms("open(drawer)"), _atoms("closed(drawer)")
    found.append(Operator(name="open()", skill=OPEN, arguments=(), needs=closed, forbids=hand, adds=opened, deletes=closed))
    found.append(Operator(name="close()", skill=CLOSE, arguments=(), needs=opened, forbids=hand, adds=closed, deletes=opened))
    return tuple(found)


def _picks(name: str, things: list[str], blocks: list[str], zones: list[str]) -> list[Operator]:
    """From wherever the thing can be."""
    others = _others(name, blocks)
    hand, above = [f"holding({one})" for one in things], [f"on({other}, {name})" for other in others]
    resting = {"table": [f"on({name}, table)"], "drawer": [f"in({name}, drawer)", "open(drawer)"], **{block: [f"on({name}, {block})"] for block in others}}
    return [
        Operator(
            name=f"pick({name} from {where})",
            skill=PICK,
            arguments=(float(NAMES.index(name)),),
            needs=_atoms(*needed),
            forbids=_atoms(*hand, *above),
            adds=_atoms(f"holding({name})"),
            deletes=_atoms(needed[0], *(f"in({name}, {zone})" for zone in zones if where == "table")),
        )
        for where, needed in resting.items()
    ]


def _places(name: str, things: list[str], blocks: list[str], zones: list[str]) -> list[Operator]:
    """To wherever it may go; on a block that nothing stands on."""
    where: dict[str, tuple[list[str], list[str], list[str]]] = {  # what else is needed, what is forbidden, what then holds
        "sink": ([], [], [f"in({name}, sink)"]),
        "drawer": (["open(drawer)"], [], [f"in({name}, drawer)"]),
        "table": ([], [], [f"on({name}, table)"]),
    }
    where |= {zone: ([], [f"in({other}, {zone})" for other in things if other != name], [f"on({name}, table)", f"in({name}, {zone})"]) for zone in zones}
    for block in _others(name, blocks):
        above = [f"on({other}, {block})" for other in blocks if other not in (name, block)]
        where[block] = ([], above, [f"on({name}, {block})"])
    return [
        Operator(
            name=f"place({name} to {place})",
            skill=PLACE,
            arguments=(float(WHERE.index(place)),),
            needs=_atoms(f"holding({name})", *needed),
            forbids=_atoms(*forbidden),
            adds=_atoms(*added),
            deletes=_atoms(f"holding({name})"),
        )
        for place, (needed, forbidden, added) in where.items()
    ]


def _others(name: str, blocks: list[str]) -> list[str]:
    """The blocks that a block can stand on; a dish stands on none."""
    return [block for block in blocks if block != name] if name in blocks else []


def _atoms(*texts: str) -> frozenset[int]:
    return frozenset(atom(text) for text in texts)
