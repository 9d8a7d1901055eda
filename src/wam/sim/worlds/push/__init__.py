"""The `push` world: a table seen from above, a pusher, coloured discs and blocks."""

from collections.abc import Callable
from typing import Any

from wam.sim.options import from_options
from wam.sim.worlds.push.config import COLOURS as COLOURS
from wam.sim.worlds.push.config import SHAPES as SHAPES
from wam.sim.worlds.push.config import PushConfig as PushConfig
from wam.sim.worlds.push.experts import Expert as Expert
from wam.sim.worlds.push.experts import NoisyExpert as NoisyExpert
from wam.sim.worlds.push.physical import from_physical as from_physical
from wam.sim.worlds.push.physical import to_physical as to_physical
from wam.sim.worlds.push.play import DriveToGoal as DriveToGoal
from wam.sim.worlds.push.play import Play as Play
from wam.sim.worlds.push.play import Wander as Wander
from wam.sim.worlds.push.skills import SKILLS as SKILLS
from wam.sim.worlds.push.skills import PushSkill as PushSkill
from wam.sim.worlds.push.skills import skill_policies as skill_policies
from wam.sim.worlds.push.words import NAMES as NAMES
from wam.sim.worlds.push.words import SENTENCES as SENTENCES
from wam.sim.worlds.push.words import ZONES as ZONES
from wam.sim.worlds.push.world import PushWorld as PushWorld
from wam.world import Policy

OPTIONS = PushConfig  # whose fields `make` takes


def make(batch: int, *, device: str = "cpu", **options: Any) -> PushWorld:
    """The world by name: options are fields of `PushConfig`. SpecError for others, and for values of another type."""
    return PushWorld(batch, from_options(OPTIONS, options, "push"), device=device)


POLICIES: dict[str, Callable[[PushWorld], Policy[Any]]] = {
    "expert": Expert,
    "noisy_expert": NoisyExpert,
    "play": Play,
    "random": Wander,
    "wander": lambda world: Wander(world, memory=0.9),
    "drive_to_goal": DriveToGoal,
}
MIXTURE = {"play": 0.7, "noisy_expert": 0.15, "wander": 0.15}  # who acts in a data set, with shares, unless asked otherwise
