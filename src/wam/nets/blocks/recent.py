"""The last W of something per row, newest last: frames or features that a model looks back at. Beside them, where asked, the first one."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world import Noise, SpecError
from wam.world.record import Record, record


def require_past(steps: int, width: int, who: str) -> None:
    """SpecError where windows show fewer frames than a model remembers: in use its memory fills up, and it would never have learned with a full one."""
    if steps < width:
        raise SpecError(
            f"{who} remembers {width} frames, and these windows show {steps} before what is to be learned. Probably `context` was changed and the stages were "
            f"not: set the learner's past to {width} or more, or context to {steps}."
        )


def shown_of(steps: int, dropped: float, noise: Noise) -> Int[Tensor, "B"]:
    """How many of the last frames a row sees while it learns: all of them, or with the chance `dropped` fewer, each number from 0 as likely."""
    chance, fewer = noise.uniform(1)[:, 0], noise.fork("count").integers(1, steps)[:, 0]
    return torch.where(chance < dropped, fewer, steps)


@record
class Recent(Record):
    """`known` where an entry belongs to the present stretch; others must not count."""

    values: Float[Tensor, "B W ..."]
    known: Bool[Tensor, "B W"]

    @staticmethod
    def none(batch: int, width: int, like: Tensor) -> "Recent":
        """Nothing yet: zeros of the type, device and shape "..." of `like`."""
        known = torch.zeros(batch, width, dtype=torch.bool, device=like.device)
        return Recent(values=like.new_zeros(batch, width, *like.shape), known=known)

    def after(self, new: Float[Tensor, "B T ..."], joined: Bool[Tensor, "B T"]) -> "Recent":
        """T more. `joined`: False where one begins a new stretch; nothing before it is known then."""
        width = self.known.shape[1]
        follows = torch.cat([joined, torch.ones_like(joined[:, :1])], 1)  # is all that comes after an entry joined to it?
        unbroken = follows.flip(1).cumprod(1).flip(1).bool()
        known = torch.cat([self.known & unbroken[:, :1], unbroken[:, 1:]], 1)
        return Recent(values=torch.cat([self.values, new], 1)[:, -width:], known=known[:, -width:])

    @property
    def shown(self) -> Float[Tensor, "B W ..."]:
        """The values, 0 where they do not count."""
        return self.values * self.known.view(*self.known.shape, *[1] * (self.values.ndim - 2))


@record
class Anchored(Record):
    """The last W, and before them the first of the stretch, which stays for as long as the stretch does.

    What a model draws after its own frames drifts; the first entry does not. Kept as StreamingLLM (arXiv 2309.17453) keeps its first tokens.
    """

    first: Float[Tensor, "B ..."]  # 0 where nothing is known
    recent: Recent

    @staticmethod
    def none(batch: int, width: int, like: Tensor) -> "Anchored":
        """See `Recent`."""
        return Anchored(first=like.new_zeros(batch, *like.shape), recent=Recent.none(batch, width, like))

    def after(self, new: Float[Tensor, "B T ..."], joined: Bool[Tensor, "B T"]) -> "Anchored":
        """See `Recent`."""
        begins = torch.cat([~joined[:, :1] | ~self.recent.known[:, -1:], ~joined[:, 1:]], 1)
        latest = (begins * torch.arange(1, begins.shape[1] + 1, device=begins.device)).amax(1)  # 0: none of the new ones begins a stretch
        rows = torch.arange(len(latest), device=latest.device)
        return Anchored(first=torch.cat([self.first[:, None], new], 1)[rows, latest], recent=self.recent.after(new, joined))

    @property
    def known(self) -> Bool[Tensor, "B V"]:
        """V = 1 + W."""
        return torch.cat([self.recent.known[:, -1:], self.recent.known], 1)

    @property
    def shown(self) -> Float[Tensor, "B V ..."]:
        """See `Recent`."""
        return torch.cat([self.first[:, None], self.recent.shown], 1)
