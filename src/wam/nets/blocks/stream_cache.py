"""What a transformer over streams remembers: keys and values of tokens that it need not compute again.

Keys are stored normalised but not turned to their places, unless `at` turned them: nothing depends on a clock that grows for ever. Who uses the cache says
where its tokens lie relative to the new ones. Which stream a token came from no longer matters: keys share one head space.

A constant past (prefill): `net.trace(first frame).cache().at(places)`, turned once, read by every denoising pass of the actions.
A rolling past: start with `net.empty(batch, (band - 1) * tokens)`, denoise the next frame with passes that read the cache, then
pass it once more clean and keep it: `cache = cache.push(net.trace(..., cache=cache).cache())`.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from wam.nets.blocks.rotary import rotate, turns
from wam.world.record import Record, record


@record
class StreamCache(Record):
    """Keys and values of K tokens, oldest first, in each of N layers; of each row the newest `count` tokens are real."""

    key: Float[Tensor, "B K N heads e"]
    value: Float[Tensor, "B K N heads e"]
    count: Int[Tensor, "B"]

    def push(self, new: "StreamCache") -> "StreamCache":
        """The cache after these tokens, all of which must be real (as `Trace.cache` gives them); the oldest make room.

        To restart rows: `cache.where(kept, net.empty(batch, tokens))`.
        """
        size, more = self.key.shape[1], new.key.shape[1]
        key = torch.cat([self.key, new.key.to(self.key.dtype)], 1)[:, more:]
        value = torch.cat([self.value, new.value.to(self.value.dtype)], 1)[:, more:]
        return StreamCache(key=key, value=value, count=(self.count + more).clamp(max=size))

    def at(self, places: Shaped[Tensor, "*past K A"]) -> "StreamCache":
        """With keys turned to these places, which then are those of all who read it. For a past that stays where it is."""
        return replace(self, key=rotate(self.key, turns(places, self.key.shape[-1], self.key.dtype)))

    def real(self) -> Bool[Tensor, "B K"]:
        """Which tokens are real."""
        size = self.key.shape[1]
        return torch.arange(size, 0, -1, device=self.count.device) <= self.count[:, None]
