"""From a model's named losses to the one number that is minimised."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.train.stage import Gradient
from wam.world import Noise, Trainable, Window


class Losses(nn.Module):
    """The named losses of everything that learns in a stage, in one call, so that several processes can wrap it."""

    def __init__(self, learners: dict[str, nn.Module]):
        super().__init__()
        self.trainable: dict[str, Trainable] = {}
        for prefix, learner in learners.items():
            if not isinstance(learner, Trainable):
                raise TypeError(
                    f"{type(learner).__name__} is trained by Gradient and has no `loss(window, *, noise)`. "
                    "Give it one, train it with Fit, or name the parts that have one."
                )
            self.trainable[prefix] = learner
        self.learners = nn.ModuleList(learners.values())

    def forward(self, window: Window, noise: Noise) -> dict[str, Tensor]:
        """Prefix and name -> loss."""
        return {prefix + name: value for prefix, learner in self.trainable.items() for name, value in learner.loss(window, noise=noise).items()}


def weighted(losses: dict[str, Tensor], learner: Gradient, rows: int) -> tuple[Float[Tensor, ""], Float[Tensor, "L"]]:
    """The weighted sum of the batch means, and the means in the order of `learner.weights` (detached, in fp32).

    ValueError where names differ from the weights' names, or a shape is neither [rows] nor a declared batch statistic's [].
    """
    missing, unknown = sorted(learner.weights.keys() - losses.keys()), sorted(losses.keys() - learner.weights.keys())
    if missing or unknown:
        raise ValueError(f"loss weights and losses differ: without a loss {missing}, without a weight {unknown}. Weight 0 only logs a loss.")
    for name, value in losses.items():
        expected = () if name in learner.batch_statistics else (rows,)
        if tuple(value.shape) != expected:
            raise ValueError(
                f"loss {name!r} has shape {tuple(value.shape)}, expected {expected}. Return one value per window, the mean over valid steps "
                "taken inside the model; only names in Gradient.batch_statistics have shape ()."
            )
    means = {name: losses[name].float().mean() for name in learner.weights}
    total = sum((weight * means[name] for name, weight in learner.weights.items() if weight), torch.zeros(()))
    return total, torch.stack(list(means.values())).detach()
