"""Closed-loop return: whole episodes, by seed, padded batches dropped."""

import pytest
import torch

from tests.train.practice import SPEC, Line
from wam.evaluate.returns import ReturnRow, measure_return
from wam.evaluate.success import evaluation_seeds
from wam.plan.chain import Empty
from wam.world import Actions, PolicySpec


class Home:
    """Goes straight to the middle."""

    spec = PolicySpec(observes=SPEC.observes, acts=SPEC.acts, rate=SPEC.rate)

    def begin(self, batch, task):
        return Empty()

    def act(self, memory, since, *, noise=None):
        x = since.observation.proprio[:, -1:, None]
        return memory, Actions(valid=torch.ones_like(x[..., 0], dtype=torch.bool), low_level=(-x).clamp(-0.2, 0.2))


def by_hand(seed: int) -> float:
    world = Line(1)
    seen, _ = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([seed]))
    x = abs(seen.proprio.item())
    return sum(1 - max(0.0, x - 0.2 * step) for step in range(1, SPEC.budget + 1))


def test_returns_are_those_of_each_seed_whatever_the_batch() -> None:
    seeds = evaluation_seeds(7)
    row = measure_return(Line(3), Home(), name="home", seeds=seeds)
    assert row.returns == pytest.approx([by_hand(seed) for seed in seeds], abs=1e-5) and all(row.solved)
    assert row.mean == pytest.approx(sum(row.returns) / 7) and row.low <= row.mean <= row.high
    assert measure_return(Line(7), Home(), name="home", seeds=seeds).returns == pytest.approx(row.returns)
    assert ReturnRow.from_json(row.to_json()) == row


def test_starts_are_for_evaluation() -> None:
    with pytest.raises(ValueError, match="is not an evaluation seed"):
        measure_return(Line(1), Home(), name="home", seeds=[5])
