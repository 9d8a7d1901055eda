"""Look at a data set: a table of its features and episodes, a contact sheet, histograms of its actions.

Returns values; printing and plotting are for `show` and the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wam.data.dataset import EpisodeDataset
from wam.data.index import Note
from wam.data.pictures import resize_area
from wam.world.slots import Slot

TEXT = 12  # px, height of the contact sheet's labels
GAP = 4  # px between its frames


@dataclass(frozen=True)
class FeatureLine:
    """One feature, in words."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    meaning: str  # slots with units, or how a picture is stored


@dataclass(frozen=True)
class EpisodeLine:
    """One episode."""

    index: int
    frames: int
    seconds: float
    instruction: str | None
    seed: int | None
    success: bool | None
    source: str | None


@dataclass(frozen=True)
class Histogram:
    """Values of one action slot over actions that were executed and recorded."""

    slot: Slot
    counts: NDArray[np.int64]  # "bins"; one where the slot never changes
    edges: NDArray[np.float64]  # "bins + 1", in the slot's unit
    low: float  # smallest value; NaN, like all below, where no value is a number
    high: float  # largest value
    mean: float
    std: float


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found."""

    version: str
    rate: float  # Hz
    embodiment: str
    source: str
    per_step: int  # R
    derived: bool  # actions computed from states
    features: tuple[FeatureLine, ...]
    episodes: tuple[EpisodeLine, ...]
    histograms: tuple[Histogram, ...]
    notes: tuple[Note, ...]

    @property
    def frames(self) -> int:
        """Frames of all episodes."""
        return sum(line.frames for line in self.episodes)


def inspect(dataset: EpisodeDataset, *, bins: int = 20) -> Inspection:
    """Reads tables but no pictures."""
    spec = dataset.spec
    named = {"action": spec.acts.low_level, "observation.state": spec.observes.proprio}
    features = tuple(
        FeatureLine(
            feature.key,
            feature.dtype,
            feature.shape,
            describe(named.get(feature.key, ())) or ({"video": "video", "image": "pictures in the table"}.get(feature.dtype, "")),
        )
        for feature in dataset.info.features
    )
    episodes = tuple(
        EpisodeLine(entry.index, entry.length, entry.length / spec.rate, dataset.instruction(entry.index), entry.seed, entry.success, entry.source)
        for entry in dataset.episodes
    )
    return Inspection(
        version=dataset.info.version,
        rate=spec.rate,
        embodiment=spec.embodiment,
        source=spec.source,
        per_step=spec.acts.per_step,
        derived=spec.derived,
        features=features,
        episodes=episodes,
        histograms=histograms(dataset, bins),
        notes=dataset.notes,
    )


def describe(slots: Sequence[Slot]) -> str:
    """ "x (m), y (m), gripper (1 = open)"."""
    return ", ".join(f"{slot.name} ({slot.unit or slot.meaning})" if slot.unit or slot.meaning else slot.name for slot in slots)


def histograms(dataset: EpisodeDataset, bins: int) -> tuple[Histogram, ...]:
    """One per slot of the low-level actions; none where there are no actions."""
    read = [dataset.read(index, cameras=()).actions for index in range(len(dataset))]
    values = [actions.low_level[actions.known()].numpy() for actions in read if actions.low_level is not None]
    if not values or not sum(map(len, values)):
        return ()
    table = np.concatenate(values)
    found = []
    for column, slot in zip(table.T, dataset.spec.acts.low_level, strict=True):
        found.append(histogram(slot, column[np.isfinite(column)].astype(np.float64), bins))
    return tuple(found)


def histogram(slot: Slot, values: NDArray[np.float64], bins: int) -> Histogram:
    """Of finite values "n". A slot that never changes has one bin without width: no range is made up around it."""
    if not len(values):
        nan = float("nan")
        return Histogram(slot, np.zeros(1, np.int64), np.full(2, nan), nan, nan, nan, nan)
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, bins) if high > low else (np.array([len(values)]), np.array([low, low]))
    return Histogram(slot, counts, edges, low, high, float(values.mean()), float(values.std()))


def contact_sheet(dataset: EpisodeDataset, *, episodes: Sequence[int] | None = None, moments: int = 8, height: int = 96) -> NDArray[np.uint8]:
    """A picture "h w 3": per episode and camera one row of `moments` frames, evenly spaced from first to last.

    The first eight episodes by default. Frames are brought to `height` pixels, cameras of one episode lie above each other.
    Rows are named by episode and camera, columns by how much of the episode has passed.
    """
    chosen = range(min(len(dataset), 8)) if episodes is None else episodes
    names, rows = [], []
    for index in chosen:
        rgb = dataset.read(index).observation.rgb or {}
        for name in dataset.cameras:
            frames = rgb[name][0].numpy()
            picked = frames[np.linspace(0, len(frames) - 1, moments).round().astype(int)]
            width = round(height * frames.shape[-1] / frames.shape[-2])
            names.append(f"episode {index}\n{name}")
            rows.append(resize_area(picked, (height, width)))
    columns = [f"{share:.0%}" for share in np.linspace(0, 1, moments)]
    return labelled(rows, names, columns)


def labelled(rows: Sequence[NDArray[np.uint8]], names: Sequence[str], columns: Sequence[str]) -> NDArray[np.uint8]:
    """Rows of frames "n 3 h w" of one height as a white picture "h w 3", names at the left, columns' labels above."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT)
    ruler = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left = 2 * GAP + int(max((ruler.multiline_textbbox((0, 0), name, font=font)[2] for name in names), default=0))
    top, high = TEXT + 2 * GAP, max((row.shape[2] for row in rows), default=0) + GAP
    wide = max((row.shape[3] for row in rows), default=0) + GAP
    sheet = Image.new("RGB", (left + wide * len(columns), top + high * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(columns):
        draw.text((left + column * wide, GAP), label, fill="black", font=font)
    for number, (name, row) in enumerate(zip(names, rows, strict=True)):
        draw.text((GAP, top + number * high), name, fill="black", font=font)
        for column, frame in enumerate(row):
            sheet.paste(Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))), (left + column * wide, top + number * high))
    return np.asarray(sheet)
