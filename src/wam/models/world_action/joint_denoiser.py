"""What denoises the streams of a joint model, at levels: what learning (`joint_lessons`) and drawing (`joint`) share."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.models.world_action.joint_network import ALIKE, Apart, JointNetwork, Prefix, Words
from wam.nets.generate.denoise import Net
from wam.nets.generate.process import Process


@dataclass(frozen=True)
class Denoiser:
    """A network, and how each of its streams gets noisy."""

    network: JointNetwork
    processes: Mapping[str, Process]  # by kind

    def entering(self, states: Mapping[str, Tensor], levels: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """States and levels "B K" as the network takes them."""
        entering = {kind: self.processes[kind].entering(state, beside(levels[kind], state)) for kind, state in states.items()}
        return entering, {kind: self.processes[kind].level(levels[kind]) for kind in states}

    def net(
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
        entering, told = self.entering(states, levels)
        if constant:
            prefix = self.network.extend(prefix, {kind: entering[kind] for kind in constant}, told, words)
        answer = self.network.answering(prefix, again, moving, words, apart)

        def net(streams: tuple[Tensor, ...], at: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return answer({kind: entering[kind] for kind in again} | dict(zip(moving, streams, strict=True)), told | dict(zip(moving, at, strict=True)))

        return net


def beside(levels: Float[Tensor, "B K"], x: Float[Tensor, "B K ..."]) -> Tensor:
    """ "B K" as "B K 1 ..." so that it broadcasts against a stream."""
    return levels.view(*levels.shape, *[1] * (x.ndim - levels.ndim))


def where(known: Bool[Tensor, "B K *r"], x: Tensor, other: Tensor | float) -> Tensor:
    """x where it is known."""
    return torch.where(beside(known, x), x, other)
