"""Make data in a model: policies act from real starts, and what was imagined becomes a LeRobot data set that says so.

Starts are frames of a data set, or first frames of a world. Goal pictures are not kept in data sets, so policies that go to one need
starts of a world; so does a judge that compares with them. One that reads instructions reads them in the world's table, into which those
of a data set are translated. A policy of a slower clock acts step by step, so the set has
the model's clock.
Does not know: whether it helps to learn from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wam.data import Frames
from wam.jobs.control import require_told, shows_goal
from wam.jobs.place import BATCH, Place
from wam.jobs.practise import require_named
from wam.jobs.use.beginnings import recorded_beginnings, world_beginnings
from wam.jobs.use.judging import EPISODES, USUAL, judge_of
from wam.jobs.use.policies import named, require_pace, require_sight
from wam.recipes.runs import Run, frames_for, load
from wam.show.bars import Bars
from wam.sim.adapters.stepwise import stepwise
from wam.use.judge import JudgeConfig, JudgeScore
from wam.use.pictured import pictured
from wam.use.starts import Starts
from wam.use.synthesis import Imaginer, synthesise
from wam.world import Policy, Spec, SpecError


@dataclass(frozen=True)
class Wanted:
    """What is asked, apart from the runs."""

    episodes: int  # to imagine with each policy
    data: str | None = None  # whose frames are starts
    world: str | None = None  # whose first frames are starts where there is no data, and whose labels a judge learns
    options: Mapping[str, object] | None = None  # of the world
    steps: int | None = None  # model steps of an episode; None = as long as the world's budget, or the middle recorded episode
    only_solved: bool = False
    seed: int = 0  # of the first episode
    resume: bool = False  # the same was stopped, and goes on
    judge_episodes: int = EPISODES  # of each teacher
    judge: JudgeConfig = USUAL
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Synthesised(Spec):
    """What came of it."""

    path: str
    written: int  # episodes
    tried: int
    steps: int  # model steps of each
    starts: int  # different ones
    judge: JudgeScore | None  # of the judge that chose; None = all were kept


def synthesise_set(folder: Path, policies: Sequence[Path], out: Path, wanted: Wanted, *, bars: Bars) -> Synthesised:
    """Imagine with the model of the run `folder`, acted in by the runs `policies`, and write the data set `out`.

    ValueError where it is not said where to start, or who says what is solved; for a world of which nothing is asked; for starts of another robot or
    clock; for seeds of evaluation; where nothing is worth keeping.
    SpecError where a policy, the model and the starts do not fit each other.
    """
    if wanted.data is None and wanted.world is None:
        raise ValueError("say where to start: frames of a data set (--data runs/push), or first frames of a world (--world push).")
    if wanted.only_solved and wanted.world is None:
        raise ValueError("only solved episodes are to be kept, and a judge learns what is solved in a world. Name it: --world push.")
    require_named(wanted.world, wanted.options or {})
    if wanted.data is not None and wanted.world is not None and not wanted.only_solved:
        raise ValueError(f"starts are frames of {wanted.data}, so nothing is asked of the world {wanted.world!r}: leave --world out, or add --only-solved.")
    if not policies:
        raise ValueError("nobody acts. Name one run or more: --policy runs/diffusion.")
    if wanted.world is not None and wanted.only_solved:
        named(wanted.world)  # before anything is loaded
    run, acting = load(folder, device=wanted.device), [load(path, device=wanted.device) for path in policies]
    model = run.world_model
    place = None if wanted.world is None else Place(wanted.world, wanted.options or {}, wanted.device).sized_for(run)
    total = wanted.episodes * len(acting)
    starts, steps = begins(run, wanted, place, total)
    asking = f"{starts.names[0].split(',')[0]!r}, where it is to start,"
    for each in acting if starts.sentences else (run, *acting):
        require_told(each.model.spec, starts.task, each.name, asking)
    runs = [each.read(starts.sentences) for each in (run, *acting)]
    tried = {each.folder.resolve().name: each.policy() for each in runs[1:]}
    if len(tried) < len(acting):
        raise ValueError(f"two of the policies come from folders of one name ({', '.join(map(str, policies))}), which tells their episodes apart. Rename one.")
    shown = pictured(model, starts.sentences).spec
    for name, policy in tried.items():
        require_sight(name, policy.spec, shown)
        require_pace(name, policy.spec, shown)
        require_beginning(name, policy, starts)
    tried = {name: stepwise(policy, shown.rate) for name, policy in tried.items()}
    judge, score = None, None
    if wanted.only_solved and place is not None:
        judge, score = judge_of(place, episodes=wanted.judge_episodes, config=wanted.judge, progress=bars.task("judge of success"))
    written = synthesise(
        model,
        tried,
        starts,
        out,
        imaginer=Imaginer.of_run(run.folder),
        episodes=wanted.episodes,
        steps=wanted.steps or steps,
        batch=min(BATCH, wanted.episodes),
        seed=wanted.seed,
        judge=judge,
        only_solved=wanted.only_solved,
        resume=wanted.resume,
        progress=bars.task("episodes"),
    )
    return Synthesised(path=str(out), written=written, tried=total, steps=wanted.steps or steps, starts=len(starts), judge=score)


def require_beginning(name: str, policy: Policy[Any], starts: Starts) -> None:
    """SpecError where a policy cannot begin with what the starts ask for."""
    try:
        policy.begin(1, starts.task.narrow("B", 0, 1))
    except SpecError as error:
        raise SpecError(f"{name} cannot begin at these starts: {error} Data sets keep no goal pictures; without --data starts are those of --world.") from error


def begins(run: Run, wanted: Wanted, place: Place | None, count: int) -> tuple[Starts, int]:
    """As many different starts as there are episodes, where there are so many, and how many model steps follow unless said otherwise.

    Where a judge chooses, instructions are ids into its table, the world's.
    """
    if wanted.data is None:
        assert place is not None  # one of the two was named
        return world_beginnings(run, place, count, wanted.seed)
    frames = frames_for(run.preset, wanted.data)
    if wanted.only_solved:
        assert place is not None  # a judge learns in it
        frames = as_judged(frames, wanted.data, place)
    found, steps = recorded_beginnings(run, frames, wanted.data, count, wanted.seed)
    return found.to(wanted.device), steps


def as_judged(frames: Frames, data: str, place: Place) -> Frames:
    """Frames whose instructions are ids into the world's table. ValueError where a judge of that world cannot say what is solved in them."""
    env = place.make(1)
    if shows_goal(env):
        raise ValueError(f"a judge of {place.world!r} compares with goal pictures, and data sets keep none. Start from the world's first frames: no --data.")
    try:
        return frames.in_table(env.spec.sentences)
    except ValueError as error:
        raise ValueError(f"{data} asks for what the world {place.world!r} never does: {error} Name the world that it was recorded in.") from error
