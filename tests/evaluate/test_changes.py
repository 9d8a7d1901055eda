"""What changed of the code that a result depends on is told by definitions, from git's record."""

import subprocess
from pathlib import Path

import pytest

from tests.evaluate.test_sources import LIBRARY, OTHER, ROOT, write
from wam.evaluate.changes import changes_since
from wam.evaluate.sources import Sources, source_hash
from wam.world import SpecError


def git(place: Path, *words: str) -> str:
    told = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(told, cwd=place, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """Committed once."""
    write(tmp_path, {"src/root.py": ROOT, "src/library.py": LIBRARY, "src/other.py": OTHER, "tests/test.py": ""})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return tmp_path


def test_what_changed_is_named(repository):
    commit, roots = git(repository, "rev-parse", "--short", "HEAD"), ("root",)
    then = Sources(roots=roots, digest=source_hash(*roots, places=(repository / "src", repository)))
    assert changes_since(commit, then, repository).told() == [f"nothing that it depends on has changed since {commit}"]
    changed = LIBRARY.replace("half", "twice").replace("helper(x) * UNIT", "helper(x)").replace("third(x)", "third(x) + 1")
    write(repository, {"src/library.py": changed, "src/other.py": OTHER + "def twice(x): return 2 * x\n"})
    source_hash.cache_clear(), parsed_anew()
    found = changes_since(f"{commit}+", then, repository)
    assert found.exact and found.changed == ("library.helper", "library.used")  # `beside` is nobody's
    assert (found.gone, found.new) == (("library.UNIT", "other.half"), ("other.twice",))
    assert found.told()[:2] == [f"since {commit}+:", "  changed library.helper"]
    assert "the hash in the result is another" in changes_since(commit, Sources(roots=roots, digest="0" * 12), repository).told()[0]


def parsed_anew() -> None:
    """Files change while this process runs, which no command does."""
    from wam.evaluate.sources import parsed

    parsed.cache_clear()


def test_what_git_cannot_tell_is_an_error(repository):
    commit = git(repository, "rev-parse", "HEAD")
    with pytest.raises(SpecError, match=r"git has no commit 'feedbee'.*git fetch --unshallow"):
        changes_since("feedbee", Sources(roots=("root",), digest=""), repository)
    with pytest.raises(SpecError, match="git has no commit ''"):
        changes_since("", Sources(roots=("root",), digest=""), repository)
    with pytest.raises(SpecError, match=r"what has changed since .* cannot be told: there is no module 'lost'"):
        changes_since(commit, Sources(roots=("lost",), digest=""), repository)
