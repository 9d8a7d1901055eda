"""What a server puts up with."""

from dataclasses import dataclass

from wam.world import PolicySpec, Spec, SpecError
from wam.world.spec import expect

WORDS = 1024  # bytes of a message for keys, types and shapes


@dataclass(frozen=True, kw_only=True)
class Limits(Spec):
    """Per client, unless it says otherwise. What goes beyond ends the connection with an error that says so. SpecError for what lets nobody be answered."""

    message_bytes: int = 32 * 2**20  # of one message; a picture of 640x480 is 0.9 MB
    per_second: int = 200  # messages
    frames: int = 64  # instants in one message
    clients: int = 8  # at once, all together
    infer_seconds: float = 60.0  # until an answer is given up, waiting for other clients' answers included
    idle_seconds: float = 3600.0  # without a message; a dead peer is noticed earlier, by pings

    def __post_init__(self) -> None:
        for count in ("message_bytes", "per_second", "frames", "clients"):
            expect(self, count, getattr(self, count) >= 1, "at least 1")
        for time in ("infer_seconds", "idle_seconds"):
            expect(self, time, getattr(self, time) > 0, "seconds above 0")

    def instants(self, spec: PolicySpec) -> int:
        """How many a message may show: as many as are allowed, and as fit into it."""
        return min(self.frames, (self.message_bytes - bytes_of(spec, 0)) // (bytes_of(spec, 1) - bytes_of(spec, 0)))

    def require_fit(self, spec: PolicySpec) -> None:
        """SpecError where a client cannot tell in one message what happened since the last one."""
        steps, size = spec.execute, bytes_of(spec, spec.execute)
        if steps > self.frames or size > self.message_bytes:
            raise SpecError(
                f"the policy executes {steps} steps between two messages, so one may show {steps} instants in {size / 2**20:.3g} MiB. The limits are "
                f"{self.frames} and {self.message_bytes / 2**20:.3g} MiB. Set frames= and message_bytes= (wam serve --frames, --message-mib), "
                "or execute fewer steps of each chunk (--execute)."
            )


def bytes_of(spec: PolicySpec, instants: int) -> int:
    """Of a message that shows so many with the steps that led to them, and the goal where one is needed."""
    acts, seen = spec.acts, spec.observes
    shown = sum(3 * camera.height * camera.width for camera in seen.cameras.values()) + 4 * len(seen.proprio)
    return WORDS + shown * (instants + spec.goal_conditioned) + acts.per_step * (4 * len(acts.low_level) + 1) * instants
