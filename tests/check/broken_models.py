"""World models that are each wrong in one way, and the names of the checks that must say so."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace

import torch
from jaxtyping import Int
from torch import Tensor

from tests.check.checkable_models import (
    LIMIT,
    RING,
    ChunkModel,
    Frames,
    InverseModel,
    Ring,
    RingModel,
    StochasticModel,
    SymbolicModel,
    WindowModel,
    WorthyModel,
)
from wam.check import samples
from wam.world import Future, FutureSpec, Grounded, Latent, LatentSpec, Observation, Record, SpecError, concatenate, record, to_float

Broken = list[tuple[type, set[str]]]


def marker() -> tuple[Broken, Callable[..., Callable[[type], type]]]:
    """A list of broken classes, and a decorator that notes which checks must fail for one: these and no others."""
    broken: Broken = []

    def caught_by(*checks: str) -> Callable[[type], type]:
        def note(cls: type) -> type:
            broken.append((cls, set(checks)))
            return cls

        return note

    return broken, caught_by


BROKEN_MODELS, caught_by = marker()


# -- rows --------------------------------------------------------------------------------------------------------------------------


@caught_by("rows_do_not_mix")
class LeaksAcrossRows(WindowModel):
    def step(self, frames, action):
        return super().step(frames, action - 0.1 * action.mean(0))


@caught_by("rows_do_not_mix", "rows_can_be_permuted", "rows_can_restart")
class FirstRowForAll(RingModel):
    def attend(self, token, clock, *rings):
        return super().attend(token, clock, *(dataclasses.replace(ring, value=ring.value[:1].expand_as(ring.value)) for ring in rings))


@caught_by("rows_can_be_permuted", "rows_can_be_tiled")
class KnowsItsPlaceInTheBatch(RingModel):
    def write(self, ring, token, clock):
        return super().write(ring, token + 0.1 * torch.arange(len(token), device=token.device)[:, None], clock)


@caught_by("rows_can_be_tiled")
class DividesByTheBatch(WindowModel):
    def step(self, frames, action):
        return super().step(frames, action / len(action))


# -- noise -------------------------------------------------------------------------------------------------------------------------


@caught_by("noise_matters_as_declared")
class IgnoresNoise(StochasticModel):
    def draw(self, noise, h, steps):
        return super().draw(None, h, steps)


@caught_by("noise_matters_as_declared")
class SamplesUndeclared(StochasticModel):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, stochastic=False)


@caught_by("deterministic_without_noise")
class SamplesWithoutNoise(StochasticModel):
    def draw(self, noise, h, steps):
        return torch.randn(len(h), steps, 8).to(h) if noise is None else super().draw(noise, h, steps)


@caught_by("chained_calls_equal_one_call", "pieces_equal_one_observation")
class RestartsItsNoise(StochasticModel):
    def draw(self, noise, h, steps):
        return super().draw(noise, h, steps) if noise is None or steps != 1 else super().draw(dataclasses.replace(noise, step=0 * noise.step), h, 1)


# -- time --------------------------------------------------------------------------------------------------------------------------


@caught_by("actions_act_from_their_step_on", "chained_calls_equal_one_call", "gradients_reach_the_actions")
class IgnoresOneAction(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        keep = torch.arange(actions.size("T"), device=actions.device) != 0
        low_level = torch.where(keep[:, None, None], actions.low_level, 0.3 * LIMIT) if len(keep) > 1 else actions.low_level
        return super().predict(carry, dataclasses.replace(actions, low_level=low_level), noise=noise)


@caught_by("actions_act_from_their_step_on", "every_action_part_matters", "actions_are_well_scaled", "gradients_reach_the_actions", "losses_use_the_actions")
class IgnoresActions(WindowModel):
    def step(self, frames, action):
        return super().step(frames, torch.zeros_like(action))


@caught_by("actions_act_from_their_step_on", "chained_calls_equal_one_call", "gradients_reach_the_actions")
class OneStepLate(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        nothing = samples.invalid_at(actions.narrow("T", 0, 1), 0)
        return super().predict(carry, concatenate([nothing, actions.narrow("T", 0, -1)], "T"), noise=noise)


@caught_by("actions_act_from_their_step_on", "chained_calls_equal_one_call")
class LooksAhead(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        done = torch.where(actions.valid[..., None], actions.low_level, 0)
        return super().predict(carry, dataclasses.replace(actions, low_level=done + 0.5 * done.roll(-1, 1)), noise=noise)


@caught_by("future_fits_the_spec")
class WrongTimeAxis(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        return carry, Future(state=Latent(z=future.state.z.transpose(0, 1)), reward=future.reward.T)


@caught_by("chained_calls_equal_one_call", "exposed_state_is_where_prediction_ended")
class ForgetsWhereItStopped(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        _, future = super().predict(carry, actions, noise=noise)
        return carry, future


@caught_by("observing_forgets_predictions")
class ImaginationLeaksIntoMemory(WindowModel):
    def observe(self, carry, since, *, noise=None):
        mixed = Frames(z=torch.cat([carry.seen.z[:, :2], carry.now.z[:, 2:]], 1), count=carry.seen.count)
        return super().observe(Grounded(seen=mixed, now=carry.now), since, noise=noise)


@caught_by("pieces_equal_one_observation")
class WrongRing(RingModel):
    """More frames at once than the ring is long end up one place further on."""

    def observe(self, carry, since, *, noise=None):
        carry = super().observe(carry, since, noise=noise)
        ring = carry.seen.ring
        turned = dataclasses.replace(ring, key=ring.key.roll(1, 1), value=ring.value.roll(1, 1))
        return carry if since.actions.size("T") <= RING else dataclasses.replace(carry, seen=dataclasses.replace(carry.seen, ring=turned))


@caught_by("pieces_equal_one_observation")
class WrongBand(RingModel):
    """One frame at a time sees one token less."""

    def observe(self, carry, since, *, noise=None):
        if since.actions.size("T") > 1:
            return super().observe(carry, since, noise=noise)
        ring = carry.seen.ring
        oldest = ring.clock <= carry.seen.clock[:, None] - RING + 1
        cut = dataclasses.replace(carry.seen, ring=dataclasses.replace(ring, clock=torch.where(oldest, -1, ring.clock)))
        return super().observe(Grounded(seen=cut, now=carry.now), since, noise=noise)


@caught_by("rows_can_restart")
class SharedClock(RingModel):
    """What one row has written counts as written in all."""

    def attend(self, token, clock, *rings):
        return super().attend(token, clock, *(dataclasses.replace(ring, clock=ring.clock.amax(0).expand_as(ring.clock)) for ring in rings))


@caught_by("shortest_context_is_enough")
class DividesByNothing(WindowModel):
    def step(self, frames, action):
        spread = frames.z[:, :, :1] * 0 + (frames.count > 1)[:, None, None]
        return super().step(dataclasses.replace(frames, z=frames.z / spread), action)


# -- the spec ------------------------------------------------------------------------------------------------------------------------


@caught_by("spec_survives_json")
class SpecWithATensor(WindowModel):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, rate=torch.tensor(10.0))


@caught_by("spec_survives_json")
class SpecWithAList(WindowModel):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, context=[1, 3])


@caught_by("spec_survives_json")
class NoSpecAtAll(WindowModel):
    def __init__(self):
        super().__init__()
        self.spec = SimpleNamespace(chunk=1)


@caught_by("future_fits_the_spec")
class ExtraPart(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        return carry, dataclasses.replace(future, alive=torch.sigmoid(future.reward))


@caught_by("future_fits_the_spec")
class ExtraPartOfAnObservation(StochasticModel):
    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        frames = future.alive[..., None, None, None].expand(*future.alive.shape, 3, 4, 4)
        return carry, dataclasses.replace(future, observation=dataclasses.replace(future.observation, rgb={"top": frames}))


@caught_by("future_fits_the_spec")
class MissingPart(ChunkModel):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(observation=self.spec.predicts.observation, reward=True))


@caught_by("future_fits_the_spec")
class WrongSize(WindowModel):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=LatentSpec(shape=(7,)), reward=True))


@caught_by("only_chunks_are_accepted")
class AcceptsHalfChunks(ChunkModel):
    def predict(self, carry, actions, *, noise=None):
        return super().predict(carry, actions.narrow("T", 0, actions.size("T") // 2 * 2), noise=noise)


@caught_by("only_chunks_are_accepted")
class FailsDeepInside(ChunkModel):
    def predict(self, carry, actions, *, noise=None):
        try:
            return super().predict(carry, actions, noise=noise)
        except SpecError:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied") from None


# -- the carry -------------------------------------------------------------------------------------------------------------------------


@caught_by("calls_return_records")
class TupleCarry(WindowModel):
    def begin(self, batch, task):
        return (super().begin(batch, task),)


@caught_by("carry_keeps_one_structure", "rows_can_restart")
class GrowingCarry(WindowModel):
    def append(self, frames, z):
        return Frames(z=torch.cat([frames.z, z], 1), count=(frames.count + z.shape[1]).clamp(max=3))

    def step(self, frames, action):
        return self.append(frames, super().step(Frames(z=frames.z[:, -3:], count=frames.count), action).z[:, -1:])


@record
class Clocked(Record):
    inner: Grounded
    clock: Int[Tensor, "one"]


@caught_by("carry_keeps_one_structure")
class OneClockForAllRows(ChunkModel):
    def begin(self, batch, task):
        return Clocked(inner=super().begin(batch, task), clock=torch.zeros(1, dtype=torch.int64, device=self.net.weight.device))

    def observe(self, carry, since, *, noise=None):
        return Clocked(inner=super().observe(carry.inner, since), clock=carry.clock[:1] + since.actions.size("T"))

    def predict(self, carry, actions, *, noise=None):
        inner, future = super().predict(carry.inner, actions)
        return Clocked(inner=inner, clock=carry.clock[:1]), future


# -- inputs ----------------------------------------------------------------------------------------------------------------------------


@caught_by("invalid_actions_do_not_matter")
class UsesInvalidActions(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        return super().predict(carry, dataclasses.replace(actions, valid=torch.ones_like(actions.valid)), noise=noise)


@caught_by("invalid_actions_do_not_matter")
class RemembersInvalidActions(StochasticModel):
    def observe(self, carry, since, *, noise=None):
        done = dataclasses.replace(since.actions, valid=torch.ones_like(since.actions.valid))
        return super().observe(carry, dataclasses.replace(since, actions=done), noise=noise)


@caught_by("frames_may_be_float")
class DividesAgain(WindowModel):
    def encode(self, observation):
        scaled = {name: to_float(frame, self.act.weight.dtype) / (1 if frame.dtype == torch.uint8 else 255) for name, frame in observation.rgb.items()}
        return super().encode(dataclasses.replace(observation, rgb=scaled))


@caught_by("instruction_matters", "another_table_says_the_same")
class IgnoresInstruction(StochasticModel):
    def begin(self, batch, task):
        return super().begin(batch, dataclasses.replace(task, instruction=torch.zeros_like(task.instruction)))


@caught_by("gradients_reach_the_actions")
class DetachesActions(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        return super().predict(carry, actions.detach(), noise=noise)


@caught_by("actions_are_well_scaled", "gradients_reach_the_actions")
class NormalisesTwice(StochasticModel):
    def predict(self, carry, actions, *, noise=None):
        twice = dataclasses.replace(actions, low_level=(actions.low_level / LIMIT**2).clamp(-1, 1) * LIMIT)
        return super().predict(carry, twice, noise=noise)


@caught_by("futures_are_finite")
class StatisticsMissing(WindowModel):
    def step(self, frames, action):
        return super().step(frames, (action - 0.1) / torch.zeros_like(action))


@caught_by("frames_stay_in_range")
class PixelsUpTo255(ChunkModel):
    def predict(self, carry, actions, *, noise=None):
        carry, future = super().predict(carry, actions, noise=noise)
        return carry, Future(observation=Observation(rgb={"top": future.observation.rgb["top"] * 255}))


@caught_by("inputs_are_only_read")
class ClampsItsActions(WindowModel):
    def predict(self, carry, actions, *, noise=None):
        actions.low_level.clamp_(-LIMIT, LIMIT)
        return super().predict(carry, actions, noise=noise)


@caught_by("inputs_are_only_read")
class WritesIntoItsCarry(WindowModel):
    def observe(self, carry, since, *, noise=None):
        carry.seen.count.add_(0)
        return super().observe(carry, since, noise=noise)


@caught_by("context_can_be_shared")
class SharesTheWrongRow(RingModel):
    def predict(self, carry, actions, *, noise=None):
        share = len(actions.valid) // len(carry.seen.z)
        if share == 1:
            return super().predict(carry, actions, noise=noise)
        turned = torch.arange(len(actions.valid)).view(share, -1).T.flatten()
        carry, future = super().predict(carry, actions.select(turned), noise=noise)
        return carry, future.select(turned.argsort())


# -- the module ------------------------------------------------------------------------------------------------------------------------


@caught_by("nothing_hidden_between_calls")
class HidesItsMemory(WindowModel):
    last = 0.0

    def observe(self, carry, since, *, noise=None):
        carry = super().observe(carry, since, noise=noise)
        self.last, before = carry.seen.z[:, -1:].detach(), self.last
        seen = dataclasses.replace(carry.seen, z=carry.seen.z + 0.1 * before)
        return Grounded(seen=seen, now=seen)


@caught_by("buffers_are_only_read", "loss_is_determined_by_noise")
class UpdatesABuffer(WindowModel):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def predict(self, carry, actions, *, noise=None):
        self.calls.add_(1)
        return super().predict(carry, actions, noise=noise)


@caught_by("mode_does_not_matter")
class DropsOut(WindowModel):
    def encode(self, observation):
        z = super().encode(observation).z
        return Latent(z=torch.nn.functional.dropout(z, 0.5, self.training))


@caught_by("dtype_follows_the_model", "losses_follow_the_dtype")
class HardCodesFloat32(WindowModel):
    def begin(self, batch, task):
        return super().begin(batch, task).to(dtype=torch.float32)

    def step(self, frames, action):
        return super().step(frames, action.float())


@caught_by("device_follows_the_model")
class HardCodesTheCpu(RingModel):
    def empty(self, batch):
        blank = torch.zeros(batch, RING, 6, dtype=self.age.dtype)
        return Ring(key=blank, value=blank, clock=torch.full((batch, RING), -1))


@caught_by("weights_survive_saving")
class KeepsAPlainTensor(WindowModel):
    def __init__(self):
        super().__init__()
        self.mix = torch.eye(6) + 0.3 * torch.randn(6, 6)

    def encode(self, observation):
        z = super().encode(observation).z
        return Latent(z=z @ self.mix.to(z))


# -- the loss --------------------------------------------------------------------------------------------------------------------------


@caught_by("losses_are_named_rows")
class LossOfTheWrongShape(WindowModel):
    def loss(self, window, *, noise):
        losses = super().loss(window, noise=noise)
        return {**losses, "latent": losses["latent"][:, None].expand(-1, 3)}


@caught_by("losses_are_named_rows")
class LossThatChangesItsNames(WindowModel):
    def loss(self, window, *, noise):
        losses = super().loss(window, noise=noise)
        return losses if self.training else {"latent": losses["latent"]}


@caught_by("losses_follow_the_dtype")
class LossInSinglePrecision(WindowModel):
    def loss(self, window, *, noise):
        losses = super().loss(window, noise=noise)
        return {**losses, "reward": losses["reward"].float()}


@caught_by("losses_ignore_masked_steps")
class LossCountsMaskedSteps(WindowModel):
    def loss(self, window, *, noise):
        return super().loss(dataclasses.replace(window, valid=torch.ones_like(window.valid)), noise=noise)


@caught_by("losses_use_the_actions")
class LossWithoutActions(WindowModel):
    def loss(self, window, *, noise):
        nothing = dataclasses.replace(window.actions, valid=torch.zeros_like(window.actions.valid))
        return super().loss(dataclasses.replace(window, actions=nothing), noise=noise)


@caught_by("loss_is_determined_by_noise")
class LossWithItsOwnDice(WindowModel):
    def loss(self, window, *, noise):
        losses = super().loss(window, noise=noise)
        return {**losses, "reward": losses["reward"] * torch.rand(()).to(losses["reward"])}


@caught_by("losses_reach_the_parameters")
class DetachedLoss(WindowModel):
    def loss(self, window, *, noise):
        losses = super().loss(window, noise=noise)
        return {**losses, "reward": losses["reward"].detach()}


# -- capabilities ------------------------------------------------------------------------------------------------------------------------


@caught_by("encode_gives_a_state_per_frame")
class EncodesAcrossFrames(WindowModel):
    def encode(self, observation):
        z = super().encode(observation).z
        return Latent(z=z - 0.1 * z.mean(1, keepdim=True)) if z.shape[1] == 3 else Latent(z=z)


@caught_by("decode_shows_known_cameras")
class DecodesAnotherCamera(WindowModel):
    def decode(self, state):
        return Observation(rgb={"wrist": super().decode(state).rgb["top"]})


@caught_by("exposed_state_is_where_prediction_ended")
class ExposesTheSeenHalf(WindowModel):
    def state(self, carry):
        return Latent(z=carry.seen.z[:, -1:])


@caught_by("log_prob_is_one_number_per_row")
class ScoresEveryFutureAlike(InverseModel):
    def log_prob(self, carry, actions, future):
        return actions.low_level.sum((1, 2, 3))


@caught_by("proposals_start_with_the_mode")
class ProposesInUnitsOfItsOwn(WorthyModel):
    def propose(self, carry, count, horizon, *, noise):
        return super().propose(carry, count, horizon, noise=noise) / LIMIT * 2


@caught_by("proposals_start_with_the_mode")
class ProposesDrawsAlone(WorthyModel):
    def propose(self, carry, count, horizon, *, noise):
        return super().propose(carry, count + 1, horizon, noise=noise)[:, 1:]


@caught_by("proposals_start_with_the_mode")
class ProposesStepsBeforeCandidates(WorthyModel):
    def propose(self, carry, count, horizon, *, noise):
        return super().propose(carry, count, horizon, noise=noise).transpose(1, 2)


@caught_by("every_state_has_a_value")
class ValuesWithAnAxisOfOne(WorthyModel):
    def value(self, state):
        return super().value(state)[..., None]


@caught_by("every_state_has_a_value")
class ValuesEveryStateAlike(WorthyModel):
    def value(self, state):
        return torch.zeros_like(super().value(state))


@caught_by("every_state_has_a_value")
class DiscountsByItsRate(WorthyModel):
    discount = 10.0


@caught_by("another_table_says_the_same")
class ReadsByNumber(StochasticModel):
    def read(self, sentences):
        self.spec = dataclasses.replace(self.spec, sentences=sentences)


@caught_by("another_table_says_the_same")
class ReadsWithoutTelling(StochasticModel):
    def read(self, sentences):
        before = self.spec
        super().read(sentences)
        self.spec = before


@caught_by("meters_are_finite_figures")
class MetersOfNothing(InverseModel):
    def meters(self, window):
        return {"spread": float("nan")}


@caught_by("inferred_actions_fit_the_spec")
class InfersTheFirstAction(InverseModel):
    def infer_actions(self, observation, *, noise=None):
        actions = super().infer_actions(observation)
        return dataclasses.replace(actions, valid=torch.ones_like(actions.valid))


@caught_by("inferred_actions_fit_the_spec")
class InfersOneLess(InverseModel):
    def infer_actions(self, observation, *, noise=None):
        return super().infer_actions(observation).narrow("T", 1)


@caught_by("operators_agree_with_predict")
class OperatorsOfAnotherModel(SymbolicModel):
    def apply(self, holds, valid, skill, room):
        return super().apply(holds, valid, skill, 1 - room)


@caught_by("operators_are_well_formed", "operators_agree_with_predict")
class OperatorsOfAnotherVocabulary(SymbolicModel):
    def operators(self):
        return tuple(dataclasses.replace(operator, adds=operator.adds | {9}) for operator in super().operators())

    def apply(self, holds, valid, skill, room):
        return SymbolicModel().apply(holds, valid, skill, room)
