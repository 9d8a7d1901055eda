"""Options of a world by name, e.g. from a command line -> its configuration, with names and types checked.

Reads the fields of the configuration's dataclass: plain types, Literal, tuples, and unions of these.
Does not know: which values a world can draw; its configuration says that itself.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from wam.world import SpecError
from wam.world.names import suggestion

Config = TypeVar("Config")


def from_options(config: type[Config], options: Mapping[str, Any], world: str) -> Config:
    """`config(**options)`; lists become tuples, as does a text with commas where words are listed. SpecError for unknown or missing names, and
    values of another type.
    """
    hints = get_type_hints(config)
    known = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(config)}  # type: ignore[arg-type]
    options = {name: _listed(hints.get(name), value) for name, value in options.items()}
    for name, value in options.items():
        if name not in known:
            raise SpecError(f"{world} has no option {name!r}. {suggestion(name, known)}")
        if not fits(hints[name], value):
            raise SpecError(f"the option {name} of {world} is {value!r}, expected {words(hints[name])}. Give it such a value, or leave it out.")
    if missing := [name for name, needed in known.items() if needed and name not in options]:
        raise SpecError(f"{world} needs the option {', '.join(missing)}, which was not given. On the command line: --option {missing[0]}=VALUE.")
    return config(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})


def _listed(hint: Any, value: object) -> object:
    """`front,side` as a person types a list of words -> ("front", "side"); any other value as it is."""
    if hint == tuple[str, ...] and isinstance(value, str):
        return tuple(filter(None, value.split(",")))
    return value


def fits(hint: Any, value: object) -> bool:
    """Is a value of the type that a field declares?"""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in parts
    if origin in (Union, UnionType):
        return any(fits(part, value) for part in parts)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):
            return False
        inner = parts[:1] * len(value) if parts[1:] == (...,) else parts
        return len(inner) == len(value) and all(fits(part, item) for part, item in zip(inner, value, strict=True))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def words(hint: Any) -> str:
    """A field's type as a person reads it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, parts))}"
    if origin in (Union, UnionType):
        return " or ".join(words(part) for part in parts)
    if origin is tuple:
        return f"a list like [{words(parts[0])}, ...]" if parts[1:] == (...,) else f"a list [{', '.join(words(part) for part in parts)}]"
    named: dict[Any, str] = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", NoneType: "null"}
    return named.get(hint, str(hint))
