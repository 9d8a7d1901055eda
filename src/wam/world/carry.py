"""What a model carries from call to call, built so that imagination cannot leak into memory.

`observe` writes both halves from `seen`; `predict` writes only `now`. Predictions are therefore forgotten by construction
when real frames arrive. Every leaf starts with B, clocks and ring positions too. With `spec.shares_context` the rows of
`now` may be a multiple of those of `seen` while candidates are compared; the two halves are records of their own.
"""

from typing import Generic, TypeVar

from wam.world.record import Record, record

Seen = TypeVar("Seen", bound=Record)
Now = TypeVar("Now", bound=Record)


@record
class Grounded(Record, Generic[Seen, Now]):
    """`seen`: from real frames only. `now`: what `predict` continues from."""

    seen: Seen
    now: Now
