"""The true simulator as a world model: the ceiling of everything that is done with a learned one.

    live = PushWorld(50)                                  # the world that is acted in
    model = TrueModel(live, lambda rows: PushWorld(rows))

`observe` looks at the live world itself (its snapshot), not at the frames that it is given; `predict` puts snapshots into another
world with as many rows as there are candidates, steps it, and leaves the live world alone. What it predicts is what the world
shows, its reward, and whether the episode goes on.
Needs a world whose snapshots are records (rows can be selected and repeated) and restore exactly; GymWorld and tabletop keep
theirs in other forms. Footgun: a carry is of the instant at which it observed; observe when the live world shows those frames.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from wam.world import Actions, Env, Future, FutureSpec, Grounded, Noise, Observation, Past, Record, SpecError, Task, WorldModelSpec, to_float


class TrueModel:
    """See the module's docstring. `make(rows)`: a world of the same configuration with so many rows."""

    def __init__(self, live: Env, make: Callable[[int], Env]) -> None:
        self.live, self.make = live, make
        self._worlds: dict[int, Env] = {}
        world = live.spec
        self.spec = WorldModelSpec(
            observes=world.observes,
            predicts=FutureSpec(observation=world.observes, reward=True, alive=True),
            consumes=world.acts,
            chunk=world.chunk,
            rate=world.rate,
            differentiable=False,
            sentences=world.sentences,
        )

    def begin(self, batch: int, task: Task) -> Grounded[Record, Record]:
        """The live world as it is; it must have been reset. SpecError for other numbers of rows."""
        if batch != self.live.batch:
            raise SpecError(f"the true model looks at a live world of {self.live.batch} rows, asked for {batch}. Make a live world with as many rows.")
        return self._look()

    def observe(self, carry: Grounded[Record, Record], since: Past, *, noise: Noise | None = None) -> Grounded[Record, Record]:
        """The live world as it is now."""
        return self._look()

    @torch.no_grad()
    def predict(self, carry: Grounded[Record, Record], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Record, Record], Future]:
        """What happens, in another world."""
        world = self._world(actions.size("B"))
        world.restore(carry.now)
        outcome = world.step(actions)
        shown = replace(outcome.observation, rgb=_floats(outcome.observation))
        future = Future(observation=shown, reward=outcome.reward, alive=outcome.alive.float())
        return Grounded(seen=carry.seen, now=world.save()), future

    def _look(self) -> Grounded[Record, Record]:
        snapshot = self.live.save()
        if not isinstance(snapshot, Record):
            raise SpecError(
                f"a snapshot of {self.live.spec.name!r} is a {type(snapshot).__name__}, expected a Record, whose rows can be repeated for candidates. "
                "Let the world's save() return one."
            )
        return Grounded(seen=snapshot, now=snapshot)

    def _world(self, rows: int) -> Env:
        """A world to try things in; reset once, because a restored snapshot is all that it then knows."""
        if rows not in self._worlds:
            world = self.make(rows)
            world.reset(torch.ones(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.int64))
            self._worlds[rows] = world
        return self._worlds[rows]


def _floats(observation: Observation) -> dict[str, torch.Tensor] | None:
    return {name: to_float(rgb) for name, rgb in observation.rgb.items()} if observation.rgb else None
