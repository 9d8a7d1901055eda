"""Pictures of the Push-T world for docs/worlds.md: starts that are evaluated on, and below each its goal.

python benchmarks/pusht_pictures.py --demonstrations shared/data/pusht_human/pusht_human_lowdim.npz [--folder docs/pictures]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from wam.sim.worlds import pusht
from wam.world import EVALUATION_SEEDS, Observation

SIZE, EDGE, BAND, COUNT = 160, 4, 18, 4  # px, and starts


def shown(seen: Observation) -> np.ndarray:
    """Rows side by side."""
    return np.concatenate([np.pad(frame.permute(1, 2, 0).numpy(), ((0, EDGE), (0, EDGE), (0, 0)), constant_values=255) for frame in seen.rgb["top"][:, 0]], 1)


def main() -> None:
    """One sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demonstrations", required=True)
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args()
    world = pusht.make(COUNT, demonstrations=options.demonstrations, size=SIZE)
    seen, task = world.reset(torch.ones(COUNT, dtype=torch.bool), EVALUATION_SEEDS + torch.arange(COUNT))
    rows = (("start", shown(seen)), (f"goal, {world.config.offset} steps later in the demonstration", shown(task.goal)))
    sheet = Image.new("RGB", (COUNT * (SIZE + EDGE), len(rows) * (SIZE + EDGE + BAND)), "white")
    for place, (words, picture) in enumerate(rows):
        top = place * (SIZE + EDGE + BAND)
        ImageDraw.Draw(sheet).text((2, top + 3), words, fill="black")
        sheet.paste(Image.fromarray(picture), (0, top + BAND))
    sheet.save(options.folder / "pusht.png", optimize=True)


if __name__ == "__main__":
    main()
