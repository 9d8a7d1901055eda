"""DINO-WM: a predictor over the patch features of a frozen encoder.

Source: DINO-WM (arXiv 2411.04983). The state of an instant is the P patch tokens of all cameras; a transformer that is causal
by frame predicts the next frame's tokens from the last ones and the actions; loss = their squared error, features fixed.
The encoder is a plain vision transformer by name (`nets.perceive.pretrained`), or a small one that first learns by filling in hidden
parts of the same data's pictures, without actions (`pretrain`). `pooled` replaces the tokens by their mean: the paper's
comparison of patches against one global vector. A decoder is trained on the features, for looking only.

Features are standardised per place and channel (`standardise`), with moments over the training data that must be taken before
the predictor learns: what never changes then counts for nothing, in the loss and in distances to a goal.

Frame t is (tokens_t, action t+1) and predicts tokens_t+1, as a change. Frames whose action is not valid start a new segment.
Knows: any number of cameras.   Does not know: proprioception, goals, rewards, how it will be planned with.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.models.state_space.latent.looking import picture_error
from wam.models.state_space.latent.rows import rows_each
from wam.nets.blocks.frame_transformer import FrameCache, FrameRolling, FrameTransformer
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.normalise import Normalise
from wam.nets.blocks.reduce import masked_mean
from wam.nets.perceive.emphasis import looked_at
from wam.nets.perceive.patches import ConvPatchEncoder, MaskedReconstruction, PatchEncoder
from wam.nets.perceive.pretrained import PretrainedPatchEncoder
from wam.nets.perceive.standardise import Standardise
from wam.world import (
    Actions,
    ActionSpec,
    Camera,
    Decodes,
    Encodes,
    Exposes,
    Future,
    FutureSpec,
    Grounded,
    Latent,
    LatentSpec,
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
class DinoWMConfig:
    """Sizes. Defaults are `tiny`."""

    pretrained: str = ""  # plain vision transformer by name or folder; "" = a small encoder that learns from the data itself
    vision: str = ""  # what a trained run keeps of that model, to be built again without its files: `PretrainedPatchEncoder.about`
    patch: int = 16  # px, of the small encoder
    features: int = 64  # D, numbers per token, of the small encoder
    channels: int = 32  # of the small encoder's first layer
    hidden_share: float = 0.5  # of the picture, while the small encoder learns
    hidden_cell: int = 4  # px, side of the cells that are hidden, smaller than the things that matter
    pooled: bool = False  # one global vector, the mean of the tokens, instead of the tokens
    dim: int = 128  # of the transition
    depth: int = 3
    heads: int = 4
    band: int = 3  # frames that a frame sees, itself included


@record
class Frame(Record):
    """The current frame's tokens, not yet part of the history since their action is unknown, and the frames before."""

    z: Float[Tensor, "B P D"]
    started: Bool[Tensor, "B"]
    cache: FrameCache


class MaskedFrames(nn.Module):
    """Pretraining of small encoders: hidden parts of each camera's frames, no actions.

    What differs from the mean of its window's frames is looked at more closely: what moves is small.
    """

    def __init__(self, encoders: dict[str, ConvPatchEncoder], hidden: float, cell: int):
        super().__init__()
        self.cameras = nn.ModuleDict({name: MaskedReconstruction(encoder, hidden, cell) for name, encoder in encoders.items()})

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """masked "B": of one frame per window, drawn by chance."""
        stretch, real = window.whole()
        frame = noise.fork("frame").integers(1, real.shape[1])[:, 0]
        errors = []
        for name, task in self.cameras.items():
            assert isinstance(task, MaskedReconstruction) and stretch.observation.rgb is not None
            frames = to_float(stretch.observation.rgb[name], next(task.parameters()).dtype)
            errors.append(task.loss(*looked_at(frames, real, frame), noise.fork(name)))
        return {"masked": torch.stack(errors).mean(0) * real.gather(1, frame[:, None])[:, 0]}


class DinoWorldModel(nn.Module, Encodes, Decodes, Exposes[Grounded]):
    """See the module's docstring. `statistics` normalise actions inside."""

    def __init__(self, config: DinoWMConfig, observes: ObservationSpec, acts: ActionSpec, statistics: Statistics, rate: float):
        super().__init__()
        statistics.require(acts)
        if statistics.action is None or not observes.cameras:
            raise SpecError(f"DinoWorldModel needs cameras and moments of the actions, got cameras {sorted(observes.cameras)} and {statistics.action}.")
        self.config = config
        encoders = {name: encoder_for(config, camera) for name, camera in observes.cameras.items()}
        own = {name: encoder for name, encoder in encoders.items() if isinstance(encoder, ConvPatchEncoder)}
        self.encoders = nn.ModuleDict(encoders)
        self.pretrain = MaskedFrames(own, config.hidden_share, config.hidden_cell) if own else None
        self.counts = [1 if config.pooled else encoder.grid[0] * encoder.grid[1] for encoder in encoders.values()]
        tokens, width = sum(self.counts), next(iter(encoders.values())).width
        self.spec = WorldModelSpec(
            observes=observes,
            predicts=FutureSpec(state=LatentSpec(shape=(tokens, width))),
            consumes=acts,
            context=(1, config.depth * (config.band - 1) + 1),
            rate=rate,
            shares_context=True,
        )
        self.standardise = Standardise(tokens, width)
        self.normalise_action = Normalise(statistics.action.mean, statistics.action.std)
        self.embed_action = mlp(acts.per_step * len(acts.low_level), config.dim, config.dim)
        self.embed = nn.Linear(width, config.dim)
        self.place = nn.Parameter(torch.randn(tokens, config.dim) * 0.02)
        self.transition = FrameTransformer(config.dim, config.depth, config.heads, config.band, tokens)
        self.change = nn.Linear(config.dim, width)
        nn.init.zeros_(self.change.weight)  # an untrained model says that nothing changes
        nn.init.zeros_(self.change.bias)
        self.pictures = nn.ModuleDict(
            {name: TokenDecoder(width, camera, (1, 1) if config.pooled else encoders[name].grid) for name, camera in observes.cameras.items()}
        )

    # -- world model -------------------------------------------------------------------------------------------------

    def begin(self, batch: int, task: Task) -> Grounded[Frame, Frame]:
        """Nothing seen; the task is not read."""
        blank = self.place.new_zeros(batch, len(self.place), self.change.out_features)
        frame = Frame(z=blank, started=torch.zeros(batch, dtype=torch.bool, device=blank.device), cache=self.transition.empty(batch))
        return Grounded(seen=frame, now=frame)

    def observe(self, carry: Grounded[Frame, Frame], since: Past, *, noise: Noise | None = None) -> Grounded[Frame, Frame]:
        """Encode the frames; those with their action become history."""
        self.spec.observes.require(since.observation, "DinoWorldModel.observe")
        seen, z = carry.seen, self._encode(since.observation)
        done = since.actions.valid.any(-1)
        done = torch.cat([done[:, :1] & seen.started[:, None], done[:, 1:]], 1)
        before = torch.cat([seen.z[:, None], z[:, :-1]], 1)
        _, cache = self.transition(self._enter(before), self._embed_actions(since.actions), done, seen.cache)
        frame = Frame(z=z[:, -1], started=torch.ones_like(seen.started), cache=cache)
        return Grounded(seen=frame, now=frame)

    def predict(self, carry: Grounded[Frame, Frame], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Frame, Frame], Future]:
        """Deterministic. An action that is not valid leaves the tokens as they are, and a new stretch begins."""
        done = actions.valid.any(-1)
        share = rows_each(len(done), len(carry.now.z), "DinoWorldModel.predict")
        z, started = carry.now.z.repeat_interleave(share, 0), carry.now.started.repeat_interleave(share, 0)
        roll, path = self.transition.roll(carry.now.cache, self._embed_actions(actions), done), []
        for joined in done.unbind(1):
            z = torch.where(joined[:, None, None], self._next(z, roll), z)
            path.append(z)
        now = Frame(z=z, started=started, cache=roll.cache())
        return Grounded(seen=carry.seen, now=now), Future(state=Latent(z=torch.stack(path, 1)))

    # -- capabilities ------------------------------------------------------------------------------------------------

    def encode(self, observation: Observation) -> Latent:
        """The tokens of each frame on its own, "B T P D"."""
        self.spec.observes.require(observation, "DinoWorldModel.encode")
        return Latent(z=self._encode(observation))

    def decode(self, state: State) -> Observation:
        """What the tokens look like to a decoder that never shaped them. SpecError for other states."""
        if not isinstance(state, Latent):
            raise SpecError(f"DinoWorldModel.decode takes a Latent, got {type(state).__name__}: states of another kind of model have no picture here.")
        parts = state.z.flatten(0, 1).split(self.counts, 1)
        shown = {name: decoder(part).unflatten(0, state.z.shape[:2]) for (name, decoder), part in zip(self.pictures.items(), parts, strict=True)}
        return Observation(rgb=shown)

    def state(self, carry: Grounded[Frame, Frame]) -> Latent:
        """The tokens that `predict` continues from, "B 1 P D"."""
        return Latent(z=carry.now.z[:, None])

    # -- training ----------------------------------------------------------------------------------------------------

    def features(self, observation: Observation) -> Latent:
        """The encoder's tokens, layer-normalised, before they are standardised: what `standardise.fit` takes."""
        assert observation.rgb is not None  # `require` has seen to it
        batch, found = observation.size("B"), []
        for name, encoder in self.encoders.items():
            tokens = F.layer_norm(encoder(to_float(observation.rgb[name], self.place.dtype).flatten(0, 1)), (self.change.out_features,))
            found.append(tokens.mean(1, keepdim=True) if self.config.pooled else tokens)
        return Latent(z=torch.cat(found, 1).to(self.place.dtype).unflatten(0, (batch, -1)))

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """prediction "B": of all frames after the first, open loop, as it is used; picture "B".

        The encoder learns nothing here: windows may bring what `encode` gives as their observation's state.
        """
        stretch, real = window.whole()
        with torch.no_grad():
            kept = stretch.observation.state
            z = kept.z.to(self.place.dtype) if isinstance(kept, Latent) else self._encode(stretch.observation)
        joined = (stretch.actions.valid.any(-1) & real)[:, 1:]
        roll, now, errors = self.transition.roll(self.transition.empty(len(z)), self._embed_actions(stretch.actions.narrow("T", 1)), joined), z[:, 0], []
        for step, true in zip(joined.unbind(1), z[:, 1:].unbind(1), strict=True):
            now = torch.where(step[:, None, None], self._next(now, roll), true)  # what is not joined starts from what is seen
            errors.append(((now - true) ** 2).mean((-1, -2)))
        picture = picture_error(self, z, stretch.observation, real, noise.fork("picture"))
        return {"prediction": masked_mean(torch.stack(errors, 1), joined), "picture": picture}

    # -- inside ------------------------------------------------------------------------------------------------------

    def _encode(self, observation: Observation) -> Float[Tensor, "B T P D"]:
        z: Tensor = self.standardise(self.features(observation).z)
        return z

    def _embed_actions(self, actions: Actions) -> Float[Tensor, "B T E"]:
        low_level = self.spec.consumes.low_level_of(actions, "DinoWorldModel")
        embedded: Tensor = self.embed_action((self.normalise_action(low_level) * actions.valid[..., None]).flatten(2))
        return embedded

    def _enter(self, z: Float[Tensor, "... P D"]) -> Float[Tensor, "... P E"]:
        """Tokens as the transition takes them: each knows its place."""
        entered: Tensor = self.embed(z) + self.place
        return entered

    def _next(self, z: Float[Tensor, "N P D"], roll: FrameRolling) -> Float[Tensor, "N P D"]:
        """The tokens that follow z, which joins the history."""
        following: Tensor = z + self.change(roll(self._enter(z))).to(z.dtype)
        return following


class TokenDecoder(nn.Module):
    """Each token to the pixels of its part of the picture, "N P D" -> "N 3 h w" in (0, 1)."""

    def __init__(self, width: int, camera: Camera, grid: tuple[int, int]):
        super().__init__()
        self.size, self.part = (camera.height, camera.width), (-(-camera.height // grid[0]), -(-camera.width // grid[1]))
        self.drawn = (grid[0] * self.part[0], grid[1] * self.part[1])  # px; more than the picture where the grid does not divide it
        self.body = mlp(width, 256, 3 * self.part[0] * self.part[1])

    def forward(self, tokens: Float[Tensor, "N P D"]) -> Float[Tensor, "N 3 h w"]:
        shown: Tensor = F.fold(torch.sigmoid(self.body(tokens)).transpose(1, 2), self.drawn, self.part, stride=self.part)
        return shown if self.drawn == self.size else F.interpolate(shown, self.size, mode="bilinear", antialias=True, align_corners=False)


def encoder_for(config: DinoWMConfig, camera: Camera) -> PatchEncoder:
    """As configured, for pictures of one camera."""
    if config.pretrained:
        return PretrainedPatchEncoder(config.pretrained, size=max(camera.height, camera.width), about=config.vision)
    return ConvPatchEncoder(camera.height, camera.width, patch=config.patch, dim=config.features, channels=config.channels)
