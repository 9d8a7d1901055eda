"""Single pictures as bytes (PNG in, PNG or JPEG out) and area resizing.

RGB frames are uint8 "3 h w"; depth frames are uint16 "1 h w" in millimetres, 0 = missing. Both are lossless as PNG.
Does not know: videos, episodes, cameras.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError

AT_ONCE = 64  # frames that are resized together


def encode_png(frame: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """One frame "c h w" (uint8 RGB with c = 3, or uint16 depth with c = 1) as PNG bytes, bit for bit."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0) if frame.shape[0] == 3 else frame[0]))
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode_picture(data: bytes, *, depth: bool, path: Path, episode: int | str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """PNG or JPEG bytes -> uint8 "3 h w" (RGB), or uint16 "1 h w" where `depth`. Raises DataError on broken bytes."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data)) as image:
            if not depth:
                return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
            if not image.mode.startswith("I"):
                raise DataError(
                    f"a depth picture has mode {image.mode!r}; expected 16 bits per pixel.",
                    remedy="Store depth as 16-bit PNG in millimetres.",
                    path=path,
                    episode=episode,
                )
            return np.asarray(image).astype(np.uint16)[None]
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(
            f"a picture of {len(data)} bytes cannot be decoded ({error}).",
            remedy="Copy the file again from its source, or drop the episode.",
            path=path,
            episode=episode,
        ) from error


def resize_area(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames "n c h w" uint8 -> "n c *size" by area averaging: each new pixel is the mean over the box that it covers.

    Exact for every ratio (boxes may cut pixels); separable, so two small matrix products per frame.
    """
    height, width = frames.shape[-2:]
    if (height, width) == size:
        return frames
    rows, columns = area_weights(height, size[0]), area_weights(width, size[1])
    found = np.empty((*frames.shape[:-2], *size), np.uint8)
    for start in range(0, len(frames), AT_ONCE):
        mixed: NDArray[np.float32] = rows @ frames[start : start + AT_ONCE].astype(np.float32) @ columns.T
        found[start : start + AT_ONCE] = np.clip(np.rint(mixed), 0, 255)
    return found


def area_weights(old: int, new: int) -> NDArray[np.float32]:
    """The "new old" matrix whose row i holds how much of each old pixel lies in box i, summing to 1."""
    edges = np.arange(new + 1) * (old / new)
    pixels = np.arange(old)
    overlap: NDArray[np.float64] = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(overlap, 0, None) * (new / old)).astype(np.float32)
