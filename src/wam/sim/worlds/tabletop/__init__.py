"""The `tabletop` world: an arm at a table with blocks, dishes, a drawer and a sink. Needs the extra `sim`."""

from collections.abc import Callable
from typing import Any

from wam.sim.options import from_options
from wam.sim.worlds.tabletop.config import CHAINS as CHAINS
from wam.sim.worlds.tabletop.config import COLOURS as COLOURS
from wam.sim.worlds.tabletop.config import TASKS as TASKS
from wam.sim.worlds.tabletop.config import TabletopConfig as TabletopConfig
from wam.sim.worlds.tabletop.experts import Expert as Expert
from wam.sim.worlds.tabletop.experts import NoisyExpert as NoisyExpert
from wam.sim.worlds.tabletop.operators import operators as operators
from wam.sim.worlds.tabletop.play import Play as Play
from wam.sim.worlds.tabletop.skill_policies import TabletopSkill as TabletopSkill
from wam.sim.worlds.tabletop.skill_policies import skill_policies as skill_policies
from wam.sim.worlds.tabletop.skills import SKILLS as SKILLS
from wam.sim.worlds.tabletop.skills import WHERE as WHERE
from wam.sim.worlds.tabletop.trivial import DriveToGoal as DriveToGoal
from wam.sim.worlds.tabletop.trivial import Stay as Stay
from wam.sim.worlds.tabletop.trivial import Wander as Wander
from wam.sim.worlds.tabletop.words import NAMES as NAMES
from wam.sim.worlds.tabletop.words import SENTENCES as SENTENCES
from wam.sim.worlds.tabletop.words import ZONES as ZONES
from wam.sim.worlds.tabletop.world import TabletopWorld as TabletopWorld
from wam.world import Policy

OPTIONS = TabletopConfig  # whose fields `make` takes


def make(batch: int, *, device: str = "cpu", **options: Any) -> TabletopWorld:
    """The world by name: options are fields of `TabletopConfig`. SpecError for others. Simulated on the CPU, whatever the device (`adapters.moved`)."""
    return TabletopWorld(batch, from_options(OPTIONS, options, "tabletop"))


POLICIES: dict[str, Callable[[TabletopWorld], Policy[Any]]] = {
    "expert": Expert,
    "noisy_expert": NoisyExpert,
    "play": Play,
    "random": Wander,
    "wander": lambda world: Wander(world, memory=0.9),
    "stay": Stay,
    "drive_to_goal": DriveToGoal,
}
MIXTURE = {"play": 0.7, "noisy_expert": 0.15, "wander": 0.15}  # who acts in a data set, with shares, unless asked otherwise
