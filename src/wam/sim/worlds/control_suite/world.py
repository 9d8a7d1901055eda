"""Tasks of the DeepMind Control suite by name, as the field measures them: action repeat 2, 1000 control steps an episode.

Sees: the suite's observation as proprioception, in its order ("position_0", ..., no units). Actions: the suite's, in [-1, 1].
Reward: the suite's, in [0, 1] a control step, summed over the repeat; the score of an episode is the sum, at most 1000.
There is no success, and no task but some of `lqr` ends before its time. Snapshots are exact.
"""

from dataclasses import dataclass

from wam.sim.adapters.gym_world import GymWorld
from wam.sim.adapters.mujoco_snapshots import mujoco_snapshots
from wam.sim.worlds.control_suite.task import SuiteTask, inside
from wam.world import SpecError


@dataclass(frozen=True, kw_only=True)
class ControlSuiteConfig:
    """Which task, on which clock."""

    task: str  # domain and task, e.g. "cartpole_swingup", "reacher_easy"
    repeat: int = 2  # control steps that an action is held for: one decision
    control_steps: int = 1000  # of an episode

    def __post_init__(self) -> None:
        """Raise SpecError for clocks that do not fit."""
        if self.repeat < 1 or self.control_steps < self.repeat or self.control_steps % self.repeat:
            raise SpecError(f"an episode of {self.control_steps} control steps cannot be cut into decisions of {self.repeat}: it must be a multiple.")


def control_suite(batch: int, config: ControlSuiteConfig) -> GymWorld:
    """B environments of one task. SpecError for an unknown task; ImportError that names the extra."""
    return GymWorld(
        lambda: SuiteTask(config.task, config.repeat),
        batch,
        name=config.task,
        budget=config.control_steps // config.repeat,
        snapshots=mujoco_snapshots(inside),
    )
