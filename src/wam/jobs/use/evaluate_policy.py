"""Would the model have told which policy is better, and how good each is? Policies act in the true world and in what a model imagines.

The protocol is that of `wam.use.policy_evaluation`; the policies are named beforehand in `wam.jobs.use.policies`. A control, the
same system trained with the actions of others, goes through the same.
Does not know: what the policies are, how the model learned.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wam.evaluate.intervals import Interval
from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds
from wam.jobs.control import require_world
from wam.jobs.origins import origin_of
from wam.jobs.place import BATCH, Place
from wam.jobs.use.judging import EPISODES, USUAL, judge_of
from wam.jobs.use.policies import named, policies_of, require_pace, require_sight, same_run, watched
from wam.jobs.use.shuffled import control_of
from wam.jobs.use.tables import BIAS, agreement_summary, figure, judge_summary, policies_summary
from wam.recipes.runs import Run, load
from wam.show.bars import Bars
from wam.show.report import Captioned, Figures, Report, Section, Text
from wam.show.sections import origin_section
from wam.sim.adapters.skip import at_clock_of
from wam.use.judge import JudgeConfig
from wam.use.pictured import pictured
from wam.use.policy_evaluation import PolicyEvaluation, Reality, in_a_model, in_the_world


@dataclass(frozen=True, kw_only=True)
class PolicyEvaluationResult(Result):
    """What one model says of named policies, beside the truth and beside its control."""

    evaluation: PolicyEvaluation
    control: PolicyEvaluation | None  # trained with the actions of others
    over_control: Interval | None  # r of the model minus r of the control; NaN where the control tells no policy from another
    lacking: tuple[str, ...]  # what the protocol asks for and this has not


@dataclass(frozen=True)
class PolicyTest:
    """What is asked, apart from the runs."""

    world: str
    options: Mapping[str, object]  # of the world
    starts: int = 100  # held out
    judge_episodes: int = EPISODES  # of each teacher
    judge: JudgeConfig = USUAL
    device: str = "cpu"


def evaluate_policies(
    folder: Path,
    policies: Sequence[Path],
    asked: PolicyTest,
    *,
    control: Path | None = None,
    out: Path | None = None,
    written: Path | None = None,
    bars: Bars,
) -> tuple[PolicyEvaluationResult, Path]:
    """Evaluate the named policies of the runs `policies` in the model of the run `folder`.

    Writes `written`, then policy_evaluation.html, by default into that folder.
    `control`: folder of the control, trained there first where there is none. SpecError where a policy, the model and the world do not fit
    each other; ValueError for a world without named policies, and for a policy that plans in the very model.
    """
    place, started = Place(asked.world, asked.options, asked.device), time.monotonic()
    named(asked.world)  # before anything is loaded
    run, acting = load(folder, device=asked.device), [load(path, device=asked.device) for path in policies]
    model = run.world_model
    require_distinct(run, acting)
    roots = {f"wam.recipes.{each.recipe.name}" for each in (run, *acting)}
    sources = Sources.of("wam.jobs.use.evaluate_policy", *sorted(roots), f"wam.sim.worlds.{asked.world}")
    place = place.sized_for(run)
    env = place.shown(min(BATCH, asked.starts), run.preset)
    runs = [each.read(env.spec.sentences) for each in (run, *acting)]
    shown = pictured(model, env.spec.sentences).spec
    tried = policies_of(runs[1:], asked.world, replace(env.spec, chunk=shown.chunk))
    for name, policy in tried.items():
        require_sight(name, policy.spec, shown)
        require_pace(name, policy.spec, shown)
        require_world(policy, at_clock_of(env, policy), name)
    deaf = None if control is None else ready_control(run, control, asked.device, bars).read(env.spec.sentences)
    judge, score = judge_of(place, episodes=asked.judge_episodes, config=asked.judge, progress=bars.task("judge of success"))
    seeds = evaluation_seeds(asked.starts)
    often = dict(batches=-(-len(seeds) // env.batch), steps=env.spec.budget * env.spec.acts.per_step)
    reality = in_the_world(env, watched(tried, bars.task("in the world"), **often), seeds, judge=judge)

    def imagined(of: Run, name: str, line: str) -> PolicyEvaluation:
        return in_a_model(of.world_model, watched(tried, bars.task(line), **often), reality, judge=judge, score=score, name=name)

    evaluation = imagined(run, run.name, "in the model")
    beside = None if deaf is None else imagined(deaf, f"{run.name}, trained with shuffled actions", "in the control")
    result = PolicyEvaluationResult(
        evaluation=evaluation,
        control=beside,
        over_control=None if beside is None else evaluation.over(beside),
        lacking=(*evaluation.lacking(), *(() if beside else ("no control trained with shuffled actions",))),
        origin=origin_of(
            run,
            *acting,
            *(() if deaf is None else (deaf,)),
            started=started,
            protocol=protocol(asked, str(place), acting, reality),
            sources=sources,
            device=asked.device,
        ),
    )
    if written is not None:  # before anything is drawn
        result.save(written)
    return result, page_of(result).save((out or run.folder) / "policy_evaluation.html")


def require_distinct(run: Run, acting: Sequence[Run]) -> None:
    """ValueError where nobody acts or one of the policies is the model's own planning."""
    if not acting:
        raise ValueError("no policies were named. Name runs that act: --policies runs/diffusion,runs/lewm.")
    if any(same_run(run.folder, each.folder) for each in acting):
        raise ValueError(f"{run.folder} is to judge a policy that plans in it, and would repeat its own opinion. Name runs that learned apart.")


def ready_control(run: Run, folder: Path, device: str, bars: Bars) -> Run:
    """The control, while a bar shows that something goes on: training takes as long as that of the run."""
    tell = bars.task("train a control")
    found = control_of(run, folder, device=device, show=False)
    tell(1, 1)
    return found


def protocol(asked: PolicyTest, world: str, acting: Sequence[Run], reality: Reality) -> str:
    """In words."""
    grades = ", ".join(str(grade) for grade in named(asked.world).grades)
    return (
        f"{asked.starts} held-out starts of {world}, the same for all policies, in the world and in the model; success at the end of {reality.steps} "
        f"model steps. Policies named beforehand: {', '.join(each.name for each in acting)}, each {grades}; random; idle. In the world its own label says "
        f"what is solved, in the model a judge fitted on {asked.judge_episodes} real episodes of each of {', '.join(named(asked.world).teachers)}."
    )


def page_of(result: PolicyEvaluationResult) -> Report:
    """For people."""
    from wam.show.policy_evaluation import policy_scatter

    found, control = result.evaluation, result.control
    models = {"the model": found.policies, **({"trained with shuffled actions": control.policies} if control is not None else {})}
    scatter = Figures(
        title="Success in the world and in the model",
        items=(Captioned(pictures=(("", policy_scatter(models)),)),),
        note="One point per policy, lines are 95 % intervals. On the diagonal the model says what is true; above it, it promises too much. What matters for "
        "choosing a policy is the order from left to right being the order from bottom to top.",
    )
    lacks: tuple[Section, ...] = (Text(title="What the protocol asks for and this has not", paragraphs=result.lacking),) if result.lacking else ()
    return Report(
        title=f"{found.model} as a test of policies in the world {found.world}",
        summary=f"Over {len(found.policies)} policies, the correlation r of success in the model and in the world is {figure(found.correlation)}; the model is "
        f"off by {100 * found.bias.value:+.0f} points ({'at most' if abs(found.bias.value) <= BIAS else 'more than'} {100 * BIAS:.0f} were asked for).",
        sections=(
            scatter,
            agreement_summary(found, control, result.over_control),
            policies_summary(found),
            judge_summary(found.judge),
            *lacks,
            origin_section(result.origin),
        ),
    )
