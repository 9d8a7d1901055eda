"""World models and world action models behind one small interface.

    run = wam.load("runs/push")        # a trained model and what belongs to it
    policy = run.policy()              # plan with it

Importing wam only defines names.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wam.recipes.runs import Run


def load(folder: "str | Path", *, device: str = "cpu", stopped: bool = False) -> "Run":
    """A trained run, ready to imagine and to act. Raises wam.train.CheckpointError where it is incomplete; `stopped`: half a training will do."""
    from wam.recipes.runs import load

    return load(folder, device=device, stopped=stopped)
