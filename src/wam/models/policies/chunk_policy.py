"""A policy that draws chunks of actions: Diffusion Policy (arXiv 2303.04137) and all that put something else before its head.

perception -> what is known -> an action head denoises H steps of R actions -> the first `execute` of them are done.
What is seen (`perception`), the head and the law by which actions are drawn are three parts; a flow expert over video features
(VPP), a goal-conditioned policy (SuSIE) and plain cloning differ in the first alone.

It `Continues` a chunk that runs (`plan.control.chunks.Asynchronous`) by inpainting (`nets.generate.denoise.inpaint`).
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.models.actions.unit_scale import UnitScale
from wam.models.policies.perception import Known, Perception
from wam.nets.blocks.action_expert import ActionHead
from wam.nets.blocks.fourier import Fourier
from wam.nets.blocks.recent import require_past
from wam.nets.blocks.reduce import masked_mean
from wam.nets.generate.generation import Denoising, Generation, Network
from wam.plan.control.continues import Continues
from wam.world import Actions, ActionSpec, Noise, Past, PolicySpec, Reads, Record, SpecError, Statistics, Task, Window


class ChunkPolicy(nn.Module, Reads, Continues[Record]):
    """See the module's docstring. `condition`: E, the width of what the head is told.

    `draws`: noisy chunks that each decision is learned from. The head costs little, seeing costs much, and what one noise level says of
    what was seen is little.
    """

    def __init__(
        self,
        perception: Perception,
        head: ActionHead,
        generation: Generation,
        acts: ActionSpec,
        statistics: Statistics,
        *,
        condition: int,
        chunk: int,
        execute: int,
        rate: float,
        draws: int = 1,
    ):
        super().__init__()
        statistics.require(acts, perception.observes.proprio)
        if not isinstance(generation, Denoising):
            raise SpecError(
                f"{type(generation).__name__} asks for a mean and a variance, and action heads give one number per action. Use a flow or diffusion."
            )
        self.perception, self.head, self.generation, self.draws = perception, head, generation, draws
        self.scale = UnitScale(acts, statistics, "ChunkPolicy")
        self.level = Fourier(condition)
        self.spec = PolicySpec(
            observes=perception.observes,
            acts=acts,
            chunk=chunk,
            execute=execute,
            rate=rate,
            instructed=bool(perception.sentences),
            sentences=perception.sentences,
            goal_conditioned=perception.goal_conditioned,
        )

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Reads`."""
        self.perception.read(sentences)
        self.spec = replace(self.spec, sentences=sentences)

    def begin(self, batch: int, task: Task) -> Record:
        """The perception's memory."""
        return self.perception.begin(batch, task)

    @torch.no_grad()
    def act(self, memory: Record, since: Past, *, noise: Noise | None = None) -> tuple[Record, Actions]:
        """A chunk of K steps. Without noise: that of one fixed draw."""
        memory, known = self._seen(memory, since, noise)
        like = known.vector.new_zeros(len(known.vector), self.spec.chunk, self.spec.acts.per_step * len(self.spec.acts.low_level))
        return memory, self.scale.physical(self.generation.draw(self._network(known), like, noise.fork("actions") if noise is not None else None))

    @torch.no_grad()
    def act_on(
        self, memory: Record, since: Past, planned: Float[Tensor, "B K R A"], weight: Float[Tensor, "B K"], *, noise: Noise | None = None
    ) -> tuple[Record, Actions]:
        """See `Continues`. The same draw as that of `act`, pulled towards `planned`."""
        memory, known = self._seen(memory, since, noise)
        given, chance = self.scale(planned).flatten(2), noise.fork("actions") if noise is not None else None
        actions = self.scale.physical(self.generation.continued(self._network(known), given, weight, chance))
        assert actions.low_level is not None
        return memory, replace(actions, low_level=torch.where(weight[..., None, None] >= 1, planned, actions.low_level))  # to the bit

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """actions "B": the generation's error over the first K steps, where something was done. SpecError for shorter windows, also before them."""
        require_past(window.past.actions.size("T"), self.perception.context, "ChunkPolicy")
        steps, low_level = self.spec.chunk, window.actions.low_level
        if low_level is None or low_level.shape[1] < steps:
            got = None if low_level is None else low_level.shape[1]
            raise SpecError(f"the window holds {got} steps of low-level actions, this policy draws {steps}. Set the learner's horizon to that.")
        low_level, valid = low_level[:, :steps], (window.actions.known() & window.valid[..., None])[:, :steps]
        memory = self.perception.remember(self.begin(len(valid), window.task), window.past)
        known = self.perception(memory, noise.fork("perception"))
        target = (self.scale(low_level) * valid[..., None]).flatten(2)
        network, targets = self._network(known.repeat(self.draws)), target.repeat_interleave(self.draws, 0)
        error = self.generation.error(network, targets, noise.fork("actions").spread(self.draws)).unflatten(0, (-1, self.draws)).mean(1)
        return {"actions": masked_mean(error.unflatten(2, (valid.shape[2], -1)).mean(-1).flatten(1), valid.flatten(1))}

    def _seen(self, memory: Record, since: Past, noise: Noise | None) -> tuple[Record, Known]:
        memory = self.perception.remember(memory, since)
        return memory, self.perception(memory, noise.fork("perception") if noise is not None else None)

    def _network(self, known: Known) -> Network:
        """(noisy "B K A", level "B K") -> answer. All steps of a chunk are at one level."""

        def answer(noisy: Float[Tensor, "B K A"], level: Float[Tensor, "B K"]) -> Any:
            return self.head(noisy, known.vector + self.level(level[:, 0]), known.tokens)

        return answer
