"""`wam use`: what a world model is good for. Policies are evaluated in it, it makes data to learn from, it helps a policy choose."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wam.cli.common import AsJson, Device, Result, RunFolder, options, show

if TYPE_CHECKING:
    from wam.use.reranking import Mode

app = typer.Typer(
    help="Use a trained world model: evaluate policies in it, make data with it, learn from that data, let it choose among a policy's actions.",
    epilog="Example: [bold]wam use evaluate-policy runs/cosmos --policies runs/lewm --world push[/]; docs/use.md says what each figure means.",
    no_args_is_help=True,
)

World = Annotated[str, typer.Option(help="A world of the library.")]
Option = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, of the world; may be repeated.")]
JudgeEpisodes = Annotated[int, typer.Option(help="Real episodes of each teacher that the judge of success learns from.", min=1)]
Out = Annotated[Path | None, typer.Option(help="Folder of the report page; by default the run's.", file_okay=False)]


@app.command(
    "evaluate-policy",
    epilog="Example: [bold]wam use evaluate-policy runs/cosmos --policies runs/lewm --world push --control runs/cosmos-shuffled[/]",
)
def evaluate_policy(
    run: RunFolder,
    policies: Annotated[str, typer.Option(help="Runs that act, with commas between; each is tried as trained and made worse in named ways.")],
    world: World = "push",
    option: Option = None,
    control: Annotated[
        Path | None, typer.Option(help="Folder of the same system trained with shuffled actions; trained there first where there is none.", file_okay=False)
    ] = None,
    starts: Annotated[int, typer.Option("--starts", "--goals", help="Held-out starts.", min=1)] = 100,
    judge_episodes: JudgeEpisodes = 60,
    result: Result = None,
    out: Out = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Would the model have told which policy is better? Success in the world beside success in the model, policy by policy."""
    from wam.jobs.use.evaluate_policy import PolicyTest, evaluate_policies
    from wam.jobs.use.tables import agreement_summary, judge_summary, lines, policies_summary
    from wam.show.bars import Bars
    from wam.show.tables import terminal_table

    asked = PolicyTest(world, options(option), starts=starts, judge_episodes=judge_episodes, device=device)
    with Bars(Console(stderr=True)) as bars:
        found, page = evaluate_policies(run, folders(policies), asked, control=control, out=out, written=result, bars=bars)
    agree = agreement_summary(found.evaluation, found.control, found.over_control)
    tables = [terminal_table(table) for table in (policies_summary(found.evaluation), agree, judge_summary(found.evaluation.judge))]
    show(found.to_dict(), [*tables, *([lines(found.lacking)] if found.lacking else []), f"report: {page}"], as_json)


@app.command(
    "synthesise", epilog="Example: [bold]wam use synthesise runs/cosmos --policy runs/susie --data runs/demonstrations --episodes 200 --out runs/made[/]"
)
def synthesise(
    run: RunFolder,
    policy: Annotated[list[Path], typer.Option(help="A run that acts; may be repeated.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="Folder of the new data set.", file_okay=False)],
    data: Annotated[str | None, typer.Option(help="Start from frames of this data set.")] = None,
    world: Annotated[
        str | None, typer.Option(help="Start from first frames of this world where no data is named; also what --only-solved is judged by.")
    ] = None,
    option: Option = None,
    episodes: Annotated[int, typer.Option(help="To imagine with each policy.", min=1)] = 100,
    steps: Annotated[
        int | None, typer.Option(help="Model steps of each; by default the world's budget, or those of the middle recorded episode.", min=1)
    ] = None,
    only_solved: Annotated[bool, typer.Option("--only-solved", help="Keep what a judge calls solved; needs --world.")] = False,
    judge_episodes: JudgeEpisodes = 60,
    seed: Annotated[int, typer.Option(help="Of the first episode; below 2,000,000.", min=0)] = 0,
    resume: Annotated[bool, typer.Option(help="The same was stopped: go on after its last episode.")] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Let policies act in the model from real starts, and record it as a LeRobot set that says so. Stopped? The same with [bold]--resume[/]."""
    from wam.jobs.use.synthesise import Wanted, synthesise_set
    from wam.show.bars import Bars

    where = Wanted(episodes, data, world, options(option), steps=steps, device=device)
    wanted = replace(where, only_solved=only_solved, judge_episodes=judge_episodes, seed=seed, resume=resume)
    with Bars(Console(stderr=True)) as bars:
        made = synthesise_set(run, policy, out, wanted, bars=bars)
    lines = [f"{made.path} holds {made.written} of {made.tried} imagined episodes, {made.steps} steps each, from {made.starts} real starts"]
    if made.judge is not None:
        lines.append(f"the judge that chose is right about {100 * made.judge.at_end.value:.0f} % of real last frames")
    show(made.to_dict(), [*lines, f"look at it: wam data inspect {made.path} --sheet sheet.png"], as_json)


@app.command(
    "rerank", epilog="Example: [bold]wam use rerank runs/cosmos --policy runs/diffusion --world push --option task=instruction --option zones=2 --ceiling[/]"
)
def rerank(
    run: RunFolder,
    policy: Annotated[Path, typer.Option(help="A run that acts, as it is.", exists=True, file_okay=False)],
    world: World = "push",
    option: Option = None,
    modes: Annotated[
        str,
        typer.Option(
            help="With commas between: rank, the best of the drawn chunks; opt, the policy's own, refined; both, the best of all refined. "
            "Or all that the model allows."
        ),
    ] = "all",
    draws: Annotated[int, typer.Option(help="Chunks that the policy draws.", min=1)] = 16,
    descent_steps: Annotated[int, typer.Option(help="Gradient steps by which a chunk is refined.", min=1)] = 20,
    descent_rate: Annotated[
        float, typer.Option(help="Size of the first of them, as a share of half the action range; later ones are smaller. More leaves what the model knows.")
    ] = 0.1,
    goals: Annotated[int, typer.Option("--goals", "--starts", help="Held-out starts.", min=1)] = 100,
    ceiling: Annotated[bool, typer.Option("--ceiling", help="Also rank by what the true simulator says would happen.")] = False,
    judge_episodes: JudgeEpisodes = 60,
    result: Result = None,
    out: Out = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """A frozen policy alone, and with a world model that chooses among its actions or refines them: success, seconds per decision."""
    from wam.jobs.use.rerank import RerankTest, rerank
    from wam.jobs.use.tables import judge_summary
    from wam.plan import Gradient
    from wam.show.bars import Bars
    from wam.show.summaries import difference_summary
    from wam.show.tables import success_table, terminal_table

    where = RerankTest(world, options(option), modes_of(modes), goals=goals, ceiling=ceiling, judge_episodes=judge_episodes, device=device)
    asked = replace(where, draws=draws, descent=Gradient(steps=descent_steps, rate=descent_rate))
    with Bars(Console(stderr=True)) as bars:
        found, page = rerank(run, policy, asked, out=out, written=result, bars=bars)
    tables = [success_table(found.rows), terminal_table(difference_summary(found.differences))]
    tables += [terminal_table(judge_summary(found.judge))] if found.judge is not None else []
    show(found.to_dict(), [*tables, f"wanted of a future: {found.objective}", f"report: {page}"], as_json)


@app.command("improve", epilog="Example: [bold]wam use improve runs/cosmos --data runs/few --out runs/improve --world push --option task=instruction[/]")
def improve(
    run: RunFolder,
    data: Annotated[str, typer.Option(help="The few demonstrations, as a data set of the world.")],
    out: Annotated[Path, typer.Option(help="Folder of data sets and trainings; what is there is used again.", file_okay=False)],
    world: World = "push",
    option: Option = None,
    episodes: Annotated[int, typer.Option(help="Starts that each policy tries, in the model and in the world.", min=1)] = 1000,
    seeds: Annotated[int, typer.Option(help="Trainings of each.", min=1)] = 3,
    goals: Annotated[int, typer.Option("--goals", "--starts", help="Held-out starts.", min=1)] = 100,
    steps: Annotated[int | None, typer.Option(help="Of every training, instead of the preset's.", min=1)] = None,
    judge_episodes: JudgeEpisodes = 60,
    result: Result = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Few demonstrations, and what their policy then solved in the model: does it help to learn from both? Beside it, the true world."""
    from wam.jobs.use.improve import ImproveTest, learners_summary
    from wam.jobs.use.improve import improve as improved
    from wam.jobs.use.tables import judge_summary
    from wam.show.bars import Bars
    from wam.show.tables import terminal_table

    asked = ImproveTest(data, world, options(option), episodes=episodes, seeds=seeds, goals=goals, steps=steps, judge_episodes=judge_episodes, device=device)
    with Bars(Console(stderr=True)) as bars:
        found = improved(run, out, asked, bars=bars)
    found.save(result or out / "improve.json")
    show(found.to_dict(), [terminal_table(table) for table in (learners_summary(found), judge_summary(found.judge))], as_json)


def modes_of(text: str) -> "tuple[Mode, ...]":
    """`rank,opt`; () = all. ValueError for another name."""
    from wam.jobs.use.rerank import WORDS

    names = [] if text == "all" else [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in WORDS]:
        raise ValueError(f"--modes names {unknown[0]!r}, expected some of {', '.join(WORDS)} with commas between, or all.")
    return tuple(mode for mode in WORDS if mode in names)


def folders(names: str) -> list[Path]:
    """`runs/a,runs/b`. ValueError for a folder that is not there."""
    found = [Path(name.strip()) for name in names.split(",") if name.strip()]
    if missing := [str(path) for path in found if not path.is_dir()]:
        raise ValueError(f"--policies names {', '.join(missing)}, and there is no such folder. Name folders of trained runs, with commas between.")
    return found
