"""Acting in a world: the one loop, receding horizon, safety, skills."""

from wam.plan.control.receding import RecedingHorizon as RecedingHorizon
from wam.plan.control.rollout import rollout as rollout
from wam.plan.control.safety import Guarded as Guarded
from wam.plan.control.safety import Safety as Safety
from wam.plan.control.safety import SafetyError as SafetyError
from wam.plan.control.skills import SkillExecutor as SkillExecutor
