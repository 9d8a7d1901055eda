"""A point on a line that is rewarded for being in the middle, and a small model that learns there; also in processes that can be killed."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from wam.models.state_space.latent.td_mpc2 import TDMPC2, TDMPC2Config
from wam.plan.control import RecedingHorizon
from wam.plan.objectives import Return
from wam.plan.planners import MPPI
from wam.train import Gradient, Online, Practice, Provenance, Stage, run
from wam.world import Actions, ActionSpec, EnvSpec, Noise, Observation, ObservationSpec, Outcome, Slot, Statistics, Task, Truth, Window

ACTS = ActionSpec(low_level=(Slot(name="dx", unit="m", relative=True, low=-0.2, high=0.2),))
SEES = ObservationSpec(proprio=(Slot(name="x", unit="m", low=-1.0, high=1.0),))
SPEC = EnvSpec(name="line", observes=SEES, acts=ACTS, budget=8)


class Line:
    """Reward 1 - |x| at each step; solved within 0.1 of the middle. Starts are uniform by their seeds."""

    spec = SPEC

    def __init__(self, batch: int) -> None:
        self.batch, self.x, self.clock = batch, torch.zeros(batch), torch.zeros(batch, dtype=torch.long)

    def reset(self, mask: Tensor, seeds: Tensor) -> tuple[Observation, Task]:
        start = Noise.of(seeds).uniform(1)[:, 0] * 2 - 1
        self.x = torch.where(mask, start + 0.3 * start.sign(), self.x).clamp(-1, 1)
        self.clock = torch.where(mask, 0, self.clock)
        return self._seen(), Task()

    def step(self, actions: Actions) -> Outcome:
        pieces = []
        for low_level, valid in zip(actions.low_level.unbind(1), actions.valid.unbind(1), strict=True):
            moves = valid[:, 0] & (self.clock < SPEC.budget)
            self.x = torch.where(moves, (self.x + low_level[:, 0, 0]).clamp(-1, 1), self.x)
            self.clock = self.clock + moves
            away = self.x.abs()
            pieces.append((self.x, 1 - away, self.clock < SPEC.budget, away < 0.1))
        x, reward, alive, success = (torch.stack(parts, 1) for parts in zip(*pieces, strict=True))
        return Outcome(observation=Observation(proprio=x[..., None]), reward=reward, alive=alive, success=success)

    def truth(self) -> Truth:
        return Truth()

    def save(self) -> tuple[Tensor, Tensor]:
        return self.x, self.clock

    def restore(self, snapshot: tuple[Tensor, Tensor]) -> None:
        self.x, self.clock = snapshot

    def _seen(self) -> Observation:
        return Observation(proprio=self.x[:, None, None])


class Learner(TDMPC2):
    """Presses Ctrl-C in one of its losses, where asked to."""

    def __init__(self, stop: int | None = None) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(TDMPC2Config(latent=16, hidden=32, bins=21, largest=3.0, discount=0.8), SEES, ACTS, SPEC.rate)
        self.left = stop

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return super().loss(window, noise=noise)


GRADIENT = Gradient(
    weights={"consistency": 20.0, "reward": 0.1, "value": 0.1, "policy": 1.0},
    steps=40,
    batch=64,
    learning_rate=2e-3,
    final_learning_rate=1.0,
    warmup=1,
    factors={"encoder": 0.3},
    past=1,
    horizon=3,
)
ONLINE = Online(learner=GRADIENT, rounds=6, worlds=4, random=2, look=3, judged=8)
PLANNER = MPPI(samples=24, iterations=2, elites=6, floor=0.05)


def controller(model: TDMPC2, exploring: bool) -> RecedingHorizon:
    return RecedingHorizon(model, PLANNER, Return(), horizon=3, proposals=4, exploring=exploring)


def learn(folder: Path, *, online: Online = ONLINE, stop: int | None = None, **options: object) -> TDMPC2:
    """A run of the small learner; returns the trained model."""
    model = Learner(stop)
    statistics = Statistics(acts=ACTS, proprio_slots=SEES.proprio)
    known = Provenance(spec=model.spec, statistics=statistics, source="tests")
    practice = Practice(Line, lambda exploring: controller(model, exploring))
    run(model, (Stage("online", online),), **{"practice": practice, "provenance": known, "folder": folder, "show": False, **options})
    return model


def longer(steps: int, rounds: int) -> Online:
    return replace(ONLINE, learner=replace(GRADIENT, steps=steps), rounds=rounds, look=rounds)


def life(folder: Path) -> None:
    """Learn until the end or until killed; go on where a former life was killed."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    learn(folder, resume=(folder / "checkpoints").is_dir(), save_every=5)
