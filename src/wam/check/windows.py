"""Conformance of training windows to `wam.world.Windows`, and to themselves: windows that overlap must agree.

Knows: records, conventions of time and masks.   Does not know: files, episodes; a shift that all windows share shows only
where proprioception follows the actions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wam.check.compare import record_difference
from wam.check.report import Report
from wam.check.runner import CheckFailed, CheckSkipped, run_checks
from wam.check.specs import extra_parts
from wam.world import Actions, ActionSpec, Observation, ObservationSpec, Window, concatenate

MOST = 256  # windows that are looked at, fewer where they are large
MOST_BYTES = 1 << 26
EXPLAINED = 0.8  # share of the movement that shifted actions must explain before they are suspected
BETTER = 3.0  # ... and how many times less they must leave unexplained than the unshifted ones


@dataclass(frozen=True)
class WindowsSubject:
    """Windows under test."""

    windows: Any
    observes: ObservationSpec | None  # what the observations should hold
    acts: ActionSpec | None  # what the actions should hold

    def some(self, count: int = MOST) -> Window:
        """The first windows (neighbours, so that they overlap) and some spread over the rest."""
        size = len(self.windows)
        bytes_each = sum(leaf.nbytes for _, _, leaf in self.batch(torch.tensor([0])).leaves())
        count = min(count, max(8, MOST_BYTES // max(bytes_each, 1)))
        near = torch.arange(min(size, count // 2))
        far = torch.linspace(0, size - 1, min(size, count - len(near))).long()
        return self.batch(torch.cat([near, far]).unique())

    def batch(self, indices: Tensor) -> Window:
        """These windows."""
        window: Window = self.windows.batch(indices)
        return window


def windows_are_records(subject: WindowsSubject) -> None:
    """There are windows, and batch(indices) gives a Window of so many rows whose parts fit each other."""
    if len(subject.windows) < 1:
        raise CheckFailed("0 windows", "Episodes are shorter than T + 1 steps.", "Use shorter windows, or longer episodes.")
    indices = torch.tensor([0, len(subject.windows) - 1])
    window = subject.batch(indices)
    if not isinstance(window, Window):
        raise CheckFailed(f"a {type(window).__name__}", "batch returns something of its own.", "Return wam.world.Window(...).")
    window.check()
    if window.size("B") != 2:
        raise CheckFailed(f"{window.size('B')} rows for 2 indices", "Windows are dropped or joined.", "One row per index; mask what is missing.")
    past, steps = window.past.observation.size("T"), window.valid.shape[1]
    if window.truth is not None and window.truth.leaves() and window.truth.size("T") != past + steps:
        raise CheckFailed(f"{window.truth.size('T')} instants of truth for {past} + {steps}", "The truth covers the future only.", "Truth covers T + H.")


def parts_fit_the_specs(subject: WindowsSubject) -> None:
    """Observations and actions hold what the given specs say, past and future; RGB is uint8 at rest."""
    window = subject.some(8)
    found = []
    for name, observation in (("past", window.past.observation), ("future", window.future.observation)):
        if observation is None:
            continue
        found += [f"{name}: camera {key!r} is {rgb.dtype}." for key, rgb in (observation.rgb or {}).items() if rgb.dtype != torch.uint8]
        if subject.observes is not None:
            found += [f"{name}: {problem}" for problem in subject.observes.problems(observation) + extra_parts(observation, subject.observes, "observation")]
    if subject.acts is not None:
        found += [problem for actions in (window.past.actions, window.actions) for problem in subject.acts.problems(actions)]
    if found:
        raise CheckFailed(
            " ".join(found),
            "The data was normalised or converted on loading, or the spec is of another data set.",
            "Physical units, uint8 frames, as recorded.",
        )


def values_are_finite(subject: WindowsSubject) -> None:
    """No NaN or infinity stands where a mask says valid."""
    window = subject.some(64)
    everywhere = torch.ones_like(window.past.actions.valid[..., 0])
    found = [
        f"{path} ({name})"
        for name, part, mask in (("past", window.past.observation, everywhere), ("future", window.future, window.valid))
        for path, axes, leaf in part.leaves()
        if axes[1:2] in (("T",), ("H",)) and leaf.is_floating_point() and not bool(leaf[mask].isfinite().all())
    ]
    for name, actions in (("past", window.past.actions), ("future", window.actions)):
        values = actions.low_level
        if values is not None and not bool(values[actions.valid].isfinite().all()):
            found.append(f"actions.low_level ({name})")
    if found:
        raise CheckFailed(
            f"not finite: {', '.join(found)}", "Gaps in the recording, or a division by zero on conversion.", "Mask them, or repair the data set."
        )


def masks_are_consistent(subject: WindowsSubject) -> None:
    """Every window has a valid step, once beyond the end stays beyond, and steps beyond the end have no valid action."""
    window = subject.some()
    valid = window.valid
    for wrong, came, remedy in (
        (~valid.any(1), "no valid step", "A window without a step teaches nothing: leave it out."),
        ((valid[:, 1:] & ~valid[:, :-1]).any(1), "valid steps after invalid ones", "Padding stands at the end; a window never crosses an episode."),
        ((window.actions.valid.all(2) & ~valid).any(1), "valid actions beyond the end", "actions.valid = False where window.valid is."),
    ):
        if bool(wrong.any()):
            raise CheckFailed(f"{int(wrong.sum())} of {len(wrong)} windows have {came}", "Masks and steps are shifted or joined.", remedy)


def windows_depend_on_their_number_only(subject: WindowsSubject) -> None:
    """Window i is the same whatever else is in the batch, in which order and how often, and a second time."""
    size = len(subject.windows)
    chosen = torch.tensor([0, size // 3, size - 1])
    mixed = torch.tensor([size - 1, 0, size // 2, size // 3, 0])
    one, two = subject.batch(chosen), subject.batch(mixed)
    again = subject.batch(chosen)
    alone = [subject.batch(chosen[index : index + 1]) for index in range(3)]
    for name, left, right in (
        ("a second time", one, again),
        ("in another batch", one, two.select(torch.tensor([1, 3, 0]))),
        ("twice in a batch", two.select(torch.tensor([1])), two.select(torch.tensor([4]))),
        *((f"alone (window {int(chosen[index])})", one.select(torch.tensor([index])), window) for index, window in enumerate(alone)),
    ):
        if found := record_difference(left, right, exact=True):
            raise CheckFailed(
                f"{name}: {found}",
                "Random augmentation or a running position inside batch(), or padding to the longest of the batch.",
                "Make batch a function of its indices; fix T and H.",
            )


def numbers_beyond_the_end_are_refused(subject: WindowsSubject) -> None:
    """batch raises an IndexError or ValueError for a number that no window has."""
    try:
        subject.batch(torch.tensor([len(subject.windows)]))
    except (IndexError, ValueError):
        return
    raise CheckFailed(f"window {len(subject.windows)} of {len(subject.windows)} was given out", "Numbers wrap around.", "Raise IndexError.")


def first_frames_have_no_action(subject: WindowsSubject) -> None:
    """No action led to an episode's first frame: some window shows one, and its action is not valid."""
    window = subject.some()
    if bool(window.past.actions.valid.any(2).all()):
        raise CheckFailed(
            f"all past actions of {len(window.valid)} windows are valid",
            "The first frame of an episode was given the action that follows it, or no window shows a first frame.",
            "actions.valid = False where an episode begins, and before.",
        )


def padding_before_the_start_is_marked(subject: WindowsSubject) -> None:
    """Where the past repeats an episode's first frame, the repeated frames have no valid action."""
    window = subject.some()
    frames = _flat(window.past.observation)
    if frames.shape[1] < 2:
        raise CheckSkipped("the past is one frame long")
    repeats = (frames[:, 1:] == frames[:, :-1]).all(2).cumprod(1).bool()  # of the window's first frame
    padded = ~window.past.actions.valid[:, 0].any(1) & repeats.any(1)
    if not bool(padded.any()):
        raise CheckSkipped("no window starts with a repeated frame")
    wrong = padded & (repeats & window.past.actions.valid[:, 1:].any(2)).any(1)
    if float(wrong.sum()) > 0.5 * float(padded.sum()):  # a few may be real: a robot that stands still while it acts
        raise CheckFailed(
            f"{int(wrong.sum())} of {int(padded.sum())} windows that start with repeated frames mark their actions as valid",
            "The mask of the actions was not padded with the frames, or is shifted by one.",
            "actions.valid = False for every frame before and at an episode's first.",
        )


def overlapping_windows_agree(subject: WindowsSubject) -> None:
    """The same two frames in a row carry the same action in every window, in the past and in the future."""
    window = subject.some()
    frames, actions, valid = _timeline(window)
    keys = [(frames[row, step - 1].numpy().tobytes(), frames[row, step].numpy().tobytes()) for row, step in _steps(valid)]
    values = [actions[row, step] for row, step in _steps(valid)]
    parts = [step < window.past.observation.size("T") for _, step in _steps(valid)]
    known: dict[tuple[bytes, bytes], tuple[Tensor, bool]] = {}
    same = differ = 0
    for key, value, in_past in zip(keys, values, parts, strict=True):
        if key[0] == key[1]:
            continue  # nothing moved: such pairs may repeat with other actions
        earlier, earlier_in_past = known.setdefault(key, (value, in_past))
        if earlier_in_past != in_past:
            same, differ = same + int(torch.equal(earlier, value)), differ + int(not torch.equal(earlier, value))
    if not same + differ:
        raise CheckSkipped("no two windows overlap with one's past in the other's future")
    if differ > same:
        raise CheckFailed(
            f"{differ} of {same + differ} pairs of frames have one action in a window's past and another in a window's future",
            "Past and future are aligned differently: in one of them actions[t] is what followed observation[t].",
            "action[t] led to observation[t], in both. On disk the action follows its observation: shift once, on reading.",
        )


def actions_led_to_their_frames(subject: WindowsSubject) -> None:
    """Where proprioception follows the actions, action[t] explains the change from frame t-1 to t better than its neighbours."""
    window = subject.some()
    proprio = window.past.observation.proprio
    future = window.future.observation
    if proprio is None or future is None or future.proprio is None:
        raise CheckSkipped("there is no proprioception to compare with")
    if window.actions.low_level is None:
        raise CheckSkipped("there are no low-level actions")
    places = torch.cat([proprio, future.proprio], 1).double()
    _, actions, valid = _timeline(window)
    usable = [(row, step) for row, step in _steps(valid) if step >= 2 and step + 1 < valid.shape[1] and bool(valid[row, step - 1] & valid[row, step + 1])]
    columns = actions.shape[2] + 2 * places.shape[2] + 1
    if len(usable) < 10 * columns:
        raise CheckSkipped(f"{len(usable)} steps with valid neighbours are too few to fit {columns} columns")
    at, step = torch.tensor(usable).unbind(1)
    moved = places[at, step] - places[at, step - 1]
    before = torch.cat([places[at, step - 1], places[at, step - 1] - places[at, step - 2]], 1)  # place and speed
    left = {shift: _unexplained(moved, before, actions[at, step + shift].double()) for shift in (-1, 0, 1)}
    best = min((-1, 1), key=lambda shift: left[shift])
    if left[best] < 1 - EXPLAINED and left[0] > BETTER * max(left[best], 1e-9):
        raise CheckFailed(
            f"action[t{best:+d}] explains {1 - left[best]:.0%} of the movement from frame t-1 to frame t, action[t] {1 - left[0]:.0%}",
            "Actions are shifted: on disk the action follows its observation. (A robot that reacts one step late looks the same.)",
            "Shift once, on reading: action[t] led to observation[t], and the first frame has none.",
        )


def _unexplained(moved: Tensor, before: Tensor, actions: Tensor) -> float:
    """Share of the movement's variance that a linear fit of place, speed and action leaves."""
    inputs = torch.cat([before, actions, torch.ones_like(before[:, :1])], 1)
    scale = inputs.abs().amax(0).clamp(min=1e-12)
    fit = torch.linalg.lstsq(inputs / scale, moved, driver="gelsd").solution
    rest = (moved - inputs / scale @ fit).square().sum()
    return float(rest / (moved - moved.mean(0)).square().sum().clamp(min=1e-12))


def _timeline(window: Window) -> tuple[Tensor, Tensor, Tensor]:
    """Frames "B E n" as bytes or floats, low-level actions "B E m" and their masks "B E", past and future joined."""
    actions: Actions = concatenate([window.past.actions, window.actions], "T")
    if window.future.observation is None:
        raise CheckSkipped("the windows hold no future observations")
    if actions.low_level is None:
        raise CheckSkipped("there are no low-level actions")
    frames = torch.cat([_flat(window.past.observation), _flat(window.future.observation)], 1)
    valid = actions.valid.all(2)
    valid[:, -window.valid.shape[1] :] &= window.valid
    return frames, actions.low_level.flatten(2), valid


def _flat(observation: Observation) -> Tensor:
    """Everything seen at an instant as one row of numbers: "B T n"."""
    return torch.cat([leaf.flatten(2).float() for _, axes, leaf in observation.leaves() if axes[1:2] == ("T",)], 2)


def _steps(valid: Tensor) -> list[tuple[int, int]]:
    """(row, step) of every valid action with a frame before it."""
    return [(int(row), int(step)) for row, step in valid.nonzero().tolist() if step > 0]


ESSENTIAL: tuple[Callable[[WindowsSubject], None], ...] = (windows_are_records,)

CHECKS: tuple[Callable[[WindowsSubject], None], ...] = (
    parts_fit_the_specs,
    values_are_finite,
    masks_are_consistent,
    windows_depend_on_their_number_only,
    numbers_beyond_the_end_are_refused,
    first_frames_have_no_action,
    padding_before_the_start_is_marked,
    overlapping_windows_agree,
    actions_led_to_their_frames,
)


def check_windows(windows: Any, *, observes: ObservationSpec | None = None, acts: ActionSpec | None = None, name: str = "") -> Report:
    """Check training windows; `observes` and `acts` say what they should hold, where that is known."""
    subject = WindowsSubject(windows, observes, acts)
    return Report(subject=name or type(windows).__name__, interface="windows", findings=run_checks(subject, ESSENTIAL, CHECKS))
