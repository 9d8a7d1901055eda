"""Which reference policies stand beside a system depends on what the world asks."""

from wam.jobs.control import shows_goal
from wam.sim.worlds import push


def test_nobody_drives_to_a_goal_that_is_asked_for_in_words():
    assert shows_goal(push.make(2)) and not shows_goal(push.make(2, task="instruction", zones=2))
