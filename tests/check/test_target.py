"""`module:factory`: what is found and checked, and what each mistake says."""

import pytest

from wam.check import TargetError, check_target

SOURCE = """
from tests.check.checkable_models import ChunkModel
from tests.check.checkable_things import PointEnv, PointWindows, SmallSearch, SmoothPolicy

class Factory:
    @classmethod
    def make(cls):
        return PointEnv()

class Odd:
    def act(self): ...

class Both(ChunkModel):
    def plan(self): ...

model = ChunkModel()
number = 3
def make_model(size=3): return ChunkModel()
def make_sized(size): return ChunkModel()
def crash(): raise OSError("no weights here")
def odd(): return Odd()
def nothing(): return None
def both(): return Both()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checked_by_test.py").write_text(SOURCE)
    (tmp_path / "lacks_by_test.py").write_text("import no_such_dependency\n")
    (tmp_path / "broken_by_test.py").write_text("1 / 0\n")
    (tmp_path / "script_by_test.py").write_text("raise SystemExit(2)\n")


@pytest.mark.parametrize(
    ("name", "interface"),
    [
        ("make_model", "world model"),
        ("ChunkModel", "world model"),
        ("SmoothPolicy", "policy"),
        ("SmallSearch", "planner"),
        ("PointWindows", "windows"),
        ("PointEnv", "env"),
        ("Factory.make", "env"),
    ],
)
def test_targets_are_dispatched_by_interface(here, name, interface):
    (report,) = check_target(f"checked_by_test:{name}")
    assert (report.subject, report.interface) == (f"checked_by_test:{name}", interface)
    assert report.ok, str(report)
    if interface in ("world model", "policy"):
        assert report.find("weights_survive_saving").status == "passed"


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("checked_by_test", "module:factory"),
        ("folder/checked_by_test.py:make_model", "folder.checked_by_test:make_model"),
        ("no_such_module:make", "no module 'no_such_module'"),
        ("lacks_by_test:make", "imports 'no_such_dependency', which is not installed"),
        ("broken_by_test:make", "ZeroDivisionError: division by zero"),
        ("script_by_test:make", "runs a program"),
        ("checked_by_test:make_modle", "Did you mean make_model"),
        ("checked_by_test:Factory.mike", "Did you mean make"),
        ("checked_by_test:zzz", "It has: "),
        ("checked_by_test:number", "is a int, not a function"),
        ("checked_by_test:model", "is a ChunkModel, not a function"),
        ("checked_by_test:make_sized", "missing a required argument: 'size'"),
        ("checked_by_test:crash", "OSError: no weights here"),
        ("checked_by_test:odd", "for a policy: spec, begin"),
        ("checked_by_test:nothing", "none of the methods"),
        ("checked_by_test:both", "a world model and a planner"),
    ],
)
def test_mistakes_are_explained(here, target, says):
    with pytest.raises(TargetError) as error:
        check_target(target)
    assert says in str(error.value)


def test_the_import_path_is_left_as_it_was(here):
    import sys

    before = list(sys.path)
    check_target("checked_by_test:SmallSearch")
    assert sys.path == before
