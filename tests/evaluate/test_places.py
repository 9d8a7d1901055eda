"""Readings of positions from latents, for models and places that are known."""

import dataclasses

import pytest
import torch

from tests.evaluate.dots import DotModel, LatentDotModel, windows
from wam.evaluate.card import FLOOR, MODEL, SHUFFLED, Measure
from wam.evaluate.places import COMMANDS, COPY, LATENTS, MOVED, STILL, VELOCITY, commanded, place_errors
from wam.evaluate.probe import Positions, positions_of_objects
from wam.world import Actions, ActionSpec, Slot, SpecError

DOT = positions_of_objects(("dot",))
CAMERAS, KNOWN = (Measure(name="position error", of="dot", where=where, unit="m") for where in (LATENTS, MOVED))


@pytest.fixture(scope="module")
def data():
    return windows(40), windows(120, seed=1000)


def judged(model, data, positions=DOT):
    held_out, training = data
    return place_errors(model, held_out, training=training, positions=positions, foreign=training.actions.narrow("B", 0, 40))


def mean(errors, arm):
    return errors[arm].value.mean(0)


def test_an_exact_model_reaches_the_floor(data):
    found = judged(LatentDotModel(), data)
    for measure in (CAMERAS, KNOWN):
        arms = found.table[measure]
        assert mean(arms, MODEL).max() < 0.25 and mean(arms, FLOOR).max() < 0.25  # the ridge makes motions a tenth shorter
        assert mean(arms, SHUFFLED).min() > 0.5 and mean(arms, COPY).min() > 0.5


def test_a_model_that_ignores_its_actions_equals_copying(data):
    for arms in judged(LatentDotModel(listens=False), data).table.values():
        assert torch.allclose(arms[MODEL].value, arms[COPY].value, atol=1e-4)
        assert torch.allclose(arms[SHUFFLED].value, arms[COPY].value, atol=1e-4)


def test_guesses_without_a_model_equal_a_direct_computation(data):
    table, known = judged(LatentDotModel(), data).table, DOT.read(data[0])[:, :, 0]
    last, before = known[:, 1:2], known[:, :1]
    travelled = (known[:, 2:] - last).norm(dim=-1)
    assert torch.allclose(table[CAMERAS][STILL].value, travelled, atol=1e-5)
    assert torch.allclose(table[KNOWN][COPY].value, travelled, atol=1e-5)
    ahead = torch.arange(1, 6)[:, None]
    assert torch.allclose(table[KNOWN][VELOCITY].value, (last + ahead * (last - before) - known[:, 2:]).norm(dim=-1), atol=1e-5)
    assert STILL not in table[KNOWN] and COMMANDS not in table[KNOWN]


def test_what_the_probe_gets_wrong_about_a_scene_cancels(data):
    """Held-out places are told in a frame 10 m away: cameras alone are 10 m off, displacements are not."""
    held_out, _ = data
    away = Positions(names=("dot",), read=lambda window: DOT.read(window) + 10 * (window is held_out))
    table = judged(LatentDotModel(), data, away).table
    assert mean(table[CAMERAS], MODEL).min() > 13 and mean(table[KNOWN], MODEL).max() < 0.25


@pytest.mark.parametrize("relative", [True, False])
def test_commands_say_where_they_lead(relative):
    acts = ActionSpec(low_level=tuple(Slot(name=name, unit="m", relative=relative) for name in "xyz"), per_step=2)
    numbers = torch.randn(3, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(3, 4, 2, dtype=torch.bool)
    valid[0, 1] = False
    last = torch.ones(3, 1, 1, 3)
    told = commanded(Actions(valid=valid, low_level=numbers), acts, last)
    if relative:
        assert torch.allclose(told[1, 3, 0], 1 + numbers[1].sum((0, 1)), atol=1e-6) and torch.equal(told[0, 1], told[0, 0])
    else:
        assert torch.equal(told[1, :, 0], numbers[1, :, 1])
    assert commanded(Actions(valid=valid, low_level=numbers), ActionSpec(low_level=acts.low_level[:2], per_step=2), last) is None


def test_errors_explain(data):
    with pytest.raises(SpecError, match="no latents to probe"):
        judged(DotModel(), data)
    short = dataclasses.replace(data[0], past=data[0].past.narrow("T", 1), truth=data[0].truth.narrow("T", 1))
    with pytest.raises(ValueError, match="no velocity"):
        judged(LatentDotModel(), (short, data[1]))
