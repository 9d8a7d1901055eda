"""The order of windows and their noise depend on the seed and the step only."""

import pytest
import torch

from wam.train.order import Order, seed_from


def test_each_window_comes_once_per_epoch_whatever_the_batch() -> None:
    for batch in (1, 3, 7, 16):
        order = Order(7, batch, 0, "stage")
        stream = torch.cat([order.indices(step) for step in range(7 * 6)])
        epochs = stream[: len(stream) // 7 * 7].view(-1, 7)
        assert all(sorted(epoch.tolist()) == list(range(7)) for epoch in epochs)
        assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1


def test_a_step_does_not_depend_on_the_steps_before() -> None:
    steps = [Order(10, 4, 1, "stage").indices(step).tolist() for step in range(20)]
    order = Order(10, 4, 1, "stage")
    assert [order.indices(step).tolist() for step in reversed(range(20))] == steps[::-1]


def test_seeds_and_stages_have_orders_of_their_own() -> None:
    orders = [Order(50, 50, seed, stage).indices(0).tolist() for seed in (0, 1) for stage in ("a", "b")]
    assert len({tuple(order) for order in orders}) == 4


def test_shares_of_the_noise_are_the_noise_of_the_whole_batch() -> None:
    order = Order(10, 8, 3, "stage")
    whole = order.noise(5, 0, 8).normal(2, 3)
    assert torch.equal(whole, torch.cat([order.noise(5, 0, 4).normal(2, 3), order.noise(5, 4, 8).normal(2, 3)]))
    assert not torch.equal(whole, order.noise(6, 0, 8).normal(2, 3))


def test_noise_of_windows_and_steps_is_independent() -> None:
    order = Order(10, 64, 3, "stage")
    rows = torch.cat([order.noise(step, 0, 64).normal(1, 64)[:, 0] for step in range(8)])
    correlation = torch.corrcoef(rows) - torch.eye(len(rows))
    assert correlation.abs().max() < 0.65  # 131,000 pairs, standard deviation 1 / 8: 5 of them


def test_seeds_are_the_same_everywhere() -> None:
    assert seed_from("order", 0, "world", 1) == seed_from("order", 0, "world", 1)
    assert seed_from("a", 1) != seed_from("a", "1")
    assert -(2**63) <= seed_from(0) < 2**63


def test_no_windows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no windows"):
        Order(0, 4, 0)
