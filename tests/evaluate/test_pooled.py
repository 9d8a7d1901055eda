"""Several trainings over the same starts."""

from dataclasses import replace

import pytest

from wam.evaluate.pooled import pooled
from wam.evaluate.success import SuccessRow, evaluation_seeds


def row(name: str, outcomes: str, **changes: object) -> SuccessRow:
    solved = tuple(letter == "x" for letter in outcomes)
    figures = dict(success=sum(solved) / len(solved), low=0.0, high=1.0, episodes=len(solved), seconds_per_decision=0.5, world="push", steps=9, batch=2)
    told = dict(noise_seed=0, device="cpu", seeds=evaluation_seeds(len(solved)), outcomes=solved, first_solved=(None,) * len(solved))
    return SuccessRow(name=name, **{**figures, **told, **changes})  # type: ignore[arg-type]


def test_all_trainings_count_and_the_best_trivial_policy_is_subtracted() -> None:
    trained = [row("lewm", "xx.x"), replace(row("lewm", "x..x"), seconds_per_decision=1.5)]
    found = pooled(trained, [row("random", "...."), row("drive", "x...")])
    assert found.success.value == 5 / 8 and found.per_training == (0.75, 0.5) and found.trivial == "drive"
    assert found.over_trivial.value == pytest.approx(5 / 8 - 1 / 4) and found.over_trivial.low <= found.over_trivial.value <= found.over_trivial.high
    assert found.seconds_per_decision == 1.0


def test_other_starts_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in world, starts or budget"):
        pooled([row("lewm", "xx.x")], [row("random", "...")])
    with pytest.raises(ValueError, match="expected at least one of each"):
        pooled([row("lewm", "xx.x")], [])
