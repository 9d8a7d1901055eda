"""The hash of a result's sources follows imports, and nothing else."""

from pathlib import Path

import pytest

from wam.evaluate.sources import Sources, closure, code_of, source_hash


def write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_it_follows_imports_of_every_form(tmp_path):
    write(
        tmp_path,
        {
            "wam/jobs/demo.py": "import torch\nfrom wam.plan import planners\ndef f():\n    from wam.data.frames import Frames\n",
            "wam/plan/__init__.py": "",
            "wam/plan/planners/__init__.py": "from . import cem",
            "wam/plan/planners/cem.py": "from ..problem import Problem\nfrom wam.show.plots import draw",
            "wam/plan/problem.py": "import wam.jobs.demo  # a circle ends",
            "wam/data/frames.py": "",
            "wam/show/plots.py": "",
            "wam/check/runner.py": "",
        },
    )
    found = closure(("wam.jobs.demo",), (tmp_path,))
    assert set(found) == {"wam.jobs.demo", "wam.plan.planners", "wam.plan.planners.cem", "wam.plan.problem", "wam.data.frames"}


def test_what_a_package_hands_on_is_followed_to_where_it_is_defined(tmp_path):
    write(
        tmp_path,
        {
            "wam/jobs/demo.py": "from wam.plan import CEM\nfrom wam.world import Task\n",
            "wam/jobs/timed.py": "from wam.plan import seconds\n",
            "wam/plan/__init__.py": "from wam.plan.planners import CEM as CEM, MPPI as MPPI\n",
            "wam/plan/planners/__init__.py": "from .cem import Cross as CEM\nfrom .mppi import MPPI\n",
            "wam/plan/planners/cem.py": "",
            "wam/plan/planners/mppi.py": "",
            "wam/world/__init__.py": "from wam.world.task import Other\nclass Task: ...\n",
            "wam/world/task.py": "",
        },
    )
    demo = {"wam.jobs.demo", "wam.plan.planners.cem", "wam.world", "wam.world.task"}
    assert set(closure(("wam.jobs.demo",), (tmp_path,))) == demo
    more = demo | {"wam.jobs.timed", "wam.plan", "wam.plan.planners.mppi"}
    assert set(closure(("wam.jobs.timed", "wam.jobs.demo"), (tmp_path,))) == more  # whoever gives `seconds`


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
            "one.py": "def f(x):\n    return x + 1\n",
            "two.py": '"""What it is."""\n\n\ndef f(x):  # adds\n    """One more."""\n    return x +   1\n',
            "three.py": "def f(x):\n    return x + 2\n",
            "inside.py": "for x in y:\n    a()\n    b()\n",
            "after.py": "for x in y:\n    a()\nb()\n",
        },
    )
    one, two, three, inside, after = (code_of(tmp_path / f"{name}.py") for name in ("one", "two", "three", "inside", "after"))
    assert one == two != three and inside != after
