"""TD-MPC2: a latent learned from what it is good for: the next latent, the reward, and the return still to come.

Source: TD-MPC2 (arXiv 2310.16828). From one encoded frame the latent is rolled H steps with the recorded actions; losses,
weighted by rho^h: its distance from the encoding of what came (no gradient there), the reward and the value as two-hot
distributions. The value's target is r + discount * the lower of two slowly following heads at the policy's next action. A
policy prior maximises the value on these latents and proposes action sequences to the planner. SimNorm bounds the latent.

Reads any cameras and proprioception; proprioception with limits is scaled to -1..1, actions always.
Does not know: goals and instructions (a reward says what is wanted), how it is planned with, where its data comes from.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.nets.blocks.conv import ConvEncoder
from wam.nets.blocks.normalise import Normalise
from wam.nets.blocks.normed import Ensemble, normed_mlp
from wam.nets.blocks.simnorm import SimNorm
from wam.nets.blocks.two_hot import TwoHot
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.world import (
    Actions,
    ActionSpec,
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
    Proposes,
    Record,
    Slot,
    SpecError,
    Task,
    Values,
    Window,
    WorldModelSpec,
    record,
    to_float,
)
from wam.world.records import State


@dataclass(frozen=True)
class TDMPC2Config:
    """Sizes and constants. Defaults are `tiny`."""

    latent: int = 64  # D
    hidden: int = 128
    width: int = 16  # channels of the first convolution, where there are cameras
    points: int = 24  # places that the encoder reads pictures as; 0: convolutions down to 4 x 4 instead
    alike: bool = False  # cameras of one size show the same things: one eye reads each on its own; else they are channels of one picture
    heads: int = 2  # value functions; at least 2
    bins: int = 51
    largest: float = 10.0  # end of the bins, on the symmetric logarithmic scale
    group: int = 8  # numbers that sum to one in SimNorm; 0 = no SimNorm
    unit: float = 1.0  # of the world's rewards: what counts as one inside
    discount: float = 0.99  # of a reward one step later
    fading: float = 0.5  # rho, weight of a step relative to the one before
    following: float = 0.02  # tau, share by which the target heads follow per step
    entropy: float = 1e-4  # weight of the policy's entropy


@record
class Code(Record):
    """The latent of an instant."""

    z: Float[Tensor, "B D"]


class TDMPC2(nn.Module, Encodes, Exposes[Grounded], Proposes[Grounded], Values):
    """See the module's docstring."""

    def __init__(self, config: TDMPC2Config, observes: ObservationSpec, acts: ActionSpec, rate: float):
        super().__init__()
        if not observes.cameras and not observes.proprio:
            raise SpecError("TDMPC2 sees nothing: the data has neither cameras nor proprioception. Record one of them.")
        self.config, self.discount = config, config.discount
        latent, hidden = config.latent, config.hidden
        self.spec = WorldModelSpec(observes=observes, predicts=FutureSpec(state=LatentSpec(shape=(latent,)), reward=True), consumes=acts, rate=rate)
        self.units = scaled(acts.low_level, "action")
        last = SimNorm(config.group) if config.group else nn.Identity()
        size = acts.per_step * len(acts.low_level)
        self.encoder = FrameEncoder(config, observes, last)
        self.dynamics = normed_mlp(latent + size, hidden, latent, 2, last)
        self.reward = normed_mlp(latent + size, hidden, config.bins)
        self.policy = normed_mlp(latent, hidden, 2 * size)
        self.value_heads = Ensemble(config.heads, latent + size, hidden, config.bins)
        self.target_heads = Ensemble(config.heads, latent + size, hidden, config.bins).requires_grad_(False)
        self.target_heads.load_state_dict(self.value_heads.state_dict())
        self.two_hot = TwoHot(-config.largest, config.largest, config.bins)
        self.register_buffer("scale", torch.ones(()))  # range of values, 5th to 95th percentile, slowly following
        self.scale: Tensor
        output = self.reward[-1]
        assert isinstance(output, nn.Linear)
        nn.init.zeros_(output.weight)

    # -- world model -------------------------------------------------------------------------------------------------

    def begin(self, batch: int, task: Task) -> Grounded[Code, Code]:
        """Nothing seen; the task is not read."""
        code = Code(z=self.scale.new_zeros(batch, self.config.latent))
        return Grounded(seen=code, now=code)

    def observe(self, carry: Grounded[Code, Code], since: Past, *, noise: Noise | None = None) -> Grounded[Code, Code]:
        """The last frame is all that counts."""
        code = Code(z=self._encode(since.observation.narrow("T", -1), "observe")[:, 0])
        return Grounded(seen=code, now=code)

    def predict(self, carry: Grounded[Code, Code], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Code, Code], Future]:
        """Deterministic. An action that is not valid leaves the latent as it is and is given no reward."""
        z, done, units = carry.now.z, actions.valid.any(-1), self._units(actions)
        before, path = [], []
        for joined, step in zip(done.unbind(1), units.unbind(1), strict=True):
            before.append(z)
            z = torch.where(joined[:, None], self.dynamics(torch.cat([z, step], -1)), z)
            path.append(z)
        reward = self.two_hot.decode(self.reward(torch.cat([torch.stack(before, 1), units], -1))) * self.config.unit * done
        return Grounded(seen=carry.seen, now=Code(z=z)), Future(state=Latent(z=torch.stack(path, 1)), reward=reward)

    # -- capabilities ------------------------------------------------------------------------------------------------

    def encode(self, observation: Observation) -> Latent:
        """The latent of each frame on its own, "B T D"."""
        return Latent(z=self._encode(observation, "encode"))

    def state(self, carry: Grounded[Code, Code]) -> Latent:
        """The latent that `predict` continues from, "B 1 D"."""
        return Latent(z=carry.now.z[:, None])

    def value(self, state: State) -> Float[Tensor, "B T"]:
        """Of the policy's most likely action, the least that any head says: a plan must not rest on one head's error. SpecError for other states."""
        if not isinstance(state, Latent):
            raise SpecError(f"TDMPC2.value takes a Latent, got {type(state).__name__}: states of another kind of model have no value here.")
        action, _ = self._act(state.z, None)
        return self._values(self.value_heads, state.z, action).amin(0) * self.config.unit

    def propose(self, carry: Grounded[Code, Code], count: int, horizon: int, *, noise: Noise) -> Float[Tensor, "B S H R A"]:
        """What the policy would do: its most likely actions first, then samples."""
        chance = noise.fork("policy").normal(horizon, count, self.units.mean.numel() * self.spec.consumes.per_step)
        chance[:, :, 0] = 0
        z, found = carry.now.z[:, None].expand(-1, count, -1), []
        for eps in chance.unbind(1):
            action, _ = self._act(z, eps)
            z = self.dynamics(torch.cat([z, action], -1))
            found.append(action)
        units = torch.stack(found, 2).unflatten(-1, (self.spec.consumes.per_step, -1))
        physical: Tensor = units * self.units.std + self.units.mean
        return physical

    # -- training ----------------------------------------------------------------------------------------------------

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """consistency, reward, value, policy: "B" each. SpecError for windows without rewards."""
        if window.future.reward is None:
            raise SpecError("TDMPC2 learns from rewards, and these windows have none. Record a world that gives rewards.")
        if self.training:
            self._follow()
        stretch, _ = window.whole()
        frames = stretch.observation.narrow("T", window.past.actions.valid.shape[1] - 1, None)
        units = self._units(window.actions)
        with torch.no_grad():
            came = self._encode(frames.narrow("T", 1, None), "loss")
            target = self._target(came, window, noise)
        z, path = self._encode(frames.narrow("T", 0, 1), "loss")[:, 0], []
        for step in units.unbind(1):
            path.append(z)
            z = self.dynamics(torch.cat([z, step], -1))
        rolled = torch.stack(path, 1)
        both = torch.cat([rolled, units], -1)
        away = (torch.cat([rolled[:, 1:], z[:, None]], 1) - came).square().mean(-1)
        worth = self.two_hot.loss(self.value_heads(both.flatten(0, 1)).unflatten(1, both.shape[:2]), target).mean(0)
        weights = self._weights(window)
        return {
            "consistency": (away * weights).sum(1),
            "reward": (self.two_hot.loss(self.reward(both), window.future.reward / self.config.unit) * weights).sum(1),
            "value": (worth * weights).sum(1),
            "policy": (self._policy_loss(rolled.detach(), noise.fork("policy")) * weights).sum(1),
        }

    def _target(self, came: Float[Tensor, "B H D"], window: Window, noise: Noise) -> Float[Tensor, "B H"]:
        """What the value after each action should have been."""
        assert window.future.reward is not None
        chance = noise.fork("target")
        action, _ = self._act(came, chance.normal(*came.shape[1:2], self._width))
        later = two_of(self._values(self.target_heads, came, action), chance).amin(0)
        going = 1.0 if window.future.alive is None else window.future.alive
        return window.future.reward / self.config.unit + self.discount * going * later

    def _policy_loss(self, z: Float[Tensor, "B H D"], noise: Noise) -> Float[Tensor, "B H"]:
        """Act where the value is high, and do not settle too early. The value functions learn nothing here."""
        action, entropy = self._act(z, noise.normal(z.shape[1], self._width))
        value = two_of(self._values(self.value_heads, z, action, frozen=True), noise).mean(0)
        if self.training:
            ends = value.detach()[:, 0].quantile(value.new_tensor([0.05, 0.95]))
            self.scale.lerp_((ends[1] - ends[0]).clamp(min=1.0), self.config.following)
        return -(value / self.scale + self.config.entropy * entropy)

    @torch.no_grad()
    def _follow(self) -> None:
        """The target heads after the step before."""
        torch._foreach_lerp_(list(self.target_heads.parameters()), list(self.value_heads.parameters()), self.config.following)

    def _weights(self, window: Window) -> Float[Tensor, "B H"]:
        """rho^h over H where something was done."""
        real = window.valid & window.actions.valid.any(-1)
        return self.config.fading ** torch.arange(real.shape[1], device=real.device) * real / real.shape[1]

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        """Numbers of one step's actions."""
        return self.spec.consumes.per_step * len(self.spec.consumes.low_level)

    def _encode(self, observation: Observation, who: str) -> Float[Tensor, "B T D"]:
        code: Tensor = self.encoder(self.spec.observes.require(observation, f"TDMPC2.{who}"))
        return code

    def _units(self, actions: Actions) -> Float[Tensor, "B H U"]:
        """Actions in -1..1, those of a step side by side."""
        low_level = self.spec.consumes.low_level_of(actions, "TDMPC2")
        units: Tensor = (self.units(low_level) * actions.valid[..., None]).flatten(2)
        return units

    def _act(self, z: Float[Tensor, "... D"], eps: Float[Tensor, "... U"] | None) -> tuple[Float[Tensor, "... U"], Float[Tensor, "..."]]:
        """The policy's actions in -1..1, most likely ones without `eps`, and the entropy that they show, nats."""
        mean, spread = self.policy(z).chunk(2, -1)
        log_std = -10 + 6 * (spread.tanh() + 1)  # -10 .. 2
        eps = torch.zeros_like(mean) if eps is None else eps
        action = (mean + eps * log_std.exp()).tanh()
        density = -0.5 * eps.square() - log_std - 0.5 * math.log(2 * math.pi) - (1 - action.square() + 1e-6).log()
        return action, -density.sum(-1)

    def _values(self, heads: Ensemble, z: Float[Tensor, "B T D"], action: Float[Tensor, "B T U"], *, frozen: bool = False) -> Float[Tensor, "K B T"]:
        both = torch.cat([z, action], -1)
        logits = heads(both.flatten(0, 1), frozen=frozen)
        values: Tensor = self.two_hot.decode(logits).unflatten(1, both.shape[:2])
        return values


class FrameEncoder(nn.Module):
    """Each frame on its own, "B T ..." -> "B T D": pictures of one size stacked, or one eye for each of them; proprioception scaled by its limits."""

    def __init__(self, config: TDMPC2Config, observes: ObservationSpec, last: nn.Module):
        super().__init__()
        sizes = {(camera.height, camera.width) for camera in observes.cameras.values()}
        self.groups = [[name for name, camera in observes.cameras.items() if (camera.height, camera.width) == size] for size in sorted(sizes)]
        self.once = [1 if config.alike else len(names) for names in self.groups]  # pictures that an eye reads at once
        self.eyes = nn.ModuleList(_eye(config, 3 * once, *size) for once, size in zip(self.once, sorted(sizes), strict=True))
        self.felt = scaled(observes.proprio, "") if observes.proprio else None
        looks = sum(len(names) // once for names, once in zip(self.groups, self.once, strict=True))
        self.body = normed_mlp(config.hidden * looks + len(observes.proprio), config.hidden, config.latent, 1, last)

    def forward(self, observation: Observation) -> Float[Tensor, "B T D"]:
        parts, rgb = [], observation.rgb or {}
        for names, once, eye in zip(self.groups, self.once, self.eyes, strict=True):
            pictures = to_float(torch.cat([rgb[name] for name in names], 2), next(eye.parameters()).dtype)
            apart = pictures.unflatten(2, (len(names) // once, 3 * once))
            parts.append(eye(apart.flatten(0, 2)).unflatten(0, apart.shape[:3]).flatten(2))
        if self.felt is not None:
            parts.append(self.felt(observation.proprio))
        code: Tensor = self.body(torch.cat(parts, -1))
        return code


def _eye(config: TDMPC2Config, channels: int, height: int, width: int) -> nn.Module:
    """ "N channels h w" -> "N hidden". SpecError for pictures that convolutions (`points` = 0) would need square."""
    if config.points:
        return KeypointEncoder(channels, config.hidden, width=config.width, points=config.points)
    if height != width:
        raise SpecError(f"TDMPC2 with points=0 takes square pictures, got {height} x {width} px. Set `size` when recording, or read places (points=24).")
    return ConvEncoder(channels, height, config.width, config.hidden)


def two_of(values: Float[Tensor, "K B T"], noise: Noise) -> Float[Tensor, "2 B T"]:
    """Two different heads for each row, drawn by chance."""
    chosen = noise.fork("heads").uniform(1, len(values))[:, 0].argsort(-1)[:, :2]
    return values.take_along_dim(chosen.T[:, :, None], 0)


def scaled(slots: tuple[Slot, ...], what: str) -> Normalise:
    """Limits become -1 and 1; slots without limits stay as they are. SpecError for those of `what`, where it is named."""
    finite = [math.isfinite(slot.low) and math.isfinite(slot.high) and slot.high > slot.low for slot in slots]
    if what and (endless := [slot.name for slot, ok in zip(slots, finite, strict=True) if not ok]):
        raise SpecError(f"the {what} slots {endless} have no limits, and TDMPC2 acts within limits. Give Slot(low=..., high=...).")
    middle = [(slot.low + slot.high) / 2 if ok else 0.0 for slot, ok in zip(slots, finite, strict=True)]
    half = [(slot.high - slot.low) / 2 if ok else 1.0 for slot, ok in zip(slots, finite, strict=True)]
    return Normalise(middle, half)
