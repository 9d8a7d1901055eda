"""Seeds in batches: each once, and the last batch as full as the others."""

from wam.world import in_batches


def test_the_last_batch_is_filled_up_and_says_how_many_count():
    found = [(filled.tolist(), count) for filled, count in in_batches(range(10, 17), 3)]
    assert found == [([10, 11, 12], 3), ([13, 14, 15], 3), ([16, 16, 16], 1)]
    assert [(filled.tolist(), count) for filled, count in in_batches((4,), 2)] == [([4, 4], 1)] and list(in_batches((), 2)) == []
