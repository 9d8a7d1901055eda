"""SIGReg: a sketched test that a batch of vectors is isotropic Gaussian, as a loss.

Source: LeJEPA (Balestriero & LeCun, 2025) as used by LeWorldModel (arXiv 2603.19312). Each random unit direction gives a scalar
sample whose empirical characteristic function is compared with that of N(0, 1), exp(-t^2 / 2), by the Epps-Pulley statistic:
n * integral of |phi_n(t) - exp(-t^2 / 2)|^2 w(t) dt, with the Gaussian window w(t) = exp(-t^2 / 2), by the trapezoidal rule.
It is a statistic of the batch: it has no per-sample value.
"""

from contextlib import nullcontext

import torch
from jaxtyping import Float
from torch import Tensor


def sigreg(z: Float[Tensor, "N D"], directions: Float[Tensor, "P D"], knots: int = 17, limit: float = 3.0) -> Float[Tensor, ""]:
    """Mean over directions of the Epps-Pulley statistic of N samples; near 1 for Gaussian samples, of order N for collapsed ones.

    directions: P vectors of any length, e.g. standard normal noise; they are normalised here. Computed in at least float32, under autocast too.
    """
    z = z.float() if z.dtype in (torch.bfloat16, torch.float16) else z
    unit = torch.nn.functional.normalize(directions.to(z.dtype), dim=-1)
    t = torch.linspace(0, limit, knots, dtype=z.dtype, device=z.device)
    gauss = (-(t**2) / 2).exp()
    full = torch.autocast(z.device.type, enabled=False) if torch.amp.is_autocast_available(z.device.type) else nullcontext()
    with full:
        angle = (z @ unit.T)[..., None] * t  # N P K
    distance = (angle.cos().mean(0) - gauss) ** 2 + angle.sin().mean(0) ** 2  # |phi_n - phi|^2, P K
    return 2 * z.shape[0] * torch.trapezoid(distance * gauss, t, dim=-1).mean()
