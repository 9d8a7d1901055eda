"""A future video and the actions that lead there, drawn by one model in any combination of given, unknown and drawn.

    codec      pixels, or an autoencoder's latents                                          (`observation_space.codec`)
    network    shared weights or a mixture of transformers, and who sees whom               (`joint_network`)
    processes  how video and actions get noisy, e.g. rectified flow                         (`nets.generate`)
    lessons    which levels the streams are trained at, and which of them are learned       (`joint_programs`, `joint_lessons`)
    program    how it acts by itself; every other way is a view                             (`joint_programs`, `joint_views`)

K frames and the R actions that lead to each, one per model step, follow up to W observed frames, which are clean tokens. What is not
known stays at level 1, in training and in use: frames and actions beyond an episode's end, and actions that nobody recorded. They
teach nothing themselves; the other stream learns beside them, which is how videos without actions are learned from (UWM, 2504.02792).

The model itself is a policy: its spec is that of `as_policy()`.
Does not know: proprioception, past actions, rewards, goals. Footgun: a view exists where the rules let its streams see each other;
how good it is depends on the levels that the lessons train.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from wam.models.actions.unit_scale import UnitScale
from wam.models.observation_space.codec import Codec
from wam.models.world_action.joint_denoiser import Denoiser, where
from wam.models.world_action.joint_lessons import Lessons
from wam.models.world_action.joint_network import JointNetwork
from wam.models.world_action.joint_programs import KINDS, Kind, Lesson, Program, phases, table
from wam.models.world_action.joint_situation import Given, Situation
from wam.models.world_action.joint_views import JointInverse, JointPolicy, JointWorldModel, policy_of
from wam.nets.blocks.recent import Recent, require_past, shown_of
from wam.nets.blocks.reduce import masked_mean
from wam.nets.generate.denoise import denoise, inpaint
from wam.nets.generate.process import Process
from wam.nets.perceive.text import TextEncoder, asked_for
from wam.plan.control.continues import Continues
from wam.world import Actions, ActionSpec, Envisions, Noise, Past, PolicySpec, Reads, SpecError, Statistics, Task, Views, Window


class JointModel(nn.Module, Reads, Views, Envisions, Continues[Situation]):
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
    def denoiser(self) -> Denoiser:
        """The same weights, as what learns and draws meets them."""
        return Denoiser(self.network, self.processes)

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

        Windows may bring an autoencoder's latents as their observation's state. SpecError for windows of fewer than K steps, or W frames before.
        """
        stretch, real = window.whole()
        past, chunk = window.past.actions.size("T"), self.network.steps
        require_past(past, self.network.context, "JointModel")
        if real.shape[1] - past < chunk:
            raise SpecError(f"windows go on for {real.shape[1] - past} steps, this model draws {chunk} at once. Set the learner's horizon to that.")
        first, end = max(0, past - self.network.context), past + chunk
        stretch, real, now = stretch.narrow("T", first, end), real[:, first:end, None], past - first
        done, sure = stretch.actions.valid & real, stretch.actions.known() & real
        z = self.codec.kept(stretch.observation.narrow("T", 0, now))
        observed, given = self._observed(z, done[:, :now].any(-1), noise.fork("frames")), dict[str, Given]()
        lessons = Lessons(self.lessons, self.denoiser, self.words)
        seeing = lessons.seeing(len(z))
        later = self.codec.kept(stretch.observation.narrow("B", 0, seeing).narrow("T", now)) if seeing else z[:0]
        if seeing:
            given["video"] = self._streamed(Given(later, done[:seeing, now:].any(-1)), observed.narrow("B", 0, seeing))
        given["actions"] = Given(self.scaled(stretch.actions)[:, now:], sure[:, now:].any(-1))
        found, losses = lessons.errors(observed, self._told(window, noise.fork("told")), given, noise), dict[str, Tensor]()
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
        levels, words = table(program, self.steps), self.words(situation.instruction) if self.words is not None else None
        given = {kind: self._streamed(part, situation.frames) if kind == "video" else part for kind, part in (given or {}).items()}
        there = [kind for kind, column in zip(KINDS, levels.unbind(1), strict=True) if column.min() < 1]
        states = {kind: self._start(kind, len(situation.instruction), chance.fork(kind), given.get(kind)) for kind in there}
        prefix = self.network.see(situation.frames, words)
        for streams, rows in phases(levels):
            moving, here = tuple(KINDS[stream] for stream in streams), dict(zip(KINDS, rows[0].tolist(), strict=True))
            told = {kind: state.new_full(state.shape[:2], here[kind]) for kind, state in states.items()}
            told |= {kind: where(part.known, told[kind], 1.0) for kind, part in given.items()}
            net = self.denoiser.net(prefix, moving, {kind: state for kind, state in states.items() if kind in moving or here[kind] < 1}, told, words)
            parts = net, tuple(self.processes[kind] for kind in moving), tuple(states[kind] for kind in moving), rows[:, streams]
            leads = towards is not None and "actions" in moving
            drawn = inpaint(*parts, tuple(towards if kind == "actions" else None for kind in moving)) if leads else denoise(*parts)
            states |= zip(moving, drawn, strict=True)
        return states | ({"video": states["video"] + self._base(situation.frames)} if "video" in states else {})

    def scaled(self, actions: Actions) -> Float[Tensor, "B T R*A"]:
        """All numbers of a step at unit scale, 0 where they are not known. SpecError for other actions than the model's."""
        return where(actions.known(), self.scale(self.acts.low_level_of(actions, "JointModel")), 0.0).flatten(2)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _observed(self, z: Float[Tensor, "B T c h w"], joined: Bool[Tensor, "B T"], noise: Noise) -> Recent:
        """The last W frames, of which by chance only the last n are known, n from 0."""
        width, most = self.network.context, joined.shape[1]
        count = shown_of(most, self.dropped_frames, noise)
        frames = Recent.none(len(z), width, self.zero.expand(self.codec.shape)).after(z, joined)
        return replace(frames, known=frames.known & (torch.arange(width, 0, -1, device=z.device) <= count[:, None]))

    def _told(self, window: Window, noise: Noise) -> Int[Tensor, "B"]:
        """The instructions of the rows that learn theirs, -1 for others."""
        told, given = noise.uniform(1)[:, 0] >= self.dropped_words, window.task.instruction
        untold = torch.full_like(told, -1, dtype=torch.int64)
        return untold if given is None or self.words is None else torch.where(told, given, untold)

    def _base(self, frames: Recent) -> Float[Tensor, "B #K c h w"]:
        """What the video stream is the difference from."""
        last = frames.shown[:, -1:]
        return last if self.residual else torch.zeros_like(last)

    def _streamed(self, video: Given, frames: Recent) -> Given:
        """Frames as the network knows them."""
        return replace(video, x=video.x - self._base(frames))

    def _start(self, kind: str, rows: int, noise: Noise, given: Given | None) -> Tensor:
        """A stream before a program: noise, and what is given where it is known. One draw of the row's step, see `nets.generate.generation`."""
        shape = (self.network.steps, *self.network.shape(kind))
        state = self.processes[kind].start(noise.normal(1, *shape, dtype=self.zero.dtype)[:, 0]).expand(rows, *shape)
        return state if given is None else where(given.known, given.x, state)
