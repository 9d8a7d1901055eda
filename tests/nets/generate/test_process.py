"""Processes: what was mixed is read back, a step with the true answer is exact, and the ends are defined."""

import math

import pytest
import torch

from tests.nets.generate.gaussians import PROCESSES, normal
from wam.nets.generate.ddpm import Ddpm
from wam.nets.generate.edm import Edm, LogNormal
from wam.nets.generate.flow import Flow
from wam.nets.generate.process import Process
from wam.world import Noise

S = torch.tensor([0.0, 1e-6, 0.01, 0.3, 0.7, 0.999, 1.0], dtype=torch.float64)  # one per frame

each = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES.keys())


def frames(batch: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x and eps "B T 2 3", and a level for each frame."""
    return normal(batch, len(S), 2, 3), normal(batch, len(S), 2, 3, seed=1), S.view(1, -1, 1, 1).expand(batch, -1, 1, 1)


@each
def test_the_true_answer_gives_the_true_future_and_noise(process: Process) -> None:
    x, eps, s = frames()
    noisy, target = process.noisy(x, eps, s), process.target(x, eps, s)
    torch.testing.assert_close(process.clean(noisy, target, s), x, rtol=0, atol=1e-6)
    told = 1 if process == Flow("x") else 0  # x says nothing about noise where there is none
    torch.testing.assert_close(process.parts(noisy, target, s)[1][:, told:], eps[:, told:], rtol=0, atol=1e-6)


@each
@pytest.mark.parametrize("share", [0.0, 0.25, 0.9, 1.0])
def test_a_step_with_the_true_answer_is_exact_for_every_frame_at_its_level(process: Process, share: float) -> None:
    x, eps, s = frames()
    noisy, target = process.noisy(x, eps, s), process.target(x, eps, s)
    torch.testing.assert_close(process.step(noisy, target, s, share * s), process.noisy(x, eps, share * s), rtol=0, atol=1e-6)


@each
def test_where_the_level_stays_the_state_stays_whatever_is_answered(process: Process) -> None:
    x, eps, s = frames()
    noisy, nonsense = process.noisy(x, eps, s), torch.full_like(x, torch.nan)
    assert torch.equal(process.step(noisy, nonsense, s, s), noisy)
    assert torch.equal(process.noisy(x, eps, s)[:, 0], x[:, 0])  # level 0 is clean to the bit


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_are_finite_and_of_unit_scale(process: Process, dtype: torch.dtype) -> None:
    x, eps = (getattr(process, "sigma_data", 1.0) * normal(1000, len(S))).to(dtype), normal(1000, len(S), seed=1).to(dtype)
    s = S.to(dtype)
    noisy = process.noisy(x, eps, s)
    for found in (noisy, process.target(x, eps, s), process.entering(noisy, s), process.level(s), process.weight(s)):
        assert found.dtype == dtype and found.isfinite().all()
    assert process.level(s).abs().max() < 2.5
    assert ((process.entering(noisy, s).std(0) > 0.6) & (process.entering(noisy, s).std(0) < 1.2)).all()
    torch.testing.assert_close(process.start(eps), process.noisy(torch.zeros_like(x), eps, torch.ones_like(s)))


@each
def test_noise_grows_with_the_level(process: Process) -> None:
    alpha, sigma = process.scales(torch.linspace(0, 0.99, 200, dtype=torch.float64))
    assert (sigma / alpha).diff().min() > 0 and (sigma[0], alpha[0]) == (0, 1)


@each
def test_a_row_does_not_know_its_batch(process: Process) -> None:
    """33 equal rows: where powers are taken eight or sixteen numbers at a time, one is left over."""
    s = torch.full((33, 1), 0.8)
    for found in (*process.scales(s), *process.asks(s), process.entering(torch.ones(33, 1), s), process.level(s), process.weight(s)):
        assert torch.equal(found, found[:1].expand_as(found))


def test_a_velocity_is_the_slope_of_the_flow() -> None:
    x, eps, _ = frames()
    s = torch.tensor(0.4, dtype=torch.float64)
    torch.testing.assert_close((Flow().noisy(x, eps, s + 1e-6) - Flow().noisy(x, eps, s)) / 1e-6, Flow().target(x, eps, s), rtol=0, atol=1e-8)


def test_edm_is_the_papers_preconditioning() -> None:
    edm, s = Edm(), S[1:]
    sigma, data = edm.sigma(s), edm.sigma_data
    x, eps, output = normal(5, len(s)), normal(5, len(s), seed=1), normal(5, len(s), seed=2)
    noisy = x + sigma * eps
    skip, out, into = data**2 / (sigma**2 + data**2), sigma * data / (sigma**2 + data**2).sqrt(), 1 / (sigma**2 + data**2).sqrt()
    torch.testing.assert_close(edm.clean(noisy, output, s), skip * noisy + out * output)
    torch.testing.assert_close(edm.entering(noisy, s), into * noisy)
    torch.testing.assert_close(edm.level(s), sigma.log() / 4)
    to = 0.5 * s  # Euler's method for dx / dsigma = (x - D) / sigma
    slope = (noisy - edm.clean(noisy, output, s)) / sigma
    torch.testing.assert_close(edm.step(noisy, output, s, to), noisy + (edm.sigma(to) - sigma) * slope, rtol=1e-6, atol=1e-6)
    eighteen = torch.arange(18, dtype=torch.float64) / 17  # the paper's schedule, eq. 5
    low, high = 0.002 ** (1 / 7), 80 ** (1 / 7)
    torch.testing.assert_close(edm.sigma(1 - eighteen)[:-1], ((high + eighteen * (low - high)) ** 7)[:-1])


def test_edms_law_is_log_normal_in_sigma() -> None:
    edm = Edm()
    s = LogNormal(edm).draw(Noise.of(range(20_000)), 2)
    logs = edm.sigma(s).log()
    assert logs.mean().item() == pytest.approx(-1.2, abs=0.03) and logs.std().item() == pytest.approx(1.2, abs=0.03)
    wide = Edm(sigma_data=1.0)  # data twice as wide has noise twice as wide
    logs = wide.sigma(LogNormal(wide).draw(Noise.of(range(20_000)), 2)).log()
    assert logs.mean().item() == pytest.approx(-1.2 + math.log(2), abs=0.03)
    assert LogNormal(edm, mean=20.0).draw(Noise.of([0]), 1).item() == 1


def test_ddpm_keeps_the_variance_and_follows_the_cosine() -> None:
    alpha, sigma = Ddpm().scales(S)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(S))
    assert alpha[-1].abs() < 1e-12 and Ddpm("eps").scales(S)[0][-1] == 0.01
    f = lambda s: math.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    assert (alpha[3] ** 2).item() == pytest.approx(f(0.3) / f(0.0))


def test_wrong_edm_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 < sigma_min < sigma_max"):
        Edm(sigma_min=90.0)
