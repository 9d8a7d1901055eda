"""Inverse dynamics from two pictures keep what they promise."""

from dataclasses import replace

import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_inverse
from wam.models.world_action.inverse import InverseDynamics


def test_conforms():
    torch.manual_seed(0)
    spec = data_spec()
    seen = replace(spec.observes, proprio=())
    inverse = InverseDynamics(seen, spec.acts, statistics(spec).for_proprio(()), width=4, dim=16)
    check_inverse(inverse, seen, spec.acts).require()
