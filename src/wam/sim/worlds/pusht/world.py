"""Push-T as a world: goal images some steps ahead in a human demonstration, where the T must move.

Sees camera "top" (uint8) and the pusher's place (px). Action: where the pusher shall go (px), ten a second; or, by the option `moves`, the
way there from where it is (px): for what searches actions, since a planner keeps to moves of the size that it has seen.
Success: the block within 20 px and 20 degrees of its place in the goal image, wherever the pusher is; judged at each instant.
Reward: minus the distance of the block to its goal (px). Rows follow from their seeds; see `goals.py`.
Stepping is the simulator's, through the generic Gymnasium adapter. 1 px counts as 1 mm in `Truth.pose`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from wam.sim.adapters.gym_world import GymWorld, Row
from wam.sim.sizes import require_size
from wam.sim.worlds.pusht.goals import Demonstrations, chosen, pairs, solved
from wam.sim.worlds.pusht.simulator import FIELD, RATE, put, simulator, state_of
from wam.world import Actions, ActionSpec, Camera, EnvSpec, Observation, ObservationSpec, Outcome, Slot, SpecError, Task, Truth, concatenate

CAMERA, PIXELS = "top", "pixels"  # our name and the simulator's


@dataclass(frozen=True, kw_only=True)
class PushTConfig:
    """Which goals, how seen."""

    demonstrations: str  # NumPy file with state, action, episode_ends
    size: int = 64  # px, height and width of the picture
    offset: int = 25  # steps from the start to the goal in the demonstration
    budget: int = 50  # steps; then the episode is over
    moves: bool = False  # actions are measured from the pusher

    def __post_init__(self) -> None:
        """Raise SpecError for numbers of which nothing can be made."""
        require_size("pusht", self.size)
        for name in ("offset", "budget"):
            if getattr(self, name) < 1:
                raise SpecError(f"pusht got {name}={getattr(self, name)}, expected at least 1: set {name}=1 or more, or leave it out.")


class PushTWorld:
    """An `Env`. The demonstrations are the privileged view of its policies; models never see them."""

    def __init__(self, batch: int, config: PushTConfig) -> None:
        self.config, self.batch = config, batch
        self.demonstrations = Demonstrations.read(config.demonstrations)
        self._pairs = pairs(self.demonstrations, config.offset)
        slots = tuple(Slot(name=f"target_{axis}", unit="px", meaning="where the pusher shall go", low=0.0, high=FIELD) for axis in "xy")
        ways = [Slot(name=f"move_{axis}", unit="px", meaning="from the pusher to where it shall go", relative=True, low=-FIELD, high=FIELD) for axis in "xy"]
        felt = tuple(Slot(name=f"pusher_{axis}", unit="px") for axis in "xy")
        self.world = GymWorld(
            lambda: simulator(config.size), batch, name="pusht", rate=RATE, budget=config.budget, acts=slots, proprio=felt, begin=self._begin, ends=False
        )
        sees = ObservationSpec(cameras={CAMERA: Camera(height=config.size, width=config.size)}, proprio=felt)
        acts = ActionSpec(low_level=tuple(ways)) if config.moves else self.world.spec.acts
        self.spec: EnvSpec = replace(self.world.spec, observes=sees, acts=acts, objects=("T", "pusher"), judged=True)
        self._painter = simulator(config.size)

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows."""
        observation, _ = self.world.reset(mask, seeds)
        return renamed(observation), self._task()

    def step(self, actions: Actions) -> Outcome:
        """T steps."""
        self.world.require(actions)
        outcomes = []
        for step in range(actions.size("T")):
            going = self.world.alive() & actions.valid[:, step, :1].cpu()
            outcome = self.world.step(self._targets(actions.narrow("T", step, step + 1)))
            now, goal = self.states(), self.goals()
            away = torch.from_numpy(np.linalg.norm(now[:, 2:4] - goal[:, 2:4], axis=1)).float()
            outcomes.append(
                replace(
                    outcome,
                    observation=renamed(outcome.observation),
                    reward=-away[:, None] * going,
                    success=torch.from_numpy(solved(now, goal))[:, None],
                )
            )
        return concatenate(outcomes, "T")

    def truth(self) -> Truth:
        """Poses of the T and of the pusher, x right and y up from the field's lower left corner."""
        now = torch.from_numpy(self.states()).float()
        pose = torch.zeros(self.batch, 1, 2, 7)
        pose[:, 0, 0, 0], pose[:, 0, 0, 1] = now[:, 2] / 1000, (FIELD - now[:, 3]) / 1000
        pose[:, 0, 1, 0], pose[:, 0, 1, 1] = now[:, 0] / 1000, (FIELD - now[:, 1]) / 1000
        pose[:, 0, 0, 3], pose[:, 0, 0, 6] = torch.cos(-now[:, 4] / 2), torch.sin(-now[:, 4] / 2)
        pose[:, 0, 1, 3] = 1.0
        return Truth(pose=pose)

    def save(self) -> tuple[Row, ...]:
        """Seeds and executed actions."""
        return self.world.save()

    def restore(self, snapshot: tuple[Row, ...]) -> None:
        """By playing each row again."""
        self.world.restore(snapshot)

    # -- what policies and judges may know -----------------------------------------------------------------------------

    def steps(self) -> NDArray[np.int64]:
        """Number of each row's start in the demonstrations, "B"."""
        return np.array([chosen(row.seed, *self._pairs) for row in self.world.rows])

    def states(self) -> NDArray[np.float64]:
        """Now, "B 5"."""
        return np.stack([state_of(env) for env, _ in zip(self.world.envs, self.world.rows, strict=True)])

    def goals(self) -> NDArray[np.float64]:
        """What each row shall reach, "B 5"."""
        return self.demonstrations.state[self.steps() + self.config.offset]

    def _targets(self, actions: Actions) -> Actions:
        """One step as the simulator takes it."""
        if not self.config.moves or actions.low_level is None:
            return actions
        here = torch.from_numpy(self.states()[:, :2]).to(actions.low_level)
        return replace(actions, low_level=(here[:, None, None] + actions.low_level).clamp(0, FIELD))

    def _begin(self, env: Any, seed: int) -> dict[str, NDArray[Any]]:
        return put(env, self.demonstrations.state[chosen(seed, *self._pairs)])

    def _task(self) -> Task:
        goals = self.goals()
        pictures = np.stack([put(self._painter, goal)[PIXELS].transpose(2, 0, 1) for goal in goals])
        shown = Observation(rgb={CAMERA: torch.from_numpy(pictures)[:, None]}, proprio=torch.from_numpy(goals[:, :2]).float()[:, None])
        return Task(goal=shown)


def renamed(observation: Observation) -> Observation:
    """Our name of the camera."""
    assert observation.rgb is not None
    return replace(observation, rgb={CAMERA: observation.rgb[PIXELS]})
