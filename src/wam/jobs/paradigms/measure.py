"""One cell: an arm acts on the held-out starts of all splits, and what it imagined is compared with what happened.

The same starts and the same chance for every arm, so that outcomes are paired. Knows: the world's simulator, for the instrument alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wam.evaluate.intervals import bootstrap_mean
from wam.evaluate.plans import Recalled
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success
from wam.jobs.paradigms.acting import acting
from wam.jobs.paradigms.cell import Cell, Outcomes, Wanted
from wam.jobs.paradigms.cost import cost_of
from wam.jobs.paradigms.finder import Finder, Sights, fit_finder
from wam.jobs.paradigms.inverse import inverse_errors
from wam.jobs.paradigms.setting import BATCH, FIRST, SPLITS, Asked, policy_of_world, world_of
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.plan.control.rollout import rollout
from wam.recipes.runs import Run
from wam.sim.worlds.push import NAMES, ZONES
from wam.world import Episodes, Imagines, Noise, Observation

TIMED = 3  # episodes over which a decision is timed
LATER = 10_000  # evaluation seeds from here on are the inverse dynamics', not those of closed loop
SHOWN = 1  # starts whose plans are drawn: the first, not chosen


@dataclass(frozen=True)
class Plans:
    """What an arm imagined and what happened, of the first starts: "N D 3 h w", with the frame before anything was done "N 1 3 h w"."""

    start: Tensor
    imagined: Tensor
    happened: Tensor
    seconds: tuple[float, ...]  # when the compared frames lie, from the start


@dataclass
class Comparison:
    """Collects a split's disagreement, batch by batch of starts."""

    recalled: Recalled
    finder: Finder
    world: Any
    rate: float
    apart: list[Tensor]  # m, "B" each
    floor: list[Tensor]
    plans: Plans | None = None

    def watch(self, episodes: Episodes) -> None:
        """Of a batch that just ended."""
        imagined, happened = (frames(part) for part in self.recalled.compared(episodes))
        rows = slice(0, len(episodes.alive))
        named = name_of(self.world)[rows]
        found, seen = self.finder(imagined, named), self.finder(happened, named)
        self.apart.append((found - seen).norm(dim=-1).mean((1, 2)))
        self.floor.append((seen[:, -1:] - places_of(self.world)[rows]).norm(dim=-1).mean((1, 2)) if self._ends(episodes) else seen.new_zeros(0))
        if self.plans is None:
            instants = self.recalled.instants(episodes.alive.shape[1]).tolist()
            start = frames(episodes.observation)[:SHOWN, :1].cpu()
            self.plans = Plans(start, imagined[:SHOWN].cpu(), happened[:SHOWN].cpu(), tuple(step / self.rate for step in instants))

    def _ends(self, episodes: Episodes) -> bool:
        """Is the last compared frame the one at which the simulator stands now?"""
        return int(self.recalled.instants(episodes.alive.shape[1])[-1]) == episodes.alive.shape[1] - 1


def measure(wanted: Wanted, run: Run | None, asked: Asked, finder: Finder, data: str, sources: Sources) -> tuple[Cell, Plans | None]:
    """All splits, costs, and the inverse dynamics' errors where there are some."""
    splits, drawn = list[Outcomes](), None
    for split in SPLITS:
        outcomes, plans = in_split(wanted, run, asked, split, finder)
        splits.append(outcomes)
        drawn = plans if split == FIRST else drawn
    cost = None
    if run is not None:
        one, shadow = (world_of(asked, FIRST, 1) for _ in range(2))
        cost = cost_of(*acting(wanted.arm, run, one, shadow, asked.device), evaluation_seeds(TIMED))
    imagines = run is not None and wanted.arm.acts == "model" and isinstance(run.model, ImagineThenExecute)
    later = evaluation_seeds(asked.goals, LATER)
    inverse = inverse_errors(run.model, world_of(asked, FIRST, asked.goals), later, skip=run.preset.skip) if imagines and run is not None else None
    cell = Cell(
        arm=wanted.arm.name,
        labels=wanted.labels,
        seed=wanted.seed,
        goals=asked.goals,
        steps=asked.steps,
        budget=asked.budget,
        splits=tuple(splits),
        cost=cost,
        inverse=inverse,
        parameters=0 if run is None else sum(parameter.numel() for parameter in run.model.parameters()),
        data=data,
        sources=sources,
    )
    return cell, drawn


def in_split(wanted: Wanted, run: Run | None, asked: Asked, split: str, finder: Finder) -> tuple[Outcomes, Plans | None]:
    """Closed loop in one split."""
    world, shadow = (world_of(asked, split, min(BATCH, asked.goals)) for _ in range(2))
    live, policy = acting(wanted.arm, run, world, shadow, asked.device)
    seeds, name = evaluation_seeds(asked.goals), wanted.name
    if not isinstance(policy, Imagines):
        row = measure_success(live, policy, name=name, seeds=seeds)
        return Outcomes(split=split, solved=digits(row.outcomes)), None
    recalled = Recalled(policy, stride=wanted.arm.stride)
    compared = Comparison(recalled, finder, world, live.spec.rate, [], [])
    row = measure_success(live, recalled, name=name, seeds=seeds, watch=compared.watch)
    floor = torch.cat(compared.floor)
    outcomes = Outcomes(
        split=split,
        solved=digits(row.outcomes),
        disagreement=bootstrap_mean(torch.cat(compared.apart)),
        floor=float(floor.mean()) if len(floor) else None,
    )
    return outcomes, compared.plans


def instrument(asked: Asked, seeds: Sequence[int]) -> Finder:
    """Fitted on the expert's episodes with these seeds, which are those of its recorded ones."""
    world = world_of(asked, FIRST, len(seeds))
    done = rollout(world, policy_of_world("expert", world), world.spec.budget, seeds=seeds, noise=Noise.of(seeds, asked.device), truth=True)
    truth, target = done.truth, world.moment.scene.target
    assert truth is not None and truth.pose is not None and truth.segmentation is not None  # this world knows them
    seen = next(iter(truth.segmentation.values()))
    labels = torch.where(seen == target[:, None, None, None], 0, torch.where(seen == truth.pose.shape[2] - 1, 1, -1))
    rows = torch.arange(len(seeds), device=target.device)
    places = torch.stack([truth.pose[rows, :, target, :2], truth.pose[:, :, -1, :2]], 2)
    return fit_finder(Sights(frames(done.observation), name_of(world), labels, places), len(NAMES))


def name_of(world: Any) -> Tensor:
    """Number of the object that each row's instruction names, "B"."""
    told: Tensor = world.moment.scene.instruction // len(ZONES)
    return told


def places_of(world: Any) -> Tensor:
    """Where that object and the pusher are now, "B 1 2 2", m."""
    now = world.moment
    rows = torch.arange(world.batch, device=now.scene.target.device)
    return torch.stack([now.state.pose[rows, now.scene.target, :2], now.state.pose[:, -1, :2]], 1)[:, None]


def frames(observation: Observation) -> Tensor:
    """Pictures of the only camera."""
    (found,) = (observation.rgb or {}).values()
    return found


def digits(outcomes: Sequence[bool]) -> str:
    """As `Outcomes.solved` has them."""
    return "".join("1" if solved else "0" for solved in outcomes)
