"""What a server puts up with."""

from dataclasses import dataclass

from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class Limits(Spec):
    """Per client, unless it says otherwise. What goes beyond ends the connection with an error that says so."""

    message_bytes: int = 32 * 2**20  # of one message; a picture of 640x480 is 0.9 MB
    per_second: int = 200  # messages
    frames: int = 64  # instants in one message
    clients: int = 8  # at once, all together
    infer_seconds: float = 60.0  # until an answer is given up, waiting for other clients' answers included
    idle_seconds: float = 3600.0  # without a message; a dead peer is noticed earlier, by pings
