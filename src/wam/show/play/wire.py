"""Messages of the page and to the page. Knows nothing of sockets.

Commands come as JSON, checked strictly: {"do": "step", "keys": ["ArrowUp"]}, {"do": "reset", "start": 3, "replay": false} (both may be
left out), {"do": "look"}, {"do": "chance", "on": true}. A frame goes out as bytes: the length of a JSON header (4 bytes, little endian),
the header, then one raw picture per camera ("h w 3", uint8), imagined ones first, then true ones where `truth` says so. The first
message to a page, and errors, are JSON text.
"""

import base64
import json
import struct
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from wam.show.play.messages import Command, CommandError, Frame, Look, Reset, SetChance, Start, Step
from wam.show.play.session import PlaySession
from wam.world import to_float, to_uint8

FIELDS: dict[str, dict[str, type]] = {"step": {"keys": list}, "reset": {"start": int, "replay": bool}, "look": {}, "chance": {"on": bool}}
NEEDED = {"step": ("keys",), "chance": ("on",)}
MOST_KEYS = 32
THUMBNAIL = 48  # px, at most


def read_command(message: str | bytes) -> Command:
    """A command, or CommandError that says what came and what was expected."""
    shown = repr(message[:80])
    if isinstance(message, bytes):
        raise CommandError(f"binary data came ({shown}), expected JSON as text.")
    try:
        told = json.loads(message)
    except (ValueError, RecursionError):
        raise CommandError(f"{shown} is no JSON, expected e.g. {{'do': 'step', 'keys': []}}.") from None
    if not isinstance(told, dict) or not isinstance(told.get("do"), str) or told["do"] not in FIELDS:
        raise CommandError(f"{shown} came, expected an object whose 'do' is one of {', '.join(FIELDS)}.")
    do = told.pop("do")
    fields = FIELDS[do]
    if unknown := sorted(told.keys() - fields.keys()):
        raise CommandError(f"{do!r} came with {unknown}, expected {sorted(fields) or 'nothing more'}.")
    if missing := [name for name in NEEDED.get(do, ()) if name not in told]:
        raise CommandError(f"{do!r} came without {missing}.")
    if wrong := [name for name, value in told.items() if type(value) is not fields[name]]:  # a bool is an int to isinstance
        raise CommandError(f"{do!r} came with {wrong[0]} = {told[wrong[0]]!r}, expected {fields[wrong[0]].__name__}.")
    if do == "step":
        return Step(_keys(told["keys"]))
    if do == "reset":
        return Reset(**told)
    return Look() if do == "look" else SetChance(told["on"])


def _keys(keys: list[Any]) -> frozenset[str]:
    if len(keys) > MOST_KEYS or not all(isinstance(key, str) and 0 < len(key) <= 20 for key in keys):
        raise CommandError(f"keys are {repr(keys)[:80]}, expected at most {MOST_KEYS} names of keys, e.g. ['ArrowUp'].")
    return frozenset(keys)


def frame_bytes(frame: Frame) -> bytes:
    """One frame for the page."""
    header = {
        "cameras": [[name, *picture.shape[1:]] for name, picture in frame.imagined.items()],
        "truth": frame.truth is not None,
        "start": frame.start,
        "step": frame.step,
        "clock": frame.clock,
        "milliseconds": round(frame.milliseconds, 3),
        "rate": round(frame.rate, 2),
        "drift": None if frame.drift is None else round(frame.drift, 2),
        "action": frame.action,
        "over": frame.over,
        "replaying": frame.replaying,
        "chance": frame.chance,
    }
    told = json.dumps(header, allow_nan=False).encode()
    shown = [*frame.imagined.values(), *(frame.truth or {}).values()]
    return b"".join([struct.pack("<I", len(told)), told, *map(_raw, shown)])


def welcome(session: PlaySession, title: str) -> str:
    """The first message: what is played, with which keys, from which starts."""
    spec = session.model.spec
    told = {
        "title": title,
        "rate": spec.rate,
        "stochastic": spec.stochastic,
        "per_step": spec.consumes.per_step,
        "truth": session.world is not None,
        "levers": [lever.to_dict() for lever in session.levers],
        "starts": [_start(start, session.cameras[0], spec.sentences) for start in session.starts],
    }
    return json.dumps(told, allow_nan=False)


def error(words: str) -> str:
    """Told to a person."""
    return json.dumps({"error": words})


def _start(start: Start, camera: str, sentences: tuple[str, ...]) -> dict[str, Any]:
    assert start.past.observation.rgb is not None
    small = _thumbnail(to_uint8(start.past.observation.rgb[camera][0, -1]).cpu())
    asked = None if start.task.instruction is None else int(start.task.instruction[0])
    return {
        "name": start.name,
        "instruction": sentences[asked] if asked is not None and 0 <= asked < len(sentences) else "",
        "replay": start.recorded is not None,
        "height": small.shape[1],
        "width": small.shape[2],
        "rgb": base64.b64encode(_raw(small)).decode(),
    }


def _thumbnail(picture: UInt8[Tensor, "3 h w"]) -> UInt8[Tensor, "3 h w"]:
    largest = max(picture.shape[1:])
    if largest <= THUMBNAIL:
        return picture
    size = [max(1, round(side * THUMBNAIL / largest)) for side in picture.shape[1:]]
    return to_uint8(F.interpolate(to_float(picture)[None], size=size, mode="area")[0])


def _raw(picture: UInt8[Tensor, "3 h w"]) -> bytes:
    """Row by row, channels last."""
    return picture.permute(1, 2, 0).contiguous().to(torch.uint8).numpy().tobytes()
