"""Closed-loop success in a world where the outcome of each policy is known."""

import pytest
import torch

from tests.evaluate.dots import DotWorld, Seeker, Wanderer
from wam.evaluate import SuccessRow, compare_success, evaluation_seeds, measure_success


def test_success_is_judged_at_the_end():
    seeds = evaluation_seeds(6)
    stays = measure_success(DotWorld(3), Seeker(), name="seeker", seeds=seeds)
    assert stays.success == 1 and stays.outcomes == (True,) * 6 and stays.high == 1 and stays.low < 0.8
    leaves = measure_success(DotWorld(3), Seeker(leave_after=4), name="leaver", seeds=seeds)
    assert leaves.success == 0 and leaves.low == 0
    assert leaves.first_solved == stays.first_solved  # it was there on the way
    assert all(step is not None and 1 <= step <= 4 for step in stays.first_solved)


def test_steps_to_first_success_are_counted_from_the_reset():
    row = measure_success(DotWorld(1), Seeker(), name="seeker", seeds=evaluation_seeds(1))
    (start,) = ((env.now.goal - env.now.place) for env in [_reset(DotWorld(1), row.seeds[0])])
    steps, away = 0, start.clone()
    while float(away.norm()) >= 1:
        away, steps = away - away.clamp(-1.5, 1.5), steps + 1
    assert row.first_solved == (steps,)


def test_padding_is_dropped_and_batches_do_not_matter():
    """Seven seeds in batches of three and of seven give the same outcomes, whatever stands beside them."""
    seeds, watched = evaluation_seeds(7), []
    world = DotWorld(3)
    padded = measure_success(world, Wanderer(), name="wander", seeds=seeds, watch=watched.append)
    whole = measure_success(DotWorld(7), Wanderer(), name="wander", seeds=seeds)
    assert padded.episodes == 7 and padded.outcomes == whole.outcomes and padded.first_solved == whole.first_solved
    assert torch.cat([episodes.seed for episodes in watched]).tolist() == list(seeds)
    assert world.resets[-1] == [seeds[6]] * 3  # the last batch is filled with its last seed
    other = measure_success(DotWorld(7), Wanderer(), name="wander", seeds=seeds, noise_seed=1)
    assert other.noise_seed == 1


def test_progress_counts_steps_over_all_batches():
    told = []
    measure_success(DotWorld(2, budget=3), Wanderer(), name="wander", seeds=evaluation_seeds(3), progress=lambda done, total: told.append((done, total)))
    assert told == [(step, 6) for step in range(1, 7)]


def test_noise_seed_changes_a_random_policy():
    seeds = evaluation_seeds(12)
    episodes = {}
    for noise_seed in (0, 0, 1):
        kept = []
        measure_success(DotWorld(12), Wanderer(), name="wander", seeds=seeds, noise_seed=noise_seed, watch=kept.append)
        episodes.setdefault(noise_seed, []).append(kept[0].actions.low_level)
    assert torch.equal(*episodes[0]) and not torch.equal(episodes[0][0], episodes[1][0])


def test_rows_print_as_json():
    row = measure_success(DotWorld(2), Wanderer(), name="wander", seeds=evaluation_seeds(4), steps=5)
    assert SuccessRow.from_json(row.to_json()) == row and row.steps == 5
    assert list(row.summary()) == ["name", "success", "low", "high", "episodes", "seconds_per_decision"]
    assert row.seconds_per_decision > 0


def test_paired_comparison():
    seeds = evaluation_seeds(20)
    good = measure_success(DotWorld(20), Seeker(), name="seeker", seeds=seeds)
    bad = measure_success(DotWorld(20), Seeker(leave_after=4), name="leaver", seeds=seeds)
    found = compare_success(good, bad)
    assert found.difference.value == 1 and found.difference.low > 0.7
    assert compare_success(good, good).difference.low < 0 < compare_success(good, good).difference.high
    with pytest.raises(ValueError, match="differ in seeds"):
        compare_success(good, measure_success(DotWorld(10), Seeker(), name="few", seeds=seeds[:10]))


@pytest.mark.parametrize(
    ("seeds", "steps", "start_solved", "message"),
    [
        ((1_999_999,), None, False, "not an evaluation seed"),
        ((2_000_000, 2_000_000), None, False, "repeated"),
        ((), None, False, "no seeds"),
        ((2_000_000,), 9, False, "over after 8"),
        ((2_000_000, 2_000_003), None, True, r"2 starts .* solved before anything is done, e.g. seeds \[2000000, 2000003\]"),
    ],
)
def test_what_is_refused(seeds, steps, start_solved, message):
    with pytest.raises(ValueError, match=message):
        measure_success(DotWorld(3, start_solved=start_solved), Seeker(), name="seeker", seeds=seeds, steps=steps)


def _reset(world, seed):
    world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([seed]))
    return world
