"""Gymnasium environments as a world of ours.

    world = GymWorld(lambda: gymnasium.make("gym_pusht/PushT-v0", obs_type="pixels_agent_pos"), batch=4, success="is_success")

What comes across: pictures (uint8, "h w 3") as cameras, vectors as proprioception, a Box of actions as slots, rewards, ends.
What an environment keeps in `info` crosses only where it is named: `success`. Nothing else of ours depends on `info`.
Needs the extra "gym". Does not know: instructions and goals; a Gymnasium environment states none.
Footgun: without `snapshots`, restoring a row plays its whole episode again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from wam.sim.adapters.gym_spec import RENDERED, Parts, spec_of
from wam.world import Actions, Observation, Outcome, Slot, SpecError, Task, Truth, concatenate


@dataclass(frozen=True)
class Snapshots:
    """How to keep all that an environment's next steps depend on, and to put it back into one that was begun with the same seed."""

    keep: Callable[[Any], Any]
    put: Callable[[Any, Any], None]


@dataclass(frozen=True)
class Row:
    """One environment's episode: enough to go on with it."""

    seed: int
    steps: int  # executed since the reset
    alive: bool
    success: bool
    felt: NDArray[np.float32]  # the last observation: vectors "P"
    pictures: dict[str, NDArray[np.uint8]]  # the last observation: "3 h w" by camera
    actions: tuple[NDArray[np.float32], ...] = ()  # executed since the reset, where there are no snapshots
    kept: Any = None  # of an environment with snapshots, in what `save` gave


class GymWorld:
    """`Env` over B Gymnasium environments, stepped one after the other.

    make       one environment; called B times
    name       what the spec calls it; by default its id
    success    key of `info` that says whether the task is solved; "" = it never says, and the spec says that nobody judges it
    rate       Hz; by default what its metadata call render_fps
    budget     steps of an episode; by default its spec's max_episode_steps
    acts       meaning of its action box; by default slots "action_0", ... with the box's limits and no unit
    proprio    meaning of its vectors, one slot per number in the order of their names
    begin      (environment, seed) -> first observation; by default its reset(seed=seed)
    ends       do its own ends (terminated, truncated) end an episode, or the budget alone
    snapshots  makes `restore` exact and quick; by default episodes are played again from their seeds
    """

    def __init__(
        self,
        make: Callable[[], Any],
        batch: int,
        *,
        name: str = "",
        success: str = "",
        rate: float | None = None,
        budget: int | None = None,
        acts: Sequence[Slot] = (),
        proprio: Sequence[Slot] = (),
        begin: Callable[[Any, int], Any] | None = None,
        ends: bool = True,
        snapshots: Snapshots | None = None,
    ) -> None:
        self.batch, self.success, self.begin, self.ends, self.snapshots = batch, success, begin, ends, snapshots
        self.envs = [make() for _ in range(batch)]
        self._parts = Parts.of(self.envs[0])
        self._rows: list[Row] = []
        self.spec = replace(spec_of(self.envs[0], name=name, rate=rate, budget=budget, acts=acts, proprio=proprio), judged=bool(success))
        own = getattr(self.envs[0].spec, "max_episode_steps", None)
        if ends and own is not None and own < self.spec.budget:
            raise SpecError(
                f"a budget of {self.spec.budget} steps is longer than the {own} after which {self.spec.name} truncates its episodes, and that would count as "
                f"their end. Ask for at most {own}, or make the environment with a larger max_episode_steps."
            )
        self._low, self._high = (limit.numpy() for limit in self.spec.acts.limits())

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows by their seeds. The first reset must cover all rows."""
        if mask.shape != (self.batch,) or seeds.shape != (self.batch,):
            raise SpecError(
                f"{self.spec.name} was made for {self.batch} rows; got a mask of shape {tuple(mask.shape)} and seeds of shape {tuple(seeds.shape)}."
            )
        if not self._rows and not bool(mask.all()):
            raise RuntimeError("the first reset must restart every row: pass a mask that is True everywhere.")
        old: list[Row | None] = [*self._rows] or [None] * self.batch
        self._rows = [self._begin(index, int(seeds[index])) if row is None or bool(mask[index]) else row for index, row in enumerate(old)]
        return self._observation(), Task()

    def step(self, actions: Actions) -> Outcome:
        """T steps. Rows that are over, or whose action is not valid, stay still and are given no reward."""
        self.require(actions)
        moves, valid = self._moves(actions), actions.valid[:, :, 0].cpu().numpy()
        outcomes = [self._instant(moves[:, step], valid[:, step]) for step in range(moves.shape[1])]
        return outcomes[0] if len(outcomes) == 1 else concatenate(outcomes, "T")

    @property
    def rows(self) -> list[Row]:
        """The rows. RuntimeError before the first reset."""
        if not self._rows:
            raise RuntimeError(f"the world {self.spec.name} was used before its first reset: call reset(mask, seeds) with a mask of all rows.")
        return self._rows

    def require(self, actions: Actions) -> None:
        """RuntimeError before the first reset, SpecError for actions of another shape."""
        rows, got = len(self.rows), None if actions.low_level is None else tuple(actions.low_level.shape)
        if got is None or got[0] != rows or got[2:] != (1, len(self._low)):
            raise SpecError(f"{self.spec.name} takes low-level actions of shape ({self.batch}, T, 1, {len(self._low)}), got {got}.")

    def alive(self) -> Bool[Tensor, "B 1"]:
        """Which rows are not over."""
        return torch.tensor([[row.alive] for row in self.rows])

    def truth(self) -> Truth:
        """Gymnasium has no common word for it."""
        return Truth()

    def save(self) -> tuple[Row, ...]:
        """What each row needs to go on from here."""
        if self.snapshots is None:
            return tuple(self.rows)
        return tuple(replace(row, kept=self.snapshots.keep(env)) for row, env in zip(self.rows, self.envs, strict=True))

    def restore(self, snapshot: tuple[Row, ...]) -> None:
        """Back, by what was kept; else by playing each row again from its seed: exact for deterministic environments, and as slow as the episode is long."""
        if len(snapshot) != self.batch:
            raise SpecError(f"the snapshot has {len(snapshot)} rows, the world {self.spec.name} {self.batch}. Restore what a world of as many rows has saved.")
        self._rows = [self._begin(index, row.seed) for index, row in enumerate(snapshot)]
        for index, row in enumerate(snapshot):
            if self.snapshots is not None:
                self.snapshots.put(self.envs[index], row.kept)
                self._rows[index] = replace(row, kept=None)
            for action in row.actions:
                self._move(index, action)

    def close(self) -> None:
        """Let the environments go."""
        for env in self.envs:
            env.close()

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _moves(self, actions: Actions) -> NDArray[np.float32]:
        """The low-level part "B T A", within its limits."""
        assert actions.low_level is not None  # `require` has seen to it
        moves: NDArray[np.float32] = actions.low_level[:, :, 0].detach().cpu().numpy().clip(self._low, self._high)
        if not np.isfinite(moves[actions.valid[:, :, 0].cpu().numpy()]).all():
            raise SpecError(f"{self.spec.name} got an action that is NaN or infinite. A policy or planner diverged; check its last cost or loss.")
        return moves

    def _instant(self, moves: NDArray[np.float32], valid: NDArray[np.bool_]) -> Outcome:
        """Every environment one step on."""
        rewards = np.zeros((self.batch, 1), np.float32)
        for index in range(self.batch):
            if valid[index] and self._rows[index].alive:
                rewards[index] = self._move(index, moves[index])
        return Outcome(
            observation=self._observation(),
            reward=torch.from_numpy(rewards),
            alive=self.alive(),
            success=torch.tensor([[row.success] for row in self._rows]),
        )

    def _begin(self, index: int, seed: int) -> Row:
        env = self.envs[index]
        seen = env.reset(seed=seed)[0] if self.begin is None else self.begin(env, seed)
        return Row(seed=seed, steps=0, alive=True, success=False, felt=self._felt(seen), pictures=self._pictures(index, seen))

    def _move(self, index: int, action: NDArray[np.float32]) -> float:
        """Step one environment; its reward."""
        row, env = self._rows[index], self.envs[index]
        seen, reward, terminated, truncated, info = env.step(action.astype(env.action_space.dtype))
        self._rows[index] = Row(
            seed=row.seed,
            steps=row.steps + 1,
            alive=not (self.ends and (terminated or truncated)) and row.steps + 1 < self.spec.budget,
            success=self._solved(info),
            felt=self._felt(seen),
            pictures=self._pictures(index, seen),
            actions=(*row.actions, action) if self.snapshots is None else (),
        )
        return float(reward)

    def _solved(self, info: dict[str, Any]) -> bool:
        if self.success and self.success not in info:
            raise SpecError(f"{self.spec.name}: info says {sorted(info)}, not {self.success!r}. Name the key that says success, or none (success='').")
        return bool(info[self.success]) if self.success else False

    def _felt(self, seen: Any) -> NDArray[np.float32]:
        """The vectors, one after the other."""
        if not isinstance(seen, dict):
            return np.array(seen, np.float32).reshape(-1) if self._parts.vectors else np.zeros(0, np.float32)
        found, at = np.empty(sum(count for _, count in self._parts.vectors), np.float32), 0
        for name, count in self._parts.vectors:
            found[at : at + count] = np.ravel(seen[name])
            at += count
        return found

    def _pictures(self, index: int, seen: Any) -> dict[str, NDArray[np.uint8]]:
        """The pictures, channels first."""
        if self._parts.draws:
            return {RENDERED: self.envs[index].render().transpose(2, 0, 1).copy()}
        return {name: (seen[name] if isinstance(seen, dict) else seen).transpose(2, 0, 1).copy() for name in self._parts.pictures}

    def _observation(self) -> Observation:
        """The last of every row, T = 1."""
        rgb = {name: torch.from_numpy(np.stack([row.pictures[name] for row in self._rows]))[:, None] for name in self.spec.observes.cameras}
        proprio = torch.from_numpy(np.stack([row.felt for row in self._rows]))[:, None] if self._parts.vectors else None
        return Observation(rgb=rgb or None, proprio=proprio)
