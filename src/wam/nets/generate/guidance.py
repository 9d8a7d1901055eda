"""Classifier-free guidance: what a condition adds to a network's output, made larger (Ho & Salimans, 2207.12598).

With outputs from the least conditioned to the most,

    guided = o_0 + w_1 (o_1 - o_0) + w_2 (o_2 - o_1) + ...

One weight is the usual guidance (w = 1: the conditioned output; the paper's w is one less). Two are InstructPix2Pix' (2211.09800,
eq. 3), as in SuSIE: nothing, picture, picture and text. As the weights of the outputs sum to 1, it does not matter whether
velocities, noises or estimates of x are guided. The network has to be trained with conditions left out by chance.
Footgun: with w > 1 no distribution is drawn from whose parts one could name; futures get less varied and more saturated.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


def guided(outputs: Sequence[Float[Tensor, "*shape"]], weights: Sequence[float]) -> Float[Tensor, "*shape"]:
    """One output from 1 + W, the least conditioned first, and W weights."""
    if len(weights) != len(outputs) - 1:
        raise ValueError(f"{len(outputs)} outputs with {len(weights)} weights: expected one weight for each output but the first, which has no condition.")
    found = outputs[0]
    for weight, less, more in zip(weights, outputs, outputs[1:], strict=False):
        found = found + weight * (more - less)
    return found
