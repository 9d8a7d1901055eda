"""Which source files a result depends on, as one hash: when it differs, the result is stale and must be run again.

Hashed is what computes: comments, docstrings and layout may change. Followed are imports as written, also inside functions,
from the modules named; of a package that hands names on, the modules that those asked for come from. What is imported by a
name made at run time (a recipe, a world) is not seen: name it as a root.
What draws figures, or says where they come from, is left out: it changes none.
"""

import ast
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wam.world import Spec

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE.parent, PACKAGE.parent.parent)  # where `wam` lies, and the repository with its `tests`
DESCRIBING = ("wam.show", "wam.evaluate.origin", "wam.evaluate.sources")


@dataclass(frozen=True, kw_only=True)
class Sources(Spec):
    """What was hashed, and the hash."""

    roots: tuple[str, ...]  # module names
    digest: str

    @staticmethod
    def of(*roots: str) -> "Sources":
        """The sources as they are now."""
        return Sources(roots=roots, digest=source_hash(*roots))

    @property
    def stale(self) -> bool:
        """Has any of them changed, or gone?"""
        try:
            return source_hash(*self.roots) != self.digest
        except FileNotFoundError:
            return True


@cache
def source_hash(*roots: str) -> str:
    """Twelve hexadecimal digits over the modules and all that they import of this repository; without roots over the whole package.

    FileNotFoundError for a module that is not there.
    """
    found = closure(roots) if roots else {path.relative_to(PACKAGE.parent).as_posix(): path for path in PACKAGE.rglob("*.py")}
    digest = hashlib.sha256()
    for name, path in sorted(found.items()):
        digest.update(name.encode() + b"\0" + code_of(path).encode() + b"\0")
    return digest.hexdigest()[:12]


@cache
def code_of(path: Path) -> str:
    """A file as its syntax tree is written, without comments and docstrings: the same as long as nothing was rewritten that computes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.unparse(tree)


def closure(roots: tuple[str, ...], places: tuple[Path, ...] = PLACES) -> dict[str, Path]:
    """File of each module that the roots import, directly or not, themselves included."""
    found: dict[str, Path] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        path = file_of(name, places)
        if path is None:
            if name in roots:
                raise FileNotFoundError(f"there is no module {name!r} in {places[0]}; sources are named as they are imported, e.g. wam.recipes.lewm.")
            continue
        if name not in found and not any(f"{name}.".startswith(f"{other}.") for other in DESCRIBING):
            found[name] = path
            waiting += imported(name, path, places)
    return found


@cache
def file_of(module: str, places: tuple[Path, ...] = PLACES) -> Path | None:
    """Of a module or a package in one of the places; None for modules of others."""
    stems = [place.joinpath(*module.split(".")) for place in places]
    candidates = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return next((path for path in candidates if path.is_file()), None)


@cache
def imported(module: str, path: Path, places: tuple[Path, ...] = PLACES) -> tuple[str, ...]:
    """What a file imports. A name that a package merely hands on is looked for in the module that the package has it from."""
    found: list[str] = []
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, path, node)
            found += [name for alias in node.names for name in _defined(origin, alias.name, places)]
    return tuple(dict.fromkeys(found))


def _defined(origin: str, name: str, places: tuple[Path, ...]) -> tuple[str, ...]:
    """Modules that may define what `from origin import name` gives: for `from a import b` a.b may be a module, or b a name in a."""
    path = file_of(origin, places)
    if path is None or path.name != "__init__.py":
        return (origin,)
    if file_of(f"{origin}.{name}", places) is not None:
        return (f"{origin}.{name}",)
    for node in _parsed(path).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _defined(_origin(origin, path, node), alias.name, places)
    return (origin,)


def _origin(module: str, path: Path, node: ast.ImportFrom) -> str:
    """The module named after `from`, relative ones in full."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
