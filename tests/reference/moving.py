"""Moving an object with each kind of model: one table of success and seconds per decision, as results/moving_each_kind.json.

python -m tests.reference.moving         # about a quarter of an hour on one core
python -m tests.reference.moving_page    # writes docs/kinds.md from the result

Protocol: held-out goals of the push world's own task (one disc), the same for all rows; solved = the disc's centre within half a
radius of its goal when the budget is over. Every kind has seen the same recorded episodes, but for the two that learn from
executions of their own: the simulator (free sliding) and the operators (skills).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from rich.console import Console
from rich.table import Table

from tests.reference.moving_kinds import LEARNED, Entry, learned, operators, physical, references
from tests.reference.moving_world import recorded, slower
from wam.evaluate.origin import Origin
from wam.evaluate.result import FOLDER, Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow, evaluation_seeds, measure_success
from wam.world import Spec

EPISODES, GOALS, SEED = 1500, 50, 0
SEEDS = evaluation_seeds(GOALS, start=20_000)
RESULT = FOLDER / "moving_each_kind.json"
SOURCES = Sources.of("tests.reference.moving")
COMMAND = "python -m tests.reference.moving"


@dataclass(frozen=True, kw_only=True)
class KindRow(Spec):
    """One policy of the table."""

    name: str
    success: float
    low: float  # ends of the 95 % Wilson interval
    high: float
    episodes: int
    seconds_per_decision: float  # for one of the episodes that decide together; a decision lasts three world steps, or one
    training_seconds: float  # wall time
    parameters: int  # learned by gradient
    objective: str
    planner: str
    measured: SuccessRow


@dataclass(frozen=True, kw_only=True)
class MovingResult(Result):
    """The table."""

    rows: tuple[KindRow, ...]


def run(console: Console) -> MovingResult:
    """Train and measure everything, one after the other; what is known so far is saved after each row."""
    started, rows = time.monotonic(), list[KindRow]()
    for entry in entries():
        rows.append(measured(entry))
        console.print(f"{entry.name}: {rows[-1].success:.0%} of {rows[-1].episodes}; {time.monotonic() - started:.0f} s so far")
        told(rows, started).save(RESULT)
    return told(rows, started)


def told(rows: Sequence[KindRow], started: float) -> MovingResult:
    """The rows with where they come from."""
    origin = Origin.now(
        started=started,
        protocol=(
            f"{GOALS} held-out goals, one disc, the same starts for all rows, none of them used while the models were chosen; solved = its centre "
            f"within half a radius when the {rows[0].measured.steps} world steps are over. Learned kinds saw {EPISODES} recorded episodes of play (70 %), "
            "a noisy expert (15 %) and wandering (15 %)."
        ),
        seeds=f"training {SEED}, one training per kind; episodes 0 to {EPISODES - 1}; evaluation {SEEDS[0]:,} and up",
        sources=SOURCES,
        data=f"{EPISODES} episodes of 42 steps, 16 x 16 pixels, six points; every third instant for the kinds that learn by gradient",
    )
    return MovingResult(origin=replace(origin, command=COMMAND), rows=tuple(rows))


def entries() -> Iterator[Entry]:
    """All rows of the table, each made when it is asked for."""
    yield from references(GOALS)
    yield physical(GOALS)
    episodes = slower(recorded(EPISODES))
    data = replace(episodes, task=replace(episodes.task, goal=None, goal_state=None))
    for kind in LEARNED:
        yield from learned(kind, data, GOALS, SEED)
    yield operators(GOALS, SEED)


def measured(entry: Entry) -> KindRow:
    """Its success on the held-out goals."""
    row = measure_success(entry.env, entry.policy, name=entry.name, seeds=SEEDS)
    return KindRow(
        name=entry.name,
        success=row.success,
        low=row.low,
        high=row.high,
        episodes=row.episodes,
        seconds_per_decision=row.seconds_per_decision,
        training_seconds=entry.training_seconds,
        parameters=entry.parameters,
        objective=entry.objective,
        planner=entry.planner,
        measured=in_world_steps(row, entry.env.spec.acts.per_step),
    )


def in_world_steps(row: SuccessRow, skip: int) -> SuccessRow:
    """A row measured on a slower clock, counted in the world's own steps."""
    return replace(row, steps=row.steps * skip, first_solved=tuple(None if step is None else step * skip for step in row.first_solved))


def table(result: MovingResult) -> Table:
    """For a terminal."""
    made = Table(title="moving one disc to a held-out goal")
    for column in ("kind", "success", "95 %", "s / decision", "training s"):
        made.add_column(column)
    for row in result.rows:
        made.add_row(row.name, f"{row.success:.0%}", f"{row.low:.0%} to {row.high:.0%}", f"{row.seconds_per_decision:.4f}", f"{row.training_seconds:.0f}")
    return made


def main() -> None:
    """See the module's docstring."""
    torch.set_num_threads(1)
    console = Console()
    result = run(console)
    result.save(RESULT)
    console.print(table(result))


if __name__ == "__main__":
    main()
