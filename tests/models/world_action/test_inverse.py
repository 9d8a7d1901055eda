"""Inverse dynamics from two pictures keep what they promise, and learn."""

from dataclasses import replace

import pytest
import torch

from tests.evaluate.dots import ACTS, SEES, windows
from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_inverse
from wam.models.world_action.inverse import InverseDynamics
from wam.world import Moments, Noise, Statistics, to_float


def test_conforms():
    torch.manual_seed(0)
    spec = data_spec()
    seen = replace(spec.observes, proprio=())
    inverse = InverseDynamics(seen, spec.acts, statistics(spec).for_proprio(()), width=4, dim=16)
    check_inverse(inverse, seen, spec.acts).require()


def of_dots(**options) -> InverseDynamics:
    """Of a dot that goes where it is told: the picture says the action."""
    spread = (0.75**0.5, 0.75**0.5)  # of what is even on -1.5 .. 1.5
    moments = Moments(count=9, mean=(0.0, 0.0), std=spread, low=(-1.5, -1.5), high=(1.5, 1.5), q01=(-1.5, -1.5), q99=(1.5, 1.5))
    return InverseDynamics(SEES, ACTS, Statistics(acts=ACTS, action=moments), **options)


def test_learns_to_read_actions_off_frames():
    """Twice as near as the mean action, in each of both directions; on frames that it did not learn from."""
    inverse = of_dots(width=8, dim=32)
    optimizer = torch.optim.Adam(inverse.parameters(), 2e-3)
    for step in range(100):
        loss = inverse.loss(windows(16, seed=16 * step), noise=Noise.of(range(16 * step, 16 * step + 16)))["inverse"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seen, _ = windows(64, seed=10**6).whole()
    with torch.no_grad():
        found = inverse.infer_actions(seen.observation).low_level[:, 1:]
    true = seen.actions.low_level[:, 1:]
    error, of_the_mean = ((one - true).abs().mean((0, 1, 2)) for one in (found, true.mean((0, 1, 2))))
    assert (error < 0.5 * of_the_mean).all(), (error, of_the_mean)


def shown(inverse: InverseDynamics, call) -> torch.Tensor:
    """What its encoder gets, pictures 0 .. 1 "pairs 6 h w": before and after each step."""
    kept = []
    hook = inverse.cameras["top"].register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0][:, :6] / 2 + 0.5))
    call()
    hook.remove()
    return kept[0].detach()


def test_pictures_wear_while_it_learns_and_not_in_use():
    """Normal noise of the size that was asked for, on each pixel, row and frame its own, and one on a frame for both steps that it is part of."""
    inverse, window, noise = of_dots(width=4, dim=8, worn=0.1), windows(4), Noise.of(range(4))
    seen, _ = window.whole()
    clean = shown(inverse, lambda: inverse.infer_actions(seen.observation, noise=noise))
    expected = to_float(seen.observation.rgb["top"])
    torch.testing.assert_close(clean, torch.cat([expected[:, :-1], expected[:, 1:]], 2).flatten(0, 1))
    wear = (shown(inverse, lambda: inverse.loss(window, noise=noise)) - clean).unflatten(0, (4, -1))
    before, after = wear[:, :, :3], wear[:, :, 3:]
    torch.testing.assert_close(before[:, 1:], after[:, :-1])
    assert before.mean().abs() < 0.003 and abs(before.std() - 0.1) < 0.003 and (before.abs() < 0.1).float().mean().item() == pytest.approx(0.683, abs=0.02)
    for pixels in (before.flatten(1), before.transpose(0, 1).flatten(1), before.transpose(0, 2).flatten(1), before.transpose(0, 3).flatten(1)):
        alike = torch.corrcoef(pixels) - torch.eye(len(pixels))
        assert alike.abs().max() < 0.2  # rows, frames, channels and lines of pixels
    repeated = shown(inverse, lambda: inverse.loss(window, noise=noise))
    assert torch.equal(repeated, shown(inverse, lambda: inverse.loss(window, noise=noise)))
    inverse.worn = 0.0
    torch.testing.assert_close(shown(inverse, lambda: inverse.loss(window, noise=noise)), clean)
