"""One window as all cameras see it: truth, what a model imagines, and the error, under each other.

Columns are the last frame seen and 1, 2, 4, 8, ... steps after it. In the first, "imagined" is the decoder's picture of the real
frame: what blurs there blurs before anything is predicted.
"""

from collections.abc import Mapping

from jaxtyping import Shaped
from torch import Tensor

from wam.show.picture import Picture
from wam.show.pictures import error_picture, strip
from wam.world import to_uint8

TILE = 64  # px, height of a frame


def imagined_sheet(truth: Mapping[str, Shaped[Tensor, "E 3 h w"]], shown: Mapping[str, Shaped[Tensor, "E 3 h w"]], *, rate: float) -> Picture:
    """Three rows per camera; instant 0 is the last frame seen, `rate` in Hz."""
    last = len(next(iter(truth.values()))) - 1
    steps = [0, *(2**power for power in range(last.bit_length()))]
    rows = []
    for camera, frames in truth.items():
        real, imagined = frames[steps], shown[camera][steps]
        rows += [(camera.replace("_", " "), to_uint8(real)), ("imagined", to_uint8(imagined)), ("error", error_picture(imagined, real))]
    return strip(rows, ["last seen", *(f"+{step / rate:.2g} s" for step in steps[1:])], tile=TILE, set_off=1)
