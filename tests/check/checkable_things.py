"""A small correct world, policy, planner and set of windows: a point on a line plane that is pushed about."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tests.check.checkable_models import ACTS, LIMIT, SENTENCES
from wam.world import (
    Actions,
    EnvSpec,
    Future,
    Noise,
    Observation,
    ObservationSpec,
    Outcome,
    Past,
    Physical,
    PhysicalSpec,
    Plan,
    PolicySpec,
    Record,
    Slot,
    SpecError,
    Task,
    Truth,
    Window,
    record,
)

PLACE = (Slot(name="x", unit="m"), Slot(name="y", unit="m"))
SEES = ObservationSpec(proprio=PLACE)


# -- a world ---------------------------------------------------------------------------------------------------------------------


@record
class Moment(Record):
    place: Float[Tensor, "B 2"]
    speed: Float[Tensor, "B 2"]
    goal: Float[Tensor, "B 2"]
    clock: Int[Tensor, "B"]
    noise: Noise


class PointEnv:
    """A point with inertia and a little row-wise process noise."""

    def __init__(self, batch: int = 5, chunk: int = 1) -> None:
        self.batch = batch
        speeds = tuple(Slot(name=f"speed {axis}", unit="m/s") for axis in "xy")
        self.spec = EnvSpec(name="point", observes=SEES, acts=ACTS, chunk=chunk, budget=8, physical=PhysicalSpec(q=PLACE, v=speeds))
        self.now = self.fresh(torch.zeros(batch, dtype=torch.int64))

    def fresh(self, seeds: Tensor) -> Moment:
        noise = Noise.of(seeds)
        place, goal = noise.fork("start").uniform(1, 2, 2)[:, 0].unbind(1)
        return Moment(place=place, goal=goal, speed=torch.zeros_like(place), clock=torch.zeros_like(seeds), noise=noise.fork("wind"))

    def reset(self, mask, seeds):
        self.now = self.fresh(seeds).where(mask, self.now)
        return self.see(self.now.place[:, None]), Task(goal=self.see(self.now.goal[:, None]))

    def see(self, place: Tensor) -> Observation:
        return Observation(proprio=place)

    def commands(self, actions: Actions) -> Tensor:
        low, high = self.spec.acts.limits()
        return torch.where(actions.valid[..., None], actions.low_level.clamp(low, high), 0)[:, :, 0]

    def over(self, moment: Moment) -> Bool[Tensor, "B"]:
        return moment.clock >= self.spec.budget

    def move(self, now: Moment, command: Tensor) -> Moment:
        speed = 0.8 * now.speed + command + 0.001 * now.noise.normal(1, 2)[:, 0]
        return dataclasses.replace(now, place=now.place + speed, speed=speed, clock=now.clock + 1, noise=now.noise.advance(1))

    def step(self, actions):
        if actions.size("T") % self.spec.chunk:
            raise SpecError(f"pass a multiple of {self.spec.chunk} actions.")
        moments = []
        for command in self.commands(actions).unbind(1):
            self.now = self.move(self.now, command).where(~self.over(self.now), self.now)
            moments.append(self.now)
        place = torch.stack([moment.place for moment in moments], 1)
        apart = (place - self.now.goal[:, None]).norm(dim=-1)
        alive = torch.stack([~self.over(moment) for moment in moments], 1)
        return Outcome(observation=self.see(place), reward=-apart, alive=alive, success=apart < 0.1)

    def truth(self):
        return Truth(physical=Physical(q=self.now.place[:, None], v=self.now.speed[:, None]))

    def save(self):
        return self.now.clone()

    def restore(self, snapshot):
        self.now = snapshot.clone()


# -- a policy ----------------------------------------------------------------------------------------------------------------------


@record
class Smooth(Record):
    place: Float[Tensor, "B 2"]
    wish: Int[Tensor, "B"]


class SmoothPolicy(nn.Module):
    """Follows a running mean of the places that it saw; three actions at once, two of them executed."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = PolicySpec(observes=SEES, acts=ACTS, chunk=3, execute=2, instructed=True, sentences=SENTENCES)
        self.net, self.wishes = nn.Linear(2, 6), nn.Embedding(3, 6)
        self.register_buffer("scale", torch.tensor(LIMIT))

    def begin(self, batch, task):
        return Smooth(place=self.net.weight.new_zeros(batch, 2), wish=task.instruction)

    def update(self, memory: Smooth, since: Past) -> Smooth:
        place = memory.place
        for seen in since.observation.proprio.unbind(1):
            place = 0.5 * place + 0.5 * seen
        return dataclasses.replace(memory, place=place)

    def output(self, memory: Smooth, noise: Noise | None) -> Tensor:
        out = self.net(memory.place) + self.wishes(memory.wish)
        if noise is not None:
            out = out + 0.1 * noise.normal(1, 6, dtype=out.dtype)[:, 0]
        return out.unflatten(-1, (3, 2))[:, :, None]

    def act(self, memory, since, *, noise=None):
        memory = self.update(memory, since)
        push = self.scale * torch.tanh(self.output(memory, noise))
        return memory, Actions(valid=torch.ones(push.shape[:3], dtype=torch.bool, device=push.device), low_level=push)

    def loss(self, window, *, noise):
        memory = self.update(self.begin(len(window.valid), window.task), window.past)
        wrong = (self.output(memory, None) - window.actions.low_level / self.scale).square().mean((2, 3))
        return {"cloning": (wrong * window.valid).sum(1) / window.valid.sum(1).clamp(min=1)}


# -- a planner -----------------------------------------------------------------------------------------------------------------------


class SmallSearch:
    """Three rounds of samples around the best so far, row by row."""

    samples = 64

    def start(self, problem, warm: Plan | None) -> Tensor:
        middle = ((problem.low + problem.high) / 2).expand(problem.batch, problem.horizon, problem.per_step, -1)
        return middle if warm is None else torch.where(warm.valid[:, None, None, None], warm.actions, middle)

    def draw(self, problem, noise: Noise, best: Tensor, spread: float) -> Tensor:
        step = noise.normal(1, self.samples, *best.shape[1:])[:, 0] * spread * (problem.high - problem.low)
        return torch.cat([best[:, None], best[:, None] + step], 1)

    def limit(self, problem, candidates: Tensor) -> Tensor:
        return candidates.clamp(problem.low, problem.high)

    def choose(self, cost: Tensor) -> Int[Tensor, "B"]:
        return cost.nan_to_num(nan=torch.inf).argmin(1)

    def plan(self, problem, *, warm, noise):
        best = self.start(problem, warm)
        for round_ in range(3):
            candidates = self.limit(problem, self.draw(problem, noise.fork(str(round_)), best, 0.3 / (1 + round_)))
            cost = problem.cost(candidates)
            index = self.choose(cost)
            rows = torch.arange(problem.batch)
            best, lowest = candidates[rows, index], cost[rows, index]
        return Plan(actions=best, cost=lowest, valid=torch.ones_like(lowest, dtype=torch.bool))


# -- windows -------------------------------------------------------------------------------------------------------------------------


class PointWindows:
    """Windows of two past frames and three steps, over 40 episodes of nine instants; the last ones overhang the end."""

    def __init__(self) -> None:
        env, batch = PointEnv(40), 40
        everywhere = torch.ones(batch, dtype=torch.bool)
        first, _ = env.reset(everywhere, torch.arange(batch))
        actions = ACTS.sample(batch, 8, Noise.of(range(batch)))
        outcome = env.step(actions)
        self.place = torch.cat([first.proprio, outcome.observation.proprio], 1)  # "B 9 2"
        self.reward = torch.cat([torch.zeros(batch, 1), outcome.reward], 1)
        nothing = ACTS.nothing(batch, 1)
        self.pushes = torch.cat([nothing.low_level, actions.low_level], 1)  # pushes[t] led to place[t]
        self.valid = torch.cat([nothing.valid, actions.valid], 1)

    def __len__(self) -> int:
        return 40 * 8

    def steps(self, now: Tensor) -> Tensor:
        """Instants of a window whose last seen frame is `now`: two past, three ahead. May lie outside 0..8."""
        return now[:, None] + torch.arange(-1, 4)

    def actions(self, episode: Tensor, steps: Tensor) -> Actions:
        inside = (steps >= 0) & (steps <= 8)
        at = steps.clamp(0, 8)
        return Actions(valid=self.valid[episode[:, None], at] & inside[..., None], low_level=self.pushes[episode[:, None], at])

    def batch(self, indices):
        if bool((indices >= len(self)).any()):
            raise IndexError(f"windows are numbered 0 .. {len(self) - 1}, asked for {indices.tolist()}.")
        episode, now = indices // 8, indices % 8
        steps = self.steps(now)
        at, actions = steps.clamp(0, 8), self.actions(episode, steps)
        place = self.place[episode[:, None], at]
        return Window(
            past=Past(observation=Observation(proprio=place[:, :2]), actions=actions.narrow("T", 0, 2)),
            actions=actions.narrow("T", 2),
            future=Future(observation=Observation(proprio=place[:, 2:]), reward=self.reward[episode[:, None], at][:, 2:]),
            valid=(steps <= 8)[:, 2:],
            task=Task(),
        )
