"""What has changed, since a result was measured, of the code that it depends on: definitions by name, by git's record of its commit.

The hash of a result's sources says that something changed. Whether that can matter to the figures is for people to say, who see what.
Does not know: results, what a change means.
"""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from wam.evaluate.sources import PACKAGE, Sources, reached, source_hash
from wam.world import Spec, SpecError

REPOSITORY = PACKAGE.parent.parent
KEPT = ("src", "tests")  # where sources lie


@dataclass(frozen=True, kw_only=True)
class Changes(Spec):
    """Definitions as "module.name", sorted."""

    commit: str
    exact: bool  # was it measured with the sources of that commit; where not, with others beside, or another way to hash them
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    def told(self) -> list[str]:
        """In lines, for people."""
        beside = "" if self.exact else " (as that commit has it; the hash in the result is another: of changes beside it, or of a hash that was made otherwise)"
        lines = [f"since {self.commit}{beside}:"]
        for word, names in (("changed", self.changed), ("gone", self.gone), ("new", self.new)):
            lines += [f"  {word:7} {name}" for name in names]
        return lines if len(lines) > 1 else [f"nothing that it depends on has changed since {self.commit}{beside}"]


def changes_since(commit: str, sources: Sources, repository: Path = REPOSITORY) -> Changes:
    """Of what `sources` lead to. `commit` may end with "+". SpecError where git has no such commit, or a root was not there."""
    with TemporaryDirectory() as name:
        then = Path(name).resolve()
        unpack(commit.rstrip("+"), repository, then)
        try:
            before, after = (definitions(sources, place) for place in (then, repository))
        except FileNotFoundError as error:
            raise SpecError(f"what has changed since {commit} cannot be told: {error}") from error
        exact = source_hash(*sources.roots, places=places(then)) == sources.digest
    both = before.keys() & after.keys()
    return Changes(
        commit=commit,
        exact=exact,
        changed=tuple(sorted(name for name in both if before[name] != after[name])),
        gone=tuple(sorted(before.keys() - both)),
        new=tuple(sorted(after.keys() - both)),
    )


def places(repository: Path) -> tuple[Path, ...]:
    """Where its modules lie."""
    return repository / "src", repository


def definitions(sources: Sources, repository: Path) -> dict[str, str]:
    """ "module.name" -> code of all that the sources' roots depend on."""
    found: dict[str, str] = {}
    for module, statements in reached(sources.roots, places(repository)).items():
        for statement in statements:
            name = f"{module}.{statement.name}"
            found[name] = f"{found.get(name, '')}{statement.code}\n"
    return found


def unpack(commit: str, repository: Path, place: Path) -> None:
    """The sources of a commit. SpecError where git does not have it."""
    try:
        done = subprocess.run(["git", "archive", "--format=tar", commit, *KEPT], cwd=repository, capture_output=True, check=False)
    except OSError as error:
        raise SpecError(f"git cannot be run ({error}), and what changed is read from its record. Install git.") from error
    if not commit or done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise SpecError(f"git has no commit {commit!r} of {repository} ({said}). A checkout with its whole history has: `git fetch --unshallow`.")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(place, filter="data")
