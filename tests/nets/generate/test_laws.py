"""Laws of noise levels against their distribution functions; rows depend on nothing but their seed."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wam.nets.generate.edm import Edm, LogNormal
from wam.nets.generate.laws import Fixed, Law, Levels, LogitNormal, Mixed, Power, Same, Uniform, shifted
from wam.world import Noise

COUNT = 40_000
MANY = Noise.of(range(COUNT // 4))


def phi(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


LAWS: dict[str, tuple[Law, Callable[[Tensor], Tensor]]] = {
    "uniform": (Uniform(), lambda s: s),
    "part": (Uniform(0.2, 0.6), lambda s: ((s - 0.2) / 0.4).clamp(0, 1)),
    "logit normal": (LogitNormal(), lambda s: phi(s.logit())),
    "shifted": (LogitNormal(-0.5, 1.4, shift=3.0), lambda s: phi((shifted(s, 1 / 3).logit() + 0.5) / 1.4)),
    "power": (Power(7.0), lambda s: s**7),
    "skewed to clean": (Power(0.5), lambda s: s**0.5),
    "mixed": (Mixed(0.3, Uniform(0.5, 1.0), Power(3.0)), lambda s: 0.3 * ((s - 0.5) / 0.5).clamp(0, 1) + 0.7 * s**3),
    "mixed twice": (Mixed(0.5, Mixed(0.5, Power(2.0), Power(3.0)), Uniform()), lambda s: 0.25 * s**2 + 0.25 * s**3 + 0.5 * s),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_distribution_function(name: str) -> None:
    law, function = LAWS[name]
    drawn = law.draw(MANY, 4)
    assert drawn.shape == (COUNT // 4, 4) and drawn.min() >= 0 and drawn.max() <= 1
    ordered = drawn.double().flatten().sort().values
    distance = (function(ordered) - (torch.arange(COUNT) + 0.5) / COUNT).abs().max()
    assert distance < 1.95 / math.sqrt(COUNT)  # passed by 999 of 1000 true samples


@pytest.mark.parametrize(
    ("law", "mean", "variance"),
    [(Uniform(0.2, 0.6), 0.4, 0.16 / 12), (Power(7.0), 7 / 8, 7 / (64 * 9)), (Fixed(0.3), 0.3, 0.0), (Mixed(0.25, Fixed(0.0), Fixed(1.0)), 0.75, 0.1875)],
)
def test_moments(law: Law, mean: float, variance: float) -> None:
    drawn = law.draw(MANY, 4).double()
    assert drawn.mean().item() == pytest.approx(mean, abs=0.01) and drawn.var().item() == pytest.approx(variance, abs=0.005)


EVERY = [law for law, _ in LAWS.values()] + [Fixed(0.5), LogNormal(Edm())]


@pytest.mark.parametrize("law", EVERY, ids=str)
def test_a_row_does_not_know_its_batch(law: Law) -> None:
    noise, order = Noise.of([3, 1, 4, 15, 92]), torch.tensor([4, 2, 0, 1, 3])
    levels = Levels((law, Uniform(), Same(0)))
    pairs = [(law.draw(noise, 6), law.draw(noise.select(order), 6)), *zip(levels.draw(noise, 6), levels.draw(noise.select(order), 6), strict=True)]
    for part, permuted in pairs:
        assert part.shape == (5, 6) and torch.equal(part[order], permuted)


def test_shifting_keeps_the_ends_and_is_undone() -> None:
    s = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert torch.equal(shifted(s, 1.0), s) and shifted(0.0, 5.0) == 0 and shifted(1.0, 5.0) == 1
    assert (shifted(s, 3.0)[1:-1] > s[1:-1]).all()
    torch.testing.assert_close(shifted(shifted(s, 3.0), 1 / 3.0), s)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_streams_are_independent_or_coupled_and_their_frames_at_one_level() -> None:
    video, action, coupled = Levels((Uniform(), Uniform(), Same(0))).draw(MANY, 4)
    assert abs(correlation(video[:, 0], action[:, 0])) < 4.5 / math.sqrt(COUNT / 4) and torch.equal(video, coupled)
    assert (video == video[:, :1]).all() and (action == action[:, :1]).all()
    alone, _ = Levels((Uniform(), Power(2.0))).draw(MANY, 4)
    assert torch.equal(video, alone)  # a stream's levels do not depend on what the others do


def test_what_is_no_law_is_refused() -> None:
    for make, message in (
        (lambda: Uniform(0.5, 0.2), "low <= high"),
        (lambda: LogitNormal(shift=0.0), "shift > 0"),
        (lambda: Power(0.0), "exponent > 0"),
        (lambda: Fixed(1.5), "level <= 1"),
        (lambda: Mixed(2.0, Uniform(), Uniform()), "share <= 1"),
        (lambda: Levels((Same(0), Uniform())), "name an earlier stream"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
