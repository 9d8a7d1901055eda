"""Encode all frames of a data set once; cut windows from the latents ever after.

A file is one array "F ..." in float16, memory-mapped, named by what it depends on: the frames and the encoder's weights. It is
written under another name and renamed when complete, so a file that exists is whole. Windows carry the latents as
`observation.state`, beside the pictures that they stand for. Does not know: what an encoder is.
Footgun: half precision keeps about three digits; features far from unit scale should be normalised before.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wam.data.cache_folder import new_array
from wam.data.columns import assemble
from wam.data.frames import Frames
from wam.world.records import Latent, Observation

FIELD = "observation.state.z"
AT_ONCE = 512  # frames given to an encoder at once


def with_latents(frames: Frames, encoder: nn.Module, encode: Callable[[Observation], Latent], folder: Path) -> Frames:
    """The same frames with the latent of each, encoded on the first call and read from `folder` from then on.

    encoder: its weights and buffers name the file. encode: the observations of B single frames (T = 1) -> a latent "B 1 ...".
    """
    path = folder / f"latents-{fingerprint(frames, encoder)}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write(frames, encode, path)
    # copy-on-write mapping: the file stays untouched, and torch gets the writable array that it wants
    latents = np.lib.format.open_memmap(path, "c").view(np.ndarray)
    return replace(frames, fields={**frames.fields, FIELD: latents})


def fingerprint(frames: Frames, encoder: nn.Module) -> str:
    """Sixteen hexadecimal digits over which frames there are, a glance at what they show, and every weight and buffer of the encoder."""
    digest = hashlib.sha256(frames.fingerprint().encode() + frames.starts.tobytes() + frames.glance())
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _write(frames: Frames, encode: Callable[[Observation], Latent], path: Path) -> None:
    used = frames.rows()
    rows = len(next(iter(frames.fields.values())))
    partial = path.with_suffix(f".{os.getpid()}.partial")  # other processes of the same run write their own
    seen = [name for name in frames.fields if name.startswith("observation.") or name == "actions.valid"]
    latents: NDArray[np.float16] | None = None
    try:
        for start in range(0, len(used), AT_ONCE):
            numbers = used[start : start + AT_ONCE]
            with torch.no_grad():
                found = encode(assemble(frames.gather(numbers[:, None], seen), frames.spec).observation).z[:, 0].half().cpu().numpy()
            if latents is None:
                latents = new_array(partial, np.float16, (rows, *found.shape[1:]))
            latents[numbers] = found
        assert isinstance(latents, np.memmap)
        latents.flush()
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
