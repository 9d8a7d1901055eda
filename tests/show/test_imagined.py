"""A sheet shows the frames that it says it shows."""

import io

import numpy as np
import torch
from PIL import Image

from wam.show.imagined import TILE, imagined_sheet
from wam.show.pictures import DENSITY, GAP, MARGIN, TEXT


def test_columns_are_the_last_frame_seen_and_doubling_steps():
    shades = torch.arange(6)[:, None, None, None].expand(6, 3, 8, 8) * 40 / 255
    sheet = imagined_sheet({"top_view": shades}, {"top_view": shades}, rate=5.0)
    pixels = np.array(Image.open(io.BytesIO(sheet.data)).convert("L"))
    cell = (TILE + GAP) * DENSITY
    left, top = MARGIN * DENSITY + cell // 2, (TEXT + 6) * DENSITY + cell // 2
    across = [left, *(left + column * cell + 4 * GAP * DENSITY for column in (1, 2, 3))]
    assert [pixels[top, x] for x in across] == [0, 40, 80, 160]  # truth at 0, 1, 2 and 4
    assert [pixels[top + cell, x] for x in across] == [0, 40, 80, 160] and all(pixels[top + 2 * cell, x] == 255 for x in across)  # no error
