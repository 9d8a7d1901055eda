"""Gaussian data, for which the best network is known in closed form, for every process and any number of streams."""

import torch
from torch import Tensor

from wam.nets.generate.ddpm import Ddpm
from wam.nets.generate.denoise import Net, Streams
from wam.nets.generate.edm import Edm
from wam.nets.generate.flow import Flow
from wam.nets.generate.process import Process

PROCESSES: dict[str, Process] = {
    "flow": Flow(),
    "flow, x": Flow("x"),
    "edm": Edm(sigma_data=1.0),
    "edm, other numbers": Edm(sigma_data=0.3, sigma_min=0.01, sigma_max=60.0, rho=5.0),
    "ddpm v": Ddpm(),
    "ddpm eps": Ddpm("eps"),
}

MEAN = torch.tensor([1.0, -0.5, 0.25], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.6, -0.3], [0.6, 0.8, 0.1], [-0.3, 0.1, 0.5]], dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def even(rows: int, size: int) -> Tensor:
    """Normal noise whose sample mean is exactly 0 and whose covariance is exactly the identity.

    What Gaussian data make of it is affine, so the moments of what is drawn have no sampling error.
    """
    drawn = normal(rows, size)
    drawn = drawn - drawn.mean(0)
    return drawn @ torch.linalg.inv(torch.linalg.cholesky(drawn.T.cov(correction=0))).T


def posterior(process: Process, noisy: Tensor, s: Tensor, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """(E[x | state], E[eps | state]) of rows "N D" at levels "D", one for each dimension.

    state = A x + S eps with diagonal A, S: E[x] = m + C A (A C A + S S)^-1 (state - A m), E[eps] = S (A C A + S S)^-1 (state - A m).
    """
    alpha, sigma = process.scales(s)
    spread = alpha[:, None] * covariance * alpha + torch.diag(sigma**2)
    surprise = torch.linalg.solve(spread, (noisy - alpha * mean).T).T
    return mean + (surprise * alpha) @ covariance, surprise * sigma


def best(processes: tuple[Process, ...], sizes: tuple[int, ...], mean: Tensor = MEAN, covariance: Tensor = COVARIANCE, calls: list | None = None) -> Net:
    """The best network for streams "N 1 D_m" that are pieces of one Gaussian vector, one process for all, one level per stream."""

    def net(states: Streams, told: Streams) -> Streams:
        if calls is not None:
            calls.append(told)
        process = processes[0]
        levels = [untold(process, level[0, 0]) for level in told]
        s = torch.cat([level.expand(size) for level, size in zip(levels, sizes, strict=True)])
        noisy = torch.cat([x[:, 0] for x in states], 1) / process.entering(torch.ones_like(s), s)
        target = process.target(*posterior(process, noisy, s, mean, covariance), s)
        return tuple(part[:, None] for part in target.split(sizes, 1))

    return net


def untold(process: Process, level: Tensor) -> Tensor:
    """The s that a network was told of."""
    if not isinstance(process, Edm):
        return level
    low, high = process.roots
    s = ((4 * level).exp() ** (1 / process.rho) - low) / (high - low)
    return torch.where(s > 1e-9, s, 0.0)  # told sigma_min: clean


def carried(process: Process, state: Tensor, s: float, mean: Tensor, covariance: Tensor) -> Tensor:
    """Where the probability-flow ODE takes states "N D" of level s at level 0: along each axis, distances from the mean shrink as deviations do."""
    alpha, sigma = process.scales(torch.tensor(s, dtype=torch.float64))
    values, axes = torch.linalg.eigh(covariance)
    along = (state - alpha * mean) @ axes
    return mean + (along * (values / (alpha**2 * values + sigma**2)).sqrt()) @ axes.T
