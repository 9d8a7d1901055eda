"""A policy that acts at random: low-level actions uniformly within their limits, anew at each step.

Knows: what actions a world takes.   Does not know: what is seen.
"""

from wam.plan.chain import Empty
from wam.world import Actions, EnvSpec, Noise, Past, PolicySpec, Task, require_noise


class Uniform:
    """Acts in worlds of this spec; numbers without limits are drawn as `ActionSpec.sample` says."""

    def __init__(self, world: EnvSpec) -> None:
        self.spec = PolicySpec(observes=world.observes, acts=world.acts, chunk=world.chunk, execute=world.chunk, rate=world.rate)

    def begin(self, batch: int, task: Task) -> Empty:
        """Nothing to remember."""
        return Empty()

    def act(self, memory: Empty, since: Past, *, noise: Noise | None = None) -> tuple[Empty, Actions]:
        """`spec.chunk` actions."""
        return memory, self.spec.acts.sample(since.size("B"), self.spec.chunk, require_noise(noise, "Uniform"))
