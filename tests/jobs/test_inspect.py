"""What is inspected can be read at 80 columns."""

import io

import numpy as np
from rich.console import Console

from wam.data.inspection import EpisodeLine, FeatureLine, Histogram, Inspection
from wam.jobs.inspect import inspection_tables
from wam.world import Slot


def shown(episodes):
    cameras = [FeatureLine(f"observation.images.exterior_camera_of_the_arm_{side}", "video", (3, 180, 320), "RGB, h264") for side in ("left", "right")]
    counts = np.array([5, *[0] * 18, 3])
    histogram = Histogram(Slot(name="rotation_x", unit="rad"), counts, np.linspace(-1.2345, 1.2345, 21), -1.2345, 1.2345, -0.00123, 0.1234)
    found = Inspection(
        version="v3.0",
        embodiment="arm",
        rate=10.0,
        per_step=1,
        derived=False,
        source="",
        features=tuple(cameras),
        episodes=episodes,
        histograms=(histogram, Histogram(Slot(name="finger"), np.array([9]), np.full(2, 0.5), 0.5, 0.5, 0.5, 0.0)),
        notes=(),
    )
    console = Console(width=80, record=True, file=io.StringIO())
    for table in inspection_tables(found):
        console.print(table)
    return console.export_text()


def line(index, **told):
    return EpisodeLine(**{"index": index, "frames": 10, "seconds": 1.0, "instruction": "push [it]", "seed": None, "success": None, "source": "DROID", **told})


def test_histograms_are_whole_and_cameras_stay_apart():
    text = shown((line(0), line(1)))
    assert "█" + "·" * 18 + "▅" in text
    assert "never change: finger = 0.5" in text and text.count("finger") == 1
    assert "left" in text and "right" in text and "…" not in text


def test_a_column_says_what_differs():
    text = shown((line(0), line(1)))
    assert "success" not in text and text.count("DROID") == 1 and "instruction of all: push [it]; source of all: DROID" in " ".join(text.split())
    assert "success" in shown((line(0, success=True), line(1, success=False)))
