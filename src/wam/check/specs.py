"""Checks of specs that all kinds share."""

from typing import Any, TypeVar

from wam.check.runner import CheckFailed, describe
from wam.world import Observation, ObservationSpec, Spec

P = TypeVar("P", bound=Spec)


def round_trip(subject: Any, kind: type[P]) -> P:
    """The object's spec, after it was shown to be of this kind and to read back from its JSON."""
    spec = getattr(subject, "spec", None)
    if not isinstance(spec, kind):
        raise CheckFailed(f"spec is a {type(spec).__name__}", "The interface asks for its own kind of spec.", f"Set self.spec = {kind.__name__}(...).")
    try:
        again = kind.from_json(spec.to_json())
    except Exception as error:
        raise CheckFailed(
            describe(error),
            "A field of the spec holds something that JSON cannot write: a tensor, an array, a function.",
            "Use numbers, strings, tuples, dicts and nested specs only.",
        ) from error
    if again != spec:
        fields = [name for name, value in vars(spec).items() if vars(again)[name] != value]
        raise CheckFailed(
            f"the fields {fields} came back as {[vars(again)[name] for name in fields]}, they were {[vars(spec)[name] for name in fields]}",
            "A list where the spec declares a tuple, or a number of another type.",
            "Give the declared types.",
        )
    return spec


def extra_parts(observation: Observation, spec: ObservationSpec | None, who: str) -> list[str]:
    """Parts of an observation that its spec does not promise."""
    if spec is None:
        return []
    cameras = spec.cameras
    allowed = {
        "rgb": cameras.keys(),
        "depth": {name for name, camera in cameras.items() if camera.depth},
        "camera_pose": {name for name, camera in cameras.items() if camera.pose},
    }
    found = [
        f"{who}.{part} has the cameras {extra}, which the spec does not promise."
        for part, names in allowed.items()
        if (extra := sorted((getattr(observation, part) or {}).keys() - names))
    ]
    for part, promised in (("proprio", bool(spec.proprio)), ("points", bool(spec.points)), ("state", spec.state is not None)):
        if getattr(observation, part) is not None and not promised:
            found.append(f"{who}.{part} is present, the spec does not promise it.")
    return found
