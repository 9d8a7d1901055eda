"""A fixed judge of success: pictures and the task in, solved or not out. No world model ever shaped it.

Fitted once on REAL frames with the world's own labels, frozen, then applied to what a model imagines. What it needs: pictures
(uint8 or float 0..1) of one or more cameras; a task told by a goal picture, an instruction, or both; success per frame, as
rollouts in a world have it. It needs neither poses nor facts. Goals are not kept on disk: fit on rollouts, not on a data set.

A small convolutional network compares the frame with the goal place by place; an instruction sets the gain of its features, and
its words count by their position, so that new combinations of known words can be read. Pictures are averaged down to 32 x 32.

Its own error bounds what can be concluded with it: `score_judge` measures it on held-out real frames, and that score stands
beside every figure.   Footguns: success that pictures do not show (velocities, what is hidden) it cannot see; frames of a model are
not real frames, and on blurred ones its error is not known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from wam.evaluate.intervals import Interval, bootstrap_mean, wilson
from wam.world import EVALUATION_SEEDS, Actions, Episodes, Future, Observation, Spec, SpecError, Task, WorldModel, to_float

SIDE = 32  # pixels, height and width of the pictures that it looks at
AT_ONCE = 512  # frames


@dataclass(frozen=True)
class JudgeConfig:
    """How large, and how it is fitted."""

    width: int = 32  # channels
    steps: int = 600  # of AdamW
    batch: int = 128  # frames, half of them solved
    rate: float = 3e-3  # learning rate at first; falls to 0 along a cosine


@dataclass(frozen=True, kw_only=True)
class JudgeScore(Spec):
    """How well it judges real frames that it was not fitted on. Rates are 0 .. 1."""

    episodes: int
    frames: int
    accuracy: Interval  # of all frames, episodes drawn as a whole
    at_end: Interval  # of the last frames, which are all that success is judged by
    solved: float  # share of the frames that are
    hits: float  # share of the solved frames that it calls solved; NaN without any
    false_alarms: float  # share of the other frames that it calls solved; NaN without any


class Judge(nn.Module):
    """See the module's docstring. `sentences`: the table of the instructions, () = it is not told; `goal`: does it see a goal picture."""

    def __init__(self, cameras: tuple[str, ...], *, goal: bool, sentences: tuple[str, ...] = (), width: int = JudgeConfig.width):
        super().__init__()
        if not cameras or not (goal or sentences):
            raise SpecError(f"a judge needs cameras and a goal picture or instructions, got cameras {cameras}, goal = {goal}, {len(sentences)} sentences.")
        self.cameras, self.goal, self.sentences = cameras, goal, sentences
        self.seeds: frozenset[int] = frozenset()  # of the episodes that it was fitted on
        self.fold = nn.PixelUnshuffle(2)
        self.look = nn.Conv2d(4 * 3 * len(cameras) * (1 + goal), width, 3, padding=1)
        self.compare = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.words = nn.Linear(len(_table(sentences)[0]), 2 * width) if sentences else None
        self.register_buffer("table", _table(sentences), persistent=False)
        self.table: Tensor
        self.verdict = nn.Linear(2 * width, 1)

    def forward(self, now: Float[Tensor, "M C h w"], goal: Float[Tensor, "M C h w"] | None, told: Int[Tensor, "M"] | None) -> Float[Tensor, "M"]:
        """Logits of success; cameras side by side in the channels, see `pictures`."""
        x = self.look(self.fold(now if goal is None else torch.cat([now, goal], 1)))
        if self.words is not None and told is not None:
            gain, offset = self.words(self.table[told])[..., None, None].chunk(2, 1)
            x = x * (1 + gain) + offset
        for layer in self.compare:
            x = layer(F.silu(x))
        logit: Tensor = self.verdict(torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1))[:, 0]
        return logit

    def logits(self, observation: Observation, task: Task) -> Float[Tensor, "B T"]:
        """Above 0 where it calls a frame solved; differentiable. SpecError where cameras, the goal or the instruction are missing."""
        self.require(observation, task)
        steps = observation.size("T")
        goal = self._pictures(task.goal.narrow("T", -1))[:, 0] if self.goal and task.goal is not None else None
        rows = torch.arange(observation.size("B"), device=observation.device).repeat_interleave(steps)
        frames, found = self._pictures(observation).flatten(0, 1), []
        for some in torch.arange(len(rows), device=rows.device).split(AT_ONCE):
            row = rows[some]
            told = task.instruction[row] if self.sentences and task.instruction is not None else None
            found.append(self(frames[some], None if goal is None else goal[row], told))
        verdicts: Tensor = torch.cat(found).unflatten(0, (-1, steps))
        return verdicts

    @torch.no_grad()
    def solved(self, observation: Observation, task: Task) -> Bool[Tensor, "B T"]:
        """Is the task solved in each frame?"""
        return self.logits(observation, task) > 0

    def of_future(self, future: Future, task: Task) -> Bool[Tensor, "B H"]:
        """The same for what a model predicts: `ImaginedWorld(..., success=judge.of_future)`. SpecError for a future without pictures."""
        if future.observation is None:
            raise SpecError("the judge looks at pictures, and this future has none. Show what the model decodes: pictured(model), of wam.use.pictured.")
        return self.solved(future.observation, task)

    def require(self, observation: Observation, task: Task) -> None:
        """SpecError that says what is missing."""
        if missing := set(self.cameras) - (observation.rgb or {}).keys():
            raise SpecError(f"the judge looks at the cameras {self.cameras}, {sorted(missing)} are missing. Judge in the world that it was fitted in.")
        if self.goal and (task.goal is None or set(self.cameras) - (task.goal.rgb or {}).keys()):
            raise SpecError("the judge compares with a goal picture, and this task has none. Judge tasks of the kind that it was fitted on.")
        if self.sentences and (task.instruction is None or bool((task.instruction < 0).any())):
            raise SpecError("the judge reads instructions, and this task has none. Judge tasks of the kind that it was fitted on.")

    def require_table(self, sentences: tuple[str, ...]) -> None:
        """SpecError where tasks tell their instructions as ids into another table than the judge's."""
        if self.sentences and self.sentences != sentences:
            raise SpecError(
                f"instruction ids mean {self.sentences[:3]}... ({len(self.sentences)}) to the judge and {sentences[:3]}... ({len(sentences)}) to the tasks. "
                "Use one table: tasks of the world that it was fitted in, or frames in its table (Frames.in_table)."
            )

    def _pictures(self, observation: Observation) -> Float[Tensor, "B T C h w"]:
        shown: Tensor = pictures({name: (observation.rgb or {})[name] for name in self.cameras})
        return shown


@dataclass(frozen=True)
class Verdict:
    """An objective for planning and re-ranking: the judge must call the last imagined frame solved, the more clearly the better.

    The learned reward of GPC (arXiv 2502.00622). Footgun: who searches by a judge finds what fools it; measure success by the world's label.
    """

    judge: Judge

    @property
    def goal_conditioned(self) -> bool:
        """Does the judge compare with a goal picture?"""
        return self.judge.goal

    def prepare(self, model: WorldModel[Any], task: Task) -> Task:
        """The task itself. SpecError for a model without pictures: see `pictured`."""
        shows = model.spec.predicts.observation
        if shows is None or set(self.judge.cameras) - shows.cameras.keys():
            raise SpecError(f"{type(model).__name__} does not predict the cameras {self.judge.cameras} that the judge looks at. Pass pictured(model).")
        return task

    def cost(self, model: WorldModel[Any], goal: Task, future: Future, actions: Actions) -> Float[Tensor, "B"]:
        """Minus the logit of the last frame."""
        assert future.observation is not None  # `prepare` has seen to it
        return -self.judge.logits(future.observation.narrow("T", -1), goal)[:, 0]


def fit_judge(
    episodes: Episodes,
    *,
    sentences: tuple[str, ...] = (),
    config: JudgeConfig = JudgeConfig(),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Judge:
    """A judge fitted on rollouts in the true world; `sentences` as in its `EnvSpec`. Same episodes and seed, same judge. `progress`: (steps done, all).

    ValueError where no frame, or every frame, is solved, and for evaluation seeds. SpecError without pictures or without a task.
    """
    if episodes.seed is None or bool((episodes.seed >= EVALUATION_SEEDS).any()):
        raise ValueError(f"a judge is fitted on episodes with seeds below {EVALUATION_SEEDS:,}, these have {episodes.seed}. Evaluation starts stay unseen.")
    frames, task = episodes.observation, episodes.task
    told = () if task.instruction is None else sentences
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge(tuple(sorted(frames.rgb or {})), goal=task.goal is not None and bool(task.goal.rgb), sentences=told, width=config.width)
    judge = judge.to(frames.device)
    judge.require(frames, task)
    row, step, label = labelled(episodes)
    classes = [(label == wanted).nonzero()[:, 0] for wanted in (False, True)]
    if not all(len(some) for some in classes):
        raise ValueError(f"{int(label.sum())} of {len(label)} frames are solved; a judge learns from both kinds. Let an expert and a policy that fails act.")
    goal = judge._pictures(task.goal.narrow("T", -1))[:, 0] if judge.goal and task.goal is not None else None
    optimiser = torch.optim.AdamW(judge.parameters(), lr=config.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    chance = torch.Generator().manual_seed(seed)
    for done in range(config.steps):
        if progress is not None:
            progress(done, config.steps)
        some = torch.cat([part[torch.randint(len(part), (config.batch // 2,), generator=chance).to(part.device)] for part in classes])
        rows, steps = row[some], step[some]
        now = pictures({name: (frames.rgb or {})[name][rows, steps][:, None] for name in judge.cameras})[:, 0]
        logit = judge(now, None if goal is None else goal[rows], task.instruction[rows] if judge.sentences and task.instruction is not None else None)
        loss = F.binary_cross_entropy_with_logits(logit, label[some].float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    judge.seeds = frozenset(episodes.seed.tolist())
    return judge.requires_grad_(False).eval()


def score_judge(judge: Judge, episodes: Episodes) -> JudgeScore:
    """On rollouts in the true world. ValueError for episodes that it was fitted on."""
    if episodes.seed is not None and (known := judge.seeds & set(episodes.seed.tolist())):
        raise ValueError(f"the judge was fitted on {len(known)} of these episodes, e.g. seed {min(known)}: its score would be too good. Use other seeds.")
    row, step, label = labelled(episodes)
    right = judge.solved(episodes.observation, episodes.task)[row, step] == label
    last = torch.cat([row[1:] != row[:-1], torch.ones_like(row[:1], dtype=torch.bool)])
    hits, calm = right[label].double().mean(), right[~label].double().mean()  # NaN of nothing
    return JudgeScore(
        episodes=int(last.sum()),
        frames=len(label),
        accuracy=bootstrap_mean(right.double(), groups=row),
        at_end=wilson(int(right[last].sum()), int(last.sum())),
        solved=float(label.double().mean()),
        hits=float(hits),
        false_alarms=float(1 - calm),
    )


def labelled(episodes: Episodes) -> tuple[Int[Tensor, "M"], Int[Tensor, "M"], Bool[Tensor, "M"]]:
    """(row, instant, solved) of every frame that a world has judged: neither resets nor what lies behind an end."""
    if episodes.success is None:
        raise ValueError("these episodes do not say what is solved. Use rollouts in a world, or record success.")
    going = torch.cat([torch.zeros_like(episodes.alive[:, :1]), episodes.alive[:, :-1]], 1)  # the frame that ends an episode counts
    row, step = going.nonzero().unbind(1)
    return row, step, episodes.success[row, step]


def pictures(rgb: dict[str, Shaped[Tensor, "B T 3 h w"]]) -> Float[Tensor, "B T C h w"]:
    """All cameras averaged to 32 x 32, values around 0, side by side in the channels."""
    small = [F.adaptive_avg_pool2d(to_float(frames).clamp(0, 1).flatten(0, 1), SIDE).unflatten(0, frames.shape[:2]) for frames in rgb.values()]
    return 2 * torch.cat(small, 2) - 1


def _table(sentences: tuple[str, ...]) -> Float[Tensor, "N W"]:
    """Which words stand where, one row per sentence."""
    words = [list(enumerate(sentence.split())) for sentence in sentences]
    known = sorted({word for sentence in words for word in sentence})
    return torch.tensor([[float(word in sentence) for word in known] for sentence in words]).view(len(words), len(known))
