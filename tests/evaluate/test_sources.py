"""The hash of a result's sources follows what is named, and nothing else."""

from pathlib import Path

import pytest

from wam.evaluate.sources import Sources, closure, source_hash


def write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_it_follows_imports_of_every_form(tmp_path):
    write(
        tmp_path,
        {
            "wam/jobs/demo.py": "import torch\nfrom wam.plan import planners\ndef f():\n    from wam.data.frames import Frames\n    planners.run()\n",
            "wam/plan/__init__.py": "",
            "wam/plan/planners/__init__.py": "from . import cem",
            "wam/plan/planners/cem.py": "from ..problem import Problem\nfrom wam.show.plots import draw\nclass CEM(Problem): ...\ndraw()",
            "wam/plan/problem.py": "import wam.jobs.demo  # a circle ends\nclass Problem:\n    demo = wam.jobs.demo.f",
            "wam/data/frames.py": "Frames = 1",
            "wam/show/plots.py": "def draw(): ...",
            "wam/check/runner.py": "",
        },
    )
    found = closure(("wam.jobs.demo",), (tmp_path,))
    assert set(found) == {"wam.jobs.demo", "wam.plan.planners.cem", "wam.plan.problem", "wam.data.frames"}


def test_what_a_package_hands_on_is_followed_to_where_it_is_defined(tmp_path):
    write(
        tmp_path,
        {
            "wam/jobs/demo.py": "from wam.plan import CEM, MPPI\nfrom wam.world import Task\nboth = CEM, Task\n",
            "wam/jobs/timed.py": "from wam.plan import seconds\nseconds()\n",
            "wam/plan/__init__.py": "from wam.plan.planners import CEM as CEM, MPPI as MPPI\n",
            "wam/plan/planners/__init__.py": "from .cem import Cross as CEM\nfrom .mppi import MPPI\n",
            "wam/plan/planners/cem.py": "class Cross: ...\n",
            "wam/plan/planners/mppi.py": "class MPPI: ...\n",
            "wam/world/__init__.py": "from wam.world.task import Other\nclass Task: ...\n",
            "wam/world/task.py": "class Other: ...\n",
        },
    )
    demo = {"wam.jobs.demo", "wam.plan.planners.cem", "wam.world"}
    assert set(closure(("wam.jobs.demo",), (tmp_path,))) == demo
    more = demo | {"wam.jobs.timed", "wam.plan.planners.mppi"}
    assert set(closure(("wam.jobs.timed", "wam.jobs.demo"), (tmp_path,))) == more  # whoever gives `seconds`


LIBRARY = """
import math
from other import half, third
if math:
    UNIT = 2
else:
    UNIT = 1
def used(x): return helper(x) * UNIT
def helper(x): return half(x)
def beside(x): return third(x)
REGISTER = []
REGISTER.append("what stands here acts on import")
"""
OTHER = "def half(x): return x / 2\ndef third(x): return x / 3\n"
ROOT = "from library import used\nprint(used(1))\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("library.py", "third(x)", "third(x) + 1", True),  # nobody asked for `beside`
        ("other.py", "x / 3", "x / 4", True),
        ("other.py", "x / 2", "x / 3", False),
        ("library.py", "helper(x) * UNIT", "helper(x)", False),
        ("library.py", "UNIT = 1", "UNIT = 3", False),
        ("library.py", "append", "extend", False),
        ("library.py", "import math", "import math, enum", True),
    ],
)
def test_what_stands_beside_does_not_count(tmp_path, file, old, new, same):
    files = {"root.py": ROOT, "library.py": LIBRARY, "other.py": OTHER}
    write(tmp_path / "a", files)
    write(tmp_path / "b", {**files, file: files[file].replace(old, new)})
    before, after = (closure(("root",), (tmp_path / place,)) for place in "ab")
    assert (before == after) is same and "return half(x)" in before["library"]


def test_a_misspelt_root_is_an_error():
    with pytest.raises(FileNotFoundError, match=r"no module 'wam.recipes.lewn'"):
        source_hash("wam.recipes.lewn")


def test_a_change_or_a_loss_makes_stale():
    now = Sources.of("wam.world")
    assert not now.stale and now.digest != source_hash("wam.evaluate") != source_hash()
    assert Sources(roots=now.roots, digest="0" * 12).stale and Sources(roots=("wam.gone",), digest=now.digest).stale


def test_words_about_code_are_not_code(tmp_path):
    write(
        tmp_path,
        {
            "one.py": "def f(x):\n    if x < 0:\n        raise ValueError\n    return x + 1\n",
            "two.py": 'def f(x: int) -> int:  # adds\n    """One more."""\n    if x < 0:\n        raise ValueError("below 0")\n    return x +   1\n',
            "three.py": "def f(x):\n    if x < 0:\n        raise ValueError\n    return x + 2\n",
            "inside.py": "for x in y:\n    a()\n    b()\n",
            "after.py": "for x in y:\n    a()\nb()\n",
            "card.py": "from one import Card\nCARD = Card('words')\nRECIPE = {'card': CARD, 'steps': 1}\n",
            "typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from one import f\ndef g(x: 'f'): ...\n",
        },
    )
    one, two, three, inside, after = (closure((name,), (tmp_path,))[name] for name in ("one", "two", "three", "inside", "after"))
    assert one == two != three and inside != after
    assert set(closure(("typed",), (tmp_path,))) == {"typed"}
    assert closure(("card",), (tmp_path,)) == {"card": "RECIPE = {'card': CARD, 'steps': 1}"}
