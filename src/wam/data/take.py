"""An episode that grows step by step, for a robot that moves while it is recorded.

    take = Take(spec)
    take.add(observation)                        # the first frame: nothing led to it
    while moving:
        take.add(robot.look(), robot.executed)   # what was done since the frame before, and where it led
    recorder.write(take.episode("pick up the cup", success=True))

Frames wait in memory until the episode is written: a kill loses this episode and no other.
"""

import torch

from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.fit import misfits
from wam.data.meaning import DataSpec
from wam.world.record import concatenate
from wam.world.records import Actions, Observation


class Take:
    """Collects the steps of one episode. Every record has B = 1 and T = 1."""

    def __init__(self, spec: DataSpec):
        self.spec, self.steps = spec, list[Episode]()

    def add(self, observation: Observation, actions: Actions | None = None) -> None:
        """A frame and the actions that led to it; none for the first frame only. DataError where it does not fit the spec."""
        if (actions is None) == bool(self.steps):
            came = "no actions" if actions is None else "actions"
            raise DataError(
                f"frame {len(self.steps)} came with {came}: actions lead to a frame, so the first has none and every other has some.",
                remedy="Pass what was executed since the frame before; `spec.acts.nothing(1, 1)` where the robot stood still unasked.",
            )
        actions = self.spec.acts.nothing(1, 1) if actions is None else actions
        if problems := misfits(self.spec, observation, actions):
            raise DataError(f"frame {len(self.steps)}: {' '.join(problems)}", remedy="Correct what the robot reports, or the spec.")
        if observation.size("T") != 1 or actions.size("T") != 1:
            raise DataError(f"frame {len(self.steps)} holds {observation.size('T')} frames and {actions.size('T')} steps.", remedy="Add one at a time.")
        self.steps.append(Episode(observation=observation.clone(), actions=actions.clone()))  # drivers like to fill one buffer again and again

    def episode(self, instruction: str | None = None, *, success: bool | None = None, source: str | None = None) -> Episode:
        """Everything so far, for `Recorder.write`. DataError before the first frame."""
        if not self.steps:
            raise DataError("no frame was added, so there is no episode.", remedy="Call add(observation) at least once.")
        whole = concatenate(self.steps, "T")
        judged = None
        if success is not None:
            judged = torch.zeros(1, len(self.steps), dtype=torch.bool)
            judged[:, -1] = success
        return Episode(observation=whole.observation, actions=whole.actions, success=judged, instruction=instruction, source=source)
