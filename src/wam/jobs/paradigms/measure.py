"""One cell: an arm acts on the held-out starts of all splits, and what it imagined is compared with what happened.

The same starts and the same chance for every arm, so that outcomes are paired. Knows: the world's simulator, for the instrument alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wam.evaluate.intervals import Interval, bootstrap_mean
from wam.evaluate.origin import device_name
from wam.evaluate.plans import Recalled
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success
from wam.jobs.paradigms.acting import acting
from wam.jobs.paradigms.cell import Cell, Outcomes, Wanted
from wam.jobs.paradigms.cost import cost_of
from wam.jobs.paradigms.finder import Finder, Sights, fit_finder
from wam.jobs.paradigms.inverse import inverse_errors, reader_of
from wam.jobs.paradigms.setting import PLANNED, Asked, policy_of_world, world_of
from wam.jobs.paradigms.worlds import FIRST, SPLITS, Sought
from wam.jobs.place import BATCH
from wam.plan.control.rollout import rollout
from wam.recipes.runs import Run
from wam.world import Imagines, Noise, Observation

TIMED = 3  # episodes over which a decision is timed
LATER = 10_000  # evaluation seeds from here on are the inverse dynamics', not those of closed loop


@dataclass(frozen=True)
class Plans:
    """What an arm imagined and what happened, of the first start: "D 3 h w", with the frame before anything was done "1 3 h w"."""

    start: Tensor
    imagined: Tensor
    happened: Tensor
    seconds: tuple[float, ...]  # when the compared frames lie, from the start


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
        cost = cost_of(*acting(wanted.arm, run, asked, one, shadow), evaluation_seeds(TIMED))
    reader = reader_of(run.model) if run is not None and wanted.arm.acts == "model" else None
    inverse = None
    if reader is not None and run is not None and run.statistics.action is not None:
        world, later = world_of(asked, FIRST, asked.goals), evaluation_seeds(asked.goals, LATER)
        expert, usual = policy_of_world("expert", asked, world), run.statistics.action.mean
        inverse = inverse_errors(reader, world, expert, later, skip=run.preset.skip, usual=usual, device=asked.device)
    cell = Cell(
        arm=wanted.arm.name,
        labels=wanted.labels,
        seed=wanted.seed,
        goals=asked.goals,
        steps=asked.steps,
        budget=asked.steps_of_episode,
        world=asked.world,
        preset=asked.preset,
        splits=tuple(splits),
        cost=cost,
        inverse=inverse,
        parameters=0 if run is None else sum(parameter.numel() for parameter in run.model.parameters()),
        data=data,
        device=device_name(asked.device),
        sources=sources,
    )
    return cell, drawn


def in_split(wanted: Wanted, run: Run | None, asked: Asked, split: str, finder: Finder) -> tuple[Outcomes, Plans | None]:
    """Closed loop in one split; for policies that imagine, the first starts again, with what they imagine."""
    rows, seeds = min(BATCH, asked.goals), evaluation_seeds(asked.goals)
    live, policy = acting(wanted.arm, run, asked, world_of(asked, split, rows), world_of(asked, split, rows))
    row = measure_success(live, policy, name=wanted.name, seeds=seeds)
    solved = "".join("1" if outcome else "0" for outcome in row.outcomes)
    if not isinstance(policy, Imagines):
        return Outcomes(split=split, solved=solved), None
    disagreement, floor, plans = agreement(wanted, run, asked, split, finder, seeds[:PLANNED])
    return Outcomes(split=split, solved=solved, disagreement=disagreement, floor=floor), plans


def agreement(wanted: Wanted, run: Run | None, asked: Asked, split: str, finder: Finder, seeds: Sequence[int]) -> tuple[Interval, float, Plans]:
    """How far what happens is from what was imagined, and how far the instrument is from the truth at the end, m; and pictures of both."""
    world = world_of(asked, split, len(seeds))
    live, policy = acting(wanted.arm, run, asked, world, world_of(asked, split, len(seeds)))
    recalled = Recalled(policy, stride=wanted.arm.stride)
    done = rollout(live, recalled, live.spec.budget, seeds=seeds, noise=Noise.of(seeds, asked.device).fork("evaluation 0"))
    camera, sought = asked.setting.camera, asked.setting.sought(world)
    pose = world.truth().pose
    imagined, happened, seen = (frames(part, camera).to(pose.device) for part in (*recalled.compared(done), done.observation))
    apart = (finder(imagined, sought.looks) - finder(happened, sought.looks)).norm(dim=-1).mean((1, 2))
    floor = (finder(seen[:, -1:], sought.looks) - places(pose, sought)).norm(dim=-1).mean()
    instants = recalled.instants(seen.shape[1]).tolist()
    plans = Plans(seen[0, :1].cpu(), imagined[0].cpu(), happened[0].cpu(), tuple(step / live.spec.rate for step in instants))
    return bootstrap_mean(apart), float(floor), plans


def instrument(asked: Asked, seeds: Sequence[int]) -> Finder:
    """Fitted on the expert's episodes with these seeds, which are those of its recorded ones."""
    return fit_finder([sights(asked, split, seeds) for split in asked.setting.fitted_on], asked.setting.colours)


def sights(asked: Asked, split: str, seeds: Sequence[int]) -> Sights:
    """What the expert's episodes show, with the simulator's labels."""
    world = world_of(asked, split, len(seeds), labelled=True)
    expert = policy_of_world("expert", asked, world)
    done = rollout(world, expert, world.spec.budget, seeds=seeds, noise=Noise.of(seeds, asked.device), truth=True)
    truth, sought, camera = done.truth, asked.setting.sought(world), asked.setting.camera
    assert truth is not None and truth.pose is not None and truth.segmentation is not None  # these worlds know them
    seen = truth.segmentation[camera]
    labels = torch.full_like(seen, -1)
    for place, body in enumerate(sought.bodies.unbind(1)):
        labels[seen == body[:, None, None, None]] = place
    return Sights(frames(done.observation, camera), sought.looks, labels, places(truth.pose, sought))


def places(pose: Float[Tensor, "B T O 7"], sought: Sought) -> Float[Tensor, "B T K 2"]:
    """Where the sought bodies are on the table, m."""
    rows = torch.arange(len(pose), device=pose.device)[:, None]
    return pose[rows, :, sought.bodies][..., :2].movedim(1, 2)


def frames(observation: Observation, camera: str) -> Tensor:
    """Pictures of one camera."""
    return (observation.rgb or {})[camera]
