"""A world model as a world: reset to a real start, step by imagining.

Starts come from recorded pasts; seed s begins at start s modulo their number. What the world shows is what the model predicts:
an observation, or a state in `Observation.state`. Rewards are the model's, or zero where it predicts none.
Does not know what success is unless told: `success` judges a predicted future.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.world import Actions, EnvSpec, Exposes, Future, Noise, Observation, Outcome, Past, Record, SpecError, Task, Truth, WorldModel


@dataclass(frozen=True)
class Snapshot:
    """Everything an imagined world holds."""

    carry: Record
    noise: Noise
    task: Task
    last: Observation
    alive: Tensor


class ImaginedWorld:
    """`Env` over any world model. starts: N real pasts; tasks: N tasks."""

    def __init__(
        self,
        model: WorldModel,
        starts: Past,
        tasks: Task,
        batch: int,
        *,
        budget: int = 100,
        success: Callable[[Future, Task], Bool[Tensor, "B H"]] | None = None,
    ):
        shows = model.spec.predicts.observation
        if shows is None and not isinstance(model, Exposes):
            raise SpecError(
                f"{type(model).__name__} predicts states only and does not expose its state, so an imagined world has nothing to show at its "
                "start. Inherit wam.world.Exposes."
            )
        observes = replace(shows if shows is not None else replace(model.spec.observes, cameras={}, proprio=(), points=0), state=model.spec.predicts.state)
        self.spec = EnvSpec(
            name=f"imagined by {type(model).__name__}",
            observes=observes,
            acts=model.spec.consumes,
            rate=model.spec.rate,
            chunk=model.spec.chunk,
            budget=budget,
            sentences=model.spec.sentences,
        )
        self.batch, self.model, self.starts, self.tasks, self.judge = batch, model, starts, tasks, success
        self.count = starts.size("B")
        self.now = self._at(torch.arange(batch))

    @torch.no_grad()
    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Masked rows go back to their start."""
        fresh, now = self._at(seeds), self.now
        self.now = Snapshot(
            carry=fresh.carry.where(mask, now.carry),
            noise=fresh.noise.where(mask, now.noise),
            task=fresh.task.where(mask, now.task),
            last=fresh.last.where(mask, now.last),
            alive=fresh.alive | (now.alive & ~mask),
        )
        return self.now.last, self.now.task

    @torch.no_grad()
    def step(self, actions: Actions) -> Outcome:
        """Imagine. Rows whose predicted chance to go on fell below one half stay still."""
        now, steps = self.now, actions.size("T")
        carry, future = self.model.predict(now.carry, actions, noise=now.noise)
        seen = self._show(future)
        alive = torch.ones(self.batch, steps, dtype=torch.bool) if future.alive is None else (future.alive > 0.5).cumprod(1).bool()
        alive = alive & now.alive[:, None]
        held = seen.map(lambda axes, new, old: torch.where(alive.view(*alive.shape, *[1] * (new.ndim - 2)), new, old.expand_as(new)), now.last)
        reward = torch.zeros(self.batch, steps) if future.reward is None else future.reward * alive
        success = torch.zeros_like(alive) if self.judge is None else self.judge(future, now.task) & alive
        self.now = Snapshot(
            carry=carry.where(alive[:, -1], now.carry), noise=now.noise.advance(steps), task=now.task, last=held.narrow("T", steps - 1), alive=alive[:, -1]
        )
        return Outcome(observation=held, reward=reward, alive=alive, success=success)

    def truth(self) -> Truth:
        """An imagined world knows nothing for certain."""
        return Truth()

    def save(self) -> Snapshot:
        """Records are never written to, so the snapshot is the present."""
        return self.now

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot."""
        self.now = snapshot

    @torch.no_grad()
    def _at(self, seeds: Tensor) -> Snapshot:
        rows = seeds.remainder(self.count)
        past, task = self.starts.select(rows), self.tasks.select(rows)
        noise = Noise.of(seeds)
        carry = self.model.observe(self.model.begin(self.batch, task), past, noise=noise)
        state = self.model.state(carry) if isinstance(self.model, Exposes) and self.spec.observes.state is not None else None
        real = past.observation.narrow("T", past.size("T") - 1)
        shows = self.spec.observes
        last = Observation(
            rgb={name: real.rgb[name].float() / 255 if real.rgb[name].dtype == torch.uint8 else real.rgb[name] for name in shows.cameras}
            if real.rgb and shows.cameras
            else None,
            proprio=real.proprio if shows.proprio else None,
            points=real.points if shows.points else None,
            state=state,
        )
        return Snapshot(carry=carry, noise=noise, task=task, last=last, alive=torch.ones(self.batch, dtype=torch.bool))

    def _show(self, future: Future) -> Observation:
        return replace(future.observation or Observation(), state=future.state)
