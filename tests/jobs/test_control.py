"""Which reference policies stand beside a system depends on what the world asks; a run of another robot is refused before anything acts."""

import pytest

from wam.jobs.control import require_same_robot, shows_goal
from wam.sim.worlds import push, tabletop
from wam.world import PolicySpec, SpecError


def test_nobody_drives_to_a_goal_that_is_asked_for_in_words():
    assert shows_goal(push.make(2)) and not shows_goal(push.make(2, task="instruction", zones=2))


def test_all_that_another_robot_lacks_is_named_at_once():
    own, other = push.make(1).spec, tabletop.make(1).spec
    require_same_robot(PolicySpec(observes=own.observes, acts=own.acts), own, "lewm tiny")
    with pytest.raises(SpecError, match=r"lewm tiny learned with cameras \['front'\], readings .*, actions \[.*\], which the world 'push' does not have"):
        require_same_robot(PolicySpec(observes=other.observes, acts=other.acts), own, "lewm tiny")
