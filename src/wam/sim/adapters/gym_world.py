"""Gymnasium environments as a world of ours.

    world = GymWorld(lambda: gymnasium.make("gym_pusht/PushT-v0", obs_type="pixels_agent_pos"), batch=4, success="is_success")

What comes across: pictures (uint8, "h w 3") as cameras, vectors as proprioception, a Box of actions as slots, rewards, ends.
What an environment keeps in `info` crosses only where it is named: `success`. Nothing else of ours depends on `info`.
Needs the extra "gym". Does not know: instructions and goals; a Gymnasium environment states none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from wam.world import Actions, ActionSpec, Camera, EnvSpec, Observation, ObservationSpec, Outcome, Slot, SpecError, Task, Truth, concatenate

RENDERED = "render"  # the camera of environments that draw but do not observe pictures


@dataclass(frozen=True)
class Row:
    """One environment's episode: enough to play it again."""

    seed: int
    actions: tuple[NDArray[np.float32], ...]  # executed since the reset
    alive: bool
    success: bool
    sees: dict[str, NDArray[Any]]  # the last observation, by name of camera or vector


class GymWorld:
    """`Env` over B Gymnasium environments, stepped one after the other.

    make      one environment; called B times
    success   key of `info` that says whether the task is solved; "" = it never says
    rate      Hz; by default what its metadata call render_fps
    budget    steps of an episode; by default its spec's max_episode_steps
    acts      meaning of its action box; by default slots "action_0", ... with the box's limits and no unit
    proprio   meaning of its vectors, one slot per number in the order of their names
    begin     (environment, seed) -> first observation; by default its reset(seed=seed)
    ends      do its own ends (terminated, truncated) end an episode, or the budget alone
    """

    def __init__(
        self,
        make: Callable[[], Any],
        batch: int,
        *,
        success: str = "",
        rate: float | None = None,
        budget: int | None = None,
        acts: Sequence[Slot] = (),
        proprio: Sequence[Slot] = (),
        begin: Callable[[Any, int], Any] | None = None,
        ends: bool = True,
    ) -> None:
        self.batch, self.success, self.begin, self.ends = batch, success, begin, ends
        self.envs = [make() for _ in range(batch)]
        first = self.envs[0]
        self._vectors = tuple(name for name, space in boxes(first.observation_space).items() if not is_picture(space))
        self._draws = not any(is_picture(space) for space in boxes(first.observation_space).values()) and first.render_mode == "rgb_array"
        self._rows: list[Row] = []
        self.spec = self._spec(first, rate, budget, tuple(acts), tuple(proprio))

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows by their seeds. The first reset must cover all rows."""
        if not self._rows and not bool(mask.all()):
            raise RuntimeError("the first reset must restart every row: pass a mask that is True everywhere.")
        old: list[Row | None] = [*self._rows] or [None] * self.batch
        self._rows = [self._begin(index, int(seeds[index])) if row is None or bool(mask[index]) else row for index, row in enumerate(old)]
        return self._observation(), Task()

    def step(self, actions: Actions) -> Outcome:
        """T steps. Rows that are over, or whose action is not valid, stay still and are given no reward."""
        assert actions.low_level is not None
        low, high = self.spec.acts.limits()
        clipped = actions.low_level[:, :, 0].detach().cpu().clamp(low, high).numpy()
        outcomes = []
        for step in range(clipped.shape[1]):
            rewards = [self._move(index, clipped[index, step]) if bool(actions.valid[index, step, 0]) else 0.0 for index in range(self.batch)]
            outcomes.append(
                Outcome(
                    observation=self._observation(),
                    reward=torch.tensor(rewards)[:, None],
                    alive=torch.tensor([row.alive for row in self._rows])[:, None],
                    success=torch.tensor([row.success for row in self._rows])[:, None],
                )
            )
        return concatenate(outcomes, "T")

    def truth(self) -> Truth:
        """Gymnasium has no common word for it."""
        return Truth()

    def save(self) -> tuple[Row, ...]:
        """Seeds and executed actions."""
        return tuple(self._rows)

    def restore(self, snapshot: tuple[Row, ...]) -> None:
        """By playing each row again from its seed: exact for deterministic environments, and as slow as the episode is long."""
        self._rows = [self._begin(index, row.seed) for index, row in enumerate(snapshot)]
        for index, row in enumerate(snapshot):
            for action in row.actions:
                self._move(index, action)

    def close(self) -> None:
        """Let the environments go."""
        for env in self.envs:
            env.close()

    def _begin(self, index: int, seed: int) -> Row:
        env = self.envs[index]
        seen = env.reset(seed=seed)[0] if self.begin is None else self.begin(env, seed)
        return Row(seed=seed, actions=(), alive=True, success=False, sees=self._named(index, seen))

    def _move(self, index: int, action: NDArray[np.float32]) -> float:
        """Step one environment; its reward."""
        row = self._rows[index]
        if not row.alive:
            return 0.0
        seen, reward, terminated, truncated, info = self.envs[index].step(action.astype(self.envs[index].action_space.dtype))
        done = (*row.actions, action)
        alive = not (self.ends and (terminated or truncated)) and len(done) < self.spec.budget
        self._rows[index] = Row(seed=row.seed, actions=done, alive=alive, success=self._solved(info), sees=self._named(index, seen))
        return float(reward)

    def _solved(self, info: dict[str, Any]) -> bool:
        if self.success and self.success not in info:
            raise SpecError(f"{self.spec.name}: info says {sorted(info)}, not {self.success!r}. Name the key that says success, or none (success='').")
        return bool(info[self.success]) if self.success else False

    def _named(self, index: int, seen: Any) -> dict[str, NDArray[Any]]:
        found = dict(seen) if isinstance(seen, dict) else {"observation": seen}
        return {**found, RENDERED: self.envs[index].render()} if self._draws else found

    def _observation(self) -> Observation:
        """The last of every row, T = 1."""
        rgb = {
            name: torch.from_numpy(np.stack([np.ascontiguousarray(row.sees[name].transpose(2, 0, 1)) for row in self._rows]))[:, None]
            for name in self.spec.observes.cameras
        }
        felt = [np.concatenate([np.ravel(row.sees[name]) for name in self._vectors]) if self._vectors else np.zeros(0) for row in self._rows]
        proprio = torch.from_numpy(np.stack(felt)).float()[:, None]
        return Observation(rgb=rgb or None, proprio=proprio if self._vectors else None)

    def _spec(self, env: Any, rate: float | None, budget: int | None, acts: tuple[Slot, ...], proprio: tuple[Slot, ...]) -> EnvSpec:
        name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        rate = rate or env.metadata.get("render_fps")
        budget = budget or (env.spec.max_episode_steps if env.spec is not None else None)
        if not rate or not budget:
            raise SpecError(f"{name} does not say its {'rate' if not rate else 'budget'}: pass {'rate=, in Hz' if not rate else 'budget=, in steps'}.")
        box = env.action_space
        if not isinstance(box, gymnasium_().spaces.Box) or len(box.shape) != 1:
            raise SpecError(f"{name} takes actions {box}; only a flat Box of continuous actions can become low-level actions.")
        slots = acts or tuple(Slot(name=f"action_{i}", low=float(low), high=float(high)) for i, (low, high) in enumerate(zip(box.low, box.high, strict=True)))
        spaces = boxes(env.observation_space)
        width = sum(int(np.prod(spaces[key].shape)) for key in self._vectors)
        felt = proprio or tuple(Slot(name=f"{key}_{i}") for key in self._vectors for i in range(int(np.prod(spaces[key].shape))))
        if len(felt) != width or len(slots) != box.shape[0]:
            raise SpecError(f"{name} has {box.shape[0]} actions and {width} numbers in {self._vectors}; {len(slots)} and {len(felt)} slots describe them.")
        cameras = {key: Camera(height=space.shape[0], width=space.shape[1]) for key, space in spaces.items() if is_picture(space)}
        if self._draws:
            env.reset(seed=0)
            height, across, _ = env.render().shape
            cameras[RENDERED] = Camera(height=height, width=across)
        observes = ObservationSpec(cameras=cameras, proprio=felt)
        return EnvSpec(name=name, observes=observes, acts=ActionSpec(low_level=slots), rate=float(rate), budget=int(budget))


def boxes(space: Any) -> dict[str, Any]:
    """The parts of an observation space by name; a space without parts is "observation"."""
    return dict(space.spaces) if isinstance(space, gymnasium_().spaces.Dict) else {"observation": space}


def is_picture(space: Any) -> bool:
    """uint8 "h w 3"."""
    return space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] == 3


def gymnasium_() -> Any:
    """The package; ImportError that names the extra."""
    try:
        import gymnasium
    except ImportError as error:
        raise ImportError('Gymnasium is not installed; it belongs to the extra "gym": pip install "wam[gym]".') from error
    return gymnasium
