"""Which reference policies stand beside a system depends on what the world asks; a run of another robot is refused before anything acts."""

from types import SimpleNamespace

import pytest

from wam.jobs.control import control, require_same_robot, shows_goal
from wam.sim.worlds import push, tabletop
from wam.world import PolicySpec, SpecError


def test_nobody_drives_to_a_goal_that_is_asked_for_in_words():
    assert shows_goal(push.make(2)) and not shows_goal(push.make(2, task="instruction", zones=2))


def test_all_that_another_robot_lacks_is_named_at_once():
    own, other = push.make(1).spec, tabletop.make(1).spec
    require_same_robot(PolicySpec(observes=own.observes, acts=own.acts), own, "lewm tiny")
    with pytest.raises(SpecError, match=r"lewm tiny learned with cameras \['front'\], readings .*, actions \[.*\], which the world 'push' does not have"):
        require_same_robot(PolicySpec(observes=other.observes, acts=other.acts), own, "lewm tiny")


def test_a_world_that_judges_nothing_is_not_controlled():
    """What nobody measured is not 0 %: the remedy is the return, or the key that says what is solved."""
    pytest.importorskip("gymnasium", reason='needs the extra "gym"')
    blind = SimpleNamespace(model=SimpleNamespace(spec=SimpleNamespace(observes=SimpleNamespace(cameras={}))))
    with pytest.raises(SpecError, match=r"does not say what is solved.* Use wam score for its return, or, .* name the info key .* --option success=KEY"):
        control(blind, "gym", goals=2, options={"id": "Pendulum-v1"}, bars=None)
