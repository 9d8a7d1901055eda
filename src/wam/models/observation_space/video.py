"""A world model that predicts what cameras will show: frames are generated from frames before, actions, and words.

One model for the systems of tutorial 2.1 that predict pictures; a published system is a choice of its parts:
    codec       pixels, or an autoencoder's latents                                         (`codec`)
    backbone    U-Net beside clean frames, or a transformer after them                      (`backbones`)
    generation  how frames are drawn: rectified flow, EDM, DDPM, or regression              (`nets.generate`)
    conditions  actions per frame or per clip, instructions, 0 .. W clean frames, each dropped by chance while learning

An instruction is told twice: its words by cross-attention, and their mean beside the noise level (Imagen, arXiv 2205.11487, section
2.3), so that every layer hears it from the first step on.

`chunk` = K frames are generated together, then the next K after them. Clean frames are remembered as they come: right after
`begin` there are none, after one frame one, and so on up to W, so one model starts from words alone, a picture or a clip (Cosmos-Predict,
arXiv 2511.00062). While learning, remembered frames may be noisy by chance, to a level that the model is told (`context_noise`;
GameNGen, 2408.14837): against errors that add up over its own frames. Or some rows remember what the model itself draws, where windows
go on for more than one chunk (`own`; as in Self Forcing, 2506.08009, without gradients through the draws), and learn to come back.

An action that is not valid leaves the picture as it is, and a new stretch begins.
Does not know: proprioception, rewards, goals, how it will be planned with.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wam.models.actions.embed import ActionEmbedding
from wam.models.observation_space.backbones import Backbone, Words
from wam.models.observation_space.codec import Codec
from wam.nets.blocks.fourier import Fourier
from wam.nets.blocks.hold import hold
from wam.nets.blocks.recent import require_past, shown_of
from wam.nets.blocks.reduce import masked_mean
from wam.nets.generate.generation import Generation, Network
from wam.nets.generate.guidance import guided
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.nets.perceive.text import TextEncoder, asked_for, sentence
from wam.world import (
    Actions,
    ActionSpec,
    Future,
    FutureSpec,
    Grounded,
    Noise,
    Past,
    Reads,
    Record,
    SpecError,
    Task,
    Window,
    WorldModelSpec,
    record,
)


@dataclass(frozen=True)
class Dropped:
    """Chances, while learning, that a condition is left out; what was left out sometimes can be left out, or guided with."""

    frames: float = 0.0  # fewer clean frames than there are, down to none
    actions: float = 0.0
    words: float = 0.0


@record
class Scene(Record):
    """What frames follow: the last frame, the backbone's memory, and the instruction."""

    last: Float[Tensor, "B c h w"]
    started: Bool[Tensor, "B"]
    memory: Record
    instruction: Int[Tensor, "B"]


class Conditions(NamedTuple):
    """What the network is told beside the noise level."""

    condition: Float[Tensor, "_ _ E"]  # actions, the noise of what it remembers, instruction and sight in one, by row and frame
    words: Words | None
    asked: Float[Tensor, "B D"] | None  # the instruction as one vector
    sight: Float[Tensor, "B E"] | None  # what the eye sees in the last frame


class VideoWorldModel(nn.Module, Reads):
    """See the module's docstring. `actions`, `words`: None where the model is not told."""

    def __init__(
        self,
        codec: Codec,
        backbone: Backbone,
        generation: Generation,
        *,
        condition: int,
        context: int,
        chunk: int,
        consumes: ActionSpec,
        rate: float,
        actions: ActionEmbedding | None = None,
        words: TextEncoder | None = None,
        eye: KeypointEncoder | None = None,
        dropped: Dropped = Dropped(),
        context_noise: float = 0.0,
        own: float = 0.0,
        moving: float = 0.0,
        residual: bool = False,
        guidance: float = 1.0,
    ):
        """`condition`: E of the vectors per frame. `context`: W. `moving`: extra weight of what changes, per unit of change.

        `eye`: says where things are in the last frame, as one of those vectors: an instruction names things, a picture has places.

        `residual`: generate the difference from the last frame. `guidance`: of actions and words together, 1 = none.
        """
        super().__init__()
        untrained = (actions is not None and not dropped.actions) or (words is not None and not dropped.words)
        if guidance != 1 and (untrained or (actions is None and words is None)):
            raise SpecError(
                f"guidance {guidance} compares with what the model says when it is not told; it must learn that: set dropped.actions and .words, "
                "where it is told actions and words."
            )
        self.codec, self.backbone, self.generation, self.actions, self.words, self.eye = codec, backbone, generation, actions, words, eye
        self.dropped, self.context_noise, self.own, self.moving, self.residual, self.guidance = dropped, context_noise, own, moving, residual, guidance
        self.context, self.chunk = context, chunk
        self.level = Fourier(condition)
        self.register_buffer("zero", torch.zeros(()), persistent=False)  # knows the type and the device
        self.zero: Tensor
        self.context_level = Fourier(condition) if context_noise else None
        self.gist = nn.Linear(words.width, condition) if words is not None else None
        self.place = nn.Parameter(torch.randn(chunk, condition) * 0.02) if chunk > 1 else None  # in noise, frames of a clip are all alike
        self.spec = WorldModelSpec(
            observes=codec.observes,
            predicts=FutureSpec(observation=codec.observes),
            consumes=consumes,
            context=(1, context),
            chunk=chunk,
            rate=rate,
            stochastic=generation.stochastic,
            differentiable=actions is not None,
            instructed=words is not None,
            sentences=words.sentences if words is not None else (),
        )

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Reads`."""
        if self.words is None:
            raise SpecError(f"this model reads no instructions, and {len(sentences)} of them were given.")
        self.words.read(sentences)
        self.spec = replace(self.spec, sentences=sentences)

    # -- world model -------------------------------------------------------------------------------------------------

    def begin(self, batch: int, task: Task) -> Grounded[Scene, Scene]:
        """Nothing seen. The instruction counts where the model reads one; without one it is not told. ValueError for unknown words."""
        memory = self.backbone.empty(batch)
        scene = Scene(
            last=self.zero.new_zeros(batch, *self.codec.shape),
            started=torch.zeros(batch, dtype=torch.bool, device=memory.device),
            memory=memory,
            instruction=asked_for(self.words, task.instruction, batch, memory.device),
        )
        return Grounded(seen=scene, now=scene)

    def observe(self, carry: Grounded[Scene, Scene], since: Past, *, noise: Noise | None = None) -> Grounded[Scene, Scene]:
        """Remember the frames."""
        seen, z = carry.seen, self.codec.encode(since.observation)
        joined = since.actions.valid.any(-1)
        joined = torch.cat([joined[:, :1] & seen.started[:, None], joined[:, 1:]], 1)
        memory = self.backbone.remember(seen.memory, z, self._clean(since.actions), joined)
        scene = Scene(last=z[:, -1], started=torch.ones_like(seen.started), memory=memory, instruction=seen.instruction)
        return Grounded(seen=scene, now=scene)

    def predict(self, carry: Grounded[Scene, Scene], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Scene, Scene], Future]:
        """Chunk after chunk. Without noise: one fixed draw, the same in every row, or a regressor's mean."""
        steps, path, scene = actions.size("T"), [], carry.now
        if steps % self.chunk:
            raise SpecError(f"{steps} steps are asked for, this model makes {self.chunk} at once. Pass a multiple of {self.chunk}.")
        for start in range(0, steps, self.chunk):
            some = actions.narrow("T", start, start + self.chunk)
            z = self._drawn(scene, some, None if noise is None else noise.advance(start))
            memory = self.backbone.remember(scene.memory, z, self._clean(some), some.valid.any(-1))
            scene = replace(scene, last=z[:, -1], started=torch.ones_like(scene.started), memory=memory)
            path.append(z)
        return Grounded(seen=carry.seen, now=scene), Future(observation=self.codec.decode(torch.cat(path, 1)))

    def features(
        self, carry: Grounded[Scene, Scene], actions: Actions, *, noise: Noise | None = None
    ) -> tuple[list[Float[Tensor, "B K _c _h _w"]], tuple[Float[Tensor, "B _d"], ...]]:
        """What the model expects of the K frames that follow, before anything is drawn, from the first of the network's passes.

        Hidden pictures; and as vectors the instruction and what the eye sees in the last frame, each where there is one.
        """
        scene = carry.now
        like = self.zero.new_zeros(len(scene.started), self.chunk, *self.codec.shape)
        noisy, level = self.generation.first(like, noise)
        told = self._conditions(scene, actions, None, None)
        hidden = self.backbone.features(scene.memory, noisy, self.level(level) + told.condition, told.words)
        return hidden, tuple(vector for vector in (told.asked, told.sight) if vector is not None)

    # -- training ----------------------------------------------------------------------------------------------------

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """video "B": the generation's error over all future frames, chunk after chunk, each after true frames or, in some rows, its own.

        Windows may bring an autoencoder's latents as their observation's state. SpecError where H is no multiple of the chunk, or T is less than W.
        """
        stretch, real = window.whole()
        past, frames = window.past.actions.size("T"), real.shape[1]
        require_past(past, self.context, "VideoWorldModel")
        if (frames - past) % self.chunk:
            raise SpecError(f"windows go on for {frames - past} steps, this model makes {self.chunk} at once. Set the learner's horizon to a multiple.")
        z, joined = self.codec.kept(stretch.observation), stretch.actions.valid.any(-1)
        own = noise.fork("own").uniform(1)[:, 0] < (self.own if frames - past > self.chunk else 0.0)  # what is drawn last is never remembered
        shown, context_level = self._worn(z, own, noise.fork("context"))
        told, instruction = self._told(window, noise.fork("told"))
        memory, started = self._after_some(shown[:, :past], stretch.actions.narrow("T", 0, past), joined[:, :past], noise.fork("frames"))
        scene = Scene(last=shown[:, past - 1], started=started, memory=memory, instruction=instruction)
        errors = []
        for start in range(past, frames, self.chunk):
            end = start + self.chunk
            some, target = stretch.actions.narrow("T", start, end), z[:, start:end]
            answer = self._network(scene, some, told, context_level)
            error = self.generation.error(answer, target - self._base(scene), noise.fork("generation").advance(start))
            if self.moving:
                error = error * (1 + self.moving * (target - z[:, start - 1 : end - 1]).abs().amax(2, keepdim=True))
            errors.append(error.flatten(2).mean(-1))
            if end == frames:
                break
            kept = shown[:, start:end]
            if self.own:
                with torch.no_grad():
                    made = self._drawn(scene, some, noise.fork("made").advance(start))
                kept = torch.where(own[:, None, None, None, None], made, kept)
            memory = self.backbone.remember(scene.memory, kept, self._clean(some), joined[:, start:end])
            scene = replace(scene, last=kept[:, -1], started=torch.ones_like(started), memory=memory)
        return {"video": masked_mean(torch.cat(errors, 1), (joined & real)[:, past:])}

    # -- inside ------------------------------------------------------------------------------------------------------

    def _worn(self, z: Float[Tensor, "B T c h w"], own: Bool[Tensor, "B"], noise: Noise) -> tuple[Float[Tensor, "B T c h w"], Float[Tensor, "B 1"]]:
        """Frames as they are remembered while learning: noisy to a level drawn per row, which the model is told; where it draws its own, clean."""
        level = noise.fork("level").uniform(1, dtype=z.dtype) * self.context_noise * ~own[:, None]
        s = level[:, :, None, None, None]
        return (1 - s) * z + s * noise.normal(*z.shape[1:], dtype=z.dtype) if self.context_noise else z, level

    def _told(self, window: Window, noise: Noise) -> tuple[Bool[Tensor, "B"], Int[Tensor, "B"]]:
        """Which rows learn their actions, and the instructions of those that learn theirs."""
        chance = noise.uniform(1, 2)[:, 0]
        told, given = chance[:, 0] >= self.dropped.actions, window.task.instruction
        untold = torch.full_like(told, -1, dtype=torch.int64)
        return told, untold if given is None or self.words is None else torch.where(chance[:, 1] >= self.dropped.words, given, untold)

    def _after_some(self, z: Float[Tensor, "B T c h w"], actions: Actions, joined: Bool[Tensor, "B T"], noise: Noise) -> tuple[Record, Bool[Tensor, "B"]]:
        """The memory after the last n of T frames, n drawn where frames are dropped, and whether n > 0."""
        rows, most = joined.shape
        count = shown_of(most, self.dropped.frames, noise)
        first = torch.arange(most, device=joined.device) <= most - count[:, None]  # the first of those that count begins a new stretch
        empty = self.backbone.empty(rows)
        memory = self.backbone.remember(empty, z, self._clean(actions), joined & ~first)
        return empty.where(count == 0, memory), count > 0

    def _clean(self, actions: Actions) -> Float[Tensor, "B T E"]:
        """The condition of frames without noise."""
        clean: Tensor = self.level(self.zero.new_full(actions.valid.shape[:2], self.generation.clean_level))
        if self.actions is None:
            return clean
        return clean + (self.actions(actions) if self.actions.shared_by == 1 else self.actions.untold)

    def _base(self, scene: Scene) -> Tensor:
        """What is added to what is generated."""
        return (scene.last * scene.started[:, None, None, None])[:, None] if self.residual else torch.zeros_like(scene.last)[:, None]

    def _network(self, scene: Scene, actions: Actions, told: Bool[Tensor, "B"] | None, context_level: Float[Tensor, "B 1"] | None = None) -> Network:
        """(noisy "B K c h w", level "B K") -> answer, for this scene and these actions."""
        about = self._conditions(scene, actions, told, context_level)

        def answer(noisy: Float[Tensor, "B K c h w"], level: Float[Tensor, "B K"]) -> Tensor:
            answered: Tensor = self.backbone(scene.memory, noisy, self.level(level) + about.condition, about.words)
            return answered

        return answer

    def _conditions(self, scene: Scene, actions: Actions, told: Bool[Tensor, "B"] | None, context_level: Float[Tensor, "B 1"] | None) -> Conditions:
        condition = self.zero.new_zeros(1, 1, 1) if self.actions is None else self.actions(actions, told)
        if self.place is not None:
            condition = condition + self.place
        if self.context_level is not None:
            condition = condition + self.context_level(self.zero.new_zeros(len(scene.started), 1) if context_level is None else context_level)
        words = self.words(scene.instruction) if self.words is not None else None
        asked = sentence(*words) if words is not None else None
        if self.gist is not None:
            condition = condition + self.gist(asked)[:, None]
        sight = self.eye((scene.last + 1) / 2, asked) * scene.started[:, None] if self.eye is not None else None
        if sight is not None:
            condition = condition + sight[:, None]
        return Conditions(condition, words, asked, sight)

    def _drawn(self, scene: Scene, actions: Actions, noise: Noise | None) -> Float[Tensor, "B K c h w"]:
        """The frames of one chunk; where nothing is done, the frame before."""
        network = self._network(scene, actions, None)
        if self.guidance != 1:
            network = self._guided(network, scene, actions)
        like = self.zero.new_zeros(len(scene.started), self.chunk, *self.codec.shape)
        return hold(self.generation.draw(network, like, noise) + self._base(scene), actions.valid.any(-1), scene.last)

    def _guided(self, told: Network, scene: Scene, actions: Actions) -> Network:
        """More of what actions and words add."""
        silent = replace(scene, instruction=torch.full_like(scene.instruction, -1))
        untold = self._network(silent, actions, torch.zeros_like(scene.started))
        return lambda noisy, level: guided([untold(noisy, level), told(noisy, level)], [self.guidance])
