"""Convert by name: which options go with which layout, and the simulator that draws what was recorded without pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wam.data.converters import MOVES, PUSHT, Conversion, ReplayLayout, convert_droid, convert_replay, convert_rlds
from wam.data.index import Note
from wam.world import read_spec

LAYOUTS = ("droid", "rlds", "replay", "pusht")


def convert(
    layout: str,
    source: Path,
    target: Path,
    *,
    actions: Literal["recorded", "derived", "moves"] | None = None,
    layout_file: Path | None = None,
    size: int | None = None,
    part: Literal["all", "training"] | None = None,
    trim: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Conversion:
    """`part`: of Push-T's episodes, all, or those that its world does not evaluate on. `progress` is told (episodes done, None).

    ValueError for an unknown layout, and for options that belong to another one.
    """
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
    if layout != "pusht" and part is not None:
        raise ValueError(f"--part is for the layout pusht, of whose episodes the world pusht evaluates on the last: {layout} has no such world. Leave it out.")
    if layout == "droid":
        assert actions != "moves"
        return convert_droid(source, target, actions=actions, trim=trim, progress=progress)
    if layout == "rlds":
        return convert_rlds(source, target, progress=progress)
    if layout_file is not None:
        return convert_replay(source, target, read_spec(layout_file, ReplayLayout), progress=progress)
    return convert_pusht(source, target, MOVES if actions == "moves" else PUSHT, size=size or 96, whole=part != "training", progress=progress)


def convert_pusht(
    source: Path, target: Path, layout: ReplayLayout, *, size: int, whole: bool, progress: Callable[[int, int | None], None] | None = None
) -> Conversion:
    """Frames drawn by the simulator; `whole` = False leaves out the episodes that the world `pusht` evaluates on, True says which they are."""
    from wam.sim.worlds.pusht import draw, for_training

    def drawn(states: NDArray[Any]) -> NDArray[np.uint8]:
        return draw(states, size)

    made = convert_replay(source, target, layout, draw=drawn, first=None if whole else for_training, progress=progress)
    if not whole:
        return made
    held_out = Note("the world pusht evaluates on these: --part training leaves them out", f"episodes {for_training(made.episodes)} to {made.episodes - 1}")
    return replace(made, notes=(*made.notes, held_out))
