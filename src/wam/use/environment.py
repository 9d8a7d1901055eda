"""A world model as a world: reset to a real start, step by imagining.

Starts come from recorded pasts; seed s begins at start s modulo their number. What the world shows is what the model predicts:
an observation, or a state in `Observation.state`. Rewards are the model's; where it predicts none, 1 for each step to a frame
that `success` calls solved, and 0 where nobody says what is. Everything lies on the device of the starts; the model must lie
there too. An episode is over after `budget` steps, and its row then stays still: a model that predicts several steps at once
may predict beyond it, so a rollout takes `whole_steps`.
Does not know what success is unless told: `success` judges a predicted future.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.world import Actions, ActionSpec, EnvSpec, Exposes, Future, Noise, Observation, Outcome, Past, Record, SpecError, Task, Truth, WorldModel, to_float


@dataclass(frozen=True)
class Snapshot:
    """Everything an imagined world holds; it lies where the starts lie."""

    carry: Record
    noise: Noise
    task: Task
    last: Observation  # T = 1
    alive: Bool[Tensor, "B"]
    solved: Bool[Tensor, "B"]  # what `success` said last
    clock: Int[Tensor, "B"]  # steps since the reset, those whose action was not valid left out


class ImaginedWorld:
    """`Env` over any world model. starts: N real pasts; tasks: N tasks; acts: the model's actions with other limits, its own by default."""

    def __init__(
        self,
        model: WorldModel,
        starts: Past,
        tasks: Task,
        batch: int,
        *,
        budget: int = 100,
        acts: ActionSpec | None = None,
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
            acts=acts or model.spec.consumes,
            rate=model.spec.rate,
            chunk=model.spec.chunk,
            budget=budget,
            sentences=model.spec.sentences,
            judged=success is not None,
        )
        self.batch, self.model, self.starts, self.tasks, self.judge = batch, model, starts, tasks, success
        self.count, self.device = starts.size("B"), starts.device
        self.now = self._at(torch.arange(batch, device=self.device))

    @torch.no_grad()
    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Masked rows go back to their start."""
        mask, now = mask.to(self.device), self.now
        fresh = self._at(seeds.to(self.device))
        self.now = Snapshot(
            carry=fresh.carry.where(mask, now.carry),
            noise=fresh.noise.where(mask, now.noise),
            task=fresh.task.where(mask, now.task),
            last=fresh.last.where(mask, now.last),
            alive=mask | now.alive,
            solved=now.solved & ~mask,
            clock=torch.where(mask, 0, now.clock),
        )
        return self.now.last, self.now.task

    @torch.no_grad()
    def step(self, actions: Actions) -> Outcome:
        """Imagine. A row ends with the step on which its predicted chance to go on falls to one half, or its budget is spent."""
        now, steps = self.now, actions.size("T")
        if actions.low_level is not None:
            actions = replace(actions, low_level=actions.low_level.clamp(*self.spec.acts.limits(self.device, actions.low_level.dtype)))
        carry, future = self.model.predict(now.carry, actions, noise=now.noise)
        clock = now.clock[:, None] + actions.valid.any(-1).cumsum(1)
        alive = now.alive[:, None] & (clock < self.spec.budget)
        if future.alive is not None:
            alive = alive & (future.alive > 0.5).cumprod(1).bool()
        going = torch.cat([now.alive[:, None], alive[:, :-1]], 1)  # the step that ends a row still happens
        done = going & actions.valid.any(-1)
        seen = self._show(future).map(lambda axes, new, old: _held(going, new, old) if "T" in axes else new, now.last)
        success = torch.zeros_like(alive) if self.judge is None else _held(going, self.judge(future, now.task), now.solved[:, None])
        self.now = Snapshot(
            carry=carry.where(alive[:, -1], now.carry),
            noise=now.noise.advance(steps),
            task=now.task,
            last=seen.narrow("T", steps - 1),
            alive=alive[:, -1],
            solved=success[:, -1],
            clock=now.clock + done.sum(1),
        )
        reward = (success.to(torch.float32) if future.reward is None else future.reward) * done
        return Outcome(observation=seen, reward=reward, alive=alive, success=success)

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
        noise = Noise.of(seeds, self.device)
        carry = self.model.observe(self.model.begin(self.batch, task), past, noise=noise)
        state = self.model.state(carry) if isinstance(self.model, Exposes) and self.spec.observes.state is not None else None
        real = past.observation.narrow("T", past.size("T") - 1)
        shows = self.spec.observes
        last = Observation(
            rgb={name: to_float(real.rgb[name]) for name in shows.cameras} if real.rgb and shows.cameras else None,
            proprio=real.proprio if shows.proprio else None,
            points=real.points if shows.points else None,
            state=state,
        )
        alive = torch.ones_like(seeds, dtype=torch.bool)
        return Snapshot(carry=carry, noise=noise.advance(past.size("T")), task=task, last=last, alive=alive, solved=~alive, clock=torch.zeros_like(seeds))

    def _show(self, future: Future) -> Observation:
        return replace(future.observation or Observation(), state=future.state)


def whole_steps(world: EnvSpec) -> int:
    """Steps of a rollout until every row is over: the budget, filled up to whole chunks."""
    return -(-world.budget // world.chunk) * world.chunk


def _held(going: Bool[Tensor, "B T"], new: Tensor, old: Tensor) -> Tensor:
    """`new` ("B T ...") while a row goes on, then its last value again; `old` ("B 1 ...") where it had ended before."""
    steps = torch.arange(1, going.shape[1] + 1, device=going.device)
    kept = torch.minimum(steps, going.sum(1, keepdim=True)).view(*going.shape, *[1] * (new.ndim - 2))
    return torch.cat([old, new], 1).take_along_dim(kept, 1)
