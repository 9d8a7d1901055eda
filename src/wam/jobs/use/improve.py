"""Does a policy learn more from few demonstrations when it also learns from what it did in a world model? (Ctrl-World, arXiv 2510.10125.)

A cloning policy learns from the few demonstrations, acts in the model from real first frames, and a judge keeps what it calls solved;
the same policy then learns again from demonstrations and kept episodes together, for as many steps. Beside it stands the ceiling: the
same policy acts in the true world from the same starts, and the world's own label says what is kept.
Does not know: how the model learned, and from how much. Footgun: what the judge keeps wrongly is learned too.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from wam.data import DataSpec, Recorder, cut, open_dataset
from wam.data.joining import join
from wam.evaluate.intervals import Interval, paired_by_seed, wilson
from wam.evaluate.origin import Origin
from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success
from wam.jobs.control import size_of
from wam.jobs.practise import as_shown, described
from wam.jobs.record import load_world
from wam.jobs.use.judging import EPISODES, USUAL, judge_of
from wam.jobs.use.policies import require_sight
from wam.jobs.use.tables import points, rate
from wam.plan.control.rollout import rollout
from wam.recipes.runs import Run, frames_for, load, train_recipe
from wam.show.bars import Bars
from wam.show.report import Table
from wam.show.words import percent
from wam.sim.adapters.stepwise import stepwise
from wam.use.judge import Judge, JudgeConfig, JudgeScore
from wam.use.pictured import pictured
from wam.use.starts import world_starts
from wam.use.synthesis import Imaginer, imagined_in, synthesise
from wam.world import Noise, Spec, in_batches

STUDENT = "diffusion_policy"
BATCH = 50  # episodes that happen together
FIRST = 1_300_000  # seed of the first start that is acted from; those of evaluation and of the judge lie above
DEMONSTRATIONS, IMAGINED, LIVED = "demonstrations alone", "and imagined episodes", "and episodes in the true world"


@dataclass(frozen=True)
class ImproveTest:
    """What is asked, apart from the model."""

    data: str  # the few demonstrations
    world: str
    options: Mapping[str, object]  # of the world
    episodes: int = 1000  # tried by each policy, in the model and in the world
    seeds: int = 3  # trainings of each arm
    goals: int = 100  # held-out starts
    steps: int | None = None  # of every training, instead of the preset's
    judge_episodes: int = EPISODES  # of each teacher
    judge: JudgeConfig = USUAL
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Learner(Spec):
    """One arm, over its trainings."""

    name: str
    success: Interval  # of all trainings and starts; Wilson
    learned_from: tuple[int, ...]  # episodes, training by training
    outcomes: tuple[tuple[bool, ...], ...]  # training by start

    @property
    def per_training(self) -> tuple[float, ...]:
        """Rates."""
        return tuple(sum(row) / len(row) for row in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class ImproveResult(Result):
    """Cloning, and cloning that learns from what it did."""

    learners: tuple[Learner, ...]  # demonstrations alone first
    differences: tuple[Interval, ...]  # of every other learner to the first, over trainings and shared starts
    tried: int  # episodes of each policy
    judge: JudgeScore
    model: str


def improve(folder: Path, out: Path, asked: ImproveTest, *, bars: Bars) -> ImproveResult:
    """Do it with the model of the run `folder`. Data sets and trainings lie in `out`, and those that are there are used again.

    SpecError where the policy cannot act in the model; ValueError where nothing that was tried is solved.
    """
    module, started, run = load_world(asked.world), time.monotonic(), load(folder, device=asked.device)
    sources = Sources.of("wam.jobs.use.improve", f"wam.recipes.{run.recipe.name}", f"wam.recipes.{STUDENT}", f"wam.sim.worlds.{asked.world}")
    options = {**size_of(run, module), **asked.options}
    sentences = module.make(1, device=asked.device, **options).spec.sentences
    run = run.read(sentences)
    judge, score = judge_of(
        asked.world, options, episodes=asked.judge_episodes, config=asked.judge, device=asked.device, progress=bars.task("judge of success")
    )
    outcomes: dict[str, list[tuple[bool, ...]]] = {DEMONSTRATIONS: [], IMAGINED: [], LIVED: []}
    learned: dict[str, list[int]] = {name: [] for name in outcomes}
    for seed in range(asked.seeds):
        base = trained(Path(asked.data), out / f"{slug(DEMONSTRATIONS)}-{seed}", seed, asked).read(sentences)
        sets = {
            DEMONSTRATIONS: Path(asked.data),
            IMAGINED: with_more(asked.data, out / f"imagined-of-{asked.episodes}-{seed}", partial(imagine, run, base, seed, asked, options, judge, bars)),
            LIVED: with_more(asked.data, out / f"lived-of-{asked.episodes}-{seed}", partial(live, base, seed, asked, options, bars)),
        }
        require_imagined_by(run, out / f"imagined-of-{asked.episodes}-{seed}")
        for name, data in sets.items():
            student = trained(data, out / f"{slug(name)}-{seed}", seed, asked).read(sentences)
            env = as_shown(module.make(min(BATCH, asked.goals), device=asked.device, **options), student.preset, asked.device)
            row = measure_success(env, student.policy(), name=name, seeds=evaluation_seeds(asked.goals), progress=bars.task(f"{name}, training {seed}"))
            outcomes[name].append(row.outcomes)
            learned[name].append(len(open_dataset(data)))
    solved = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in outcomes.items()}
    return ImproveResult(
        learners=tuple(
            Learner(name=name, success=wilson(int(rows.sum()), rows.numel()), learned_from=tuple(learned[name]), outcomes=tuple(outcomes[name]))
            for name, rows in solved.items()
        ),
        differences=tuple(paired_by_seed(solved[name] - solved[DEMONSTRATIONS]) for name in (IMAGINED, LIVED)),
        tried=asked.episodes,
        judge=score,
        model=run.name,
        origin=Origin.now(
            started=started,
            protocol=(
                f"{asked.goals} held-out starts of {described(asked.world, options)}, the same for all; success at the end of the budget. Each policy tries "
                f"{asked.episodes} starts that no data set holds, in the model and in the world; every training takes as many steps."
            ),
            seeds=f"training 0 to {asked.seeds - 1}; tried from {FIRST:,} on; evaluation 2,000,000 and up",
            sources=sources,
            device=asked.device,
            recipe=run.name,
            data=frames_for(run.preset, asked.data).fingerprint(),
            statistics=run.trained_on.statistics,
        ),
    )


def with_more(data: str, more: Path, make: Callable[[Path], None]) -> Path:
    """`data` and a second set, which `make` makes, as one; each made once, and begun again where it was stopped on the way."""
    both = more.with_name(f"{more.name}-and-{DEMONSTRATIONS.split()[0]}")
    for path, maker in ((more, make), (both, lambda path: join([data, more], path))):
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            maker(unfinished)
            unfinished.rename(path)
    return both


def require_imagined_by(run: Run, path: Path) -> None:
    """ValueError for a set that was imagined before by another model."""
    told = imagined_in(open_dataset(path))
    if told is not None and told.model != Imaginer.of_run(run.folder):
        raise ValueError(f"{path} was imagined before by another model, {told.model}, than {run.folder}. Name another folder: --out.")


def imagine(run: Run, base: Run, seed: int, asked: ImproveTest, options: Mapping[str, object], judge: Judge, bars: Bars, path: Path) -> None:
    """The policy acts in the model; the judge says what is kept."""
    env = as_shown(load_world(asked.world).make(min(BATCH, asked.episodes), device=asked.device, **options), run.preset, asked.device)
    starts, policy = world_starts(env, tried(seed, asked)), base.policy()
    shown = pictured(run.world_model, starts.sentences).spec
    require_sight(base.name, policy, shown)
    synthesise(
        run.world_model,
        {base.folder.name: stepwise(policy, shown.rate)},
        starts,
        path,
        imaginer=Imaginer.of_run(run.folder),
        episodes=asked.episodes,
        steps=env.spec.budget,
        batch=min(BATCH, asked.episodes),
        judge=judge,
        only_solved=True,
        progress=bars.task(f"imagined, training {seed}"),
    )


def live(base: Run, seed: int, asked: ImproveTest, options: Mapping[str, object], bars: Bars, path: Path) -> None:
    """The same policy from the same starts in the true world, whose label says what is kept. ValueError where nothing is solved."""
    env = load_world(asked.world).make(min(BATCH, asked.episodes), device=asked.device, **options)
    policy, seeds = stepwise(base.policy(), env.spec.rate), tried(seed, asked)
    progress = bars.task(f"in the true world, training {seed}")
    with Recorder(path, DataSpec.of_world(env.spec, source=f"a policy's own solved episodes in {asked.world}")) as recorder:
        for number, (filled, count) in enumerate(in_batches(seeds, env.batch)):
            done = rollout(env, policy, env.spec.budget, seeds=filled, noise=Noise.of(filled).fork("synthesise")).narrow("B", 0, count)
            for episode in cut(replace(done, truth=None).to("cpu"), env.spec.sentences, source=base.folder.name):
                if episode.success is not None and bool(episode.success[0, -1]):
                    recorder.write(episode)
            progress(number * env.batch + count, len(seeds))
        if not recorder.episodes:
            raise ValueError(f"{base.name} solves none of {len(seeds)} starts in the true world, so there is nothing to learn from. Show more demonstrations.")


def tried(seed: int, asked: ImproveTest) -> range:
    """The starts that the policy of a training acts from."""
    return range(FIRST + seed * asked.episodes, FIRST + (seed + 1) * asked.episodes)


def trained(data: Path, folder: Path, seed: int, asked: ImproveTest) -> Run:
    """A policy that sees cameras alone, so that it can act in what a model imagines."""
    return train_recipe(STUDENT, data, folder, preset="sight", steps=asked.steps, seed=seed, device=asked.device, resume=folder.is_dir(), show=False)


def slug(name: str) -> str:
    """For folders."""
    return name.replace(" ", "-")


def learners_summary(found: ImproveResult) -> Table:
    """A line per learner."""
    rows = []
    for one, more in zip(found.learners, (None, *found.differences), strict=True):
        episodes, each = ", ".join(map(str, one.learned_from)), ", ".join(percent(solved) for solved in one.per_training)
        rows.append((one.name, episodes, rate(one.success), each, "" if more is None else points(more)))
    return Table(
        title="Cloning, from more or less",
        columns=("learns from", "episodes", "solved at the end", "training by training", "minus demonstrations alone"),
        rows=tuple(rows),
        numbers=(1, 2, 3, 4),
        note=f"{len(found.learners[0].outcomes[0])} held-out starts, the same for all, with Wilson intervals over all trainings; differences in points, with "
        f"intervals over trainings and starts. Each policy tried {found.tried} other starts; what the judge (in the model) or the world calls solved was kept.",
    )
