"""A small spec and episodes whose every number is known."""

import torch

from wam.data import DataSpec, Episode
from wam.world import Actions, ActionSpec, Camera, Observation, ObservationSpec, Slot

ACTION = (Slot(name="dx", unit="m", relative=True, low=-1.0, high=1.0), Slot(name="dy", unit="m", relative=True, low=-1.0, high=1.0))
PROPRIO = (Slot(name="x", unit="m"), Slot(name="y", unit="m"))


def toy_spec(size: int = 16, per_step: int = 1, cameras: tuple[str, ...] = ("top",)) -> DataSpec:
    return DataSpec(
        observes=ObservationSpec(cameras={name: Camera(height=size, width=size) for name in cameras}, proprio=PROPRIO),
        acts=ActionSpec(low_level=ACTION, per_step=per_step),
        rate=10.0,
        embodiment="toy",
    )


def toy_episode(spec: DataSpec, length: int, seed: int = 0, instruction: str | None = "push") -> Episode:
    """A point moved by its actions: proprio[t] = proprio[t-1] + the sum of action[t] over R. Frames show a coloured square."""
    rng = torch.Generator().manual_seed(seed)
    rate = spec.acts.per_step
    action = (torch.rand(1, length, rate, 2, generator=rng) - 0.5) * 0.2
    valid = torch.ones(1, length, rate, dtype=torch.bool)
    valid[:, 0] = False
    action[:, 0] = 0
    proprio = action.sum(2).cumsum(1)
    rgb = {}
    for number, (name, camera) in enumerate(spec.observes.cameras.items()):
        frames = torch.randint(0, 60, (1, length, 3, camera.height, camera.width), generator=rng, dtype=torch.uint8)
        side = camera.height // 4
        for t in range(length):
            at = (t + seed) % (camera.height - side)
            frames[0, t, number % 3, at : at + side, at : at + side] = 255
        rgb[name] = frames
    success = torch.zeros(1, length, dtype=torch.bool)
    success[:, -1] = seed % 2 == 0
    return Episode(
        observation=Observation(rgb=rgb, proprio=proprio),
        actions=Actions(valid=valid, low_level=action),
        reward=torch.arange(length, dtype=torch.float32)[None] + 100 * seed,
        alive=torch.ones(1, length, dtype=torch.bool),
        success=success,
        instruction=instruction,
        seed=seed,
    )


def assert_same(read: Episode, written: Episode, *, pixels: float = 0.0) -> None:
    """Equal but for values that have no place on disk: those of the first action and the first reward."""
    after = slice(1, None)
    for path, _, leaf in written.leaves():
        other = dict((name, value) for name, _, value in read.leaves())[path]
        assert other.dtype == leaf.dtype and other.shape == leaf.shape, path
        if ".rgb" in path and pixels:
            error = (other.float() - leaf.float()).square().mean()
            assert 10 * torch.log10(255**2 / error) > pixels, path
        elif (path.startswith("Episode.actions.") and path != "Episode.actions.valid") or path == "Episode.reward":
            assert torch.equal(other[:, after], leaf[:, after]), path
        else:
            assert torch.equal(other, leaf), path
    assert (read.instruction, read.seed) == (written.instruction, written.seed)
