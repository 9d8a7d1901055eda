"""Convert by name: which options go with which layout, and the simulator that draws what was recorded without pictures."""

from pathlib import Path
from typing import Literal

from wam.data.converters import MOVES, PUSHT, Conversion, ReplayLayout, convert_droid, convert_replay, convert_rlds

LAYOUTS = ("droid", "rlds", "replay", "pusht")


def convert(
    layout: str,
    source: Path,
    target: Path,
    *,
    actions: Literal["recorded", "derived", "moves"] | None = None,
    layout_file: Path | None = None,
    size: int | None = None,
    trim: bool = False,
) -> Conversion:
    """ValueError for an unknown layout, and for options that belong to another one."""
    if layout not in LAYOUTS:
        raise ValueError(f"the layout {layout!r} is not known; there are {', '.join(LAYOUTS)}.")
    if layout != "droid" and trim:
        raise ValueError(f"--trim is for the layout droid: {layout} episodes are converted as they are. Leave it out.")
    if actions not in (known := {"droid": (None, "recorded", "derived"), "pusht": (None, "recorded", "moves")}.get(layout, (None,))):
        raise ValueError(f"--actions {actions} is not for the layout {layout}, which knows {', '.join(filter(None, known)) or 'no choice'}.")
    if (layout == "replay") != (layout_file is not None):
        raise ValueError("the layout replay needs --layout FILE, which says what the arrays mean; the others know it and take none.")
    if layout != "pusht" and size is not None:
        raise ValueError(f"--size is for the layout pusht, whose frames are drawn: {layout} keeps the sizes that it has. Resize when training.")
    if layout == "droid":
        assert actions != "moves"
        return convert_droid(source, target, actions=actions, trim=trim)
    if layout == "rlds":
        return convert_rlds(source, target)
    if layout_file is not None:
        return convert_replay(source, target, ReplayLayout.from_json(layout_file.read_text()))
    from wam.sim.worlds.pusht.simulator import draw

    return convert_replay(source, target, MOVES if actions == "moves" else PUSHT, draw=lambda states: draw(states, size or 96))
