"""Declared capabilities of a world model. A capability is declared by inheriting from its abstract base; others are skipped."""

from typing import Any

import torch

from wam.check import samples
from wam.check.compare import record_difference
from wam.check.inverse import inferred
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.specs import extra_parts
from wam.check.subject import ROWS
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Actions, Decodes, Encodes, Exposes, Infers, Observation, Proposes, Scores, State, Values
from wam.world.states import sample_state, state_problems

FRAMES = 3
PROPOSED = 4


def encode_gives_a_state_per_frame(subject: WorldModelSubject) -> None:
    """Encodes: a state of the declared shape for every frame, which depends on that frame alone."""
    require(subject, Encodes)
    observation = subject.past(1, FRAMES).observation
    state = _encode(subject, observation)
    _require_state(subject, state, FRAMES, "encode")
    for step in range(FRAMES):
        alone = _encode(subject, observation.narrow("T", step, step + 1))
        if found := record_difference(state.narrow("T", step, step + 1), alone, exact=False):
            raise CheckFailed(
                f"frame {step} encoded with the others and alone: {found}",
                "The encoder mixes frames: a statistic over B*T, or a temporal layer.",
                "Encode single frames; what needs time belongs into observe.",
            )


def decode_shows_known_cameras(subject: WorldModelSubject) -> None:
    """Decodes: an observation with the state's rows and steps, of cameras that the spec knows."""
    require(subject, Decodes)
    spec, state = subject.spec, _some_state(subject, 1)
    with torch.no_grad():
        shown = subject.model.decode(state).check()
    known = samples.union(spec.observes, spec.predicts.observation)
    found = extra_parts(shown, known, "the decoded observation")
    found += [f"{path} is {tuple(leaf.shape)}." for path, _, leaf in shown.leaves() if tuple(leaf.shape[:2]) != (ROWS, FRAMES)]
    for name, rgb in (shown.rgb or {}).items():
        camera = known.cameras.get(name)
        if camera and tuple(rgb.shape[2:]) != (3, camera.height, camera.width):
            found.append(f"camera {name!r} is {tuple(rgb.shape[2:])}, the spec says (3, {camera.height}, {camera.width}).")
    if found or not shown.leaves():
        raise CheckFailed(
            " ".join(found) or "an empty observation",
            f"decode of a state with {ROWS} rows and {FRAMES} steps gives something else than the spec describes.",
            "Return the cameras of the spec, channels first.",
        )


def exposed_state_is_where_prediction_ended(subject: WorldModelSubject) -> None:
    """Exposes: one step of state per row, which after predict equals the last predicted state."""
    require(subject, Exposes)
    carry = subject.looked(1)
    imagined, future = subject.imagine(carry, subject.actions(1), subject.noise(1))
    with torch.no_grad():
        seen, now = subject.model.state(carry), subject.model.state(imagined)
    _require_state(subject, seen, 1, "state after observe")
    _require_state(subject, now, 1, "state after predict")
    if future.state is not None and (found := record_difference(future.state.narrow("T", subject.horizon - 1), now, exact=False)):
        raise CheckFailed(
            f"the exposed state and the last predicted one: {found}",
            "state() reads the seen half of the carry, or the carry after predict stands one step off.",
            "Return the state that predict would continue from.",
        )


def log_prob_is_one_number_per_row(subject: WorldModelSubject) -> None:
    """Scores: a finite log density per row, which depends on the future."""
    require(subject, Scores)
    carry, actions = subject.looked(1), subject.actions(1)
    _, one = subject.imagine(carry, actions, subject.noise(1))
    _, two = subject.imagine(subject.looked(2), subject.actions(2), subject.noise(2))
    with torch.no_grad():
        scores = [subject.model.log_prob(carry, actions, future) for future in (one, two)]
    if tuple(scores[0].shape) != (ROWS,) or not bool(scores[0].isfinite().all()):
        raise CheckFailed(f"log_prob is {scores[0].tolist()}", "A sum over time and features is missing, or a density is zero.", 'Return "B".')
    if torch.equal(*scores):
        raise CheckFailed("two different futures have the same log_prob in every row", "The future is not read.", "Score the given future.")


def proposals_start_with_the_mode(subject: WorldModelSubject) -> None:
    """Proposes: as many sequences as asked for, within their limits; the first is the mode, the same whatever the noise."""
    require(subject, Proposes)
    acts, carry = subject.spec.consumes, subject.looked(1)
    with torch.no_grad():
        one, two = (subject.model.propose(carry, PROPOSED, subject.horizon, noise=subject.noise(seed)) for seed in (1, 2))
    expected = (ROWS, PROPOSED, subject.horizon, acts.per_step, len(acts.low_level))
    if tuple(one.shape) != expected:
        raise CheckFailed(f"propose gives {tuple(one.shape)}", "Axes are swapped, or one is missing.", f'Return "B S H R A", here {expected}.')
    low, high = acts.limits(one.device, one.dtype)
    if not bool(((one >= low) & (one <= high)).all()):
        raise CheckFailed("proposals beyond the limits of the spec, or not finite", "They are normalised.", "Propose in physical units, within the limits.")
    if not torch.equal(one[:, 0], two[:, 0]):
        raise CheckFailed("the first proposal changes with the noise", "It is a draw like the others.", "Put the most likely sequence first.")


def every_state_has_a_value(subject: WorldModelSubject) -> None:
    """Values: a finite number for every state, which depends on the state; a discount above 0, at most 1."""
    require(subject, Values)
    with torch.no_grad():
        one, two = (subject.model.value(_some_state(subject, seed)) for seed in (1, 2))
    if tuple(one.shape) != (ROWS, FRAMES) or not bool(one.isfinite().all()):
        raise CheckFailed(f"the value of {ROWS} x {FRAMES} states is {tuple(one.shape)}: {one.tolist()}", "A last axis of 1, or NaN.", 'Return "B T".')
    if torch.equal(one, two):
        raise CheckFailed("other states have the same values", "The state is not read.", "Give the value of the given state.")
    if not 0 < subject.model.discount <= 1:
        raise CheckFailed(
            f"the discount is {subject.model.discount}",
            "It is that of something else, e.g. a rate in Hz.",
            "0 < discount <= 1, of a reward one model step later.",
        )


def inferred_actions_fit_the_spec(subject: WorldModelSubject) -> None:
    """Infers: an action per frame that fits the spec; the first is not valid, because nothing is known to have led there."""
    require(subject, Infers)
    with torch.no_grad():
        actions: Actions = subject.model.infer_actions(subject.past(1, FRAMES).observation, noise=subject.noise(1))
    inferred(actions, subject.spec.consumes, FRAMES)


CHECKS = (
    encode_gives_a_state_per_frame,
    decode_shows_known_cameras,
    exposed_state_is_where_prediction_ended,
    log_prob_is_one_number_per_row,
    proposals_start_with_the_mode,
    every_state_has_a_value,
    inferred_actions_fit_the_spec,
)


def require(subject: WorldModelSubject, capability: type) -> None:
    if not isinstance(subject.model, capability):
        raise CheckSkipped(f"{type(subject.model).__name__} does not declare {capability.__name__}")


def _some_state(subject: WorldModelSubject, seed: int) -> State:
    """B x FRAMES states as the model makes them, or at random from its spec."""
    spec = subject.spec.predicts.state
    if isinstance(subject.model, Encodes):
        made: State = _encode(subject, subject.past(seed, FRAMES).observation)
        return made
    if spec is None:
        raise CheckSkipped("the model neither encodes nor predicts a state")
    return sample_state(spec, ROWS, FRAMES, subject.noise(seed))


def _encode(subject: WorldModelSubject, observation: Observation) -> Any:
    with torch.no_grad():
        return subject.model.encode(observation)


def _require_state(subject: WorldModelSubject, state: State, steps: int, call: str) -> None:
    spec = subject.spec.predicts.state
    found = state_problems(spec, state) if spec is not None else []
    state.check()
    if not found and (state.size("B"), state.size("T")) != (ROWS, steps):
        found = [f"it has B = {state.size('B')} and T = {state.size('T')}, expected {ROWS} and {steps}."]
    if found:
        raise CheckFailed(f"{call}: " + " ".join(found), "Another shape than spec.predicts.state declares.", "Return B, T, then the declared shape.")
