"""Push-T (Chi et al. 2023): a round pusher and a T-shaped block, goals from human demonstrations. Needs the extra "pusht"."""

from collections.abc import Callable
from typing import Any

from wam.sim.options import from_options
from wam.sim.worlds.pusht.goals import for_training as for_training
from wam.sim.worlds.pusht.policies import DriveToGoal as DriveToGoal
from wam.sim.worlds.pusht.policies import Play as Play
from wam.sim.worlds.pusht.policies import Replay as Replay
from wam.sim.worlds.pusht.policies import Wander as Wander
from wam.sim.worlds.pusht.simulator import draw as draw
from wam.sim.worlds.pusht.world import PushTConfig as PushTConfig
from wam.sim.worlds.pusht.world import PushTWorld as PushTWorld
from wam.world import Policy

OPTIONS = PushTConfig  # whose fields `make` takes


def make(batch: int, *, device: str = "cpu", **options: Any) -> PushTWorld:
    """The world by name: options are fields of `PushTConfig`; `demonstrations` is needed. On the CPU, whatever the device (`adapters.moved`)."""
    return PushTWorld(batch, from_options(OPTIONS, options, "pusht"))


POLICIES: dict[str, Callable[[PushTWorld], Policy[Any]]] = {"random": Wander, "drive_to_goal": DriveToGoal, "play": Play, "expert": Replay}
MIXTURE = {"play": 0.7, "expert": 0.3}  # who acts in a data set, with shares, unless asked otherwise
