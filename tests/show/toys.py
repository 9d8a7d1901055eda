"""A dot on a small picture: a world that moves it, and a model that knows how, or nearly."""

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from wam.show.play import PlaySession, Start
from wam.show.play.server import PlayServer
from wam.world import (
    Actions,
    ActionSpec,
    Camera,
    Decodes,
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
    Record,
    Slot,
    Task,
    Truth,
    WorldModelSpec,
    record,
)

SIZE = 16  # px
SEES = ObservationSpec(cameras={"top": Camera(height=SIZE, width=SIZE)})
MOVES = tuple(Slot(name=f"dot {axis}", unit="px", relative=True, low=-1.0, high=1.0) for axis in "xy")


def drawn(place: Tensor) -> Tensor:
    """Places "... 2" (px, y upwards) -> float pictures "... 3 h w" with a dot of one pixel."""
    at = place.round().long().clamp(0, SIZE - 1)
    lines = torch.arange(SIZE)
    dot = (lines[:, None] == SIZE - 1 - at[..., 1, None, None]) & (lines == at[..., 0, None, None])
    return dot.float().unsqueeze(-3).repeat(*[1] * (dot.ndim - 2), 3, 1, 1)


def found(picture: Tensor) -> tuple[int, int]:
    """Where the dot of a picture "3 h w" is, (x, y)."""
    row, column = divmod(int(picture[0].float().argmax()), SIZE)
    return column, SIZE - 1 - row


@record
class Place(Record):
    at: Float[Tensor, "B 2"]
    frames: Float[Tensor, "B"]  # that it was shown


class DotModel:
    """Moves the dot by `gain` times the sum of the R actions; chance shifts it."""

    def __init__(self, gain: float = 1.0, per_step: int = 1, chunk: int = 1, context: tuple[int, int] = (1, 4), chance: float = 0.0) -> None:
        self.gain, self.chance = gain, chance
        self.spec = WorldModelSpec(
            observes=SEES,
            predicts=FutureSpec(observation=SEES),
            consumes=ActionSpec(low_level=MOVES, per_step=per_step),
            context=context,
            chunk=chunk,
            rate=50.0,
            stochastic=chance > 0,
        )
        self.shown = list[Past]()

    def begin(self, batch: int, task: Task) -> Grounded[Place, Place]:
        blank = Place(at=torch.zeros(batch, 2), frames=torch.zeros(batch))
        return Grounded(seen=blank, now=blank)

    def observe(self, carry: Grounded[Place, Place], since: Past, *, noise: Noise | None = None) -> Grounded[Place, Place]:
        assert since.observation.rgb is not None
        self.shown.append(since)
        at = torch.tensor([found(picture[-1]) for picture in since.observation.rgb["top"]]).float()
        place = Place(at=at, frames=carry.seen.frames + since.size("T"))
        return Grounded(seen=place, now=place)

    def predict(self, carry: Grounded[Place, Place], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Place, Place], Future]:
        assert not torch.is_grad_enabled() and actions.low_level is not None
        moves = self.gain * actions.low_level.sum(2)
        if noise is not None:
            moves = moves + self.chance * noise.normal(actions.size("T"), 2)
        path = (carry.now.at[:, None] + moves.cumsum(1)).clamp(0, SIZE - 1)
        return dataclasses.replace(carry, now=dataclasses.replace(carry.now, at=path[:, -1])), self.shows(path)

    def shows(self, path: Tensor) -> Future:
        return Future(observation=Observation(rgb={"top": drawn(path)}))


class Drifting(DotModel):
    """Told no actions: the dot moves right by itself, a pixel a step."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, consumes=ActionSpec(per_step=3))

    def predict(self, carry: Grounded[Place, Place], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Place, Place], Future]:
        return super().predict(carry, dataclasses.replace(actions, low_level=torch.tensor([1.0, 0.0]).expand(*actions.valid.shape[:2], 1, 2)))


class Decoded(DotModel, Decodes):
    """The same, its state a latent that a decoder shows."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=LatentSpec(shape=(2,))))

    def shows(self, path: Tensor) -> Future:
        return Future(state=Latent(z=path))

    def decode(self, state: Latent) -> Observation:
        return Observation(rgb={"top": drawn(state.z)})


class DotWorld:
    """The truth: the dot moves by the sum of the actions. Starts follow from the seed; the episode is over after `budget` steps."""

    def __init__(self, per_step: int = 1, chunk: int = 1, budget: int = 10_000) -> None:
        self.batch, self.clock, self.at = 1, 0, torch.zeros(1, 2)
        self.spec = EnvSpec(name="dot", observes=SEES, acts=ActionSpec(low_level=MOVES, per_step=per_step), chunk=chunk, rate=50.0, budget=budget)
        self.did = list[Tensor]()

    def reset(self, mask: Tensor, seeds: Tensor) -> tuple[Observation, Task]:
        self.at, self.clock = torch.tensor([[4.0 + float(seeds[0]) % 4, 8.0]]), 0
        return Observation(rgb={"top": (drawn(self.at)[:, None] * 255).to(torch.uint8)}), Task()

    def step(self, actions: Actions) -> Outcome:
        assert actions.low_level is not None
        self.did.append(actions.low_level)
        path, alive = [], []
        for move in actions.low_level.sum(2).unbind(1):
            if self.clock < self.spec.budget:
                self.at, self.clock = (self.at + move).clamp(0, SIZE - 1), self.clock + 1
            path.append(self.at)
            alive.append(self.clock < self.spec.budget)
        steps = len(path)
        return Outcome(
            observation=Observation(rgb={"top": (drawn(torch.stack(path, 1)) * 255).to(torch.uint8)}),
            reward=torch.zeros(1, steps),
            alive=torch.tensor([alive]),
            success=torch.zeros(1, steps, dtype=torch.bool),
        )

    def truth(self) -> Truth:
        return Truth()

    def save(self) -> tuple[Tensor, int]:
        return self.at, self.clock

    def restore(self, snapshot: tuple[Tensor, int]) -> None:
        self.at, self.clock = snapshot


def starts(count: int = 3, per_step: int = 1) -> list[Start]:
    """Where `DotWorld` begins with seeds 0, 1, ..."""
    world, acts = DotWorld(), ActionSpec(low_level=MOVES, per_step=per_step)
    made = []
    for seed in range(count):
        observation, task = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([seed]))
        made.append(Start(name=f"start {seed}", past=Past(observation=observation, actions=acts.nothing(1, 1)), task=task, seed=seed))
    return made


def recorded(moves: list[tuple[float, float]]) -> Start:
    """A start after which these moves were made and their truth recorded."""
    (start,) = starts(1)
    low_level = torch.tensor(moves, dtype=torch.float32)[None, :, None]
    actions = Actions(valid=torch.ones(1, len(moves), 1, dtype=torch.bool), low_level=low_level)
    world = DotWorld()
    world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([0]))
    return dataclasses.replace(start, recorded=Past(observation=world.step(actions).observation, actions=actions))


def session(model: DotModel | None = None, **options: object) -> PlaySession:
    """With the truth beside it."""
    model = model or DotModel()
    per_step = model.spec.consumes.per_step
    return PlaySession(model, starts(per_step=per_step), world=DotWorld(per_step=per_step, **options))  # type: ignore[arg-type]


@contextlib.contextmanager
def running(server: PlayServer) -> Iterator[int]:
    """The server in a thread; its port."""
    ready, told = threading.Event(), dict[str, object]()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        told["stop"] = lambda: loop.call_soon_threadsafe(stop.set)

        def started(port: int) -> None:
            told["port"] = port
            ready.set()

        await server.run(stop, started)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    try:
        yield told["port"]  # type: ignore[misc]
    finally:
        told["stop"]()  # type: ignore[operator]
        thread.join(10)
        assert not thread.is_alive()
