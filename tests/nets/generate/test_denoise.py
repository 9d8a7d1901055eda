"""Denoising against Gaussians, for which everything is known: where the ODE leads, moments, conditional moments, and how the error shrinks."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.nets.generate.gaussians import COVARIANCE, MEAN, PROCESSES, best, carried, even, normal, posterior
from wam.nets.generate.denoise import denoise, errors
from wam.nets.generate.edm import Edm
from wam.nets.generate.flow import Flow
from wam.nets.generate.process import Process
from wam.nets.generate.schedule import descend, held, in_turn, together

ROWS = 200
STEPS = 300  # of Euler, whose error is of first order
TOLERANCE = 0.03  # of moments: what is left is the error of the steps, and of starting at a finite sigma
X, A = slice(0, 2), slice(2, 3)  # a "video" of two numbers and an "action" of one, pieces of one Gaussian vector

each = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES.keys())
DEFINED = {name: process for name, process in PROCESSES.items() if name != "ddpm eps"}  # what can be stepped well from s = 1
from_noise = pytest.mark.parametrize("process", DEFINED.values(), ids=DEFINED.keys())


def begun(process: Process, rows: int = ROWS) -> Tensor:
    return process.start(even(rows, 3)[:, None])


def expect(found: Tensor, mean: Tensor, covariance: Tensor) -> None:
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(found.T.cov(correction=0).view(covariance.shape), covariance, rtol=0, atol=TOLERANCE)


# -- one stream ----------------------------------------------------------------------------------------------------------------


@from_noise
def test_the_moments_are_those_of_the_data(process: Process) -> None:
    (x,) = denoise(best((process,), (3,)), (process,), (begun(process),), descend(STEPS))
    expect(x[:, 0], MEAN, COVARIANCE)


@from_noise
def test_the_error_shrinks_with_the_steps(process: Process) -> None:
    """Twice the steps, half the error."""
    start = begun(process, 500)
    true = carried(process, start[:, 0], 1.0, MEAN, COVARIANCE)

    def error(steps: int) -> float:
        (x,) = denoise(best((process,), (3,)), (process,), (start,), descend(steps))
        return float((x[:, 0] - true).square().mean().sqrt())

    errors = [error(steps) for steps in (15, 30, 60)]
    assert all(1.7 < coarse / fine < 2.4 for coarse, fine in pairwise(errors)), errors


def test_noise_prediction_works_from_below_one() -> None:
    process, s = PROCESSES["ddpm eps"], torch.tensor(0.95, dtype=torch.float64)
    start = process.noisy(MEAN + normal(500, 1, 3, seed=5), normal(500, 1, 3), s)
    true = carried(process, start[:, 0], 0.95, MEAN, COVARIANCE)
    (x,) = denoise(best((process,), (3,)), (process,), (start,), descend(STEPS, start=0.95))
    torch.testing.assert_close(x[:, 0], true, rtol=0, atol=0.02)


@each
@pytest.mark.parametrize("steps", [1, 3])
def test_one_possible_future_is_reached_exactly_in_one_step(process: Process, steps: int) -> None:
    net = best((process,), (3,), covariance=torch.zeros(3, 3, dtype=torch.float64))
    (x,) = denoise(net, (process,), (begun(process, 50),), descend(steps))
    torch.testing.assert_close(x[:, 0], MEAN.expand(50, 3), rtol=0, atol=1e-6)


@each
def test_given_frames_keep_their_value_and_are_told_clean(process: Process) -> None:
    calls: list[Tensor] = []

    def net(x, s):
        calls.append(s[0])
        return (x[0],)

    start = process.start(normal(2, 4, 3))
    given = torch.tensor([[True, True, False, False], [False, False, True, False]])
    (x,) = denoise(net, (process,), (start,), descend(3), given=(given,))
    assert torch.equal(x[given], start[given]) and not torch.equal(x[~given], start[~given])
    clean = process.level(torch.zeros((), dtype=torch.float64))
    assert len(calls) == 3 and all((told[given] == clean).all() for told in calls)
    assert torch.equal(calls[0][~given], process.level(torch.ones(5, dtype=torch.float64)))


def test_gradients_reach_where_it_started() -> None:
    start = begun(Flow(), 4).requires_grad_()
    (x,) = denoise(best((Flow(),), (3,)), (Flow(),), (start,), descend(5))
    (gradient,) = torch.autograd.grad(x.sum(), start)
    assert gradient.isfinite().all() and gradient.abs().min() > 0


# -- two streams: the programs of UWM (2504.02792) ------------------------------------------------------------------------------

NUMBER = 0.8  # of x, or of a, where one is given


def run(process: Process, x: Tensor | None, a: Tensor | None, table: Tensor, calls: list | None = None) -> tuple[Tensor, Tensor]:
    """Both streams after the program; None starts from noise."""
    noise = begun(process)
    streams = (noise[..., X] if x is None else x, noise[..., A] if a is None else a)
    both = (process, process)
    found = denoise(best(both, (2, 1), calls=calls), both, streams, table)
    return found[0][:, 0], found[1][:, 0]


def conditional(of: slice, on: slice) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a piece when the other one is NUMBER throughout."""
    gain = COVARIANCE[of, on] @ torch.linalg.inv(COVARIANCE[on, on])
    return MEAN[of] + gain @ (NUMBER - MEAN[on]), COVARIANCE[of, of] - gain @ COVARIANCE[on, of]


@from_noise
def test_policy_the_video_is_unknown(process: Process) -> None:
    video, action = run(process, None, None, together(held(1), descend(STEPS)))
    expect(action, MEAN[A], COVARIANCE[A, A])
    assert torch.equal(video, begun(process)[:, 0, X])


@from_noise
def test_video_model_the_action_is_unknown(process: Process) -> None:
    video, _ = run(process, None, None, together(descend(STEPS), held(1)))
    expect(video, MEAN[X], COVARIANCE[X, X])


@from_noise
def test_forward_model_the_action_is_given(process: Process) -> None:
    given = torch.full((ROWS, 1, 1), NUMBER, dtype=torch.float64)
    video, action = run(process, None, given, together(descend(STEPS), held(0)))
    expect(video, *conditional(X, A))
    assert torch.equal(action, given[:, 0])


@from_noise
def test_inverse_model_the_video_is_given(process: Process) -> None:
    _, action = run(process, torch.full((ROWS, 1, 2), NUMBER, dtype=torch.float64), None, together(held(0), descend(STEPS)))
    expect(action, *conditional(A, X))


@from_noise
@pytest.mark.parametrize(
    "table", [together(descend(STEPS), descend(STEPS)), in_turn(descend(STEPS), descend(STEPS))], ids=["at once", "video first, then action"]
)
def test_joint_both_are_drawn(process: Process, table: Tensor) -> None:
    expect(torch.cat(run(process, None, None, table), 1), MEAN, COVARIANCE)


@from_noise
def test_an_action_drawn_beside_half_a_video_still_has_its_law(process: Process) -> None:
    """Partial denoising: whatever of the video is seen, all actions together are distributed as before."""
    calls: list = []
    table = in_turn(descend(STEPS, end=0.5), descend(STEPS))
    _, action = run(process, None, None, table, calls)
    expect(action, MEAN[A], COVARIANCE[A, A])
    assert len(calls) == len(table) - 1 == 2 * STEPS


# -- training --------------------------------------------------------------------------------------------------------------------


@each
def test_the_best_network_has_the_least_error(process: Process) -> None:
    """Of Gaussians that error is known too: the variance of the target that the state leaves open."""
    root = torch.linalg.cholesky(COVARIANCE)
    rows = 20_000
    x, eps = MEAN + normal(rows, 1, 3, seed=3) @ root.T, normal(rows, 1, 3, seed=4)
    level = torch.full((rows, 1), 0.6, dtype=torch.float64)
    net = best((process,), (3,))
    (error,) = errors(net, (process,), (x,), (eps,), (level,))
    s = torch.full((3,), 0.6, dtype=torch.float64)
    (alpha, sigma), (p, q) = process.scales(s), process.asks(s)
    identity = torch.eye(3, dtype=torch.float64)
    both = (alpha * p)[0] * COVARIANCE + (sigma * q)[0] * identity  # covariance of target and state
    spread, own = alpha[0] ** 2 * COVARIANCE + sigma[0] ** 2 * identity, p[0] ** 2 * COVARIANCE + q[0] ** 2 * identity
    left = torch.diag(own - both @ torch.linalg.inv(spread) @ both)
    torch.testing.assert_close(error.mean((0, 1)), left, rtol=0.06, atol=1e-3)
    for off in (0.9, 1.1):
        (worse,) = errors(lambda x, s, off=off: (off * net(x, s)[0],), (process,), (x,), (eps,), (level,))
        assert worse.mean() > error.mean()


class Weighted(Flow):
    """A flow whose levels do not count alike."""

    def weight(self, s):
        return 1 + s


def test_errors_are_per_element_at_each_frames_level_and_zero_where_given() -> None:
    x, eps = (normal(3, 4, 2, 2), normal(3, 6, 5)), (normal(3, 4, 2, 2, seed=1), normal(3, 6, 5, seed=2))
    levels = (torch.rand(3, 4, dtype=torch.float64), torch.rand(3, 1, dtype=torch.float64))
    given = torch.zeros(3, 4, dtype=torch.bool)
    given[:, 0] = True
    seen = []

    def net(states, told):
        seen.append((states, told))
        return tuple(torch.zeros_like(state) for state in states)

    video, action = errors(net, (Weighted(), Edm()), x, eps, levels, given=(given, None))
    (states, told) = seen[0]
    assert torch.equal(states[0][:, 0], x[0][:, 0]) and (told[0][:, 0] == 0).all() and torch.equal(told[0][:, 1:], levels[0][:, 1:])
    torch.testing.assert_close(told[1], Edm().level(levels[1]).expand(3, 6))
    assert (video[:, 0] == 0).all() and action.shape == x[1].shape
    weight = Weighted().weight(levels[0])[:, 1:, None, None]
    torch.testing.assert_close(video[:, 1:], weight * (eps[0] - x[0])[:, 1:] ** 2)
    torch.testing.assert_close(action, Edm().target(x[1], eps[1], levels[1][..., None]) ** 2)


def test_the_oracle_is_a_posterior_mean() -> None:
    """The conditional mean by regression on samples."""
    root, s = torch.linalg.cholesky(COVARIANCE), torch.tensor([0.3, 0.3, 0.8], dtype=torch.float64)
    x = MEAN + normal(200_000, 3) @ root.T
    noisy = Flow().noisy(x, normal(200_000, 3, seed=1), s)
    inputs = torch.cat([noisy, torch.ones(len(noisy), 1, dtype=torch.float64)], 1)
    fitted = inputs @ torch.linalg.lstsq(inputs, x).solution
    torch.testing.assert_close(posterior(Flow(), noisy, s, MEAN, COVARIANCE)[0], fitted, rtol=0, atol=0.03)


def test_a_table_that_does_not_fit_is_refused() -> None:
    net = best((Flow(),), (3,))
    with pytest.raises(ValueError, match="2 columns for 1 streams"):
        denoise(net, (Flow(),), (begun(Flow()),), together(descend(2), held(0)))
    with pytest.raises(ValueError, match="never rise"):
        denoise(net, (Flow(),), (begun(Flow()),), descend(2).flip(0))
