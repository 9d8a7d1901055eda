"""Features at unit scale: what varies gets it, what hardly varies is not blown up, and the moments are saved."""

import pytest
import torch

from wam.nets.perceive.standardise import Standardise


def features(rows: int = 4000) -> torch.Tensor:
    """Two places of two channels: a large, a small, a nearly constant and a constant one."""
    draws = torch.randn(rows, 2, 2, generator=torch.Generator().manual_seed(0))
    return draws * torch.tensor([[1.0, 0.5], [1e-4, 0.0]]) + torch.tensor([[3.0, -3.0], [1.0, 2.0]])


def test_what_varies_gets_unit_scale_and_the_rest_stays_small():
    standardise = Standardise(2, 2)
    assert torch.equal(standardise(features()), features())
    standardise.fit(features())
    found = standardise(features())
    assert torch.allclose(found.mean(0), torch.zeros(2, 2), atol=1e-3)
    assert torch.allclose(found.std(0)[0], torch.ones(2), atol=0.02)
    assert float(found.std(0)[1, 0]) < 0.01 and float(found.std(0)[1, 1]) == 0
    again = Standardise(2, 2)
    again.load_state_dict(standardise.state_dict())
    assert torch.equal(again(features()), found)


@pytest.mark.parametrize(
    ("wrong", "why"), [(torch.ones(1, 2, 2), "at least 2"), (torch.ones(5, 2, 2), "the same in every frame"), (torch.full((5, 2, 2), torch.nan), "not finite")]
)
def test_what_has_no_spread_is_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        Standardise(2, 2).fit(wrong)
