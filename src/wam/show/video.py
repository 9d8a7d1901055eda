"""Frames -> a looping animation that a browser shows without plugins.

Small frames become an animated PNG: lossless, each pixel a square. Frames over 128 px become H.264 (yuv420p), where an
animated PNG would be large.
"""

import io
from fractions import Fraction

import torch
from jaxtyping import Shaped
from torch import Tensor

from wam.show.picture import NEEDED, Picture
from wam.show.pictures import DENSITY, enlarged, image_of
from wam.world import to_uint8

try:
    import av
except ImportError as error:
    raise ImportError(NEEDED) from error

SMALL = 128  # px, the highest frames that become animated PNGs
HOLD = 1.0  # s, the last frame before it starts again


def animate(frames: Shaped[Tensor, "T 3 h w"], rate: float, *, tile: int = 112) -> Picture:
    """`rate` frames per second in a loop, about `tile` px high; the last frame stays for a second."""
    return _film(frames, rate) if frames.shape[-2] > SMALL else _animated_png(frames, rate, tile)


def _animated_png(frames: Tensor, rate: float, tile: int) -> Picture:
    first, *rest = [image_of(frame) for frame in enlarged(frames, tile * DENSITY)]
    period, file = round(1000 / rate), io.BytesIO()
    durations = [period] * len(rest) + [period + round(1000 * HOLD)]
    first.save(file, "PNG", save_all=True, append_images=rest, duration=durations, loop=0)
    return Picture(data=file.getvalue(), mime="image/png", width=first.width // DENSITY, height=first.height // DENSITY)


def _film(frames: Tensor, rate: float) -> Picture:
    even = to_uint8(frames[..., : frames.shape[-2] // 2 * 2, : frames.shape[-1] // 2 * 2])
    held = torch.cat([even, even[-1:].expand(round(rate * HOLD), -1, -1, -1)])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000), options={"crf": "20"})
        stream.height, stream.width, stream.pix_fmt = even.shape[-2], even.shape[-1], "yuv420p"
        for frame in held:
            picture = av.VideoFrame.from_ndarray(frame.permute(1, 2, 0).contiguous().cpu().numpy(), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return Picture(data=file.getvalue(), mime="video/mp4", width=even.shape[-1], height=even.shape[-2])
