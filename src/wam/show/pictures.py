"""Tensors -> PNG: strips over time, truth / prediction / error, contact sheets.

Small frames are enlarged by whole factors without smoothing, so that a pixel stays a square; large ones are averaged down.
Everything is drawn at twice the size at which it is shown, so text is sharp on dense displays. Frames are uint8 or float 0..1.
"""

import io
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from wam.show.picture import NEEDED, Picture
from wam.world import to_float, to_uint8

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise ImportError(NEEDED) from error

DENSITY = 2  # pixels in the file per pixel shown
INK, PALE, PAPER = (34, 34, 34), (110, 110, 110), (255, 255, 255)
TEXT = 12  # px, height of the labels as shown
GAP = 3  # px between frames
MARGIN = 108  # px for the names of rows


def still(frame: Shaped[Tensor, "3 h w"], tile: int = 96) -> Picture:
    """One frame about `tile` px high."""
    return _png(_resized(frame, tile))


def strip(
    rows: Sequence[tuple[str, Shaped[Tensor, "N 3 h w"]]], over: Sequence[str] = (), *, tile: int | None = None, width: int = 960, set_off: int = 0
) -> Picture:
    """Rows of N frames with names at the left and labels over the columns.

    `tile` is the height of a frame in px (default: what fills `width`). A gap is left after the first `set_off` columns, e.g.
    to set what was seen off from what was imagined.
    """
    columns, (high, wide) = max(len(frames) for _, frames in rows), rows[0][1].shape[-2:]
    tile = tile or max(24, min(128, int((width - MARGIN) / columns * high / wide) - GAP))
    pictures = [[_resized(frame, tile) for frame in frames] for _, frames in rows]
    cell_w, cell_h = (side + GAP * DENSITY for side in pictures[0][0].size)
    left, top, aside = MARGIN * DENSITY * any(name for name, _ in rows), (TEXT + 6) * DENSITY if over else 0, 4 * GAP * DENSITY if set_off else 0
    sheet = Image.new("RGB", (left + columns * cell_w + aside, top + len(rows) * cell_h), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT * DENSITY)
    places = [left + column * cell_w + (aside if column >= set_off else 0) for column in range(columns)]
    for column, label in enumerate(over):
        draw.text((places[column] + (cell_w - GAP * DENSITY) / 2, top - 4 * DENSITY), label, fill=PALE, font=font, anchor="ms")
    for index, (name, _) in enumerate(rows):
        draw.text((left - 8 * DENSITY, top + index * cell_h + cell_h / 2), name, fill=INK, font=font, anchor="rm")
        for column, picture in enumerate(pictures[index]):
            sheet.paste(picture, (places[column], top + index * cell_h))
    return _png(sheet)


def prediction_strip(
    seen: Shaped[Tensor, "T 3 h w"],
    truth: Shaped[Tensor, "H 3 h w"],
    prediction: Shaped[Tensor, "H 3 h w"],
    *,
    rate: float,
    columns: int = 8,
    more: Sequence[tuple[str, Shaped[Tensor, "H 3 h w"]]] = (),
) -> Picture:
    """The last frame seen, then truth / imagined / error at up to `columns` steps of `rate` Hz; `more` rows below.

    Error of the prediction: mean absolute difference over the channels, white = 0, black = 0.5 and more.
    """
    steps = evenly(len(truth), columns)
    last = to_uint8(seen[-1:])
    blank = torch.full_like(last, 255)
    rows = [("truth", torch.cat([last, to_uint8(truth[steps])]))]
    imagined = [("imagined", to_uint8(prediction[steps])), ("error", error_picture(prediction[steps], truth[steps]))]
    imagined += [(name, to_uint8(frames[steps])) for name, frames in more]
    rows += [(name, torch.cat([blank, frames])) for name, frames in imagined]
    return strip(rows, ["last seen", *[f"+{(step + 1) / rate:.2g} s" for step in steps.tolist()]], set_off=1)


def error_picture(prediction: Shaped[Tensor, "N 3 h w"], truth: Shaped[Tensor, "N 3 h w"]) -> UInt8[Tensor, "N 3 h w"]:
    """Mean absolute difference over the channels as shades of grey: white = 0, black = 0.5 and more."""
    apart: Float[Tensor, "N 1 h w"] = (to_float(prediction) - to_float(truth)).abs().mean(1, keepdim=True)
    return to_uint8(1 - 2 * apart).expand(-1, 3, -1, -1)


def evenly(count: int, most: int) -> Tensor:
    """Indices of at most `most` of `count` things, first and last included."""
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def enlarged(frames: Shaped[Tensor, "N 3 h w"], tile: int) -> UInt8[Tensor, "N 3 H W"]:
    """Frames about `tile` px high: repeated pixels, or averages where they are larger."""
    high = frames.shape[-2]
    if high <= tile:
        factor = max(1, round(tile / high))
        return to_uint8(frames).repeat_interleave(factor, -2).repeat_interleave(factor, -1)
    size = (tile, max(1, round(frames.shape[-1] * tile / high)))
    return to_uint8(torch.nn.functional.interpolate(to_float(frames), size=size, mode="area"))


def image_of(frame: UInt8[Tensor, "3 h w"]) -> Image.Image:
    """As a pillow image."""
    return Image.fromarray(frame.permute(1, 2, 0).contiguous().cpu().numpy())


def _resized(frame: Tensor, tile: int) -> Image.Image:
    return image_of(enlarged(frame[None], tile * DENSITY)[0])


def _png(sheet: Image.Image) -> Picture:
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return Picture(data=file.getvalue(), mime="image/png", width=sheet.width // DENSITY, height=sheet.height // DENSITY)
