"""What a world model's spec promises about shapes, parts, chunks, noise and the size of numbers."""

import torch

from wam.check import samples, shared
from wam.check.compare import record_difference
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.specs import extra_parts, round_trip
from wam.check.subject import ROWS
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Future, Record, WorldModelSpec

EXPLODED = 1e6  # a predicted number beyond this is no prediction
SATURATED = 1e-6  # smallest change of a future, relative to its values, that counts as one
RGB = (-1.0, 2.0)  # floats 0..1, with room for a network that overshoots


def spec_survives_json(subject: WorldModelSubject) -> None:
    """The spec is a WorldModelSpec that reads back from its own JSON and makes sense."""
    spec = round_trip(subject.model, WorldModelSpec)
    fewest, most = spec.context
    promised = [part for part in (spec.predicts.observation, spec.predicts.state, spec.predicts.reward, spec.predicts.alive) if part]
    for wrong, came, remedy in (
        (not 1 <= fewest <= most, f"context = {spec.context}", "context is (fewest, most) past frames, both at least 1."),
        (spec.chunk < 1, f"chunk = {spec.chunk}", "chunk is the number of steps predicted at once, at least 1."),
        (not spec.rate > 0, f"rate = {spec.rate}", "rate is in Hz and positive."),
        (spec.consumes.per_step < 1, f"consumes.per_step = {spec.consumes.per_step}", "per_step is R, actions per model step, at least 1."),
        (not promised, "a FutureSpec without any part", "Promise an observation, a state, reward or alive."),
        (spec.instructed and not spec.sentences, "instructed = True without sentences", "Put the instructions into spec.sentences."),
    ):
        if wrong:
            raise CheckFailed(f"the spec has {came}", "A typing slip in the spec.", remedy)


def calls_return_records(subject: WorldModelSubject) -> None:
    """begin, observe and predict run on inputs that fit the spec and return a carry, and (carry, Future)."""
    noise = subject.noise(1)
    carry = subject.model.begin(ROWS, subject.task(1))
    _require_record(carry, "begin")
    with torch.no_grad():
        carry = subject.model.observe(carry, subject.past(1, subject.frames), noise=noise)
        _require_record(carry, "observe")
        result = subject.model.predict(carry, subject.actions(1), noise=noise)
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Future)):
        raise CheckFailed(f"predict returned {type(result).__name__}", "predict gives the carry and the future.", "return carry, Future(...)")
    _require_record(result[0], "predict")
    subject.run(subject.script(1))  # a second look and prediction, with frames in between


def _require_record(carry: object, call: str) -> None:
    if not isinstance(carry, Record):
        raise CheckFailed(
            f"{call} returned a {type(carry).__name__} as carry",
            "A tuple, dict or tensor cannot restart or repeat its rows.",
            'Make the carry a record: @record class Carry(Record) with axes, e.g. Float[Tensor, "B D"].',
        )


def future_fits_the_spec(subject: WorldModelSubject) -> None:
    """A future has exactly the promised parts, with the declared axes and sizes, B rows and one step per action."""
    spec = subject.spec
    for steps in {spec.chunk if spec.chunk != ROWS else 2 * spec.chunk, subject.horizon}:
        _, future = subject.imagine(subject.looked(1), subject.actions(1, steps), subject.noise(1))
        found = spec.predicts.problems(future, steps)
        found += [] if future.observation is None else extra_parts(future.observation, spec.predicts.observation, "future.observation")
        found += [] if found or future.size("B") == ROWS else [f"the future has {future.size('B')} rows for {ROWS} rows of actions."]
        if found:
            raise CheckFailed(
                f"for {ROWS} rows and {steps} actions: " + " ".join(found),
                "predict returns another part, size or axis order than spec.predicts declares; axes are B, H, then the rest.",
                "Correct the output, or declare in spec.predicts what is really predicted.",
            )


def only_chunks_are_accepted(subject: WorldModelSubject) -> None:
    """predict refuses a number of actions that is no multiple of spec.chunk, with a ValueError."""
    chunk = subject.spec.chunk
    if chunk == 1:
        raise CheckSkipped("spec.chunk is 1: every length is a multiple")
    steps = chunk + 1
    remedy = f"Raise SpecError('... chunk = {chunk}: pass a multiple of {chunk} actions') at the start of predict."
    try:
        _, future = subject.imagine(subject.looked(1), subject.actions(1, steps), subject.noise(1))
    except ValueError:
        return
    except Exception as error:
        raise CheckFailed(f"{type(error).__name__} for {steps} actions: {error}", "The length is not checked, so a tensor operation fails.", remedy) from error
    raise CheckFailed(f"{future.size('H')} steps for {steps} actions, chunk = {chunk}", "The length is not checked.", remedy)


def shortest_context_is_enough(subject: WorldModelSubject) -> None:
    """After spec.context[0] frames the model predicts finite futures."""
    fewest = subject.spec.context[0]
    carry = subject.model.begin(ROWS, subject.task(1))
    with torch.no_grad():
        carry = subject.model.observe(carry, subject.past(1, fewest), noise=subject.noise(1))
    _, future = subject.imagine(carry, subject.actions(1), subject.noise(1))
    _require_finite(future, f"after {fewest} frames (spec.context[0])", "Empty places of the memory take part: a softmax over nothing, a division by zero.")


def carry_keeps_one_structure(subject: WorldModelSubject) -> None:
    """begin, observe and predict give carries of one structure, dtype and shape; every leaf starts with B."""
    shared.one_structure([(label, value) for label, value in subject.run(subject.script(1)) if "carry" in label])


def futures_are_finite(subject: WorldModelSubject) -> None:
    """Actions anywhere within their limits give finite futures."""
    for name, future in _tried(subject):
        _require_finite(future, f"with {name}", "A division by a standard deviation of zero, missing statistics, or a recurrence that grows.")


def frames_stay_in_range(subject: WorldModelSubject) -> None:
    """Predicted RGB is float 0..1 (with some room) or uint8."""
    predicts = subject.spec.predicts.observation
    if predicts is None or not predicts.cameras:
        raise CheckSkipped("the model predicts no RGB")
    for name, future in _tried(subject):
        for camera, rgb in ((future.observation.rgb or {}) if future.observation is not None else {}).items():
            if rgb.is_floating_point() and not bool(((rgb >= RGB[0]) & (rgb <= RGB[1])).all()):
                raise CheckFailed(
                    f"with {name}, camera {camera!r} is predicted in {float(rgb.min()):.3g} .. {float(rgb.max()):.3g}",
                    "Frames are predicted in normalised units or in 0..255, or without a limit.",
                    "RGB is float 0..1 (or uint8) in every public record: undo the normalisation in predict, and limit it (clamp, sigmoid).",
                )


def _tried(subject: WorldModelSubject) -> list[tuple[str, Future]]:
    """Futures of random actions and of actions at the ends and the middle of their range."""
    actions = subject.actions(1)
    tried = [("random actions", actions)]
    if actions.low_level is not None:
        tried += [
            (f"actions at {name}", samples.at_fraction(subject.spec.consumes, actions, part))
            for name, part in (("their low limits", 0.0), ("mid-range", 0.5), ("their high limits", 1.0))
        ]
    return [(name, subject.imagine(subject.looked(1), chosen, subject.noise(1))[1]) for name, chosen in tried]


def _require_finite(future: Future, when: str, cause: str) -> None:
    for path, _, leaf in future.leaves():
        if leaf.is_floating_point() and not bool((leaf.abs() < EXPLODED).all()):
            raise CheckFailed(
                f"{when}, {path} reaches {float(leaf.abs().max()):.3g}",
                cause,
                "Check the statistics that normalise the inputs, and that an action is normalised once.",
                f"finite numbers below {EXPLODED:g}",
            )


def actions_are_well_scaled(subject: WorldModelSubject) -> None:
    """Sweeping the actions through their limits changes the future at every fifth of the way."""
    actions = subject.actions(1)
    slots = subject.spec.consumes.low_level
    if actions.low_level is None or not any(slot.high - slot.low < float("inf") for slot in slots):
        raise CheckSkipped("no low-level action has limits")
    carry, noise = subject.looked(1), subject.noise(1)
    levels = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    futures = [subject.imagine(carry, samples.at_fraction(subject.spec.consumes, actions, level), noise)[1] for level in levels]
    if not any(leaf.is_floating_point() for _, _, leaf in futures[0].leaves()):
        raise CheckSkipped("the future holds no floating numbers")
    for low, high, one, two in zip(levels, levels[1:], futures, futures[1:], strict=False):
        if _change(one, two) < SATURATED:
            raise CheckFailed(
                f"actions at {low:.0%} and at {high:.0%} of their range give the same future (relative change {_change(one, two):.1g})",
                "Actions are not normalised, or normalised twice: they reach the network as numbers so large that it saturates, or so small that "
                "they vanish. Or they are ignored.",
                "Normalise actions once, inside the model, with the statistics or limits of this action representation.",
            )


def _change(one: Future, two: Future) -> float:
    """Largest change of a floating leaf, relative to its largest value."""
    pairs = [(a, b) for (_, _, a), (_, _, b) in zip(one.leaves(), two.leaves(), strict=True) if a.is_floating_point()]
    return max(float((a - b).abs().max()) / max(float(a.abs().max()), 1e-12) for a, b in pairs)


def noise_matters_as_declared(subject: WorldModelSubject) -> None:
    """Other noise in predict gives another future if spec.stochastic, and the same one if not."""
    carry, actions = subject.looked(1), subject.actions(1)
    _, one = subject.imagine(carry, actions, subject.noise(1))
    _, two = subject.imagine(carry, actions, subject.noise(2))
    found = record_difference(one, two, exact=True)
    if subject.spec.stochastic and found is None:
        raise CheckFailed(
            "two different noises gave bit-identical futures",
            "predict does not use its noise, or takes the mean.",
            "Sample with noise.normal(...), or declare stochastic=False.",
            "another future for other noise: spec.stochastic is True",
        )
    if not subject.spec.stochastic and found:
        raise CheckFailed(
            f"two different noises gave different futures: {found}",
            "predict samples although its spec says that it does not.",
            "Declare stochastic=True.",
            "the same future for any noise: spec.stochastic is False",
        )
