"""Ten-line worlds and models with known answers."""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from wam.world import (
    Actions,
    ActionSpec,
    Encodes,
    EnvSpec,
    Future,
    FutureSpec,
    Grounded,
    Latent,
    LatentSpec,
    Noise,
    Observation,
    ObservationSpec,
    Outcome,
    Past,
    Physical,
    PhysicalSpec,
    PolicySpec,
    Record,
    Task,
    Truth,
    WorldModelSpec,
    record,
)
from wam.world.slots import Slot

SLOTS = tuple(Slot(name=name, unit="m") for name in ("x", "y"))
PUSHES = ActionSpec(low_level=tuple(Slot(name=name, unit="m/s2", low=-2.0, high=3.0) for name in ("ax", "ay")))
SPEEDS = tuple(Slot(name=name, unit="m/s") for name in ("vx", "vy"))
SEES = ObservationSpec(proprio=(*SLOTS, *SPEEDS))
POINT_MASS = PhysicalSpec(q=SLOTS, v=SPEEDS)
DT = 0.3
A = torch.eye(4) + DT * torch.diag(torch.ones(2), 2)  # state is x y vx vy
B = torch.cat([torch.tensor([[0.5 * DT**2, 0.02], [0.0, 0.5 * DT**2]]), torch.tensor([[DT, 0.1], [0.0, DT]])])  # pushes leak from y to x


@record
class Step(Record):
    x: Float[Tensor, "B D"]


class DoubleIntegrator:
    """x' = A x + B u, exactly; proprioception is the state."""

    def __init__(self, shares_context: bool = False, noise: float = 0.0, chunk: int = 1) -> None:
        self.spec = WorldModelSpec(
            observes=SEES, predicts=FutureSpec(state=POINT_MASS), consumes=PUSHES, shares_context=shares_context, stochastic=noise > 0, chunk=chunk
        )
        self.noise, self.predicted_rows = noise, list[tuple[int, int]]()

    def begin(self, batch: int, task: Task) -> Grounded[Step, Step]:
        return Grounded(seen=Step(x=torch.zeros(batch, 4)), now=Step(x=torch.zeros(batch, 4)))

    def observe(self, carry: Grounded[Step, Step], since: Past, *, noise: Noise | None = None) -> Grounded[Step, Step]:
        step = Step(x=since.observation.proprio[:, -1])
        return Grounded(seen=step, now=step)

    def predict(self, carry: Grounded[Step, Step], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Step, Step], Future]:
        u = actions.low_level[:, :, 0]
        self.predicted_rows.append((len(carry.now.x), len(u)))
        x, states = carry.now.x.repeat_interleave(len(u) // len(carry.now.x), 0), []
        kicks = self.noise * noise.normal(u.shape[1], 4) if noise is not None else torch.zeros(len(u), u.shape[1], 4)
        for step in range(u.shape[1]):
            x = x @ A.to(u).T + u[:, step] @ B.to(u).T + kicks[:, step].to(u)
            states.append(x)
        states = torch.stack(states, 1)
        return dataclasses.replace(carry, now=Step(x=x)), Future(state=Physical(q=states[..., :2], v=states[..., 2:]))


class LatentIntegrator(DoubleIntegrator, Encodes):
    """The same, with the state called a latent vector, and encoded from proprioception."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=LatentSpec(shape=(4,))))

    def encode(self, observation: Observation) -> Latent:
        return Latent(z=observation.proprio)

    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        return carry, Future(state=Latent(z=torch.cat([future.state.q, future.state.v], -1)))


class PointWorld:
    """The double integrator as an environment; the goal is to be at the origin. A row ends once x leaves |x| < `edge`."""

    def __init__(self, batch: int, edge: float = 100.0, chunk: int = 1, rate: float = 10.0) -> None:
        self.batch, self.edge = batch, edge
        self.spec = EnvSpec(name="point", observes=SEES, acts=PUSHES, chunk=chunk, rate=rate)
        self.x, self.alive, self.stepped = torch.zeros(batch, 4), torch.ones(batch, dtype=torch.bool), list[int]()

    def reset(self, mask: Tensor, seeds: Tensor) -> tuple[Observation, Task]:
        start = torch.cat([Noise.of(seeds).uniform(1, 2)[:, 0] * 4 - 2, torch.zeros(self.batch, 2)], -1)
        self.x, self.alive = torch.where(mask[:, None], start, self.x), self.alive | mask
        goal = Observation(proprio=torch.zeros(self.batch, 1, 4))
        return self._show(), Task(goal=goal, goal_state=Physical(q=torch.zeros(self.batch, 1, 2), v=torch.zeros(self.batch, 1, 2)))

    def step(self, actions: Actions) -> Outcome:
        self.stepped.append(actions.size("T"))
        frames, alive = [], []
        for time in range(actions.size("T")):
            u = actions.low_level[:, time, 0] * actions.valid[:, time]
            self.x = torch.where(self.alive[:, None], self.x @ A.T + u @ B.T, self.x)
            self.alive = self.alive & (self.x[:, :2].abs().amax(-1) < self.edge)
            frames.append(self.x), alive.append(self.alive)
        x = torch.stack(frames, 1)
        return Outcome(
            observation=Observation(proprio=x),
            reward=-x[..., :2].norm(dim=-1),
            alive=torch.stack(alive, 1),
            success=x[..., :2].norm(dim=-1) < 0.1,
        )

    def truth(self) -> Truth:
        return Truth(physical=Physical(q=self.x[:, None, :2], v=self.x[:, None, 2:]))

    def save(self) -> tuple[Tensor, Tensor]:
        return self.x, self.alive

    def restore(self, snapshot: tuple[Tensor, Tensor]) -> None:
        self.x, self.alive = snapshot

    def _show(self) -> Observation:
        return Observation(proprio=self.x[:, None])


@record
class Count(Record):
    calls: Float[Tensor, "B"]


class Steady:
    """Always the same action; remembers what it was shown."""

    def __init__(self, action: tuple[float, float] = (1.0, 0.0), chunk: int = 1, execute: int = 1) -> None:
        self.spec = PolicySpec(observes=SEES, acts=PUSHES, chunk=chunk, execute=execute)
        self.action, self.shown = torch.tensor(action), list[Past]()

    def begin(self, batch: int, task: Task) -> Count:
        return Count(calls=torch.zeros(batch))

    def act(self, memory: Count, since: Past, *, noise: Noise | None = None) -> tuple[Count, Actions]:
        self.shown.append(since)
        batch = len(memory.calls)
        actions = self.action.expand(batch, self.spec.chunk, 1, 2)
        return Count(calls=memory.calls + 1), Actions(valid=torch.ones(batch, self.spec.chunk, 1, dtype=torch.bool), low_level=actions)
