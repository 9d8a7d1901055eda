"""Conformance of a world to `wam.world.Env` and to its own spec.

The world is stepped and reset many times; its batch is kept. The checks about rows need a batch of at least two, better five.
"""

from collections.abc import Callable
from typing import Any

from wam.check.env import chance, promises, stepping
from wam.check.env.subject import EnvSubject
from wam.check.report import Report
from wam.check.runner import run_checks

ESSENTIAL: tuple[Callable[[EnvSubject], None], ...] = (
    promises.spec_survives_json,
    promises.calls_return_records,
    promises.outcomes_fit_the_spec,
    chance.seeds_determine_everything,
)

CHECKS: tuple[Callable[[EnvSubject], None], ...] = (
    promises.truth_fits_the_spec,
    promises.only_chunks_are_accepted,
    chance.seeds_matter,
    chance.rows_follow_their_seeds,
    chance.rows_do_not_mix,
    chance.reset_leaves_other_rows_alone,
    chance.restored_worlds_replay,
    stepping.actions_matter,
    stepping.one_call_equals_single_steps,
    stepping.invalid_actions_are_not_executed,
    stepping.actions_are_clipped,
    stepping.actions_are_only_read,
    stepping.episodes_end_and_stay_still,
)


def check_env(env: Any, *, name: str = "") -> Report:
    """Check a world. It is reset and stepped; what it was in before is lost."""
    return Report(subject=name or type(env).__name__, interface="env", findings=run_checks(EnvSubject(env), ESSENTIAL, CHECKS))
