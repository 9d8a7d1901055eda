"""Other formats -> LeRobot 3.0. Each converter says what it assumed and what it left out."""

from wam.data.converters.conversion import Conversion
from wam.data.converters.droid import convert_droid
from wam.data.converters.replay import MOVES, PUSHT, ReplayLayout, convert_replay
from wam.data.converters.rlds import BRIDGE, RldsLayout, convert_rlds

__all__ = ["BRIDGE", "MOVES", "PUSHT", "Conversion", "ReplayLayout", "RldsLayout", "convert_droid", "convert_replay", "convert_rlds"]
