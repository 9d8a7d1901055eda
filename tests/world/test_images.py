"""RGB between rest and models: every byte survives the round trip."""

import torch

from wam.world import to_float, to_uint8


def test_every_byte_survives() -> None:
    rgb = torch.arange(256).byte()
    assert torch.equal(to_uint8(to_float(rgb)), rgb)
    assert torch.equal(to_uint8(to_float(rgb, torch.float64)), rgb)
    assert to_float(rgb).min() == 0 and to_float(rgb).max() == 1
    torch.testing.assert_close(to_float(rgb), torch.arange(256) / 255)


def test_what_has_the_wanted_kind_is_passed_on() -> None:
    rgb, picture = torch.arange(4).byte(), torch.rand(4, dtype=torch.float64)
    assert to_uint8(rgb) is rgb
    assert to_float(picture) is picture  # its own dtype: a float64 model stays one


def test_rounded_and_clipped() -> None:
    assert to_uint8(torch.tensor([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 7.0])).tolist() == [0, 0, 0, 1, 255, 255]


def test_inputs_are_not_written_to() -> None:
    picture = torch.tensor([-1.0, 2.0])
    to_uint8(picture)
    assert picture.tolist() == [-1.0, 2.0]
