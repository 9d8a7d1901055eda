"""Conformance of inverse dynamics (`wam.world.Infers`) that are no world model: those of a joint model, or of a system that imagines first.

A world model that infers is checked by `check_world_model`, with `inferred` of this file.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from wam.check import samples
from wam.check.compare import record_difference
from wam.check.report import Report
from wam.check.runner import CheckFailed, CheckSkipped, run_checks
from wam.check.subject import ROWS, private_copy
from wam.world import Actions, ActionSpec, Infers, Noise, Observation, ObservationSpec

FRAMES = 4  # T


@dataclass(frozen=True)
class InverseSubject:
    """What is checked, and what it is shown."""

    model: Any
    observes: ObservationSpec
    acts: ActionSpec
    device: torch.device

    def frames(self, seed: int) -> Observation:
        """Random ones that fit the spec."""
        return self.observes.sample(ROWS, FRAMES, samples.noise(seed, ROWS, self.device))

    def infer(self, observation: Observation, noise: Noise | None) -> Actions:
        """The actions between these frames."""
        with torch.no_grad():
            actions: Actions = self.model.infer_actions(observation, noise=noise)
        return actions

    def noise(self, seed: int) -> Noise:
        """Of the rows."""
        return samples.noise(seed, ROWS, self.device)


def inferred(actions: Actions, acts: ActionSpec, frames: int) -> None:
    """CheckFailed unless there is an action for each of these frames that fits the spec, the first of them not valid.

    Random frames may imply more than limits allow.
    """
    if actions.low_level is not None and actions.low_level.shape[-1] == len(acts.low_level):
        low, high = acts.limits(actions.device, actions.low_level.dtype)
        actions = dataclasses.replace(actions, low_level=actions.low_level.clamp(low, high))
    found = acts.problems(actions)
    if not found and actions.size("T") != frames:
        found.append(f"{actions.size('T')} actions for {frames} frames.")
    if not found and bool(actions.valid[:, 0].any()):
        found.append("the first action is marked valid.")
    if found:
        raise CheckFailed(
            " ".join(found), "Off by one: between T frames lie T - 1 actions, and action t led to frame t.", "Return T, the first with valid=False."
        )


def it_declares_infers(subject: InverseSubject) -> None:
    """It inherits wam.world.Infers, so that others find out what it can do."""
    if not isinstance(subject.model, Infers):
        raise CheckFailed(f"{type(subject.model).__name__} does not declare Infers", "A method of that name alone.", "Inherit wam.world.Infers.")


def actions_fit_the_spec(subject: InverseSubject) -> None:
    """An action per frame that fits the spec; the first is not valid, because nothing is known to have led there."""
    inferred(subject.infer(subject.frames(1), subject.noise(1)), subject.acts, FRAMES)


def the_others_are_valid(subject: InverseSubject) -> None:
    """Every action after the first is known."""
    if not bool(subject.infer(subject.frames(1), subject.noise(1)).valid[:, 1:].all()):
        raise CheckFailed("some actions between two frames are not valid", "A mask is turned round.", "valid is True wherever a frame came before.")


def same_noise_same_actions(subject: InverseSubject) -> None:
    """The same frames and noise give the same actions, bit for bit, whatever torch's global generator says."""
    with torch.random.fork_rng(devices=[]):
        found = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            found.append(subject.infer(subject.frames(1), subject.noise(1)))
    if told := record_difference(*found, exact=True):
        raise CheckFailed(f"two calls differ: {told}", "A random number that is not of the noise record, or dropout.", "Draw from noise.normal(...) only.")


def frames_matter(subject: InverseSubject) -> None:
    """Other frames give other actions."""
    one, two = (subject.infer(subject.frames(seed), subject.noise(1)) for seed in (1, 2))
    if record_difference(one, two, exact=True) is None:
        raise CheckFailed("other frames gave the same actions", "The frames are not read, or a gate is shut.", "Read the actions off the frames.")


def rows_do_not_mix(subject: InverseSubject) -> None:
    """Other frames in row 0 leave the other rows as they were."""
    frames, rest = subject.frames(1), torch.arange(1, ROWS)
    first = torch.arange(ROWS, device=subject.device) == 0
    one, two = (subject.infer(shown, subject.noise(1)).select(rest) for shown in (frames, subject.frames(2).where(first, frames)))
    if told := record_difference(one, two, exact=True):
        raise CheckFailed(f"after a change to row 0 the others changed too: {told}", "Something is computed over the batch.", "Keep rows apart.")


def a_single_frame_is_no_error(subject: InverseSubject) -> None:
    """One frame gives one action, which is not valid: nothing lies between."""
    actions = subject.infer(subject.frames(1).narrow("T", 0, 1), subject.noise(1))
    if actions.size("T") != 1 or bool(actions.valid.any()):
        raise CheckFailed(f"one frame gave {actions.size('T')} actions, valid {actions.valid.tolist()}", "Pairs are assumed.", "Return one, not valid.")


def same_without_noise(subject: InverseSubject) -> None:
    """Without noise the actions are a mode or mean, or it says that it needs noise."""
    try:
        one, two = (subject.infer(subject.frames(1), None) for _ in range(2))
    except ValueError as error:
        if "noise" not in str(error):
            raise
        raise CheckSkipped(f"it infers nothing without noise: {error}") from error
    if told := record_difference(one, two, exact=True):
        raise CheckFailed(f"two calls without noise differ: {told}", "It falls back to torch's generator.", "Give the mean or the mode.")


ESSENTIAL: tuple[Callable[[InverseSubject], None], ...] = (it_declares_infers, actions_fit_the_spec)
CHECKS: tuple[Callable[[InverseSubject], None], ...] = (
    the_others_are_valid,
    same_noise_same_actions,
    same_without_noise,
    frames_matter,
    rows_do_not_mix,
    a_single_frame_is_no_error,
)


def check_inverse(inverse: Any, observes: ObservationSpec, acts: ActionSpec, *, device: torch.device | str = "cpu", name: str = "") -> Report:
    """Check inverse dynamics; the object itself is left as it is (an nn.Module is copied). observes, acts: what it reads, and what it gives."""
    where = torch.device(device)
    subject = InverseSubject(private_copy(inverse, where), observes, acts, where)
    return Report(subject=name or type(inverse).__name__, interface="inverse dynamics", findings=run_checks(subject, ESSENTIAL, CHECKS))
