"""In which order windows are seen, and which noise goes with them: pure functions of the seed and the step.

One endless stream of windows, a fresh permutation per epoch, cut into batches; a batch may cross from one epoch into the
next, and nothing is dropped. Any step can be computed without those before it, so a resumed run needs only its step number,
and several processes cut their shares from the same global batch. Windows that grow in number while they are learned from are
drawn with replacement instead.
"""

import hashlib

import torch
from jaxtyping import Int
from torch import Tensor

from wam.world import Noise


def seed_from(*parts: int | str) -> int:
    """A 64-bit seed from numbers and names, the same on every machine."""
    digest = hashlib.sha256("/".join(map(repr, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def reseed(seed: int, device: torch.device) -> None:
    """Seed torch's default generators of the CPU and the device: what dropout draws from.

    Not `torch.manual_seed`, which costs a millisecond where CUDA was never used.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)


class Order:
    """The windows of each step: `count` windows in batches of `batch`, shuffled by `seed`."""

    def __init__(self, count: int, batch: int, *seed: int | str):
        if count < 1:
            raise ValueError("there are no windows to learn from. Episodes shorter than past + horizon steps are the usual cause.")
        self.count, self.batch, self.seed = count, batch, seed
        self._epoch, self._permutation = -1, torch.empty(0, dtype=torch.int64)

    def indices(self, step: int) -> Int[Tensor, "B"]:
        """Window numbers of the global batch of a step."""
        pieces: list[Tensor] = []
        position, end = step * self.batch, (step + 1) * self.batch
        while position < end:
            epoch, offset = divmod(position, self.count)
            pieces.append(self._shuffled(epoch)[offset : offset + end - position])
            position += len(pieces[-1])
        return torch.cat(pieces)

    def noise(self, step: int, start: int, stop: int) -> Noise:
        """Noise of rows `start:stop` of the global batch, a sequence of its own for every place in the stream."""
        return noise_of(self.seed, step * self.batch + start, stop - start)

    def _shuffled(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(seed_from("order", *self.seed, epoch))
            self._epoch, self._permutation = epoch, torch.randperm(self.count, generator=generator)
        return self._permutation


class Draws:
    """The windows of each step, drawn uniformly with replacement from `count`, which may be raised between steps."""

    def __init__(self, batch: int, *seed: int | str):
        self.count, self.batch, self.seed = 0, batch, seed

    def indices(self, step: int) -> Int[Tensor, "B"]:
        """Window numbers of the global batch of a step."""
        generator = torch.Generator().manual_seed(seed_from("draws", *self.seed, step))
        return torch.randint(self.count, (self.batch,), generator=generator)

    def noise(self, step: int, start: int, stop: int) -> Noise:
        """Noise of rows `start:stop` of the global batch, a sequence of its own for every place in the stream."""
        return noise_of(self.seed, step * self.batch + start, stop - start)


def noise_of(seed: tuple[int | str, ...], position: int, count: int) -> Noise:
    """Of so many windows from a place in the stream on."""
    return Noise.of(seed_from("noise", *seed) + position + torch.arange(count))
