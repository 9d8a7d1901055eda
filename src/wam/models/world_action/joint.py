"""A future video and the actions that lead there, drawn by one model in any combination of given, unknown and drawn.

    codec      pixels, or an autoencoder's latents                                          (`observation_space.codec`)
    network    shared weights or a mixture of transformers, and who sees whom               (`joint_network`)
    processes  how video and actions get noisy, e.g. rectified flow                         (`nets.generate`)
    lessons    which levels the streams are trained at, and which of them are learned       (`joint_programs`)
    program    how it acts by itself; every other way is a view                             (`joint_programs`, `joint_views`)

K frames and the R actions that lead to each, one per model step, follow up to W observed frames, which are clean tokens. What is not
known stays at level 1, in training and in use: frames and actions beyond an episode's end, and actions that nobody recorded. They
teach nothing themselves; the other stream learns beside them, which is how videos without actions are learned from (UWM, 2504.02792).

The model itself is a policy: its spec is that of `as_policy()`.
Does not know: proprioception, past actions, rewards, goals. Footgun: a view exists where the rules let its streams see each other;
how good it is depends on the levels that the lessons train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from wam.models.actions.unit_scale import UnitScale
from wam.models.observation_space.codec import Codec
from wam.models.world_action.joint_network import ALIKE, Apart, JointNetwork, Prefix, Words, picked
from wam.models.world_action.joint_programs import KINDS, Kind, Lesson, Program, phases, table
from wam.models.world_action.joint_situation import Given, Shown, Situation, Taught
from wam.models.world_action.joint_views import JointInverse, JointPolicy, JointWorldModel, policy_of
from wam.nets.blocks.recent import Recent
from wam.nets.blocks.reduce import masked_mean
from wam.nets.generate.denoise import Net, denoise, error, inpaint
from wam.nets.generate.process import Process
from wam.nets.perceive.text import TextEncoder, asked_for
from wam.plan.control.continues import Continues
from wam.world import Actions, ActionSpec, Noise, Past, PolicySpec, Reads, SpecError, Statistics, Task, Views, Window, concatenate


class JointModel(nn.Module, Reads, Views, Continues[Situation]):
    """See the module's docstring. `network` has the streams "video" and "actions"; `processes` are theirs, in this order."""

    def __init__(
        self,
        codec: Codec,
        network: JointNetwork,
        acts: ActionSpec,
        statistics: Statistics,
        *,
        processes: tuple[Process, Process],
        lessons: tuple[Lesson, ...],
        program: Program,
        steps: int,
        execute: int,
        rate: float,
        words: TextEncoder | None = None,
        dropped_frames: float = 0.0,
        dropped_words: float = 0.0,
        moving: float = 0.0,
        residual: bool = False,
    ):
        """`steps`: network evaluations for what is drawn at once. `execute`: steps done per decision.

        `dropped_...`: chances that, while learning, fewer frames are observed, or no instruction. `moving`: extra weight of what
        changes, per unit of change, relative to the rest of the window. `residual`: the video stream is the difference from the last observed
        frame. SpecError for actions that are not low-level ones with moments.
        """
        super().__init__()
        statistics.require(acts)
        if network.kinds != KINDS:
            raise SpecError(f"the network has the streams {network.kinds}, expected {KINDS} in this order.")
        self.codec, self.network, self.words, self.acts = codec, network, words, acts
        self.processes, self.lessons = dict(zip(KINDS, processes, strict=True)), lessons
        self.program, self.steps, self.execute, self.rate = program, steps, execute, rate
        self.dropped_frames, self.dropped_words, self.moving, self.residual = dropped_frames, dropped_words, moving, residual
        self.scale = UnitScale(acts, statistics, "JointModel")
        self.register_buffer("zero", torch.zeros(()), persistent=False)  # knows the type and the device
        self.zero: Tensor

    # -- views: the same weights, asked in another way -----------------------------------------------------------------

    def as_policy(self, program: Program | None = None, *, execute: int | None = None) -> JointPolicy:
        """Acts by a program that draws actions; one that draws the video too also `Imagines`. SpecError where it cannot."""
        return policy_of(self, self.program if program is None else program, self.execute if execute is None else execute)

    def as_world_model(self) -> JointWorldModel:
        """What given actions lead to. SpecError where the video does not see the actions."""
        return JointWorldModel(self, "forward")

    def as_video(self) -> JointWorldModel:
        """What could happen, whatever is done: a world model that is told no actions. SpecError where no video was learned."""
        return JointWorldModel(self, "video")

    def as_inverse(self) -> JointInverse:
        """What was done between given frames. SpecError where the actions do not see the video, or were only learned with an instruction."""
        return JointInverse(self)

    @property
    def spec(self) -> PolicySpec:
        """That of the policy."""
        return self.as_policy().spec

    @property
    def sentences(self) -> tuple[str, ...]:
        """That instructions point into; () = none are read."""
        return self.words.sentences if self.words is not None else ()

    def learns(self, kind: Kind) -> bool:
        """Is this stream drawn by what was learned?"""
        return any(kind in lesson.learns for lesson in self.lessons)

    # -- policy --------------------------------------------------------------------------------------------------------

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Reads`."""
        if self.words is None:
            raise SpecError(f"this model reads no instructions, and {len(sentences)} of them were given.")
        self.words.read(sentences)

    def begin(self, batch: int, task: Task) -> Situation:
        """Nothing seen. The instruction counts where the model reads one. ValueError for unknown words."""
        asked = asked_for(self.words, task.instruction, batch, self.zero.device)
        return Situation(frames=Recent.none(batch, self.network.context, self.zero.expand(self.codec.shape)), instruction=asked)

    def act(self, memory: Situation, since: Past, *, noise: Noise | None = None) -> tuple[Situation, Actions]:
        """A chunk of K steps, by the model's own program. Without noise: that of one fixed draw."""
        return self.as_policy().act(memory, since, noise=noise)

    def act_on(
        self, memory: Situation, since: Past, planned: Float[Tensor, "B K R A"], weight: Float[Tensor, "B K"], *, noise: Noise | None = None
    ) -> tuple[Situation, Actions]:
        """See `Continues`: the same draw as that of `act`, pulled towards `planned`."""
        return self.as_policy().act_on(memory, since, planned, weight, noise=noise)

    # -- training ------------------------------------------------------------------------------------------------------

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """video and actions "B", those that are learned: squared error of what the processes ask for, over the first K steps.

        Windows may bring an autoencoder's latents as their observation's state. SpecError for windows of fewer than K steps.
        """
        stretch, real = window.whole()
        past, chunk = window.past.actions.size("T"), self.network.steps
        if real.shape[1] - past < chunk:
            raise SpecError(f"windows go on for {real.shape[1] - past} steps, this model draws {chunk} at once. Set the learner's horizon to that.")
        first, end = max(0, past - self.network.context), past + chunk
        stretch, real, now = stretch.narrow("T", first, end), real[:, first:end, None], past - first
        done, sure = stretch.actions.valid & real, stretch.actions.known() & real
        z = self.codec.kept(stretch.observation.narrow("T", 0, now))
        observed, given = self._observed(z, done[:, :now].any(-1), noise.fork("frames")), dict[str, Given]()
        seeing = max((lesson.rows(len(z)) for lesson in self.lessons if "video" not in lesson.absent), default=0)
        later = self.codec.kept(stretch.observation.narrow("B", 0, seeing).narrow("T", now)) if seeing else z[:0]
        if seeing:
            given["video"] = self._streamed(Given(later, done[:seeing, now:].any(-1)), observed.narrow("B", 0, seeing))
        given["actions"] = Given(self.scaled(stretch.actions)[:, now:], sure[:, now:].any(-1))
        found, losses = self._learned(observed, self._told(window, noise.fork("told")), given, noise), dict[str, Tensor]()
        if "video" in found:
            rows, known = len(found["video"]), given["video"].known[: len(found["video"])]
            frames = torch.cat([z[:rows, -1:], later[:rows]], 1)
            weight = 1 + self.moving * frames.diff(dim=1).abs().amax(2, keepdim=True)
            weighted = masked_mean((found["video"] * weight).flatten(2).mean(-1), known)
            video = weighted / masked_mean(weight.flatten(2).mean(-1), known).clamp_min(1)  # at the scale of the actions' loss
            losses["video"] = F.pad(video, (0, len(z) - rows))
        if "actions" in found:
            numbers = found["actions"].unflatten(2, (self.acts.per_step, -1))
            actions = masked_mean(numbers.mean(-1).flatten(1), sure[: len(numbers), now:].flatten(1))
            losses["actions"] = F.pad(actions, (0, len(z) - len(actions)))
        return losses

    # -- for views -----------------------------------------------------------------------------------------------------

    def after(self, situation: Situation, since: Past) -> Situation:
        """The situation after these frames."""
        frames = situation.frames.after(self.codec.encode(since.observation), since.actions.valid.any(-1))
        return replace(situation, frames=frames)

    def draw(
        self,
        situation: Situation,
        program: Program,
        *,
        noise: Noise | None,
        given: Mapping[str, Given] | None = None,
        towards: tuple[Float[Tensor, "B K R*A"], Float[Tensor, "B K"]] | None = None,
    ) -> dict[str, Tensor]:
        """Video "B K c h w" and actions "B K R*A" at the end of a program, at unit scale. `given`: the stream that it holds at level 0.

        `towards`: actions that those drawn go on from, and how much of them, see `nets.generate.denoise.inpaint`.
        What is unknown to the end is not there. Without noise: one fixed draw, the same in every row.
        """
        chance = Noise.of([0], self.zero.device) if noise is None else noise
        levels, words = table(program, self.steps), self._words(situation.instruction)
        given = {kind: self._streamed(part, situation.frames) if kind == "video" else part for kind, part in (given or {}).items()}
        there = [kind for kind, column in zip(KINDS, levels.unbind(1), strict=True) if column.min() < 1]
        states = {kind: self._start(kind, len(situation.instruction), chance.fork(kind), given.get(kind)) for kind in there}
        prefix = self.network.see(situation.frames, words)
        for streams, rows in phases(levels):
            moving, here = tuple(KINDS[stream] for stream in streams), dict(zip(KINDS, rows[0].tolist(), strict=True))
            told = {kind: state.new_full(state.shape[:2], here[kind]) for kind, state in states.items()}
            told |= {kind: _where(part.known, told[kind], 1.0) for kind, part in given.items()}
            net = self._network(prefix, moving, {kind: state for kind, state in states.items() if kind in moving or here[kind] < 1}, told, words)
            parts = net, tuple(self.processes[kind] for kind in moving), tuple(states[kind] for kind in moving), rows[:, streams]
            leads = towards is not None and "actions" in moving
            drawn = inpaint(*parts, tuple(towards if kind == "actions" else None for kind in moving)) if leads else denoise(*parts)
            states |= zip(moving, drawn, strict=True)
        return states | ({"video": states["video"] + self._anchor(situation.frames)} if "video" in states else {})

    def scaled(self, actions: Actions) -> Float[Tensor, "B T R*A"]:
        """All numbers of a step at unit scale, 0 where they are not known. SpecError for other actions than the model's."""
        return _where(actions.known(), self.scale(self.acts.low_level_of(actions, "JointModel")), 0.0).flatten(2)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _observed(self, z: Float[Tensor, "B T c h w"], joined: Bool[Tensor, "B T"], noise: Noise) -> Recent:
        """The last W frames, of which by chance only the last n are known, n from 0."""
        width, most = self.network.context, joined.shape[1]
        chance, drawn = noise.uniform(1)[:, 0], noise.fork("count").integers(1, most)[:, 0]
        count = torch.where(chance < self.dropped_frames, drawn, most)
        frames = Recent.none(len(z), width, self.zero.expand(self.codec.shape)).after(z, joined)
        return replace(frames, known=frames.known & (torch.arange(width, 0, -1, device=z.device) <= count[:, None]))

    def _told(self, window: Window, noise: Noise) -> Int[Tensor, "B"]:
        """The instructions of the rows that learn theirs, -1 for others."""
        told, given = noise.uniform(1)[:, 0] >= self.dropped_words, window.task.instruction
        untold = torch.full_like(told, -1, dtype=torch.int64)
        return untold if given is None or self.words is None else torch.where(told, given, untold)

    def _anchor(self, frames: Recent) -> Float[Tensor, "B #K c h w"]:
        """What the video stream is the difference from."""
        last = frames.shown[:, -1:]
        return last if self.residual else torch.zeros_like(last)

    def _streamed(self, video: Given, frames: Recent) -> Given:
        """Frames as the network knows them."""
        return replace(video, x=video.x - self._anchor(frames))

    def _words(self, instruction: Int[Tensor, "B"]) -> Words | None:
        return self.words(instruction) if self.words is not None else None

    def _start(self, kind: str, rows: int, noise: Noise, given: Given | None) -> Tensor:
        """A stream before a program: noise, and what is given where it is known. One draw of the row's step, see `nets.generate.generation`."""
        shape = (self.network.steps, *self.network.shape(kind))
        state = self.processes[kind].start(noise.normal(1, *shape, dtype=self.zero.dtype)[:, 0]).expand(rows, *shape)
        return state if given is None else _where(given.known, given.x, state)

    def _learned(self, observed: Recent, told: Int[Tensor, "B"], given: Mapping[str, Given], noise: Noise) -> dict[str, Tensor]:
        """Errors "N K ..." of what the lessons learn, added up, of as many rows as learn it. A row counts the same in every lesson."""
        count = len(told)
        deaf = max((lesson.rows(count) for lesson in self.lessons if self._deaf(lesson)), default=0)
        rows = torch.cat([torch.arange(count, device=told.device), torch.arange(deaf, device=told.device)])  # the deaf see the same once more
        words = self._words(torch.cat([told, torch.full_like(told[:deaf], -1)]))
        prefix = self.network.see(observed.select(rows), words)
        taught = [self._taught(index, given, noise) for index in range(len(self.lessons))]
        found = [self._drawn(one, prefix, words) for one in taught if not one.shares]
        found += self._at_once([one for one in taught if one.shares], prefix, words)
        return {kind: _added([part[kind] for part in found if kind in part], count) for kind in KINDS if any(kind in part for part in found)}

    def _deaf(self, lesson: Lesson) -> bool:
        """Is there an instruction that it does not hear?"""
        return self.words is not None and not lesson.heard

    def _taught(self, index: int, given: Mapping[str, Given], noise: Noise) -> Taught:
        """A lesson and its rows, the first ones."""
        lesson, count = self.lessons[index], len(noise.seed)
        rows = torch.arange(lesson.rows(count), device=noise.seed.device)
        here = {kind: part.select(rows) for kind, part in given.items() if kind not in lesson.absent}
        return Taught(lesson, rows + count if self._deaf(lesson) else rows, here, noise.fork(f"lesson {index}").select(rows))

    def _unknown(self, kind: str, rows: int) -> Given:
        """A stream of which nothing is known."""
        shape = (rows, self.network.steps, *self.network.shape(kind))
        return Given(self.zero.expand(shape), torch.zeros(shape[:2], dtype=torch.bool, device=self.zero.device))

    def _drawn(self, taught: Taught, prefix: Prefix, words: Words | None) -> dict[str, Tensor]:
        """Errors "N K ..." of what a lesson learns of its rows, the mean of its draws."""
        lesson, rows, count = taught.lesson, taught.rows, taught.lesson.draws
        prefix, words = prefix.select(rows), _of_rows(words, rows)
        given = dict(taught.given)
        if stays := self.network.parts(lesson.learns, given)[0]:  # seen, and costly: one state of it for all draws
            shown = self._shown(lesson, {kind: given.pop(kind) for kind in stays}, taught.noise.fork("stays"))
            prefix = self.network.extend(prefix, *self._entering(shown.states, shown.levels), words)
        again = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
        shown = self._shown(lesson, {kind: part.select(again) for kind, part in given.items()}, taught.noise.spread(count))
        found = self._errors(lesson.learns, prefix.select(again), _of_rows(words, again), shown)
        return {kind: error.unflatten(0, (-1, count)).mean(1) for kind, error in found.items()}

    def _at_once(self, taught: Sequence[Taught], prefix: Prefix, words: Words | None) -> list[dict[str, Tensor]]:
        """Errors "N K ..." of what each of these lessons of one draw learns of its rows. In one pass: few more rows cost less than one more pass."""
        if not taught:
            return []
        kinds = [kind for kind in KINDS if any(kind in one.given for one in taught)]
        given = [{kind: one.given.get(kind, self._unknown(kind, len(one.rows))) for kind in kinds} for one in taught]
        shown = concatenate([self._shown(one.lesson, here, one.noise) for one, here in zip(taught, given, strict=True)], "B")
        rows, sizes = torch.cat([one.rows for one in taught]), torch.tensor([len(one.rows) for one in taught])
        absent = {kind: [kind not in one.given for one in taught] for kind in kinds}
        learning = {kind: [kind in one.lesson.learns for one in taught] for kind in kinds}
        apart = Apart(
            absent={kind: torch.tensor(every).repeat_interleave(sizes).to(rows.device) for kind, every in absent.items() if any(every)},
            asked={kind: torch.tensor(every).repeat_interleave(sizes).nonzero()[:, 0].to(rows.device) for kind, every in learning.items() if not all(every)},
        )
        learns = tuple(kind for kind in kinds if any(learning[kind]))
        found = self._errors(learns, prefix.select(rows), _of_rows(words, rows), shown, apart)
        split = {kind: iter(error.split([len(one.rows) for one in taught if kind in one.lesson.learns])) for kind, error in found.items()}
        return [{kind: next(split[kind]) for kind in one.lesson.learns} for one in taught]

    def _errors(self, learns: tuple[str, ...], prefix: Prefix, words: Words | None, shown: Shown, apart: Apart = ALIKE) -> dict[str, Tensor]:
        """Errors of streams that are learned as they are shown, "N K ..." of the rows that are asked."""
        net = self._network(prefix, learns, shown.states, shown.levels, words, apart)
        entering, told = self._entering(shown.states, shown.levels)
        answers = net(tuple(entering[kind] for kind in learns), tuple(told[kind] for kind in learns))
        found = dict[str, Tensor]()
        for kind, answer in zip(learns, answers, strict=True):
            clean, eps, levels = picked(apart.asked.get(kind), shown.clean[kind], shown.eps[kind], shown.levels[kind])
            found[kind] = error(self.processes[kind], answer, clean, eps, _beside(levels, clean))
        return found

    def _shown(self, lesson: Lesson, given: Mapping[str, Given], noise: Noise) -> Shown:
        """Streams as a lesson shows them. What is not known is at level 1."""
        drawn = dict(zip(KINDS, lesson.levels.draw(noise.fork("level"), self.network.steps), strict=True))
        clean = {kind: _where(part.known, part.x, 0.0) for kind, part in given.items()}
        eps = {kind: noise.fork(kind).normal(*x.shape[1:], dtype=x.dtype) for kind, x in clean.items()}
        levels = {kind: _where(part.known, drawn[kind].to(part.x.dtype), 1.0) for kind, part in given.items()}
        states = {kind: self.processes[kind].noisy(clean[kind], eps[kind], _beside(levels[kind], clean[kind])) for kind in given}
        return Shown(clean=clean, eps=eps, levels=levels, states=states)

    def _entering(self, states: Mapping[str, Tensor], levels: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """States and levels "B K" as the network takes them."""
        entering = {kind: self.processes[kind].entering(state, _beside(levels[kind], state)) for kind, state in states.items()}
        return entering, {kind: self.processes[kind].level(levels[kind]) for kind in states}

    def _network(
        self,
        prefix: Prefix,
        moving: tuple[str, ...],
        states: Mapping[str, Tensor],
        levels: Mapping[str, Tensor],
        words: Words | None,
        apart: Apart = ALIKE,
    ) -> Net:
        """What answers for the `moving` streams, while the others stay at these states and levels "B K". Those without a state are left out."""
        constant, again = self.network.parts(moving, states)
        entering, told = self._entering(states, levels)
        if constant:
            prefix = self.network.extend(prefix, {kind: entering[kind] for kind in constant}, told, words)
        answer = self.network.answering(prefix, again, moving, words, apart)

        def net(streams: tuple[Tensor, ...], at: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return answer({kind: entering[kind] for kind in again} | dict(zip(moving, streams, strict=True)), told | dict(zip(moving, at, strict=True)))

        return net


def _beside(levels: Tensor, x: Tensor) -> Tensor:
    """ "B K" as "B K 1 ..." so that it broadcasts against a stream."""
    return levels.view(*levels.shape, *[1] * (x.ndim - levels.ndim))


def _of_rows(words: Words | None, rows: Int[Tensor, "N"]) -> Words | None:
    if words is None:
        return None
    tokens, real = picked(rows, *words)
    return tokens, real


def _added(errors: Sequence[Float[Tensor, "_ K ..."]], count: int) -> Float[Tensor, "N K ..."]:
    """Errors of first rows of a batch of so many, added up such that a row of one lesson counts as much as one of another."""
    most = max(len(error) for error in errors)
    padded = [F.pad(error, (*[0, 0] * (error.ndim - 1), 0, most - len(error))) for error in errors]
    return torch.stack(padded).sum(0) * count / sum(len(error) for error in errors)


def _where(known: Bool[Tensor, "B K *r"], x: Tensor, other: Tensor | float) -> Tensor:
    """x where it is known."""
    return torch.where(_beside(known, x), x, other)
