"""LeWorldModel: one latent vector per frame, its encoder learned end to end by predicting the next one.

Source: LeWorldModel (arXiv 2603.19312). Loss = |predicted z - encoded z|^2 + lambda SIGReg(z): no stop-gradient, no moving-average
teacher, no reconstruction. The transition is a causal transformer over a band of frames, conditioned on actions by AdaLN.
A decoder is trained on detached latents, for looking only; it never shapes the latent.

Token t is (z_t, action t+1) and predicts z_{t+1}. Frames whose action is not valid start a new segment: nothing before counts.
Knows: any number of cameras, proprioception.   Does not know: goals, rewards, how it will be planned with.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.models.state_space.latent.looking import picture_error
from wam.models.state_space.latent.rows import rows_each
from wam.nets.blocks.conv import ConvDecoder, ConvEncoder
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.normalise import Normalise
from wam.nets.blocks.reduce import masked_mean
from wam.nets.blocks.sigreg import sigreg
from wam.nets.blocks.transformer import BandedTransformer, Cache
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.world import (
    Actions,
    ActionSpec,
    Decodes,
    Encodes,
    Exposes,
    Future,
    FutureSpec,
    Grounded,
    Latent,
    LatentSpec,
    Meters,
    Noise,
    Observation,
    ObservationSpec,
    Past,
    Record,
    SpecError,
    Statistics,
    Task,
    Window,
    WorldModelSpec,
    record,
    to_float,
)
from wam.world.records import State


@dataclass(frozen=True)
class LeWMConfig:
    """Sizes. Defaults are `tiny`."""

    latent: int = 32  # D, numbers per frame
    width: int = 24  # channels of the first convolution
    points: int = 24  # places that the encoder reads a picture as; 0: convolutions down to 4 x 4 instead, for scenes that move as a whole
    hidden: int = 256  # of the projectors
    dim: int = 128  # of the transition
    depth: int = 3
    heads: int = 4
    band: int = 4  # frames that a token sees, itself included
    directions: int = 128  # random projections of SIGReg
    residual: bool = False  # predict the change of the latent instead of the next one


@record
class Stream(Record):
    """The current frame's latent, not yet a token since its action is unknown, and the tokens before it."""

    z: Float[Tensor, "B D"]
    started: Bool[Tensor, "B"]
    cache: Cache


class LeWorldModel(nn.Module, Encodes, Decodes, Exposes[Grounded], Meters):
    """See the module's docstring. `statistics` normalise actions and proprioception inside."""

    def __init__(self, config: LeWMConfig, observes: ObservationSpec, acts: ActionSpec, statistics: Statistics, rate: float):
        super().__init__()
        if not observes.cameras or not acts.low_level:
            lacks = "cameras" if not observes.cameras else "low-level actions"
            raise SpecError(
                f"LeWorldModel learns from pictures and what was done between them, and the data has no {lacks}. Record them; "
                "`wam data check SET` says where a column only has another name."
            )
        statistics.require(acts, observes.proprio)
        if statistics.action is None or (observes.proprio and statistics.proprio is None):
            raise SpecError("LeWorldModel normalises its actions and proprioception, but the statistics lack their moments. Compute them from the data set.")
        self.config = config
        self.spec = WorldModelSpec(
            observes=observes,
            predicts=FutureSpec(state=LatentSpec(shape=(config.latent,))),
            consumes=acts,
            context=(1, config.depth * (config.band - 1) + 1),
            rate=rate,
            shares_context=True,
        )
        self.sizes = {name: camera.height for name, camera in observes.cameras.items()}
        if any(camera.height != camera.width for camera in observes.cameras.values()):
            raise SpecError(f"LeWorldModel takes square pictures, got {observes.cameras}. Set `size` when loading the data.")
        self.eyes = nn.ModuleDict({name: _eye(config, size) for name, size in self.sizes.items()})
        self.body = mlp(len(observes.proprio), config.hidden, config.hidden) if observes.proprio else None
        self.normalise_proprio = Normalise(statistics.proprio.mean, statistics.proprio.std) if statistics.proprio and observes.proprio else None
        senses = len(self.eyes) + (self.body is not None)
        self.project = mlp(senses * config.hidden, config.hidden, config.latent, batch_norm=True)
        self.normalise_action = Normalise(statistics.action.mean, statistics.action.std)
        self.embed_action = mlp(acts.per_step * len(acts.low_level), config.dim, config.dim)
        self.embed_latent = nn.Linear(config.latent, config.dim)
        self.transition = BandedTransformer(config.dim, config.depth, config.heads, config.band)
        self.project_next = mlp(config.dim, config.hidden, config.latent, batch_norm=True)
        self.pictures = nn.ModuleDict({name: ConvDecoder(config.latent, 3, size, config.width) for name, size in self.sizes.items()})

    # -- world model -------------------------------------------------------------------------------------------------

    def begin(self, batch: int, task: Task) -> Grounded[Stream, Stream]:
        """Nothing seen; the task is not read."""
        blank = self.transition.distance.new_zeros(batch, self.config.latent)
        stream = Stream(z=blank, started=torch.zeros(batch, dtype=torch.bool, device=blank.device), cache=self.transition.empty(batch))
        return Grounded(seen=stream, now=stream)

    def observe(self, carry: Grounded[Stream, Stream], since: Past, *, noise: Noise | None = None) -> Grounded[Stream, Stream]:
        """Encode the frames; those with their action become tokens."""
        seen, z = carry.seen, self._encode(since.observation, "LeWorldModel.observe")
        done = since.actions.valid.any(-1)
        done = torch.cat([done[:, :1] & seen.started[:, None], done[:, 1:]], 1)
        before = torch.cat([seen.z[:, None], z[:, :-1]], 1)
        _, cache = self._transition(before, since.actions, done, seen.cache)
        assert cache is not None
        stream = Stream(z=z[:, -1], started=torch.ones_like(seen.started), cache=cache)
        return Grounded(seen=stream, now=stream)

    def predict(self, carry: Grounded[Stream, Stream], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Stream, Stream], Future]:
        """Deterministic: each step costs one token. An action that is not valid leaves the latent as it is, and a new stretch begins."""
        done, path = actions.valid.any(-1), []
        share = rows_each(len(done), len(carry.now.z), "LeWorldModel.predict")
        z, started = carry.now.z.repeat_interleave(share, 0), carry.now.started.repeat_interleave(share, 0)
        roll = self.transition.roll(carry.now.cache, self._embed_actions(actions), done)
        for joined in done.unbind(1):
            z = torch.where(joined[:, None], self._next(z, roll(self.embed_latent(z))), z)
            path.append(z)
        now = Stream(z=z, started=started, cache=roll.cache())
        return Grounded(seen=carry.seen, now=now), Future(state=Latent(z=torch.stack(path, 1)))

    # -- capabilities ------------------------------------------------------------------------------------------------

    def encode(self, observation: Observation) -> Latent:
        """The latent of each frame on its own, "B T D"."""
        return Latent(z=self._encode(observation, "LeWorldModel.encode"))

    def decode(self, state: State) -> Observation:
        """What the latent looks like to a decoder that never shaped it."""
        if not isinstance(state, Latent):
            raise SpecError(f"LeWorldModel.decode got a {type(state).__name__}, expected the Latent that encode or predict gives.")
        flat = state.z.flatten(0, 1)
        return Observation(rgb={name: eye(flat).unflatten(0, state.z.shape[:2]) for name, eye in self.pictures.items()})

    def state(self, carry: Grounded[Stream, Stream]) -> Latent:
        """The latent that `predict` continues from, "B 1 D"."""
        return Latent(z=carry.now.z[:, None])

    # -- training ----------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> "LeWorldModel":
        """BatchNorm reads and writes batch statistics inside `loss` alone; observing and predicting never do."""
        super().train(mode)
        self._use_batch_statistics(False)
        return self

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """prediction "B", gaussian [] (a batch statistic, mean over the steps with a real row), picture "B"."""
        self._use_batch_statistics(self.training)
        try:
            return self._loss(window, noise)
        finally:
            self._use_batch_statistics(False)

    def _loss(self, window: Window, noise: Noise) -> dict[str, Tensor]:
        stretch, real = window.whole()
        frames, actions = stretch.observation, stretch.actions
        z = self._encode(frames, "LeWorldModel.loss")
        joined = actions.valid.any(-1) & real
        after = actions.narrow("T", 1)
        out, _ = self._transition(z[:, :-1], after, joined[:, 1:], None)
        error = ((out - z[:, 1:]) ** 2).mean(-1)
        prediction = masked_mean(error, joined[:, 1:])
        draws = noise.fork("sigreg").normal(1, self.config.directions, self.config.latent, dtype=z.dtype)[0, 0]
        steps = real.any(0).nonzero().flatten().tolist()  # a step without a real row has no distribution
        gaussian = torch.stack([sigreg(z[real[:, t], t], draws) for t in steps]).mean()
        picture = picture_error(self, z.detach(), frames, real, noise.fork("picture"))
        return {"prediction": prediction, "gaussian": gaussian, "picture": picture}

    def meters(self, window: Window) -> dict[str, float]:
        """Collapse: mean and least standard deviation of the latent's numbers, effective rank; and the error against copying."""
        stretch, real = window.whole()
        frames, actions = stretch.observation, stretch.actions
        z = self._encode(frames, "LeWorldModel.meters")
        flat = z[real]
        centred = flat - flat.mean(0)
        share = torch.linalg.svdvals(centred.float()) ** 2
        share = share / share.sum().clamp_min(1e-12)
        rank = torch.exp(-(share * share.clamp_min(1e-12).log()).sum())
        joined = (actions.valid.any(-1) & real)[:, 1:]
        out, _ = self._transition(z[:, :-1], actions.narrow("T", 1), joined, None)
        error, copying = (((a - z[:, 1:]) ** 2)[joined].mean() for a in (out, z[:, :-1]))
        std = flat.std(0)
        figures = {"latent std": std.mean(), "least latent std": std.min(), "effective rank": rank, "error / copy error": error / copying.clamp_min(1e-12)}
        return {name: float(value.detach()) for name, value in figures.items()}

    def _use_batch_statistics(self, on: bool) -> None:
        for projector in (self.project, self.project_next):
            projector.train(on)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _encode(self, observation: Observation, who: str) -> Float[Tensor, "B T D"]:
        self.spec.observes.require(observation, who)
        features: list[Tensor] = []
        dtype, batch, steps = self.transition.distance.dtype, observation.size("B"), observation.size("T")
        for name, eye in self.eyes.items():
            picture = to_float((observation.rgb or {})[name], dtype).flatten(0, 1)
            features.append(eye(picture if self.config.points else picture - 0.5))
        if self.body is not None and self.normalise_proprio is not None and observation.proprio is not None:
            features.append(self.body(self.normalise_proprio(observation.proprio).flatten(0, 1)))
        z: Tensor = self.project(torch.cat(features, -1)).to(dtype)
        return z.view(batch, steps, -1)

    def _embed_actions(self, actions: Actions) -> Float[Tensor, "B T E"]:
        low_level = self.spec.consumes.low_level_of(actions, "LeWorldModel")
        scaled = self.normalise_action(low_level) * actions.valid[..., None]
        embedded: Tensor = self.embed_action(scaled.flatten(2))
        return embedded

    def _transition(self, z: Tensor, after: Actions, joined: Tensor, cache: Cache | None) -> tuple[Tensor, Cache | None]:
        """Predicted next latent of each token (z_t, action t+1), "B T D"."""
        out, cache = self.transition(self.embed_latent(z), self._embed_actions(after), joined, cache)
        return self._next(z.flatten(0, 1), out.flatten(0, 1)).view(z.shape), cache

    def _next(self, z: Float[Tensor, "N D"], out: Float[Tensor, "N E"]) -> Float[Tensor, "N D"]:
        """The latent that follows z, from the transition's output."""
        guess: Tensor = self.project_next(out).to(z.dtype)
        return z + guess if self.config.residual else guess


def _eye(config: LeWMConfig, size: int) -> nn.Module:
    """ "N 3 s s" -> "N hidden": places want pixels in 0 .. 1, convolutions around zero."""
    if config.points:
        return KeypointEncoder(3, config.hidden, width=config.width, points=config.points)
    return ConvEncoder(3, size, config.width, config.hidden)
