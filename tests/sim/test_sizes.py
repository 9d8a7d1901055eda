"""Every world that draws refuses the same sizes, by its name."""

import pytest

from wam.sim.worlds.gym.world import GymConfig
from wam.sim.worlds.push import PushConfig
from wam.sim.worlds.pusht.world import PushTConfig
from wam.sim.worlds.tabletop import TabletopConfig
from wam.world import SpecError

WORLDS = {
    "push": PushConfig,
    "tabletop": TabletopConfig,
    "pusht": lambda size: PushTConfig(demonstrations="x.npz", size=size),
    "Pendulum-v1": lambda size: GymConfig(id="Pendulum-v1", size=size),
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_picture_in_which_nothing_is_seen_or_that_nobody_draws(name: str) -> None:
    for size in (-1, 15, 4097, 100_000):
        with pytest.raises(SpecError, match=rf"{name} was asked for a picture of {size} px: below 16 .* Set size to 16 to 4096"):
            WORLDS[name](size=size)
    for size in (16, 4096):
        assert WORLDS[name](size=size).size == size
