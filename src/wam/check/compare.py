"""Comparing what two runs gave, leaf by leaf, and saying where they differ.

Exact means bit for bit (NaN equals NaN). Close means: floating leaves within `TOLERANCE` of their dtype times the largest
value of the leaf (at least `SMALL`), uint8 within one level, everything else equal.
"""

import torch
from torch import Tensor

from wam.world import Record

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
SMALL = 1e-3  # values below this are compared absolutely

Trace = list[tuple[str, Record]]  # what a run gave, call by call


def unequal(left: Tensor, right: Tensor, exact: bool) -> Tensor:
    """Where two tensors of one shape and dtype differ, elementwise."""
    if left.dtype == torch.uint8 and not exact:
        return (left.int() - right.int()).abs() > 1
    if not left.is_floating_point():
        return left != right
    same = (left == right) | (left.isnan() & right.isnan())
    if exact:
        return ~same
    finite = right.abs().nan_to_num(0.0, 0.0, 0.0)
    bound = TOLERANCE[left.dtype] * max(float(finite.max()) if finite.numel() else 0.0, SMALL)
    return ~same & ~((left - right).abs() <= bound)


def difference(left: Trace, right: Trace, *, exact: bool) -> str | None:
    """The first leaf that differs, in words; None where all agree."""
    for (label, one), (_, two) in zip(left, right, strict=True):
        if found := record_difference(one, two, exact=exact):
            return f"{label}: {found}"
    return None


def record_difference(left: Record, right: Record, *, exact: bool) -> str | None:
    """The same for two records."""
    mine, theirs = left.leaves(), right.leaves()
    if [path for path, _, _ in mine] != [path for path, _, _ in theirs]:
        return f"one has the parts {[path for path, _, _ in mine]}, the other {[path for path, _, _ in theirs]}"
    for (path, axes, one), (_, _, two) in zip(mine, theirs, strict=True):
        if one.shape != two.shape or one.dtype != two.dtype:
            return f"{path} is {_kind(one)} in one and {_kind(two)} in the other"
        where = unequal(one.detach(), two.detach(), exact)
        if bool(where.any()):
            return f"{path} differs {_place(where, axes)}, by up to {_gap(one, two):.3g}"
    return None


def _kind(leaf: Tensor) -> str:
    return f"{str(leaf.dtype).removeprefix('torch.')} {tuple(leaf.shape)}"


def _gap(one: Tensor, two: Tensor) -> float:
    return float((one.detach().double() - two.detach().double()).abs().nan_to_num(float("inf")).max())


def _place(where: Tensor, axes: tuple[str, ...]) -> str:
    """In which rows, and in which steps where axis 1 is time."""
    if not where.ndim:
        return ""
    rows = where.flatten(1).any(1).nonzero().flatten().tolist() if where.ndim > 1 else where.nonzero().flatten().tolist()
    words = f"in rows {_short(rows)}"
    if where.ndim > 1 and axes[1:2] in (("T",), ("H",), ("G",)):
        words += f", steps {_short(where.transpose(0, 1).flatten(1).any(1).nonzero().flatten().tolist())}"
    return words


def _short(numbers: list[int]) -> str:
    return str(numbers) if len(numbers) <= 8 else f"{numbers[:8]}".replace("]", ", ...]")


def rows(trace: Trace, index: Tensor) -> Trace:
    """The same trace, rows `index` only."""
    return [(label, value.select(index)) for label, value in trace]
