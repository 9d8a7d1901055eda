"""Videos by PyAV: encode an episode, decode a span, join files without re-encoding.

Frames are uint8 "n 3 h w", RGB, row 0 at the top. Two pixel formats are written, both H.264:
  yuv444p for frames up to 96 px (full colour resolution: small coloured objects survive), yuv420p above.
Timestamps follow the LeRobot convention: frame i of an episode lies at start + i / fps of its file.
Does not know: data sets. Footgun: H.264 with yuv420p wants even sides; odd ones go out as yuv444p.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError

SMALL = 96  # pixels on the longer side; up to here colours are kept at full resolution


def pixel_format(height: int, width: int) -> str:
    """The pixel format that this library writes for frames of this size."""
    return "yuv444p" if max(height, width) <= SMALL or height % 2 or width % 2 else "yuv420p"


def rate(fps: float) -> Fraction:
    """Frames per second as a fraction with a small denominator (29.97 -> 2997/100)."""
    return Fraction(fps).limit_denominator(1000)


def write_video(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    """Encode "n 3 h w" uint8 frames as H.264: no B-frames (times are simple), a key frame every 8 (cheap seeking)."""
    import av

    height, width = frames.shape[-2:]
    small = max(height, width) <= SMALL
    options = {"crf": "12" if small else "18", "preset": "medium" if small else "veryfast", "bf": "0", "g": "8"}
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate(fps), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format(height, width)
        stream.codec_context.thread_count = 1
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.transpose(1, 2, 0)), format="rgb24")
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def read_video(path: Path, count: int | None = None, *, start: float = 0.0, fps: float, episode: int | str) -> NDArray[np.uint8]:
    """Decode `count` frames ("n 3 h w" uint8) from `start` seconds on; all to the end where `count` is None.

    Frame i is the one whose time rounds to start + i / fps. Raises DataError for a file that cannot be read and for
    a frame that is missing.
    """
    frames: list[NDArray[np.uint8]] = []
    for position, frame in _decode(path, start, fps, episode):
        if position < 0:
            continue
        if position != len(frames):
            odd = f"frame {len(frames)} is missing: the video jumps to frame {position}" if position > len(frames) else f"two pictures are frame {position}"
            raise DataError(
                f"{odd} (fps {fps:g}, start {start:g} s).",
                cause="fps in meta/info.json is not the video's own, or frames were lost when it was encoded.",
                remedy="Correct fps, or encode the video again.",
                path=path,
                episode=episode,
            )
        frames.append(frame)
        if count is not None and len(frames) == count:
            break
    if not frames or (count is not None and len(frames) < count):
        raise DataError(
            f"the video has {len(frames)} frames from {start:g} s on; expected {count or 'at least 1'}.",
            remedy="The recording was cut or the row count is wrong: drop or trim the episode.",
            path=path,
            episode=episode,
        )
    return np.stack(frames)


def _decode(path: Path, start: float, fps: float, episode: int | str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(frame number counted from `start`, "3 h w" uint8) from the key frame before `start` on."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            base = float(stream.time_base or 0)
            origin = (stream.start_time or 0) * base if start == 0 else 0.0  # some encoders begin after zero
            if start > 0:
                container.seek(int((start - 0.5 / fps) / base), stream=stream)
            for frame in container.decode(stream):
                time = (frame.pts or 0) * base - origin
                image = frame.to_ndarray(format="rgb24")
                yield round((time - start) * fps), np.ascontiguousarray(image.transpose(2, 0, 1))
    except (av.FFmpegError, IndexError, OSError) as error:
        raise unreadable(path, episode, error) from error


def video_rate(path: Path, *, episode: int | str) -> tuple[float, int, int]:
    """(frames per second, height, width) as the file says."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            return float(stream.average_rate or 0), stream.height, stream.width
    except (av.FFmpegError, IndexError, OSError) as error:
        raise unreadable(path, episode, error) from error


def count_frames(path: Path, *, episode: int | str) -> int:
    """Number of frames in the file, by reading its packets (no decoding)."""
    import av

    try:
        with av.open(str(path)) as container:
            return sum(1 for packet in container.demux(container.streams.video[0]) if packet.size)
    except (av.FFmpegError, IndexError, OSError) as error:
        raise unreadable(path, episode, error) from error


def unreadable(path: Path, episode: int | str, error: Exception) -> DataError:
    """The error for a video that cannot be opened or decoded."""
    remedy = "Copy it again from its source, or drop the episode."
    return DataError(f"the video cannot be read ({error}).", remedy=remedy, path=path, episode=episode)


def join_videos(parts: list[Path], path: Path, starts: list[float]) -> None:
    """Copy the packets of `parts` (same codec and size, written by `write_video`) into one file, part i at starts[i]."""
    import av

    with av.open(str(path), "w", format="mp4") as out:
        target = None
        for part, start in zip(parts, starts, strict=True):
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                if target is None:
                    target = out.add_stream_from_template(stream)
                shift = round(start / stream.time_base)
                for packet in source.demux(stream):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, target
                        out.mux(packet)
