"""Noise: each row depends on nothing but its own seed, stream and step, and the numbers are as random as they claim."""

import math

import pytest
import torch
from torch import Tensor

from wam.world import Noise, require_noise

SEEDS = [0, 1, 2, 7, -5, 2**40, 2**63 - 1, 123456789]
DRAWS = {
    "normal": lambda noise, steps: noise.normal(steps, 3, 5),
    "uniform": lambda noise, steps: noise.uniform(steps, 3, 5),
    "integers": lambda noise, steps: noise.integers(steps, 10, 3, 5),
    "normal float64": lambda noise, steps: noise.normal(steps, 3, 5, dtype=torch.float64),
    "scalar": lambda noise, steps: noise.normal(steps),
}


def many(seeds: int = 500, start: int = 0) -> Noise:
    return Noise.of(range(start, start + seeds))


def correlation(a: Tensor, b: Tensor) -> float:
    a, b = a.double().flatten(), b.double().flatten()
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))


def kolmogorov(sample: Tensor, distribution: Tensor) -> float:
    """Largest distance between the empirical distribution and the given one, evaluated at the sorted sample."""
    count = sample.numel()
    rank = torch.arange(count, dtype=torch.float64)
    return float(torch.maximum((distribution - rank / count).abs(), (distribution - (rank + 1) / count).abs()).max())


def normal_distribution(sample: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(sample.double().flatten().sort().values / math.sqrt(2)))


# -- rows ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", DRAWS)
def test_a_row_does_not_know_its_batch(draw: str) -> None:
    together = DRAWS[draw](Noise.of(SEEDS), 4)
    for row, seed in enumerate(SEEDS):
        assert torch.equal(together[row], DRAWS[draw](Noise.of([seed]), 4)[0])


@pytest.mark.parametrize("draw", DRAWS)
def test_permuted_and_tiled_batches(draw: str) -> None:
    noise, order = Noise.of(SEEDS), torch.randperm(len(SEEDS), generator=torch.Generator().manual_seed(0))
    together = DRAWS[draw](noise, 4)
    assert torch.equal(DRAWS[draw](noise.select(order), 4), together[order])
    assert torch.equal(DRAWS[draw](noise.repeat(3), 4), together.repeat_interleave(3, 0))


@pytest.mark.parametrize("draw", DRAWS)
def test_advance_continues_the_sequence(draw: str) -> None:
    noise = Noise.of(SEEDS).advance(11)
    whole = DRAWS[draw](noise, 6)
    pieces = [DRAWS[draw](noise, 1), DRAWS[draw](noise.advance(1), 3), DRAWS[draw](noise.advance(1).advance(3), 2)]
    assert torch.equal(torch.cat(pieces, 1), whole)


def test_rows_may_stand_at_different_steps() -> None:
    ahead = Noise(seed=torch.tensor([5, 5]), step=torch.tensor([0, 2]))
    drawn = ahead.normal(4, 3)
    assert torch.equal(drawn[0, 2:], drawn[1, :2])


def test_drawing_changes_nothing() -> None:
    noise = Noise.of(SEEDS)
    assert torch.equal(noise.normal(2, 3), noise.normal(2, 3))
    assert noise.step.tolist() == [0] * len(SEEDS)


def test_shapes_dtypes_and_empty_draws() -> None:
    noise = Noise.of([1, 2])
    assert noise.check() is noise
    assert noise.normal(3).shape == (2, 3)
    assert noise.uniform(3, 5).shape == (2, 3, 5)
    assert noise.normal(2, 4, dtype=torch.float64).dtype == torch.float64
    torch.testing.assert_close(noise.normal(2, 4, dtype=torch.float64).float(), noise.normal(2, 4), rtol=0, atol=0)
    assert noise.integers(1, 4, 2).dtype == torch.int64
    for empty in (noise.normal(0, 3), noise.normal(3, 0), noise.uniform(2, 0, 4), Noise.of([]).normal(2, 3)):
        assert empty.numel() == 0
    assert Noise.of([]).normal(2, 3).shape == (0, 2, 3)
    assert noise.to("meta").normal(2, 3).device == torch.device("meta")


def test_a_seed_tensor_or_an_iterable() -> None:
    assert torch.equal(Noise.of(torch.arange(3)).normal(2), Noise.of(iter(range(3))).normal(2))


# -- independence ---------------------------------------------------------------------------------------------------------------

COUNT = 500 * 20 * 20  # numbers per sample below
BOUND = 4.5 / math.sqrt(COUNT)  # standard deviations of a correlation of independent numbers; the seeds are fixed


def sample(noise: Noise) -> Tensor:
    return noise.normal(20, 20)


@pytest.mark.parametrize("name", ["a", "b", "action", "action ", "", "\u00e9"])
def test_forks_are_independent_of_their_origin(name: str) -> None:
    noise = many()
    assert abs(correlation(sample(noise), sample(noise.fork(name)))) < BOUND
    assert abs(correlation(sample(noise) ** 2, sample(noise.fork(name)) ** 2)) < BOUND
    assert torch.equal(sample(noise.fork(name)), sample(noise.fork(name)))


@pytest.mark.parametrize(
    ("one", "two"),
    [(("a",), ("b",)), (("a", "b"), ("ab",)), (("a", "b"), ("b", "a")), (("ab", "c"), ("a", "bc")), (("a",), ("a", "a")), (("x1",), ("x2",))],
    ids=str,
)
def test_forks_by_different_names_are_independent(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    first = second = many()
    for name in one:
        first = first.fork(name)
    for name in two:
        second = second.fork(name)
    assert abs(correlation(sample(first), sample(second))) < BOUND


def test_neighbouring_seeds_steps_and_entries_are_independent() -> None:
    drawn = sample(many(501))
    assert abs(correlation(drawn[:-1], drawn[1:])) < BOUND * 1.1
    assert abs(correlation(drawn[:, :-1], drawn[:, 1:])) < BOUND * 1.1
    for lag in (1, 2, 3):  # entries 2k and 2k + 1 come from one hash
        assert abs(correlation(drawn[..., :-lag], drawn[..., lag:])) < BOUND * 1.1
        assert abs(correlation(drawn[..., :-lag] ** 2, drawn[..., lag:] ** 2)) < BOUND * 1.1


def test_the_two_uniforms_of_one_hash_are_independent() -> None:
    drawn = many().uniform(20, 20)
    assert abs(correlation(drawn[..., ::2], drawn[..., 1::2])) < BOUND * 1.5


def test_spread_gives_every_copy_a_sequence_of_its_own() -> None:
    noise = many(100)
    spread = noise.spread(5)
    assert spread.seed.unique().numel() == 500
    drawn = spread.normal(20, 40).view(100, 5, -1)
    bound = 4.5 / math.sqrt(100 * 800)
    for i in range(5):
        assert abs(correlation(drawn[:, i], noise.normal(20, 40))) < bound
        for j in range(i):
            assert abs(correlation(drawn[:, i], drawn[:, j])) < bound


def test_spread_of_a_row_depends_on_that_row_only() -> None:
    noise, order = Noise.of(SEEDS).advance(3), torch.tensor([3, 0, 5])
    drawn = noise.spread(4).normal(2, 3).view(len(SEEDS), 4, 2, 3)
    assert torch.equal(noise.select(order).spread(4).normal(2, 3).view(3, 4, 2, 3), drawn[order])
    assert torch.equal(noise.spread(2).normal(2, 3).view(len(SEEDS), 2, 2, 3), drawn[:, :2])
    assert torch.equal(noise.advance(1).spread(4).normal(1, 3), noise.spread(4).normal(2, 3)[:, 1:])


def test_fork_and_spread_commute_and_keep_the_step() -> None:
    noise = Noise.of(SEEDS).advance(2)
    assert torch.equal(noise.fork("a").spread(3).normal(2), noise.spread(3).fork("a").normal(2))
    assert noise.fork("a").step.tolist() == [2] * len(SEEDS)


# -- distribution ---------------------------------------------------------------------------------------------------------------


ORIGINS = {
    "small seeds": many(),
    "evaluation seeds": many(start=2_000_000),
    "a fork": many().fork("a"),
    "a spread": many(100).spread(5),
    "far ahead": many().advance(10**6),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_normal_numbers_are_normal(origin: str) -> None:
    drawn = sample(ORIGINS[origin]).double()
    assert abs(drawn.mean()) < 4.5 / math.sqrt(COUNT)
    assert abs((drawn**2).mean() - 1) < 4.5 * math.sqrt(2 / COUNT)
    assert abs((drawn**3).mean()) < 4.5 * math.sqrt(15 / COUNT)
    assert abs((drawn**4).mean() - 3) < 4.5 * math.sqrt(96 / COUNT)
    assert kolmogorov(drawn, normal_distribution(drawn)) < 1.95 / math.sqrt(COUNT)  # passed by 999 of 1000 true samples
    assert 4.0 < drawn.abs().max() < 5.8  # the tail of 23-bit uniforms ends at sqrt(2 ln 2^24)


def test_single_draws_of_many_seeds_are_normal() -> None:
    """Seeds 0, 1, 2, ... are what people use: the first number of each must not show it."""
    drawn = many(100_000).normal(1)
    assert kolmogorov(drawn, normal_distribution(drawn)) < 1.95 / math.sqrt(100_000)
    assert abs(correlation(drawn[:-1], drawn[1:])) < 4.5 / math.sqrt(100_000)


def test_uniform_numbers_are_uniform_and_open() -> None:
    drawn = many().uniform(20, 20)
    assert drawn.min() > 0 and drawn.max() < 1
    assert kolmogorov(drawn, drawn.double().flatten().sort().values) < 1.95 / math.sqrt(COUNT)


def test_integers_are_even() -> None:
    drawn = many().integers(20, 7, 20)
    counts = drawn.flatten().bincount(minlength=7).double()
    assert drawn.min() == 0 and drawn.max() == 6 and len(counts) == 7
    assert float(((counts - COUNT / 7) ** 2 / (COUNT / 7)).sum()) < 22.5  # chi-squared, six degrees, 0.1 %


def test_missing_noise_says_how_to_make_it() -> None:
    noise = Noise.of([1])
    assert require_noise(noise, "predict()") is noise
    with pytest.raises(ValueError, match=r"predict\(\) is stochastic and was called without noise\. Pass noise=Noise\.of"):
        require_noise(None, "predict()")
