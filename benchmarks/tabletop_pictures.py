"""Pictures of the `tabletop` world for docs/tabletop.md: every task, camera, channel and held-out split.

python benchmarks/tabletop_pictures.py [--folder docs/pictures]
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from wam.sim.worlds.tabletop import Expert, Play, TabletopConfig, TabletopWorld
from wam.world import Noise, Observation, Truth
from wam.world.geometry import cameras

SIZE, EDGE, BAND = 200, 4, 18  # px
NEWTON = 0.1  # m of arrow
THINGS = {
    "push": TabletopConfig(tasks=("push",), blocks=2, dishes=1, zones=2),
    "sink": TabletopConfig(tasks=("sink",), blocks=1, dishes=2, zones=0),
    "stack": TabletopConfig(tasks=("stack",), blocks=2, dishes=1, zones=0),
    "open": TabletopConfig(tasks=("open",), blocks=1, dishes=1, zones=0),
    "close": TabletopConfig(tasks=("close",), blocks=1, dishes=1, zones=0),
    "clear": TabletopConfig(tasks=("clear",), blocks=2, dishes=2, zones=0),
    "dishes": TabletopConfig(tasks=("dishes",), blocks=1, dishes=2, zones=0),
    "store": TabletopConfig(tasks=("store",), blocks=2, dishes=1, zones=0),
    "fetch": TabletopConfig(tasks=("fetch",), blocks=2, dishes=1, zones=0),
    "tower": TabletopConfig(tasks=("tower",), blocks=3, dishes=0, zones=0),
}
CAMERAS = ("front", "side", "wrist", "free")
SPLITS = ("train", "colours", "shapes", "looks", "clutter", "dynamics", "gripper")
LABELS = np.array([(230, 60, 50), (60, 170, 70), (60, 90, 220), (240, 210, 60), (160, 60, 190), (250, 140, 40), (90, 200, 220)], np.uint8)


def started(config: TabletopConfig, seed: int) -> tuple[TabletopWorld, Observation, Observation | None, str]:
    """A world of one row, its first frame, its goal and its instruction."""
    world = TabletopWorld(1, dataclasses.replace(config, size=SIZE, ask="both"))
    seen, task = world.reset(torch.tensor([True]), torch.tensor([seed]))
    return world, seen, task.goal, world.spec.sentences[int(task.instruction[0])]


def rgb(seen: Observation, camera: str = "front") -> np.ndarray:
    return seen.rgb[camera][0, -1].permute(1, 2, 0).numpy()


def depth(seen: Observation, camera: str) -> np.ndarray:
    """Near is bright; from the nearest pixel to the farthest within 2 m."""
    metres = seen.depth[camera][0, -1, 0].numpy()
    near, far = np.quantile(metres[metres < 2], [0.02, 0.98])
    grey = (255 * np.clip(1 - (metres - near) / (far - near), 0, 1)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


def flow(truth: Truth, camera: str) -> np.ndarray:
    """Red, green and blue are how far a point moved along x, y and z; middle grey is not at all, 3 cm either way is full."""
    metres = truth.scene_flow[camera][0, 0].permute(1, 2, 0).numpy()
    return (128 + 127 * np.clip(metres / 0.03, -1, 1)).astype(np.uint8)


def marked(picture: np.ndarray, pose: torch.Tensor, lens: tuple[float, ...], points: torch.Tensor, arrows: torch.Tensor | None, seen: list[bool]) -> np.ndarray:
    """Points of the world "n 3" as dots (hollow where hidden), and arrows "n 3" (m) from them."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    ends = points if arrows is None else points + arrows
    (starts, _), (tips, _) = (cameras.project_world(places, torch.tensor(lens), pose) for places in (points, ends))
    for (x, y), (u, v), whole in zip(starts.tolist(), tips.tolist(), seen, strict=True):
        pen.line((x, y, u, v), fill=(255, 0, 255), width=2)
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(255, 0, 255) if whole else None, outline=(0, 0, 0))
    return np.asarray(image)


def labels(truth: Truth, camera: str) -> np.ndarray:
    index = truth.segmentation[camera][0, 0].numpy()
    return np.where(index[..., None] < 0, np.uint8(40), LABELS[index % len(LABELS)])


def episode(config: TabletopConfig, seed: int, frames: int) -> tuple[list[np.ndarray], str, np.ndarray]:
    """Pictures at even times until the task is solved, the instruction, and the goal image."""
    world, seen, goal, words = started(config, seed)
    expert, pictures = Expert(world), [rgb(seen)]
    memory = expert.begin(1, None)
    for _ in range(world.spec.budget):
        memory, action = expert.act(memory, None)
        outcome = world.step(action)
        pictures.append(rgb(outcome.observation))
        if bool(outcome.success):
            break
    chosen = np.linspace(0, len(pictures) - 1, frames).round().astype(int)
    return [pictures[index] for index in chosen], words, rgb(goal)


def channels() -> list[tuple[str, list[np.ndarray]]]:
    """Every camera and channel of one instant, while a dish is carried; then a steered camera."""
    world, *_ = started(dataclasses.replace(THINGS["clear"], cameras=CAMERAS, depth=True), 5)
    expert = Expert(world)
    memory = expert.begin(1, None)
    for _ in range(24):
        memory, action = expert.act(memory, None)
        seen = world.step(action).observation
    truth, lenses = world.truth(), {name: camera.intrinsics for name, camera in world.spec.observes.cameras.items()}
    colours, poses = [rgb(seen, camera) for camera in CAMERAS], {camera: seen.camera_pose[camera][0, 0] for camera in CAMERAS}
    tracks, touching = truth.tracks, truth.contacts.valid[0, 0]
    pressed = truth.contacts.xyz[0, 0, touching], NEWTON * truth.contacts.force[0, 0, touching]
    everywhere = [True] * int(touching.sum())
    points = [
        marked(picture, poses[camera], lenses[camera], tracks.xyz[0, 0], None, tracks.visible[0, 0].tolist())
        for camera, picture in zip(CAMERAS, colours, strict=True)
    ]
    forces = [marked(picture, poses[camera], lenses[camera], *pressed, everywhere) for camera, picture in zip(CAMERAS, colours, strict=True)]
    return [
        ("RGB", colours),
        ("metric depth (near is bright, each camera on its own scale)", [depth(seen, camera) for camera in CAMERAS]),
        ("truth: segmentation (things, drawer, gripper)", [labels(truth, camera) for camera in CAMERAS]),
        ("truth: scene flow since the last step (red, green, blue = x, y, z; grey = still)", [flow(truth, camera) for camera in CAMERAS]),
        ("truth: point tracks (hollow: hidden from the front camera)", points),
        (f"truth: contacts and their forces (1 N is {100 * NEWTON:.0f} cm)", forces),
        ("the free camera, steered: play goes round the table, pictures 12 steps apart", steered()),
    ]


def steered() -> list[np.ndarray]:
    """What a camera sees that actions move."""
    world, *_ = started(dataclasses.replace(THINGS["clear"], cameras=("free",), steered_camera=True, free_place=(0.5, -0.6, 0.8)), 5)
    play, noise, pictures = Play(world), Noise.of([6]), []
    memory = play.begin(1, None)
    for step in range(12 * len(CAMERAS)):
        memory, action = play.act(memory, None, noise=noise.advance(step))
        seen = world.step(action).observation
        if step % 12 == 11:
            pictures.append(rgb(seen, "free"))
    return pictures


def sheet(rows: list[tuple[str, list[np.ndarray]]], heads: list[str]) -> Image.Image:
    """Rows of pictures with a word above each column and a line of text above each row."""
    width = max(len(pictures) for _, pictures in rows)
    image = Image.new("RGB", (width * (SIZE + EDGE), BAND + len(rows) * (SIZE + EDGE + BAND)), "white")
    pen = ImageDraw.Draw(image)
    for column, head in enumerate(heads):
        pen.text((column * (SIZE + EDGE) + 4, 3), head, fill="black")
    for line, (words, pictures) in enumerate(rows):
        top = BAND + line * (SIZE + EDGE + BAND)
        pen.text((4, top + 3), words, fill="black")
        for column, picture in enumerate(pictures):
            image.paste(Image.fromarray(picture), (column * (SIZE + EDGE), top + BAND))
    return image


def main() -> None:
    """Three sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    folder = parser.parse_args().folder
    torch.set_num_threads(1)

    rows = []
    for name, config in THINGS.items():
        pictures, words, goal = episode(config, 3, 5)
        above = started(dataclasses.replace(config, goal_arm="above"), 3)[2]
        rows.append((f"{name}: {words}", [*pictures, goal, rgb(above)]))
    sheet(rows, ["start", "", "", "", "solved", "goal image, arm at its start", "goal image, arm above"]).save(folder / "tabletop_tasks.png", optimize=True)

    sheet(channels(), list(CAMERAS)).save(folder / "tabletop_cameras.png", optimize=True)

    config = dataclasses.replace(THINGS["clear"], cameras=("front", "wrist"), varied_looks=True)
    shown = []
    for split in SPLITS:
        picked = [started(dataclasses.replace(config, split=split), seed)[1] for seed in (1, 2, 4)]
        shown.append((f"split = {split}", [*(rgb(seen) for seen in picked), rgb(picked[0], "wrist")]))
    sheet(shown, ["seed 1", "seed 2", "seed 4", "seed 1, wrist"]).save(folder / "tabletop_splits.png", optimize=True)


if __name__ == "__main__":
    main()
