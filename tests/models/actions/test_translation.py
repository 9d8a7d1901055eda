"""Low-level actions in latent ones: what is not known is not read, and relative actions are places seen from the step's start."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.recipes.test_lewm import data_spec, statistics
from wam.models.actions.embed import ActionEmbedding
from wam.models.actions.translation import Translation
from wam.world import Noise, SpecError

KNOWN = statistics(data_spec()).for_proprio(())


def make(**change) -> Translation:
    torch.manual_seed(0)
    return Translation(data_spec().acts, KNOWN, 4, **change)


def test_values_that_are_not_known_are_not_read():
    model, actions = make(), data_spec().acts.sample(3, 4)
    valid, labelled = actions.valid.clone(), torch.ones(3, 4, dtype=torch.bool)
    valid[0, 1, 2], labelled[1, 3] = False, False
    masked = replace(actions, valid=valid, labelled=labelled)
    other = data_spec().acts.sample(3, 4, Noise.of(range(9, 12))).low_level
    known = masked.known()[..., None]
    one, two = model(masked), model(replace(masked, low_level=torch.where(known, actions.low_level, other)))
    assert torch.equal(one.latent, two.latent) and torch.equal(one.valid, valid) and torch.equal(one.labelled, labelled)
    assert one.low_level is None and one.latent.shape == (3, 4, 4)


def test_relative_actions_are_places_seen_from_the_start_of_their_step():
    model, actions = make(relative=True), data_spec().acts.sample(2, 3)
    model.body = nn.Identity()
    places = actions.low_level.cumsum(2) / KNOWN.action.std[0]
    expected = places / torch.tensor([1.0, 2.0, 3.0])[:, None]
    assert torch.allclose(model(actions).latent, expected.flatten(2), atol=1e-5)


def test_absolute_slots_cannot_be_re_based():
    spec = data_spec()
    acts = replace(spec.acts, low_level=tuple(replace(slot, relative=False) for slot in spec.acts.low_level))
    known = replace(KNOWN, acts=acts)
    Translation(acts, known, 4)
    with pytest.raises(SpecError, match="absolute"):
        Translation(acts, known, 4, relative=True)


def test_other_sizes_are_refused():
    actions = data_spec().acts.sample(2, 3)
    with pytest.raises(SpecError, match="Translation got low-level actions of shape"):
        make()(replace(actions, valid=actions.valid[..., :2], low_level=actions.low_level[:, :, :2]))
    with pytest.raises(SpecError, match="moments"):
        Translation(data_spec().acts, replace(KNOWN, action=None), 4)


@pytest.mark.parametrize("shared_by", [1, 2])
def test_an_embedding_reads_no_action_that_nobody_recorded(shared_by):
    torch.manual_seed(0)
    model, actions = ActionEmbedding(data_spec().acts, KNOWN, 8, shared_by=shared_by), data_spec().acts.sample(2, 4)
    labelled = torch.tensor([[True, False, True, True]] * 2)
    hidden = replace(actions, labelled=labelled)
    other = replace(hidden, low_level=torch.where(labelled[..., None, None], actions.low_level, 0))
    assert torch.equal(model(hidden), model(other))
