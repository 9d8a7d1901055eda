"""A robot's low-level actions in the words of latent actions: what a model that learned from video is told once actions are known.

A small perceptron per step (AdaWorld, arXiv 2503.18938, section 3.3: a two-layer one, first fitted to the codes that were inferred
for labelled steps). The R actions of a step enter together, as in `ActionEmbedding`.
`relative`: each action as where the robot is after it, seen from the step's start (DreamDojo, 2602.06949: actions re-based at every
latent frame); changes and rates accumulate within the step.
Does not know: pictures. Footgun: absolute slots (positions) cannot be re-based here, since where a step starts is not told.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.normalise import Normalise
from wam.world import Actions, ActionSpec, SpecError, Statistics


class Translation(nn.Module):
    """Actions with a low-level part -> actions with a latent part alone, L numbers per step. `statistics` normalise inside."""

    def __init__(self, acts: ActionSpec, statistics: Statistics, latent: int, *, hidden: int = 128, relative: bool = False):
        super().__init__()
        statistics.require(acts)
        if not acts.low_level or statistics.action is None:
            raise SpecError(f"Translation takes low-level actions and needs their moments, got {acts}. Compute statistics from data with actions.")
        absolute = [slot.name for slot in acts.low_level if not slot.relative]
        if relative and absolute:
            raise SpecError(f"the slots {absolute} are absolute and cannot be re-based. Record changes or rates (Slot.relative), or set relative=False.")
        self.acts, self.relative = acts, relative
        self.normalise = Normalise(statistics.action.mean, statistics.action.std)
        self.body = mlp(acts.per_step * len(acts.low_level), hidden, latent, layers=2)

    def forward(self, actions: Actions) -> Actions:
        """What is not valid stays so, what is not labelled too. SpecError for parts and sizes that the spec does not have."""
        return Actions(valid=actions.valid, labelled=actions.labelled, latent=self.body(self._vectors(actions)))

    def _vectors(self, actions: Actions) -> Float[Tensor, "B T W"]:
        """All numbers of a step at unit scale, 0 where nothing was done or it is not known."""
        scaled: Tensor = self.normalise(self.acts.low_level_of(actions, "Translation")) * actions.known()[..., None]
        if self.relative:
            so_far = torch.arange(1, self.acts.per_step + 1, device=scaled.device)[:, None]
            scaled = scaled.cumsum(2) / so_far  # per action, so that all stay at unit scale
        return scaled.flatten(2)
