"""What a server puts up with."""

import ipaddress
from dataclasses import dataclass

from wam.world import Spec, SpecError


@dataclass(frozen=True, kw_only=True)
class Limits(Spec):
    """Per client, unless it says otherwise. What goes beyond ends the connection with an error that says so."""

    message_bytes: int = 32 * 2**20  # of one message; a picture of 640x480 is 0.9 MB
    per_second: int = 200  # messages
    frames: int = 64  # instants in one message
    clients: int = 8  # at once, all together
    infer_seconds: float = 60.0  # until an answer is given up, waiting for other clients' answers included
    idle_seconds: float = 3600.0  # without a message; a dead peer is noticed earlier, by pings


def require_safe(host: str, token: str | None) -> None:
    """SpecError for a host that others can reach, without a token."""
    if not is_loopback(host) and not token:
        raise SpecError(f"{host!r} can be reached from other machines, and whoever reaches it could drive the robot. Pass a token, or serve on 127.0.0.1.")


def is_loopback(host: str) -> bool:
    """Is it this machine alone? Names other than localhost are not looked up: they count as open."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
