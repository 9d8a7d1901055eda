"""A joint model as a policy, a world model, an action-free video model, or inverse dynamics: thin faces over one set of weights.

Each is an nn.Module that holds the model, so that it can be cast, moved and saved like any other; none has weights or a loss of its
own. What a view cannot do it refuses when it is made. Does not know: how anything is drawn (`joint`).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.models.world_action.joint_programs import ACTING, IMAGINING, Kind, Program
from wam.models.world_action.joint_situation import Given, Situation
from wam.nets.blocks.hold import hold
from wam.plan.control.continues import Continues
from wam.world import (
    Actions,
    ActionSpec,
    Future,
    FutureSpec,
    Grounded,
    Imagines,
    Infers,
    Noise,
    Observation,
    Past,
    PolicySpec,
    SpecError,
    Task,
    WorldModelSpec,
)

if TYPE_CHECKING:
    from wam.models.world_action.joint import JointModel


class JointPolicy(nn.Module, Continues[Situation]):
    """K steps by a program that draws actions, of which `execute` are done."""

    def __init__(self, model: "JointModel", program: Program, execute: int):
        super().__init__()
        if program not in ACTING:
            raise SpecError(f"the program {program!r} does not draw actions from what was seen; a policy needs one of {', '.join(ACTING)}.")
        self.model, self.program, self.execute = model, program, execute

    @property
    def spec(self) -> PolicySpec:
        """As it is after `read`."""
        model = self.model
        return PolicySpec(
            observes=model.codec.observes,
            acts=model.acts,
            chunk=model.network.steps,
            execute=self.execute,
            rate=model.rate,
            instructed=bool(model.sentences),
            sentences=model.sentences,
        )

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `JointModel.read`."""
        self.model.read(sentences)

    def begin(self, batch: int, task: Task) -> Situation:
        """See `JointModel.begin`."""
        return self.model.begin(batch, task)

    @torch.no_grad()
    def act(self, memory: Situation, since: Past, *, noise: Noise | None = None) -> tuple[Situation, Actions]:
        """A chunk of K steps. Without noise: that of one fixed draw."""
        situation = self.model.after(memory, since)
        return situation, self.model.scale.physical(self.model.draw(situation, self.program, noise=noise)["actions"])

    @torch.no_grad()
    def act_on(
        self, memory: Situation, since: Past, planned: Float[Tensor, "B K R A"], weight: Float[Tensor, "B K"], *, noise: Noise | None = None
    ) -> tuple[Situation, Actions]:
        """See `Continues`: the same draw as that of `act`, pulled towards `planned`."""
        situation = self.model.after(memory, since)
        given = self.model.scaled(Actions(valid=torch.ones_like(planned[..., 0], dtype=torch.bool), low_level=planned))
        actions = self.model.scale.physical(self.model.draw(situation, self.program, noise=noise, towards=(given, weight))["actions"])
        assert actions.low_level is not None
        return situation, replace(actions, low_level=torch.where(weight[..., None, None] >= 1, planned, actions.low_level))  # to the bit


class ImaginingPolicy(JointPolicy, Imagines[Situation]):
    """A policy whose program draws the video too. SpecError where no video was learned, or actions would not follow it."""

    def __init__(self, model: "JointModel", program: Program, execute: int):
        super().__init__(model, program, execute)
        _require(model, "video", f"it cannot act by {program!r}")
        if not model.network.sees("actions", "video"):
            raise SpecError(f"actions do not see the video in this model, so they would not follow what {program!r} imagines. Act by 'policy'.")

    @torch.no_grad()
    def imagine(self, memory: Situation, since: Past, *, noise: Noise | None = None) -> Future:
        """The video that `act` of the same arguments is drawn with."""
        drawn = self.model.draw(self.model.after(memory, since), self.program, noise=noise)
        return Future(observation=self.model.codec.decode(drawn["video"]))


def policy_of(model: "JointModel", program: Program, execute: int) -> JointPolicy:
    """The one of the two that the program makes it."""
    return (ImaginingPolicy if program in IMAGINING else JointPolicy)(model, program, execute)


class JointWorldModel(nn.Module):
    """Frames, K at once: those that given actions lead to ("forward"), or that could follow ("video").

    An action that is not valid leaves the picture as it is, and a new stretch begins.
    """

    def __init__(self, model: "JointModel", program: Program):
        super().__init__()
        _require(model, "video", "it is no world model")
        self.told = program == "forward"
        if self.told and not model.network.sees("video", "actions"):
            raise SpecError("the video does not see the actions in this model, so it cannot say what they lead to. Take `as_video()`.")
        self.model, self.program = model, program

    @property
    def spec(self) -> WorldModelSpec:
        """As it is after `read`."""
        model = self.model
        return WorldModelSpec(
            observes=model.codec.observes,
            predicts=FutureSpec(observation=model.codec.observes),
            consumes=model.acts if self.told else ActionSpec(per_step=model.acts.per_step),
            context=(1, model.network.context),
            chunk=model.network.steps,
            rate=model.rate,
            stochastic=True,
            differentiable=self.told,
            instructed=bool(model.sentences),
            sentences=model.sentences,
        )

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `JointModel.read`."""
        self.model.read(sentences)

    def begin(self, batch: int, task: Task) -> Grounded[Situation, Situation]:
        """See `JointModel.begin`."""
        nothing = self.model.begin(batch, task)
        return Grounded(seen=nothing, now=nothing)

    def observe(self, carry: Grounded[Situation, Situation], since: Past, *, noise: Noise | None = None) -> Grounded[Situation, Situation]:
        """Remember the frames."""
        situation = self.model.after(carry.seen, since)
        return Grounded(seen=situation, now=situation)

    def predict(self, carry: Grounded[Situation, Situation], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Situation, Situation], Future]:
        """Chunk after chunk. Without noise: one fixed draw, the same in every row."""
        steps, chunk, situation, path = actions.size("T"), self.model.network.steps, carry.now, []
        if steps % chunk:
            raise SpecError(f"{steps} steps are asked for, this model makes {chunk} at once. Pass a multiple of {chunk}.")
        for start in range(0, steps, chunk):
            some, ahead = actions.narrow("T", start, start + chunk), None if noise is None else noise.advance(start)
            given: dict[str, Given] = {"actions": Given(self.model.scaled(some), some.known().any(-1))} if self.told else {}
            z, done = self.model.draw(situation, self.program, noise=ahead, given=given)["video"], some.valid.any(-1)
            z = hold(z, done, situation.frames.values[:, -1])
            situation = replace(situation, frames=situation.frames.after(z, done))
            path.append(z)
        return Grounded(seen=carry.seen, now=situation), Future(observation=self.model.codec.decode(torch.cat(path, 1)))


class JointInverse(nn.Module, Infers):
    """The actions between frames, K at a time, each K after what came before them. No instruction is told: what was done shows in the frames."""

    def __init__(self, model: "JointModel"):
        super().__init__()
        _require(model, "actions", "it is no inverse dynamics")
        if not model.network.sees("actions", "video"):
            raise SpecError("actions do not see the video in this model, so they cannot be read off it. Take a model whose actions do.")
        if model.sentences and not model.dropped_words and not any("actions" in lesson.learns and not lesson.heard for lesson in model.lessons):
            raise SpecError(
                "this model only learned its actions with the instruction, which frames alone do not bring. Train it with a lesson of actions "
                "that is not told it (heard=False), or with dropped_words."
            )
        self.model = model

    @torch.no_grad()
    def infer_actions(self, observation: Observation, *, noise: Noise | None = None) -> Actions:
        """T frames give T actions within their limits; the first is not valid. What follows the last frame is unknown."""
        z, model = self.model.codec.encode(observation), self.model
        rows, frames, chunk = *z.shape[:2], model.network.steps
        joined = torch.ones(rows, frames, dtype=torch.bool, device=z.device)
        joined[:, 0] = False
        nothing = model.begin(rows, Task())
        found = [torch.zeros(rows, 1, *model.network.shape("actions"), dtype=z.dtype, device=z.device)]
        for start in range(1, frames, chunk):
            situation = replace(nothing, frames=nothing.frames.after(z[:, :start], joined[:, :start]))
            ahead = z[:, start : start + chunk]
            beyond = z.new_zeros(rows, chunk - ahead.shape[1], *z.shape[2:])
            known = (torch.arange(chunk, device=z.device) < ahead.shape[1]).expand(rows, -1)
            given = {"video": Given(torch.cat([ahead, beyond], 1), known)}
            drawn = model.draw(situation, "inverse", noise=None if noise is None else noise.advance(start), given=given)
            found.append(drawn["actions"][:, : ahead.shape[1]])
        actions = model.scale.physical(torch.cat(found, 1))
        return replace(actions, valid=actions.valid & (torch.arange(frames, device=z.device) > 0)[:, None])


def _require(model: "JointModel", kind: Kind, so: str) -> None:
    """SpecError unless the stream was learned."""
    if not model.learns(kind):
        raise SpecError(f"this model was not trained on its {kind}, so {so}. Train it with a lesson that learns {kind}.")
