"""All frames of several episodes end to end, each field one array: what windows are cut from.

In memory (`frames_of`) or memory-mapped from a cache (`cache.py`). Values are at rest: RGB uint8, depth uint16 millimetres,
segmentation int32, scene flow int16 tenths of a millimetre, latents float16, everything else as in the records. `gather` wakes them: metres, ids int64.
Knows: where each episode begins.   Does not know: windows, files.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam.data.columns import FLOW_PER_METRE, assemble, flatten
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.meaning import DataSpec
from wam.world.images import to_uint8

LABELS = ("actions.low_level", "actions.keys", "actions.skill", "actions.arguments", "actions.camera")  # what somebody must have recorded
GLANCED = 16  # pictures of each camera that tell one set from another
TOLD = ("actions.low_level", "observation.proprio")  # fields that say what was done and felt
SEEN = ("observation.rgb.", "observation.depth.")  # how fields of pictures begin


@dataclass(frozen=True)
class Frames:
    """F frames of E episodes."""

    fields: dict[str, NDArray[Any]]  # "F ..." at rest, by path in an Episode
    starts: NDArray[np.int64]  # "E", first frame of each episode
    lengths: NDArray[np.int64]  # "E"
    instructions: NDArray[np.int64]  # "E", ids into `sentences`, -1 = none
    sentences: tuple[str, ...]
    spec: DataSpec

    def gather(self, frames: NDArray[np.int64], only: Sequence[str] = ()) -> dict[str, Tensor]:
        """Fields at frame numbers "B T" as tensors "B T ..."; all fields, or those named."""
        flat = frames.reshape(-1)
        return {path: wake(path, self.fields[path], flat, frames.shape) for path in (only or self.fields)}

    def episode(self, index: int) -> Episode:
        """One episode as a record, B = 1."""
        start = int(self.starts[index])
        parts = self.gather(np.arange(start, start + int(self.lengths[index]))[None])
        return assemble(parts, self.spec)

    def labelled(self) -> NDArray[np.bool_]:
        """Of each frame "F": is it known what was done before it."""
        found = self.fields.get("actions.labelled")
        return np.ones(len(self.fields["actions.valid"]), np.bool_) if found is None else found

    def acted(self) -> NDArray[np.bool_]:
        """Of each frame "F": was anything done before it, known or not."""
        return np.asarray(self.fields["actions.valid"].any(-1))

    def with_labels(self, share: float, seed: int = 0) -> "Frames":
        """The actions of a share of the episodes alone; the others become video without labels. At least one episode keeps its own.

        Which ones is drawn by the seed; a larger share keeps all that a smaller one keeps. ValueError for shares outside (0, 1].
        """
        if not 0 < share <= 1:
            raise ValueError(f"the share of labelled episodes is {share}, expected more than 0 and at most 1. 1 = all are labelled.")
        order = np.random.default_rng(seed).permutation(len(self.lengths))
        kept = np.zeros(len(self.fields["actions.valid"]), np.bool_)
        for episode in order[: max(1, round(share * len(order)))]:
            kept[self.starts[episode] : self.starts[episode] + self.lengths[episode]] = True
        labelled = kept & self.labelled()
        parts = {path: np.where(labelled.reshape(-1, *[1] * (values.ndim - 1)), values, 0) for path, values in self.fields.items() if path in LABELS}
        return replace(self, fields={**self.fields, **parts, "actions.labelled": labelled})

    def in_table(self, sentences: tuple[str, ...]) -> "Frames":
        """The same frames, their instructions as ids into this table. ValueError for instructions that are not in it."""
        told = {self.sentences[number] for number in set(self.instructions.tolist()) if number >= 0}
        if missing := sorted(told - set(sentences)):
            raise ValueError(f"the instruction {missing[0]!r} ({len(missing)} such) is not in the table of {len(sentences)} sentences. Add it to the table.")
        places = np.array([sentences.index(text) if text in told else -1 for text in self.sentences] + [-1], np.int64)
        return replace(self, instructions=places[self.instructions], sentences=sentences)

    def rows(self) -> NDArray[np.int64]:
        """Numbers of the chosen episodes' rows, one episode after the other."""
        return np.concatenate([np.arange(start, start + length) for start, length in zip(self.starts, self.lengths, strict=True)])

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits over the episodes' lengths and all that was done and felt in them: the same however often a set is converted.

        Of the last digit too: a world simulated anew on another kind of processor has another one. Where nothing was done or felt, a
        glance at the pictures tells sets apart.
        """
        digest = hashlib.sha256(self.lengths.tobytes())
        rows = self.rows()
        told = [path for path in TOLD if path in self.fields]
        for path in told:
            digest.update(np.take(self.fields[path], rows, axis=0).tobytes())
        if not told:
            digest.update(self.glance())
        return digest.hexdigest()[:12]

    def episode_fingerprints(self) -> tuple[str, ...]:
        """One per episode: its length, all that was done and felt, and its first pictures. Equal ones are the same episode, whatever set it lies in."""
        told = [path for path in TOLD if path in self.fields]
        seen = sorted(path for path in self.fields if path.startswith(SEEN))
        found = []
        for start, length in zip(self.starts.tolist(), self.lengths.tolist(), strict=True):
            digest = hashlib.sha256(str(length).encode())
            for path in told:
                digest.update(np.ascontiguousarray(self.fields[path][start : start + length]).tobytes())
            for camera in seen:
                digest.update(np.ascontiguousarray(self.fields[camera][start]).tobytes())
            found.append(digest.hexdigest()[:16])
        return tuple(found)

    def glance(self) -> bytes:
        """A digest of which pictures there are, how large, and of some of them, spread over all frames."""
        digest = hashlib.sha256()
        rows = self.rows()
        some = rows[np.linspace(0, len(rows) - 1, GLANCED).round().astype(np.int64)]
        for path in sorted(self.fields):
            if path.startswith(SEEN):
                digest.update(f"{path} {self.fields[path].shape[1:]}".encode() + np.take(self.fields[path], some, axis=0).tobytes())
        return digest.digest()


def wake(path: str, values: NDArray[Any], flat: NDArray[np.int64], shape: tuple[int, ...]) -> Tensor:
    """Rows `flat` of a field at rest as a tensor "B T ...", in the dtype of the records."""
    # numpy's take copies whole rows by memcpy without the interpreter lock, twice as fast as torch's index_select here
    rows = np.take(values, flat, axis=0).reshape(*shape, *values.shape[1:])
    if rows.dtype == np.uint16:
        return torch.from_numpy(rows.astype(np.float32) / 1000)
    if path.startswith("truth.scene_flow."):
        return torch.from_numpy(rows).float() / FLOW_PER_METRE
    tensor = torch.from_numpy(rows.astype(np.float32) if rows.dtype == np.float16 else rows)
    return tensor.long() if path.startswith("truth.segmentation.") else tensor


def rest(path: str, values: Tensor) -> NDArray[Any]:
    """A field of an episode "T ..." as it is kept."""
    if path.startswith("observation.rgb."):
        return to_uint8(values).numpy()
    if path.startswith("observation.depth."):
        return (values * 1000).round().clamp(0, 65535).numpy().astype(np.uint16)
    if path.startswith("truth.segmentation."):
        return values.numpy().astype(np.int32)
    if path.startswith("truth.scene_flow."):
        return (values * FLOW_PER_METRE).round().clamp(-32768, 32767).numpy().astype(np.int16)
    return values.numpy()


def frames_of(episodes: Sequence[Episode], spec: DataSpec) -> Frames:
    """Frames of episodes in memory, e.g. of `cut(rollout(...))`. All must have the same fields."""
    if not episodes:
        raise DataError("no episodes.", remedy="Pass at least one.")
    flat = [{path: rest(path, values.detach().cpu()) for path, values in flatten(episode).items()} for episode in episodes]
    for number, fields in enumerate(flat):
        if fields.keys() != flat[0].keys():
            odd = sorted(fields.keys() ^ flat[0].keys())
            raise DataError(f"fields {odd} are not in every episode.", remedy="Record the same fields everywhere.", episode=number)
    sentences = tuple(dict.fromkeys(episode.instruction for episode in episodes if episode.instruction is not None))
    lengths = np.array([episode.length for episode in episodes], np.int64)
    return Frames(
        fields={path: np.concatenate([fields[path] for fields in flat]) for path in flat[0]},
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        instructions=np.array([sentences.index(e.instruction) if e.instruction is not None else -1 for e in episodes], np.int64),
        sentences=sentences,
        spec=spec,
    )
