"""Places from maps: a picture of one dot gives its place, a condition says which of two dots."""

import math

import pytest
import torch

from wam.nets.perceive.keypoints import SHARPNESS, KeypointEncoder, Places


def dots(rows: int, seed: int):
    """A red and a blue dot of 4 px on grey, and their places in -1 .. 1."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 28, (rows, 2, 2), generator=generator)
    axis = torch.arange(32)
    inside = (axis >= corner[..., None]) & (axis < corner[..., None] + 4)  # "rows dot xy 32"
    masks = (inside[:, :, 1, :, None] & inside[:, :, 0, None, :]).float()
    picture = torch.full((rows, 3, 32, 32), 0.5)
    for dot, colour in enumerate(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))):
        picture = torch.where(masks[:, dot, None] > 0, torch.tensor(colour).view(3, 1, 1), picture)
    return picture, (corner + 2).float() / 16 - 1


def test_it_learns_to_look_where_it_is_told():
    torch.manual_seed(0)
    encoder = KeypointEncoder(3, 16, width=16, points=8, condition=2)
    head = torch.nn.Linear(16, 2)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 5e-3)

    def error(seed: int) -> torch.Tensor:
        picture, places = dots(64, seed)
        which = torch.randint(0, 2, (64,), generator=torch.Generator().manual_seed(seed))
        wanted = places[torch.arange(64), which]
        return (head(encoder(picture, torch.nn.functional.one_hot(which, 2).float())) - wanted).square().mean()

    for step in range(150):
        loss = error(step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert error(10_000) < 0.1  # knowing nothing: about a third


def test_a_condition_is_there_where_it_is_expected():
    with pytest.raises(ValueError, match="built without one"):
        KeypointEncoder(3, 8, width=8)(torch.zeros(1, 3, 8, 8), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="built with one"):
        KeypointEncoder(3, 8, width=8, condition=2)(torch.zeros(1, 3, 8, 8))


def test_places_keep_the_digits_that_come_in():
    """Of one bright cell on a dark picture, places are exact to the digits of the type; in bfloat16 they are computed with more."""
    places, maps = Places(1, 1).double(), torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    torch.nn.init.ones_(places.maps.weight)
    torch.nn.init.zeros_(places.maps.bias)
    maps[0, 0, 1, 2] = 0.3
    across = 0.25 * (math.exp(0.3 * SHARPNESS) - 1) / (math.exp(0.3 * SHARPNESS) + 15)
    with torch.no_grad():
        assert abs(float(places(maps)[0, 0]) - across) < 1e-12
        assert abs(float(places.bfloat16()(maps.bfloat16())[0, 0]) - across) < 0.01
