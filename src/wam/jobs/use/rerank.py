"""Does a world model make a frozen policy better while it acts? The policy alone, re-ranked, refined, both; and with the true simulator.

All act from the same held-out starts of the true world, whose own label says what is solved. What is wanted of an imagined future
is what the model's recipe plans for where the world's tasks show a goal picture (likeness to it, or the return that the model
predicts), otherwise a judge's verdict (fitted on real rollouts). The ceiling ranks what
the simulator itself says would happen, by its reward; where a judge says what is wanted, also by its verdict on the simulator's
frames: what is lost there is lost by the judge, the rest by the model.
Does not know: what the policy is, how the model learned.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessDifference, SuccessRow, compare_success, evaluation_seeds, measure_success
from wam.jobs.control import in_steps_of, require_world
from wam.jobs.origins import origin_of
from wam.jobs.place import BATCH, Place
from wam.jobs.use.judging import EPISODES, USUAL, judge_of
from wam.jobs.use.tables import judge_summary
from wam.plan import GoalImage, Gradient, Objective, Return, Reward
from wam.recipes.runs import Run, load
from wam.show.bars import Bars
from wam.show.report import Report
from wam.show.sections import episodes_section, origin_section, success_sections
from wam.show.words import points
from wam.use.judge import JudgeConfig, JudgeScore, Verdict
from wam.use.pictured import pictured
from wam.use.reranking import DESCENT, Mode, Reranking, require_fit
from wam.use.true_model import TrueModel
from wam.world import Env, EnvSpec, Episodes, Policy, WorldModel

CEILING, JUDGED = "rank, true simulator", "rank, true simulator, judged"
WORDS: Mapping[Mode, str] = {"rank": "best of {0}", "opt": "own chunk refined", "both": "best of {0} refined"}


@dataclass(frozen=True, kw_only=True)
class RerankResult(Result):
    """A policy alone and helped, over the same held-out starts."""

    rows: tuple[SuccessRow, ...]  # the policy alone first
    differences: tuple[SuccessDifference, ...]  # every other row minus the policy alone, paired by start
    policy: str
    draws: int
    objective: str  # what is wanted of a future, in words
    judge: JudgeScore | None  # where a judge says it
    descent_steps: int | None = None  # of refined chunks; None = none was, or this was not kept yet
    descent_rate: float | None = None  # size of the first step, as a share of half the action range


@dataclass(frozen=True)
class RerankTest:
    """What is asked, apart from the runs. ValueError for a rate by which nothing could go downhill."""

    world: str
    options: Mapping[str, object]  # of the world
    modes: tuple[Mode, ...] = ()  # () = all that the model allows
    draws: int = 16  # chunks to choose from
    descent: Gradient = DESCENT  # how chunks are refined, its starts aside
    goals: int = 100  # held-out starts
    ceiling: bool = False  # also rank by the true simulator
    judge_episodes: int = EPISODES  # of each teacher
    judge: JudgeConfig = USUAL
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.descent.rate <= 1:
            raise ValueError(f"--descent-rate is {self.descent.rate:g}, expected a share of half the action range: above 0, at most 1, e.g. {DESCENT.rate}.")


def rerank(folder: Path, policy: Path, asked: RerankTest, *, out: Path | None = None, written: Path | None = None, bars: Bars) -> tuple[RerankResult, Path]:
    """The policy of the run `policy`, helped by the model of the run `folder`. Writes `written`, then rerank.html, by default into that folder.

    SpecError where policy, model and world do not fit each other, ValueError where a judge is needed and no teachers are named for the world.
    """
    place, started = Place(asked.world, asked.options, asked.device), time.monotonic()
    run, base = load(folder, device=asked.device), load(policy, device=asked.device)
    model = run.world_model
    sources = Sources.of("wam.jobs.use.rerank", f"wam.recipes.{run.recipe.name}", f"wam.recipes.{base.recipe.name}", f"wam.sim.worlds.{asked.world}")
    place = place.sized_for(run)
    env = place.shown(min(BATCH, asked.goals), base.preset)
    run, base = run.read(env.spec.sentences), base.read(env.spec.sentences)
    alone, modes = base.policy(), asked.modes or allowed(model)
    require_world(alone, env, base.name)
    for mode in modes:  # before a judge is fitted, which takes minutes
        require_fit(alone, run.world_model, mode)
    model, objective, score = wanted(run, env, asked, place, bars)
    arms: dict[str, Policy[Any]] = {f"{base.recipe.name} alone": alone}
    for mode in modes:
        arms[WORDS[mode].format(asked.draws)] = Reranking(alone, model, objective, mode=mode, draws=asked.draws, descent=asked.descent, bf16=run.preset.bf16)
    if asked.ceiling:
        simulator = TrueModel(env, lambda rows: place.shown(rows, base.preset))
        arms[CEILING] = Reranking(alone, simulator, Reward(), draws=asked.draws)
        if score is not None:  # what is lost by the judge, and not by the model
            arms[JUDGED] = Reranking(alone, simulator, objective, draws=asked.draws)
    rows, films = measured(env, place.make(1).spec, arms, asked.goals, bars)
    differences = tuple(compare_success(row, rows[0]) for row in rows[1:])
    said, descent = in_words(objective), None if set(modes) <= {"rank"} else asked.descent
    result = RerankResult(
        rows=tuple(rows),
        differences=differences,
        policy=base.name,
        draws=asked.draws,
        objective=said,
        judge=score,
        descent_steps=descent.steps if descent else None,
        descent_rate=descent.rate if descent else None,
        origin=origin_of(
            run,
            base,
            started=started,
            protocol=(
                f"{asked.goals} held-out starts of {place}, the same for all; success at the end of the budget. {base.name} draws "
                f"{asked.draws} chunks, {run.name} imagines them, wanted is {said}. {refined(descent)}The ceiling ranks by the simulator's own reward."
            ),
            sources=sources,
            device=asked.device,
        ),
    )
    if written is not None:  # before anything is drawn
        result.save(written)
    return result, page_of(result, run, films, env.spec.sentences).save((out or run.folder) / "rerank.html")


def allowed(model: WorldModel[Any]) -> tuple[Mode, ...]:
    """Refining needs gradients."""
    return ("rank", "opt", "both") if model.spec.differentiable else ("rank",)


def wanted(run: Run, env: Env, asked: RerankTest, place: Place, bars: Bars) -> tuple[WorldModel[Any], Objective[Any], JudgeScore | None]:
    """The model as it is judged, and what judges: as its recipe plans where tasks show a goal picture, a judge where they do not."""
    _, task = env.reset(torch.ones(env.batch, dtype=torch.bool), torch.zeros(env.batch, dtype=torch.int64))
    if task.goal is not None:
        return run.world_model, run.recipe.objective or GoalImage(), None
    shown = pictured(run.world_model, env.spec.sentences)  # whether it can be, before a judge is fitted
    judge, score = judge_of(place, episodes=asked.judge_episodes, config=asked.judge, progress=bars.task("judge of success"))
    return shown, Verdict(judge), score


def in_words(objective: Objective[Any]) -> str:
    """What is wanted of a future."""
    match objective:
        case Verdict():
            return "the judge's verdict on the last imagined frame"
        case GoalImage():
            return "likeness to the goal picture"
        case Return():
            return "the reward that the model predicts, and what it expects after the last step"
    return repr(objective)


def refined(descent: Gradient | None) -> str:
    """How, as a sentence of the protocol; empty where nothing was."""
    return f"Chunks are refined by {descent.steps} gradient steps, the first of {descent.rate:g} times half the action range. " if descent else ""


def measured(env: Env, own: EnvSpec, arms: Mapping[str, Policy[Any]], goals: int, bars: Bars) -> tuple[list[SuccessRow], list[Episodes]]:
    """A row, in the world's own steps, and the first batch of episodes of each."""
    rows, films = [], []
    for name, policy in arms.items():
        seen: list[Episodes] = []
        row = measure_success(env, policy, name=name, seeds=evaluation_seeds(goals), watch=seen.append, progress=bars.task(name))
        rows.append(in_steps_of(row, own, env.spec))
        films.append(seen[0])
    return rows, films


def page_of(result: RerankResult, run: Run, films: Sequence[Episodes], sentences: Sequence[str]) -> Report:
    """For people; films of the policy alone and of the best arm that had no simulator."""
    rows = result.rows
    best = max((index for index, row in enumerate(rows) if index and row.name not in (CEILING, JUDGED)), key=lambda index: rows[index].success)
    helped = next(one.difference for one in result.differences if one.first == rows[best].name)
    return Report(
        title=f"{result.policy}, helped by {run.name}",
        summary=f"Alone it solves {rows[0].success:.0%} of {rows[0].episodes} held-out starts; {rows[best].name}: {rows[best].success:.0%}, a difference of "
        f"{points(helped.value, helped.low, helped.high)} points.",
        sections=(
            *success_sections(rows, result.differences),
            *([judge_summary(result.judge)] if result.judge is not None else []),
            *(episodes_section(rows[index], films[index], rate=run.data.rate, count=4, sentences=sentences) for index in (0, best)),
            origin_section(result.origin),
        ),
    )
