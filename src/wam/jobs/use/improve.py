"""Does a policy learn more from few demonstrations when it also learns from what it did in a world model? (Ctrl-World, arXiv 2510.10125.)

A cloning policy learns from the few demonstrations, acts in the model from real first frames, and a judge keeps what it calls solved;
the same policy then learns again from demonstrations and kept episodes together, for as many steps. Beside it stands the ceiling: the
same policy acts in the true world from the same starts, and the world's own label says what is kept.
Does not know: how the model learned, and from how much. Footgun: what the judge keeps wrongly is learned too.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from wam.data import DataSpec, Recorder, cut, open_dataset
from wam.data.fresh import new_set
from wam.data.joining import join
from wam.evaluate.intervals import Interval, difference_over_trainings, rate_over_trainings
from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success
from wam.jobs.origins import JUDGED, origin_of
from wam.jobs.place import BATCH, Place
from wam.jobs.use.judging import EPISODES, USUAL, judge_of
from wam.jobs.use.policies import require_pace, require_sight
from wam.jobs.use.tables import points, rate
from wam.plan.control.rollout import rollout
from wam.recipes.recipe import load_recipe
from wam.recipes.runs import Run, frames_for, load, train_recipe
from wam.show.bars import Bars
from wam.show.report import Table
from wam.show.words import percent
from wam.sim.adapters.stepwise import stepwise
from wam.train.session import differences
from wam.use.judge import Judge, JudgeConfig, JudgeScore
from wam.use.pictured import pictured
from wam.use.starts import world_starts
from wam.use.synthesis import Imaginer, synthesise
from wam.world import ActionSpec, Noise, ObservationSpec, PolicySpec, Spec, SpecError, in_batches, read_spec

STUDENT, SIGHT = "diffusion_policy", "sight"
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
class MadeOf(Spec):
    """What was asked of a set that is used again; it lies beside the set."""

    world: str  # with its options
    data: str  # fingerprint of the demonstrations
    steps: int | None  # of the policy that acts; None = its preset's
    model: Imaginer | None = None  # None = it acted in the true world
    judge: str = ""  # how it learned; "" = the world's own label said what is kept


@dataclass(frozen=True, kw_only=True)
class Learner(Spec):
    """One arm, over its trainings."""

    name: str
    success: Interval  # over trainings and starts
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

    SpecError where the policy cannot act in the model, or learn from both together; ValueError for sets that were made of something else, and
    where nothing that was tried is solved.
    """
    place, started, run = Place(asked.world, asked.options, asked.device), time.monotonic(), load(folder, device=asked.device)
    sources = Sources.of("wam.jobs.use.improve", f"wam.recipes.{run.recipe.name}", f"wam.recipes.{STUDENT}", f"wam.sim.worlds.{asked.world}")
    place = place.sized_for(run)
    sentences = place.make(1).spec.sentences
    run = run.read(sentences)
    require_together(run, asked.data, sentences)
    demonstrations = frames_for(run.preset, asked.data).fingerprint()
    lived = MadeOf(world=str(place), data=demonstrations, steps=asked.steps)
    imagined = replace(lived, model=Imaginer.of_run(run.folder), judge=f"{asked.judge_episodes} episodes of each teacher, {asked.judge}")
    for seed in range(asked.seeds):
        for more, made in zip(sets_of(out, asked, seed), (imagined, lived), strict=True):
            for path in (more, with_demonstrations(more)):
                require_made_of(made, path)
    judge, score = judge_of(place, episodes=asked.judge_episodes, config=asked.judge, progress=bars.task("judge of success"))
    outcomes: dict[str, list[tuple[bool, ...]]] = {DEMONSTRATIONS: [], IMAGINED: [], LIVED: []}
    learned: dict[str, list[int]] = {name: [] for name in outcomes}
    students = list[Run]()
    for seed in range(asked.seeds):
        base = trained(Path(asked.data), out / f"{slug(DEMONSTRATIONS)}-{seed}", seed, asked).read(sentences)
        in_model, in_world = sets_of(out, asked, seed)
        sets = {
            DEMONSTRATIONS: Path(asked.data),
            IMAGINED: with_more(asked.data, in_model, imagined, partial(imagine, run, base, seed, asked, place, judge, bars)),
            LIVED: with_more(asked.data, in_world, lived, partial(live, base, seed, asked, place, bars)),
        }
        for name, data in sets.items():
            student = trained(data, out / f"{slug(name)}-{seed}", seed, asked).read(sentences)
            students.append(student)
            env = place.shown(min(BATCH, asked.goals), student.preset)
            row = measure_success(env, student.policy(), name=name, seeds=evaluation_seeds(asked.goals), progress=bars.task(f"{name}, training {seed}"))
            outcomes[name].append(row.outcomes)
            learned[name].append(len(open_dataset(data)))
    solved = {name: torch.tensor(rows) for name, rows in outcomes.items()}
    return ImproveResult(
        learners=tuple(
            Learner(name=name, success=rate_over_trainings(rows), learned_from=tuple(learned[name]), outcomes=tuple(outcomes[name]))
            for name, rows in solved.items()
        ),
        differences=tuple(difference_over_trainings(solved[name], solved[DEMONSTRATIONS]) for name in (IMAGINED, LIVED)),
        tried=asked.episodes,
        judge=score,
        model=run.name,
        origin=origin_of(
            run,
            *students,
            started=started,
            protocol=(
                f"{asked.goals} held-out starts of {place}, the same for all; success at the end of the budget. Each policy tries "
                f"{asked.episodes} starts that no data set holds, in the model and in the world; every training takes as many steps."
            ),
            seeds=f"training 0 to {asked.seeds - 1}; tried from {FIRST:,} on; {JUDGED}",
            sources=sources,
            device=asked.device,
            data=demonstrations,
        ),
    )


def require_together(run: Run, data: str, sentences: tuple[str, ...]) -> None:
    """SpecError where what the model imagines does not join the demonstrations, or the policy that learns from them cannot act in it."""
    shown, real = pictured(run.world_model, sentences).spec, open_dataset(data).spec
    assert shown.predicts.observation is not None  # it is `pictured`
    mine = {"cameras": shown.predicts.observation.cameras, "actions": shown.consumes, "rate": shown.rate}
    theirs = {"cameras": real.observes.cameras, "actions": real.acts, "rate": real.rate}
    if differ := [what for what in mine if mine[what] != theirs[what]]:
        raise SpecError(
            f"the policy learns from {data} and from what {run.name} imagines together, and they differ in {', '.join(differ)}: "
            f"{in_words(real.observes, real.acts, real.rate)}; {in_words(shown.predicts.observation, shown.consumes, shown.rate)}. "
            "Name a model that learned with the cameras and sizes, the actions and the clock of the demonstrations (wam train --skip 1)."
        )
    preset = load_recipe(STUDENT).preset(SIGHT)
    acts = replace(real.acts, per_step=preset.skip)
    sees = ObservationSpec(cameras=frames_for(preset, data).spec.observes.cameras)
    rate = real.rate * real.acts.per_step / preset.skip
    policy = PolicySpec(observes=sees, acts=acts, chunk=preset.config.chunk, execute=preset.config.execute, rate=rate)
    require_sight(f"{STUDENT} {SIGHT}", policy, shown)
    require_pace(f"{STUDENT} {SIGHT}", policy, shown)


def in_words(observes: ObservationSpec, acts: ActionSpec, rate: float) -> str:
    """Cameras with sizes, actions, clock."""
    cameras = ", ".join(f"{name} {camera.height}x{camera.width}" for name, camera in observes.cameras.items())
    return f"{cameras}, {acts.per_step} of the actions {[slot.name for slot in acts.low_level]} per step, {rate:.3g} Hz"


def sets_of(out: Path, asked: ImproveTest, seed: int) -> tuple[Path, Path]:
    """What the policy of a training does in the model, and in the true world."""
    return out / f"imagined-of-{asked.episodes}-{seed}", out / f"lived-of-{asked.episodes}-{seed}"


def with_demonstrations(more: Path) -> Path:
    """Such a set and the demonstrations as one."""
    return more.with_name(f"{more.name}-and-{DEMONSTRATIONS.split()[0]}")


def beside(path: Path) -> Path:
    """Where it is told what a set was made of."""
    return path.with_name(f"{path.name}.json")


def require_made_of(made: MadeOf, path: Path) -> None:
    """ValueError for a set that was made of something else before, or of nobody knows what."""
    if not path.exists():
        return
    if not beside(path).exists():
        raise ValueError(f"{path} was made before, and {beside(path)}, which says of what, is not there. Name another folder (--out), or remove the set.")
    if differ := differences("it", read_spec(beside(path), MadeOf), made):
        raise ValueError(f"{path} was made of something else: {'; '.join(differ)}. Name another folder (--out), or repeat the command with what it was.")


def with_more(data: str, more: Path, made: MadeOf, make: Callable[[Path], None]) -> Path:
    """`data` and a second set, which `make` makes, as one; each made once, and begun again where it was stopped on the way."""
    both = with_demonstrations(more)
    for path, maker in ((more, make), (both, lambda path: join([data, more], path))):
        if not path.exists():
            beside(path).write_text(made.to_json())
            with new_set(path) as folder:
                maker(folder)
    return both


def imagine(run: Run, base: Run, seed: int, asked: ImproveTest, place: Place, judge: Judge, bars: Bars, path: Path) -> None:
    """The policy acts in the model; the judge says what is kept."""
    env = place.shown(min(BATCH, asked.episodes), run.preset)
    starts, policy = world_starts(env, tried(seed, asked)), base.policy()
    synthesise(
        run.world_model,
        {base.folder.name: stepwise(policy, run.world_model.spec.rate)},
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


def live(base: Run, seed: int, asked: ImproveTest, place: Place, bars: Bars, path: Path) -> None:
    """The same policy from the same starts in the true world, whose label says what is kept. ValueError where nothing is solved."""
    env = place.make(min(BATCH, asked.episodes))
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
    return train_recipe(STUDENT, data, folder, preset=SIGHT, steps=asked.steps, seed=seed, device=asked.device, resume=folder.is_dir(), show=False)


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
        note=f"{len(found.learners[0].outcomes[0])} held-out starts, the same for all; differences in points. Intervals are over trainings and "
        f"starts, of one training over starts alone. Each policy tried {found.tried} other starts; what the judge (in the model) or the world calls solved "
        "was kept.",
    )
