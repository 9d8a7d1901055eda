"""A tiny model, its windows and a run, for the tests; also in processes that can be killed or train together.

The model has what makes resuming hard: dropout, a buffer written while training, noise, a batch statistic, an average, a
parameter that no loss reaches.
"""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import torch
from torch import Tensor, nn

from wam.train import Gradient, Provenance, Stage, Stopped, run
from wam.train import checkpoint as checkpoints
from wam.train.log import FILE
from wam.world import (
    Actions,
    ActionSpec,
    Future,
    FutureSpec,
    Noise,
    Observation,
    ObservationSpec,
    Past,
    Slot,
    Statistics,
    Task,
    Window,
    WorldModelSpec,
)

PROPRIO = (Slot(name="x", unit="m"), Slot(name="y", unit="m"))
ACTS = ActionSpec(low_level=(Slot(name="dx", unit="m", relative=True), Slot(name="dy", unit="m", relative=True)))
SEES = ObservationSpec(proprio=PROPRIO)
SPEC = WorldModelSpec(observes=SEES, predicts=FutureSpec(observation=SEES), consumes=ACTS, stochastic=True)
STATISTICS = Statistics(acts=ACTS, proprio_slots=PROPRIO)
WEIGHTS = {"prediction": 1.0, "spread": 0.1}


class Steps:
    """Windows in memory: a point moves by its action."""

    def __init__(self, count: int = 50):
        generator = torch.Generator().manual_seed(0)
        self.at, self.by = torch.randn(2, count, 1, 2, generator=generator)
        self.asked: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.at)

    def batch(self, indices: Tensor) -> Window:
        self.asked.append(indices.tolist())
        at, by = self.at[indices], self.by[indices]
        valid = torch.ones(len(indices), 1, 1, dtype=torch.bool)
        return Window(
            past=Past(observation=Observation(proprio=at), actions=Actions(valid=~valid, low_level=torch.zeros_like(by)[:, :, None])),
            actions=Actions(valid=valid, low_level=by[:, :, None]),
            future=Future(observation=Observation(proprio=at + by)),
            valid=valid[:, :, 0],
            task=Task(),
        )


class Mover(nn.Module):
    """Predicts where the point goes."""

    spec = SPEC

    def __init__(self, width: int = 16, dropout: float = 0.1, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Dropout(dropout))
            self.head = nn.Linear(width, 2)
        self.idle = nn.LayerNorm(2)  # no loss reaches it
        self.register_buffer("seen", torch.zeros(2))

    def forward(self, window: Window, noise: Noise) -> Tensor:
        at, by = window.past.observation.proprio, window.actions.low_level
        assert at is not None and by is not None
        return self.head(self.body(torch.cat([at[:, -1] + 0.01 * noise.normal(1, 2)[:, 0], by[:, 0, 0]], -1)))

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        predicted = self(window, noise)
        assert window.future.observation is not None and window.future.observation.proprio is not None
        if self.training:
            self.seen.lerp_(predicted.detach().mean(0), 0.1)
        error = (predicted - window.future.observation.proprio[:, 0]).square().mean(-1)
        return {"prediction": error, "spread": (predicted.std(0) - 1).square().mean()}


def learner(**changes: object) -> Gradient:
    figures: dict = {"weights": WEIGHTS, "batch_statistics": ("spread",), "steps": 40, "batch": 16, "warmup": 5, "learning_rate": 1e-2, "average": 0.9}
    return Gradient(**{**figures, **changes})


def provenance() -> Provenance:
    return Provenance(spec=SPEC, statistics=STATISTICS, source="tests")  # not the hash: sources may be edited while a test runs


def train(folder: Path, model: nn.Module | None = None, stages: tuple[Stage, ...] | None = None, **options: object) -> nn.Module:
    """A run of the tiny model; returns the trained model."""
    model = Mover() if model is None else model
    windows = options.pop("windows", Steps())
    stages = stages or (Stage("world", learner()),)
    run(model, stages, **{"windows": lambda _: windows, "provenance": provenance(), "folder": folder, "show": False, **options})
    return model


EXACT = ("stage", "index", "step", "losses", "learning_rate", "gradient_norm")  # what two equal runs share


def logged(folder: Path) -> list[dict]:
    lines = [json.loads(text) for text in (folder / FILE).read_text().splitlines()]
    return [{name: line.get(name) for name in EXACT} for line in lines]


def require_equal(one: Path, other: Path) -> None:
    """The same lines in the log, and byte-equal tensors and JSON in every kept checkpoint."""
    assert logged(one) == logged(other)
    names = [[path.name for path in checkpoints.stored(folder)] for folder in (one, other)]
    assert names[0] == names[1]
    for first, second in zip(checkpoints.stored(one), checkpoints.stored(other), strict=True):
        assert sorted(path.name for path in first.iterdir()) == sorted(path.name for path in second.iterdir())
        assert [path.name for path in first.iterdir() if path.read_bytes() != (second / path.name).read_bytes()] == []


# -- in processes of their own ---------------------------------------------------------------------------------------------------

CONTEXT = multiprocessing.get_context("forkserver")  # each starts with torch imported: half a second instead of five
CONTEXT.set_forkserver_preload(["wam.train.loop", "torch._dynamo"])


def life(folder: Path, steps: int) -> None:
    """Train until the end or until killed; go on where a former life was killed."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    stages = (Stage("first", learner(steps=steps)), Stage("second", learner(steps=steps, average=None), after=("first",), frozen=("head",)))
    train(folder, stages=stages, resume=(folder / "checkpoints").is_dir(), save_every=7)


class Alarmed(Mover):
    """Presses Ctrl-C in one training step, in one process. No dropout: its numbers depend on the process."""

    def __init__(self, step: int | None):
        super().__init__(dropout=0.0)
        self.left = step

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return {"prediction": super().loss(window, noise=noise)["prediction"]}


def member(folder: Path, index: int, count: int, port: int, alarm: int | None, resume: bool) -> None:
    """One of `count` processes that train together; writes which windows it was given."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if count > 1:
        os.environ |= {"WORLD_SIZE": str(count), "RANK": str(index), "LOCAL_RANK": str(index), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    windows, status = Steps(), 1
    try:
        stages = (Stage("world", learner(weights={"prediction": 1.0}, batch_statistics=())),)
        train(folder, Alarmed(alarm), stages=stages, windows=windows, resume=resume, save_every=15)
        status = 0
    except Stopped as stopped:
        status = int(stopped.code or 0)
    finally:
        (folder / f"asked-{index}.json").write_text(json.dumps(windows.asked))
        if count > 1:
            torch.distributed.destroy_process_group()
    os._exit(status)  # all is written; a thread of gloo's now and then never lets the interpreter end by itself
