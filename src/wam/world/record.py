"""Records: frozen, keyword-only dataclasses of tensors that declare their axes.

A field's annotation is its contract: `Float[Tensor, "B T D"]` says dtype and axes. A field may be a tensor, a dict of
tensors that share the declared axes (cameras by name), another record, or a static value (a word table).

Axes. `B` batch, `T` past steps, `H` future steps, `R` actions per model step bind everywhere in a record, through nested
records too. Other upper-case axes bind within one record, lower-case ones are free (camera sizes). A nested field may
rename its time axis: `Annotated[Observation, Rename(T="H")]`; the new name binds everywhere.

Absent is None, for the whole batch and in the spec. Missing is a per-sample mask, a field of its own.
Inputs are never written to: every operation returns a new record.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_args, get_type_hints

import torch
from jaxtyping import AbstractArray, jaxtyped
from torch import Tensor
from torch.utils import _pytree

EVERYWHERE = frozenset("BTHR")

Axes = tuple[str, ...]


class RecordError(ValueError):
    """A record whose fields do not fit each other or another record."""


@dataclasses.dataclass(frozen=True)
class Rename:
    """How a nested record's time axis is called in the outer record, e.g. `Rename(T="H")`."""

    T: str


@dataclasses.dataclass(frozen=True)
class FieldPlan:
    """What the annotation of one field says."""

    name: str
    axes: Axes  # of a tensor or of a dict of tensors; empty for a record or a static value
    array: Any  # the jaxtyping annotation, for dtype and rank
    rename: tuple[tuple[str, str], ...]  # axis names of a nested record, inside -> outside


def _array(hint: Any) -> Any:
    """The jaxtyping annotation inside `X | None`, `dict[str, X]` or `Annotated[X, ...]`, or None."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return hint
    return next((found for part in get_args(hint) if (found := _array(part)) is not None), None)


def _rename(hint: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(hint, Rename):
        return (("T", hint.T),)
    return next((found for part in get_args(hint) if (found := _rename(part))), ())


def _plan(cls: type) -> tuple[FieldPlan, ...]:
    hints = get_type_hints(cls, include_extras=True)
    plans = []
    for field in dataclasses.fields(cls):
        array = _array(hints[field.name])
        if array is None and "Tensor" in str(hints[field.name]):
            raise RecordError(f'{cls.__name__}.{field.name} is a tensor without axes. Annotate it like Float[Tensor, "B T D"].')
        axes = tuple(array.dim_str.split()) if array is not None else ()
        plans.append(FieldPlan(field.name, axes, array, _rename(hints[field.name])))
    return tuple(plans)


R = TypeVar("R", bound="Record")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[R]) -> type[R]:
    """Make a subclass of `Record` a frozen dataclass, read its axes, and register it with torch's pytrees."""
    made: type[R] = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    made.plan = _plan(made)
    _pytree.register_pytree_node(made, _flatten, lambda leaves, context: _unflatten(made, leaves, context))
    return made


def _flatten(value: "Record") -> tuple[list[Any], tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]]:
    """Only present tensor-holding fields travel as children; static values travel in the context."""
    names, leaves, static = [], [], []
    for plan in value.plan:
        child = getattr(value, plan.name)
        if child is None:
            continue
        if plan.array is not None or isinstance(child, Record):  # by declaration: `tree_map` may have put anything in a tensor's place
            names.append(plan.name)
            leaves.append(child)
        else:
            static.append((plan.name, child))
    return leaves, (tuple(names), tuple(static))


def _unflatten(cls: type[R], leaves: Any, context: Any) -> R:
    names, static = context
    return cls(**dict(zip(names, leaves, strict=True)), **dict(static))


class Record:
    """Base of all records. Subclass it under `@record`."""

    plan: ClassVar[tuple[FieldPlan, ...]] = ()

    # -- the one recursion -------------------------------------------------------------------------------------------

    def map(self, fn: Callable[..., Tensor], *others: Self) -> Self:
        """A record of `fn(axes, leaf, *leaves of the others)`; absent stays absent, static values must agree."""
        return self._map(fn, others, (), type(self).__name__)

    def _map(self, fn: Callable[..., Tensor], others: Sequence[Self], rename: tuple[tuple[str, str], ...], path: str) -> Self:
        for other in others:
            if type(other) is not type(self):
                raise RecordError(f"{path}: cannot combine {type(self).__name__} with {type(other).__name__}.")
        names = dict(rename)
        changes: dict[str, Any] = {}
        for plan in self.plan:
            here = f"{path}.{plan.name}"
            value = getattr(self, plan.name)
            rest = [getattr(other, plan.name) for other in others]
            if any((item is None) != (value is None) for item in rest):
                raise RecordError(f"{here} is present in one record and absent in another: they come from different specs.")
            if isinstance(value, Tensor):
                axes = tuple(names.get(axis, axis) for axis in plan.axes)
                changes[plan.name] = fn(axes, value, *rest)
            elif isinstance(value, dict):
                axes = tuple(names.get(axis, axis) for axis in plan.axes)
                for item in rest:
                    if item.keys() != value.keys():
                        raise RecordError(f"{here} has keys {sorted(value)} in one record and {sorted(item)} in another.")
                changes[plan.name] = {key: fn(axes, leaf, *[item[key] for item in rest]) for key, leaf in value.items()}
            elif isinstance(value, Record):
                inner = tuple((inside, names.get(outside, outside)) for inside, outside in plan.rename) or rename
                changes[plan.name] = value._map(fn, rest, inner, here)
            elif any(item != value for item in rest):
                raise RecordError(f"{here} is {value!r} in one record and {rest!r} in another: word tables and vocabularies must agree.")
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def leaves(self) -> list[tuple[str, Axes, Tensor]]:
        """(path, axes, tensor) of every present tensor, in the order of the declaration."""
        return [(path, axes, leaf) for path, axes, leaf, _ in self._leaves((), type(self).__name__)]

    def _leaves(self, rename: tuple[tuple[str, str], ...], path: str) -> list[tuple[str, Axes, Tensor, Any]]:
        names, found = dict(rename), []
        for plan in self.plan:
            value, here = getattr(self, plan.name), f"{path}.{plan.name}"
            axes = tuple(names.get(axis, axis) for axis in plan.axes)
            if isinstance(value, Tensor):
                found.append((here, axes, value, plan.array))
            elif isinstance(value, dict):
                found += [(f"{here}[{key!r}]", axes, leaf, plan.array) for key, leaf in value.items()]
            elif isinstance(value, Record):
                inner = tuple((inside, names.get(outside, outside)) for inside, outside in plan.rename) or rename
                found += value._leaves(inner, here)
            elif value is not None and plan.array is not None:
                raise RecordError(f"{here} is a {type(value).__name__}, expected {plan.array.__name__}. Use torch.as_tensor on the way in.")
        return found

    # -- sizes and checks --------------------------------------------------------------------------------------------

    def size(self, axis: str) -> int:
        """Length of an axis, e.g. `size("B")`; RecordError where no present field has it."""
        for _, axes, leaf in self.leaves():
            if axis in axes:
                return leaf.shape[_position(axes, axis, leaf)]
        raise RecordError(f"{type(self).__name__} has no present field with axis {axis!r}.")

    @property
    def device(self) -> torch.device:
        """Device of the first present tensor."""
        found = self.leaves()
        return found[0][2].device if found else torch.device("cpu")

    def check(self) -> Self:
        """Raise RecordError unless dtypes, ranks and bound axes fit; returns self."""
        bound: dict[tuple[str, str], tuple[int, str]] = {}
        for path, axes, leaf, array in self._leaves((), type(self).__name__):
            with jaxtyped("context"):  # axes are bound below: a shape check around this call must not bind them here
                fits = isinstance(leaf, array)
            if not fits:
                raise RecordError(f"{path} is {_describe(leaf)}, expected {array.__name__}. A wrong axis order or dtype is the usual cause.")
            for axis in axes:
                if not axis[0].isupper():
                    continue
                scope = "" if axis in EVERYWHERE or axis not in array.dim_str.split() else path.split("[")[0].rpartition(".")[0]
                size = leaf.shape[_position(axes, axis, leaf)]
                known, where = bound.setdefault((scope, axis), (size, path))
                if known != size:
                    raise RecordError(f"{path} has {axis} = {size}, but {where} has {axis} = {known}.")
        return self

    # -- operations, all through map ---------------------------------------------------------------------------------

    def narrow(self, axis: str, start: int, stop: int | None = None) -> Self:
        """Steps `start:stop` of an axis; the axis stays. Fields without it are kept."""
        return self.map(lambda axes, leaf: leaf[_at(axes, axis, leaf, slice(start, stop))] if axis in axes else leaf)

    def take(self, axis: str, index: Tensor) -> Self:
        """Entries of an axis: `index` is a vector of int64, 0 or more, or a bool mask as long as the axis. RecordError for other shapes."""

        def taken(axes: Axes, leaf: Tensor) -> Tensor:
            if axis not in axes:
                return leaf
            position = _position(axes, axis, leaf)
            if index.ndim != 1 or (index.dtype == torch.bool and len(index) != leaf.shape[position]):
                raise RecordError(
                    f"{_describe(index)} is to pick from the {leaf.shape[position]} entries of {axis}. Pass a vector of indices, or a mask of that length."
                )
            return leaf.index_select(position, (index.nonzero()[:, 0] if index.dtype == torch.bool else index).to(leaf.device))

        return self.map(taken)

    def select(self, rows: Tensor) -> Self:
        """Rows of the batch: `take("B", rows)`."""
        return self.take("B", rows)

    def repeat(self, count: int) -> Self:
        """Each row `count` times in place: rows 0, 0, ..., 1, 1, ... ("B" -> "B*count"). Fields without B are kept."""
        return self.map(lambda axes, leaf: leaf.repeat_interleave(count, _position(axes, "B", leaf)) if "B" in axes and count != 1 else leaf)

    def where(self, mask: Tensor, other: Self) -> Self:
        """Rows of `self` where mask "B" is True, rows of `other` elsewhere. Fields without B are kept."""

        def choose(axes: Axes, leaf: Tensor, rest: Tensor) -> Tensor:
            if "B" not in axes:
                return leaf
            _alike("where()", axes, leaf, rest)
            return torch.where(mask.view(-1, *[1] * (leaf.ndim - 1 - _position(axes, "B", leaf))), leaf, rest)

        return self.map(choose, other)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Self:
        """Move all tensors; cast only floating ones."""
        return self.map(lambda axes, leaf: leaf.to(device=device, dtype=dtype if leaf.is_floating_point() else None))

    def detach(self) -> Self:
        """The same values without gradient history."""
        return self.map(lambda axes, leaf: leaf.detach())

    def clone(self) -> Self:
        """A deep copy."""
        return self.map(lambda axes, leaf: leaf.clone())


def concatenate(records: Sequence[R], axis: str) -> R:
    """Join records along an axis. Fields without the axis are taken from the first. RecordError where they do not fit."""
    if not records:
        raise RecordError("concatenate() of no records: an empty list has no shapes. Was nothing recorded?")
    first, *rest = records

    def join(axes: Axes, *leaves: Tensor) -> Tensor:
        if axis not in axes:
            return leaves[0]
        for leaf in leaves[1:]:
            _alike(f"concatenate() along {axis}", axes, leaves[0], leaf, free=_position(axes, axis, leaf))
        return torch.cat(leaves, _position(axes, axis, leaves[0]))

    return first.map(join, *rest)


def _position(axes: Axes, axis: str, leaf: Tensor) -> int:
    """Index of a named axis; `...` stands for any number of unnamed ones."""
    index = axes.index(axis)
    if "..." in axes and axes.index("...") < index:
        return leaf.ndim - (len(axes) - index)
    return index


def _alike(what: str, axes: Axes, one: Tensor, two: Tensor, free: int | None = None) -> None:
    """RecordError unless dtype and shape agree (but for dimension `free`): torch would silently convert or broadcast."""
    shapes = [[size for index, size in enumerate(leaf.shape) if index != free] for leaf in (one, two)]
    if one.dtype != two.dtype or shapes[0] != shapes[1]:
        raise RecordError(
            f"{what} got {_describe(one)} and {_describe(two)} for axes ({' '.join(axes)}). "
            "Different specs, or frames at rest (uint8) beside frames of a model (float), are the usual causes."
        )


def _at(axes: Axes, axis: str, leaf: Tensor, key: Any) -> tuple[Any, ...]:
    return (*[slice(None)] * _position(axes, axis, leaf), key)


def _describe(leaf: Tensor) -> str:
    return f"{str(leaf.dtype).removeprefix('torch.')} {tuple(leaf.shape)}"
