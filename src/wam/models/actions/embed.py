"""Actions as condition vectors, one per model step.

The R actions of a step enter together (DreamDojo, arXiv 2602.06949: actions grouped by the frame that they lead to). With
`shared_by` = K the actions of K steps are one vector that all K frames receive: the usual way of conditioning a clip as a
whole, kept for comparison. Actions that are dropped, not valid or not labelled give one learned vector: "not told".
Knows: low-level and latent parts.   Does not know: language (`nets.perceive.text`), cameras' poses, what a model does with the vectors.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.normalise import Normalise
from wam.world import Actions, ActionSpec, SpecError, Statistics


class ActionEmbedding(nn.Module):
    """ "B H" steps of actions -> "B H E". `statistics` normalise low-level actions inside."""

    def __init__(self, acts: ActionSpec, statistics: Statistics, dim: int, *, shared_by: int = 1):
        super().__init__()
        statistics.require(acts)
        if bool(acts.low_level) == bool(acts.latent) or acts.keys or acts.skills or acts.camera or acts.sentences:
            raise SpecError(f"ActionEmbedding takes low-level actions or latent ones, got {acts}. Give the model an ActionSpec with one of the two parts.")
        if acts.low_level and statistics.action is None:
            raise SpecError("ActionEmbedding needs the moments of the actions, and these statistics have none. Compute them from the training data.")
        self.spec, self.shared_by = acts, shared_by
        moments = statistics.action if acts.low_level else None
        self.normalise = Normalise(moments.mean, moments.std) if moments is not None else None
        self.width = acts.per_step * len(acts.low_level) if acts.low_level else acts.latent
        self.embed = mlp(shared_by * self.width, dim, dim)
        self.untold = nn.Parameter(torch.randn(dim) * 0.02)

    def forward(self, actions: Actions, told: Bool[Tensor, "B"] | None = None) -> Float[Tensor, "B H E"]:
        """`told`: rows that learn their actions, None = all. SpecError for parts and sizes that the spec does not have."""
        known = actions.known().any(-1)
        known = known if told is None else known & told[:, None]
        vectors = self.vectors(actions)
        if self.shared_by > 1:
            if vectors.shape[1] % self.shared_by:
                raise SpecError(f"{vectors.shape[1]} steps of actions, expected a multiple of {self.shared_by}: so many share one vector.")
            vectors = vectors.unflatten(1, (-1, self.shared_by)).flatten(2).repeat_interleave(self.shared_by, 1)
        embedded: Tensor = torch.where(known[..., None], self.embed(vectors), self.untold)
        return embedded

    def vectors(self, actions: Actions) -> Float[Tensor, "B H W"]:
        """All numbers of a step at unit scale, 0 where an action is not valid, or not known."""
        if self.normalise is None:
            if actions.latent is None or actions.latent.shape[-1] != self.width:
                raise SpecError(f"latent actions of {self.width} numbers are expected, got {None if actions.latent is None else tuple(actions.latent.shape)}.")
            return actions.latent * actions.known().any(-1, keepdim=True)
        scaled: Tensor = self.normalise(self.spec.low_level_of(actions, "ActionEmbedding")) * actions.known()[..., None]
        return scaled.flatten(2)
