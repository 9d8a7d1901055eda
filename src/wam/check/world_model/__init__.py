"""Conformance of a world model to `wam.world.WorldModel` and to its own spec."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from wam.check import loss, module, shared
from wam.check.report import Report
from wam.check.runner import run_checks
from wam.check.subject import private_copy
from wam.check.world_model import capabilities, inputs, operators, promises, time
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Window

ESSENTIAL: tuple[Callable[[Any], None], ...] = (
    promises.spec_survives_json,
    promises.calls_return_records,
    shared.nothing_hidden_between_calls,
    shared.same_noise_same_outputs,
    promises.future_fits_the_spec,
    promises.futures_are_finite,
)

CHECKS: tuple[Callable[[Any], None], ...] = (
    promises.only_chunks_are_accepted,
    promises.shortest_context_is_enough,
    promises.carry_keeps_one_structure,
    promises.frames_stay_in_range,
    promises.actions_are_well_scaled,
    shared.deterministic_without_noise,
    promises.noise_matters_as_declared,
    shared.rows_do_not_mix,
    shared.rows_can_be_permuted,
    shared.rows_can_be_tiled,
    time.actions_act_from_their_step_on,
    time.chained_calls_equal_one_call,
    time.pieces_equal_one_observation,
    time.observing_forgets_predictions,
    time.rows_can_restart,
    inputs.every_action_part_matters,
    inputs.invalid_actions_do_not_matter,
    inputs.frames_may_be_float,
    inputs.instruction_matters,
    shared.another_table_says_the_same,
    inputs.gradients_reach_the_actions,
    inputs.context_can_be_shared,
    shared.inputs_are_only_read,
    module.mode_does_not_matter,
    module.buffers_are_only_read,
    module.dtype_follows_the_model,
    module.device_follows_the_model,
    module.weights_survive_saving,
    *loss.CHECKS,
    *capabilities.CHECKS,
    *operators.CHECKS,
)


def check_world_model(
    model: Any,
    *,
    make: Callable[[], Any] | None = None,
    device: torch.device | str = "cpu",
    window: Window | None = None,
    losses: Sequence[str] | None = None,
    name: str = "",
) -> Report:
    """Check a world model; the model itself is left as it is (an nn.Module is copied).

    make: makes a fresh model, for the saving check.   device: where the copy and its inputs lie.
    window: a training window for the loss checks where random ones do not suit.   losses: names that the training weights have.
    """
    where = torch.device(device)
    subject = WorldModelSubject(model=private_copy(model, where), make=make, device=where, window=window, losses=None if losses is None else tuple(losses))
    return Report(subject=name or type(model).__name__, interface="world model", findings=run_checks(subject, ESSENTIAL, CHECKS))
