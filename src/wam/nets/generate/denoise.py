"""From noise to a future by a table of levels, and the error by which a network learns to do it. Any number of streams at once.

A stream is a tensor "B T ..." (a video "B T c h w", an action chunk "B H A"); streams, processes, levels and the columns of a
table have one order. The network is a plain function (streams, levels "B T" of each) -> an output per stream, of its shape; text,
caches and the like are in its closure. It is given every stream; what it answers for one that stays is not used.

`given` marks frames "B T" that are clean: they are at level 0 whatever the table says, and keep their value (replacement).
Gradients flow through all of it; wrap the call in `torch.no_grad()` where none are needed.
Does not know: how noise is drawn. A stream that starts at level s holds `process.noisy(x, eps, s)`, at 1 `process.start(eps)`.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.nets.generate.process import Process
from wam.nets.generate.schedule import Table, require

Streams = tuple[Float[Tensor, "B ..."], ...]
Net = Callable[[Streams, Streams], Streams]  # (states at unit scale, what is told of their levels "B T") -> outputs
Towards = tuple[tuple[Float[Tensor, "B ..."], Float[Tensor, "B _"]] | None, ...]  # per stream: what is planned, and its weight "B T"; or None
Given = tuple[Bool[Tensor, "B _"] | None, ...]  # per stream: frames "B T" that are clean, or None

PULL = 5.0  # the most that an estimate is pulled, per unit of noise (beta of 2506.07339)


def denoise(net: Net, processes: tuple[Process, ...], streams: Streams, table: Table, *, given: Given | None = None) -> Streams:
    """The streams at the levels of the table's last row, from where they stand at its first: one network evaluation per step (Euler)."""
    require(table, len(streams))
    for now, to in pairwise(table.tolist()):
        here, there = _constant(now, streams, given), _constant(to, streams, given)
        streams = _step(processes, streams, ask(net, processes, streams, here), here, there)
    return streams


def inpaint(net: Net, processes: tuple[Process, ...], streams: Streams, table: Table, towards: Towards) -> Streams:
    """As `denoise`, to go on from what is planned where its weight is 1, and to lean towards it between 0 and 1: real-time chunking.

    (2506.07339, equations 2 to 4, for any process.) Each step's estimates of x are pulled by the gradient of their weighted distance to what is
    planned, so what is not given follows what is, and at the end what has weight 1 is there to the bit. Networks that only ever met one level for
    all frames can do it. x is taken to have about unit variance. No gradient is kept, but one is taken: not under `torch.inference_mode`.
    """
    require(table, len(streams))
    shares = [None if part is None else (part[0], _beside(part[1], part[0])) for part in towards]
    for now, to in pairwise(table.tolist()):
        here, there = _constant(now, streams, None), _constant(to, streams, None)
        with torch.enable_grad():
            states = tuple(x.detach().requires_grad_() for x in streams)
            clean = [process.clean(*at) for process, *at in zip(processes, states, ask(net, processes, states, here), here, strict=True)]
            away = [torch.zeros_like(x) if share is None else share[1] * (share[0] - x.detach()) for x, share in zip(clean, shares, strict=True)]
            pulls = torch.autograd.grad(clean, states, away)
        moved = zip(processes, streams, clean, pulls, here, there, strict=True)
        streams = tuple(_pulled(process, x, estimate.detach(), pull, s, later) for process, x, estimate, pull, s, later in moved)
    return tuple(x if share is None else torch.where(share[1] >= 1, share[0], x) for x, share in zip(streams, shares, strict=True))


def _pulled(process: Process, x: Tensor, clean: Tensor, pull: Tensor, s: Tensor, to: Tensor) -> Tensor:
    """The state at level `to` by the estimate of x, moved along its pull; where the level stays, the state stays."""
    alpha, sigma = process.scales(s)
    clean = clean + ((alpha**2 + sigma**2) / alpha.clamp_min(1e-6)).minimum(PULL * sigma) * pull
    return torch.where(to == s, x, process.noisy(clean, (x - alpha * clean) / torch.where(sigma > 0, sigma, 1.0), to))


def errors(net: Net, processes: tuple[Process, ...], clean: Streams, eps: Streams, levels: Streams, *, given: Given | None = None) -> Streams:
    """Weighted squared error of every element, per stream and of its shape; 0 where a frame is given.

    clean: what is to be drawn. eps: standard normal, of its shape. levels: "B T", or "B 1" for all frames of a clip, in [0, 1].
    What is padding or has no label is for the caller to leave out of the mean.
    """
    at = _at(levels, clean, given)
    noisy = tuple(process.noisy(*parts) for process, *parts in zip(processes, clean, eps, at, strict=True))
    found = [error(*parts) for parts in zip(processes, ask(net, processes, noisy, at), clean, eps, at, strict=True)]
    masks = given or [None] * len(found)
    return tuple(part if mask is None else part.masked_fill(_beside(mask, part), 0) for part, mask in zip(found, masks, strict=True))


def error(process: Process, output: Tensor, clean: Tensor, eps: Tensor, s: Tensor) -> Tensor:
    """Weighted squared error of what a network answered at levels s, which broadcast against the stream."""
    found: Tensor = process.weight(s) * (output - process.target(clean, eps, s)) ** 2
    return found


def ask(net: Net, processes: tuple[Process, ...], streams: Streams, levels: Streams) -> Streams:
    """The network's outputs for noisy streams "B T ..." at levels "B T 1 ...": one evaluation."""
    entering = tuple(process.entering(x, s) for process, x, s in zip(processes, streams, levels, strict=True))
    told = tuple(process.level(s).flatten(1) for process, s in zip(processes, levels, strict=True))
    return net(entering, told)


def _step(processes: tuple[Process, ...], streams: Streams, outputs: Streams, here: Streams, there: Streams) -> Streams:
    return tuple(process.step(*at) for process, *at in zip(processes, streams, outputs, here, there, strict=True))


def _constant(row: list[float], streams: Streams, given: Given | None) -> Streams:
    """One level per stream, as `_at` gives it."""
    return _at(tuple(x.new_full(x.shape[:2], level) for x, level in zip(streams, row, strict=True)), streams, given)


def _at(levels: Streams, streams: Streams, given: Given | None) -> Streams:
    """Levels "B T 1 ..." beside streams "B T ...", 0 where a frame is given."""
    masks = given or [None] * len(streams)
    found = []
    for s, x, mask in zip(levels, streams, masks, strict=True):
        s = s.expand(x.shape[:2])
        found.append(_beside(s if mask is None else s.masked_fill(mask, 0), x))
    return tuple(found)


def _beside(frames: Tensor, x: Tensor) -> Tensor:
    """ "B T" as "B T 1 ..." so that it broadcasts against a stream."""
    return frames.view(*frames.shape, *[1] * (x.ndim - 2))
