"""Names and shapes of losses are checked, then weighted."""

import pytest
import torch
from torch import nn

from wam.train import Gradient
from wam.train.loss import Losses, weighted

LEARNER = Gradient(weights={"a": 2.0, "b": 0.5, "meter": 0.0}, batch_statistics=("b",), steps=1)


def losses(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"meter": torch.full((4,), torch.nan), "b": torch.tensor(3.0), "a": torch.tensor([1.0, 2.0, 3.0, 6.0]), **changes}


def test_the_total_is_the_weighted_sum_of_means_and_weight_zero_only_logs() -> None:
    total, means = weighted(losses(), LEARNER, 4)
    assert total.item() == 2 * 3.0 + 0.5 * 3.0
    assert means[:2].tolist() == [3.0, 3.0] and means[2].isnan()


def test_half_precision_is_averaged_in_full() -> None:
    total, _ = weighted(losses(a=torch.full((4,), 0.1, dtype=torch.bfloat16)), LEARNER, 4)
    assert total.dtype == torch.float32


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (losses(c=torch.zeros(4)), r"without a weight \['c'\]"),
        ({"a": torch.zeros(4)}, r"without a loss \['b', 'meter'\]"),
        (losses(a=torch.tensor(0.0)), r"'a' has shape \(\), expected \(4,\)"),
        (losses(a=torch.zeros(4, 2)), r"'a' has shape \(4, 2\)"),
        (losses(b=torch.zeros(4)), r"'b' has shape \(4,\), expected \(\)"),
    ],
)
def test_what_does_not_fit_is_named(found: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weighted(found, LEARNER, 4)


def test_a_model_without_a_loss_is_refused() -> None:
    with pytest.raises(TypeError, match="Linear is trained by Gradient and has no `loss"):
        Losses({"": nn.Linear(1, 1)})
