"""A world whose answers are known: a dot on a 16 x 16 picture that goes exactly where it is told, and models of it."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world import (
    Actions,
    ActionSpec,
    Camera,
    Decodes,
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
    PolicySpec,
    Record,
    Slot,
    Task,
    Truth,
    Window,
    WorldModelSpec,
    record,
    to_float,
    to_uint8,
)

SIZE = 16
SEES = ObservationSpec(cameras={"top": Camera(height=SIZE, width=SIZE)})
ACTS = ActionSpec(low_level=tuple(Slot(name=name, unit="px", low=-1.5, high=1.5) for name in "xy"))


def render(place: Float[Tensor, "... 2"]) -> Float[Tensor, "... 3 h w"]:
    """A dot of 3 x 3 px, its edge shared between pixels, so that its centre of mass is exact. Place (column, row) in px."""
    grid = torch.arange(SIZE, dtype=place.dtype)
    cover = [(2 - (grid - place[..., axis, None]).abs()).clamp(0, 1) for axis in (0, 1)]
    dot = cover[1][..., :, None] * cover[0][..., None, :]
    return torch.stack([dot, 0.5 * dot, 0.2 + 0 * dot], -3)


def find(rgb: Tensor) -> Float[Tensor, "... 2"]:
    """Centre of mass of the dot."""
    dot = to_float(rgb)[..., 0, :, :]
    grid, mass = torch.arange(SIZE, dtype=dot.dtype), dot.sum((-2, -1))
    return torch.stack([(dot.sum(-2) * grid).sum(-1) / mass, (dot.sum(-1) * grid).sum(-1) / mass], -1)


@record
class Place(Record):
    place: Float[Tensor, "B 2"]
    goal: Float[Tensor, "B 2"]
    clock: Int[Tensor, "B"]


class DotWorld:
    """Solved within 1 px of the goal, judged at each instant. Rows end after `budget` steps."""

    def __init__(self, batch: int, budget: int = 8, start_solved: bool = False) -> None:
        self.batch, self.start_solved, self.resets = batch, start_solved, list[list[int]]()
        self.spec = EnvSpec(name="dot", observes=SEES, acts=ACTS, budget=budget, objects=("dot",))
        blank = torch.zeros(batch, 2)
        self.now = Place(place=blank, goal=blank, clock=torch.zeros(batch, dtype=torch.int64))

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        self.resets.append(seeds.tolist())
        draw = Noise.of(seeds).uniform(1, 4)[:, 0]
        place, away = 5 + 5 * draw[:, :2], 2 + draw[:, 2:]
        goal = place if self.start_solved else place + away
        self.now = Place(place=place, goal=goal, clock=torch.zeros(self.batch, dtype=torch.int64)).where(mask, self.now)
        return self._show(self.now.place[:, None]), Task(goal=self._show(self.now.goal[:, None]))

    def step(self, actions: Actions) -> Outcome:
        places, alive = [], []
        for t in range(actions.size("T")):
            moves = (actions.valid[:, t] & (self.now.clock < self.spec.budget)[:, None]).float()
            self.now = dataclasses.replace(
                self.now, place=(self.now.place + moves * actions.low_level[:, t, 0]).clamp(1, SIZE - 2), clock=self.now.clock + moves[:, 0].long()
            )
            places.append(self.now.place)
            alive.append(self.now.clock < self.spec.budget)
        place = torch.stack(places, 1)
        near = (place - self.now.goal[:, None]).norm(dim=-1) < 1
        return Outcome(observation=self._show(place), reward=-near.float(), alive=torch.stack(alive, 1), success=near)

    def truth(self) -> Truth:
        pose = torch.zeros(self.batch, 1, 1, 7)
        pose[..., 0, :2] = self.now.place[:, None]
        return Truth(pose=pose)

    def save(self) -> Place:
        return self.now

    def restore(self, snapshot: Place) -> None:
        self.now = snapshot

    def _show(self, place: Tensor) -> Observation:
        return Observation(rgb={"top": to_uint8(render(place))})


@record
class Memory(Record):
    drift: Float[Tensor, "B 2"]
    started: Bool[Tensor, "B"]
    goal: Float[Tensor, "B 2"]


class Wanderer:
    """Keeps going in a random direction that it chooses in its first step."""

    def __init__(self) -> None:
        self.spec = PolicySpec(observes=SEES, acts=ACTS)

    def begin(self, batch: int, task: Task) -> Memory:
        zero = torch.zeros(batch, 2)
        return Memory(drift=zero, started=zero[:, 0] > 0, goal=find(task.goal.rgb["top"][:, -1]))

    def act(self, memory: Memory, since: Past, *, noise: Noise | None = None) -> tuple[Memory, Actions]:
        fresh = 2.4 * noise.uniform(1, 2)[:, 0] - 1.2
        drift = torch.where(memory.started[:, None], memory.drift, fresh)
        memory = dataclasses.replace(memory, drift=drift, started=torch.ones_like(memory.started))
        return memory, self._acts(drift)

    def _acts(self, push: Tensor) -> Actions:
        return Actions(valid=torch.ones(len(push), 1, 1, dtype=torch.bool), low_level=push[:, None, None])


class Seeker(Wanderer):
    """Goes to the goal; `overshoot` steps later it leaves again."""

    def __init__(self, leave_after: int = 100) -> None:
        super().__init__()
        self.leave_after, self.calls = leave_after, 0

    def begin(self, batch: int, task: Task) -> Memory:
        self.calls = 0
        return super().begin(batch, task)

    def act(self, memory: Memory, since: Past, *, noise: Noise | None = None) -> tuple[Memory, Actions]:
        self.calls += 1
        away = (memory.goal - find(since.observation.rgb["top"][:, -1])).clamp(-1.5, 1.5)
        return memory, self._acts(away if self.calls <= self.leave_after else -torch.full_like(away, 1.5))


class DotModel:
    """Predicts pictures exactly; without `listens` it believes that nothing moves."""

    def __init__(self, listens: bool = True) -> None:
        self.spec = WorldModelSpec(observes=SEES, predicts=FutureSpec(observation=SEES), consumes=ACTS)
        self.listens = listens

    def begin(self, batch: int, task: Task) -> Grounded:
        zero = torch.zeros(batch, 2)
        place = Place(place=zero, goal=zero, clock=torch.zeros(batch, dtype=torch.int64))
        return Grounded(seen=place, now=place)

    def observe(self, carry: Grounded, since: Past, *, noise: Noise | None = None) -> Grounded:
        seen = dataclasses.replace(carry.seen, place=find(since.observation.rgb["top"][:, -1]))
        return Grounded(seen=seen, now=seen)

    def predict(self, carry: Grounded, actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded, Future]:
        place, path = carry.now.place, []
        for t in range(actions.size("T")):
            moves = actions.low_level[:, t, 0] * actions.valid[:, t]
            place = (place + moves * self.listens).clamp(1, SIZE - 2)
            path.append(place)
        return Grounded(seen=carry.seen, now=dataclasses.replace(carry.now, place=place)), self._future(torch.stack(path, 1))

    def _future(self, path: Tensor) -> Future:
        return Future(observation=Observation(rgb={"top": render(path)}))


class LatentDotModel(DotModel, Encodes, Decodes):
    """The same with the place, turned and scaled, called a latent."""

    turn = torch.tensor([[0.3, -0.4], [0.4, 0.3]])

    def __init__(self, listens: bool = True) -> None:
        super().__init__(listens)
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=LatentSpec(shape=(2,))))

    def encode(self, observation: Observation) -> Latent:
        return Latent(z=find(observation.rgb["top"]) @ self.turn)

    def decode(self, state: Latent) -> Observation:
        return Observation(rgb={"top": render(state.z @ torch.linalg.inv(self.turn))})

    def _future(self, path: Tensor) -> Future:
        return Future(state=Latent(z=path @ self.turn))


def windows(count: int, past: int = 2, horizon: int = 5, seed: int = 0) -> Window:
    """Random walks."""
    noise = Noise.of(range(seed, seed + count))
    actions = ACTS.sample(count, past + horizon, noise)
    place = 5 + 5 * noise.fork("start").uniform(1, 2)[:, 0]
    path = []
    for t in range(past + horizon):
        place = (place + actions.low_level[:, t, 0] * (t > 0)).clamp(1, SIZE - 2)
        path.append(place)
    places = torch.stack(path, 1)
    pose = torch.zeros(count, past + horizon, 1, 7)
    pose[..., 0, :2] = places
    frames = to_uint8(render(places))
    valid = actions.valid.clone()
    valid[:, 0] = False
    actions = dataclasses.replace(actions, valid=valid)
    return Window(
        past=Past(observation=Observation(rgb={"top": frames[:, :past]}), actions=actions.narrow("T", 0, past)),
        actions=actions.narrow("T", past),
        future=Future(observation=Observation(rgb={"top": frames[:, past:]})),
        valid=torch.ones(count, horizon, dtype=torch.bool),
        task=Task(),
        truth=Truth(pose=pose),
    )
