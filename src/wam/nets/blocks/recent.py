"""The last W of something per row, newest last: frames or features that a model looks back at."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.world.record import Record, record


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
