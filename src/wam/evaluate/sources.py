"""Which code a result depends on, as one hash: when it differs, the result is stale and must be run again.

Hashed is what computes: comments, docstrings, cards, layout, annotations of functions and the words of errors may change. Followed are names, from the
modules given: a definition leads to those that it names, in its own file or through imports, also inside functions; of a package that hands names
on, to where they are defined. What else stands in a file does not count. A name made at run time (a recipe, a world) is not seen: give it as a root.
What draws figures, or says where they come from, is left out: it changes none.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from wam.world import Spec

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE.parent, PACKAGE.parent.parent)  # where `wam` lies, and the repository with its `tests`
DESCRIBING = ("wam.show", "wam.evaluate.origin", "wam.evaluate.sources")

IMPORTS = (ast.Import, ast.ImportFrom)
Definition = tuple[str, str | None]  # module, and a name that it binds; None = all that stands there


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
def source_hash(*roots: str, places: tuple[Path, ...] = PLACES) -> str:
    """Twelve hexadecimal digits over the modules and all that they name of this repository; without roots over the whole package, what describes left out.

    FileNotFoundError for a module that is not there.
    """
    digest = hashlib.sha256()
    for name, code in sorted(closure(roots or modules(), places).items()):
        digest.update(name.encode() + b"\0" + code.encode() + b"\0")
    return digest.hexdigest()[:12]


def modules() -> tuple[str, ...]:
    """All of the package."""
    paths = (path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return tuple(".".join(path.parts).removesuffix(".__init__") for path in paths)


def closure(roots: tuple[str, ...], places: tuple[Path, ...] = PLACES) -> dict[str, str]:
    """Module -> the code of it that the roots depend on, its statements as their syntax trees are written."""
    return {module: "\n".join(statement.code for statement in statements) for module, statements in reached(roots, places).items()}


def reached(roots: tuple[str, ...], places: tuple[Path, ...] = PLACES) -> dict[str, list["Statement"]]:
    """Module -> what of it the roots depend on; the roots whole, of others the definitions that are named, directly or not."""
    if missing := [root for root in roots if file_of(root, places) is None]:
        raise FileNotFoundError(f"there is no module {missing[0]!r} in {places[0]}; sources are named as they are imported, e.g. wam.recipes.lewm.")
    waiting: list[Definition] = [(root, None) for root in roots]
    seen, kept = set(waiting), dict[str, set[int]]()
    while waiting:
        module, name = waiting.pop()
        path = file_of(module, places)
        if path is None or any(f"{module}.".startswith(f"{other}.") for other in DESCRIBING):
            continue
        text, within = parsed(path), f"{module}.{name}"
        indices = text.binding(name)
        if indices is None:  # nothing binds it there: a module of the package, or something made at run time
            found: list[Definition] = [(module if file_of(within, places) is None else within, None)]
        else:
            found = [lead for index in indices for lead in text.leads(index, module, name)]
            found += [(within, None)] if (module, name) in found and file_of(within, places) else []  # `from . import name`
            kept.setdefault(module, set()).update(index for index in indices if not text.statements[index].imports_alone)
        new = [lead for lead in dict.fromkeys(found) if lead not in seen]
        seen.update(new)
        waiting += new
    return {module: [parsed(path).statements[index] for index in sorted(some)] for module, some in kept.items() if some and (path := file_of(module, places))}


@cache
def file_of(module: str, places: tuple[Path, ...] = PLACES) -> Path | None:
    """Of a module or a package in one of the places; None for modules of others."""
    stems = [place.joinpath(*module.split(".")) for place in places]
    candidates = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return next((path for path in candidates if path.is_file()), None)


@dataclass(frozen=True)
class Statement:
    """One of a file's own. What is read off it is kept: many results depend on it."""

    node: ast.stmt

    @property
    def imports_alone(self) -> bool:
        """Is it an import, and nothing else?"""
        return isinstance(self.node, IMPORTS)

    @cached_property
    def name(self) -> str:
        """The first that it binds; "(acts)" where it binds none and acts when its file is imported."""
        return next(bound(self.node), "(acts)")

    @cached_property
    def code(self) -> str:
        """As its syntax tree is written."""
        return ast.unparse(self.node)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All that it mentions."""
        return tuple(dict.fromkeys(node.id for node in ast.walk(self.node) if isinstance(node, ast.Name)))

    @cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """Also those inside of it."""
        return tuple(node for node in ast.walk(self.node) if isinstance(node, IMPORTS))


@dataclass(frozen=True)
class Text:
    """A file: its statements, and which of them bind a name."""

    statements: tuple[Statement, ...]
    binds: dict[str, list[int]]  # name -> indices of statements
    package: bool

    def binding(self, name: str | None) -> list[int] | None:
        """The statements behind a name, with those that bind none and so act whenever the file is imported; None where nothing binds it."""
        if name is None:  # what a package imports it hands on
            return [index for index, statement in enumerate(self.statements) if self.package or not statement.imports_alone]
        binding = {index for indices in self.binds.values() for index in indices}
        idle = [index for index in range(len(self.statements)) if index not in binding]
        return [*self.binds[name], *idle] if name in self.binds else None

    def leads(self, index: int, module: str, name: str | None) -> Iterator[Definition]:
        """What a statement names, of its own file or of others; of an import in the file, what it gives under this name."""
        statement = self.statements[index]
        yield from ((module, found) for found in statement.names if found in self.binds)
        for node in statement.imports:
            some = [alias for alias in node.names if node is not statement.node or name in (None, given(alias))]
            yield from ((alias.name, None) if isinstance(node, ast.Import) else (self._origin(module, node), alias.name) for alias in some)

    def _origin(self, module: str, node: ast.ImportFrom) -> str:
        """The module named after `from`, relative ones in full."""
        package = module.split(".") if self.package else module.split(".")[:-1]
        base = package[: len(package) - node.level + 1] if node.level else []
        return ".".join([*base, *([node.module] if node.module else [])])


@cache
def parsed(path: Path) -> Text:
    """What computes in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    Computing().visit(tree)
    binds: dict[str, list[int]] = {}
    for index, statement in enumerate(tree.body):
        for name in dict.fromkeys(bound(statement)):
            binds.setdefault(name, []).append(index)
    return Text(statements=tuple(map(Statement, tree.body)), binds=binds, package=path.name == "__init__.py")


class Computing(ast.NodeTransformer):
    """Leaves out docstrings, cards of recipes, annotations of functions, what errors say, and imports for annotations alone."""

    def visit(self, node: ast.AST) -> ast.AST | None:
        """A node and all that is in it; None leaves it out."""
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return None
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Card":
            return None
        self.generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node


def bound(statement: ast.stmt | ast.excepthandler) -> Iterator[str]:
    """Names that a statement of a file gives to it, also from inside of `if`, `try`, `for` and `with`."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    if isinstance(statement, IMPORTS):
        yield from (given(alias) for alias in statement.names)
        return
    for node in ast.iter_child_nodes(statement):
        yield from bound(node) if isinstance(node, ast.stmt | ast.excepthandler) else stored(node)


def given(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def stored(expression: ast.AST) -> Iterator[str]:
    """Names that it assigns to."""
    yield from (node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
