"""Specs are values: frozen dataclasses that print as JSON and read back, and say exactly what does not fit.

Knows: how to write nested dataclasses, tuples and dicts as JSON by their type hints.   Does not know: what any spec means.
"""

import dataclasses
import difflib
import json
import math
import types
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class SpecError(ValueError):
    """Something that does not fit its spec, or a spec that cannot be read."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spec:
    """Base of all specs."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; nested specs carry their class name under "kind", infinite numbers are the strings "inf" and "-inf"."""
        values = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {"kind": type(self).__name__, **values}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. SpecError for unknown or missing fields."""
        if not isinstance(data, dict):
            raise SpecError(f"expected a {cls.__name__}, the data is {data!r}.")
        kind = data.get("kind", cls.__name__)
        if kind != cls.__name__:
            raise SpecError(f"expected a {cls.__name__}, the data is a {kind}.")
        hints, fields = get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls)}
        unknown = data.keys() - fields.keys() - {"kind"}
        required = {name for name, field in fields.items() if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING}
        missing = required - data.keys()
        if unknown or missing:
            raise SpecError(
                f"{cls.__name__} cannot be read: unknown fields {sorted(unknown)}, missing fields {sorted(missing)}."
                f"{_meant(unknown, fields)} It has the fields {list(fields)}."
            )
        return cls(**{name: _typed(hints[name], value, f"{cls.__name__}.{name}") for name, value in data.items() if name != "kind"})

    def to_json(self) -> str:
        """Readable JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; what a person wrote is read by `read_spec`."""
        try:
            return cls.from_dict(json.loads(text))
        except SpecError as error:
            raise SpecError(f"{error} It was probably written by another version of wam.") from error


S = TypeVar("S", bound=Spec)
D = TypeVar("D", bound="DataclassInstance")


def read_spec(path: Path, kind: type[S]) -> S:
    """What a person wrote as JSON. SpecError with the file's name for what is no JSON and for what does not fit."""
    try:
        return kind.from_dict(json.loads(path.read_text()))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        wanted = f"Expected the fields {[field.name for field in dataclasses.fields(kind)]} of a {kind.__name__}."
        raise SpecError(f"{path} is no JSON: {error}. A comma too many, or quotes that are missing, are the usual cause. {wanted}") from error
    except SpecError as error:
        raise SpecError(f"{path} cannot be used: {error} Correct the file.") from error


def with_values(told: D, values: Mapping[str, Any]) -> D:
    """A dataclass with some of its fields replaced, by what a person wrote: read as JSON is. SpecError for unknown fields and for other types."""
    hints, kind = get_type_hints(type(told)), type(told).__name__
    known = {field.name: getattr(told, field.name) for field in dataclasses.fields(told)}
    if unknown := values.keys() - known.keys():
        raise SpecError(f"{kind} has no fields {sorted(unknown)}.{_meant(unknown, known)} It has, with what they are: {known}.")
    return dataclasses.replace(told, **{name: _typed(hints[name], value, f"{kind}.{name}") for name, value in values.items()})


def expect(spec: Spec, field: str, holds: bool, expected: str) -> None:
    """For a spec's own `__post_init__`: SpecError that says what came and what was expected, unless it holds."""
    if not holds:
        raise SpecError(f"{type(spec).__name__}.{field} is {getattr(spec, field)!r}, expected {expected}.")


def _meant(unknown: Collection[Any], known: Collection[Any]) -> str:
    """The known names that are nearest, as a question; empty where none is near."""
    pairs = [(name, difflib.get_close_matches(str(name), list(map(str, known)), 1)) for name in sorted(unknown, key=str)]
    return "".join(f" Did you mean {near[0]!r} where it says {name!r}?" for name, near in pairs if near)


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinite numbers
    return value


def _typed(hint: Any, value: Any, path: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(parts, value, path)
    if isinstance(hint, type) and issubclass(hint, Spec):
        return hint.from_dict(value)
    if origin is Literal:
        if value not in parts:
            raise SpecError(f"{path} is {value!r}, expected one of {list(parts)}.{_meant([value], parts)}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or (parts[1:] != (...,) and len(value) != len(parts)):
            raise SpecError(f"{path} is {value!r}, expected a list of {'any length' if parts[1:] == (...,) else len(parts)}.")
        inner = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return tuple(_typed(part, item, f"{path}[{index}]") for index, (part, item) in enumerate(zip(inner, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise SpecError(f"{path} is {value!r}, expected names and values.")
        return {key: _typed(parts[1], item, f"{path}[{key!r}]") for key, item in value.items()}
    if hint is float and not isinstance(value, bool) and (isinstance(value, int) or value in ("inf", "-inf", "nan")):
        return float(value)
    if isinstance(hint, type) and not isinstance(value, hint):
        raise SpecError(f"{path} is {value!r}, expected {hint.__name__}.")
    return value


def _one_of(parts: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and type(None) in parts:
        return None
    choices = [part for part in parts if part is not type(None)]
    if isinstance(value, dict) and "kind" in value:
        named = [part for part in choices if isinstance(part, type) and part.__name__ == value["kind"]]
        if not named:
            raise SpecError(f"{path} is a {value['kind']}, expected one of {[part.__name__ for part in choices]}.")
        return _typed(named[0], value, path)
    return _typed(choices[0], value, path)
