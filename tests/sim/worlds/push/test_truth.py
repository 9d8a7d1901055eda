"""Truth against plain loops over one table."""

import dataclasses
import math

import torch

from tests.sim.worlds.push.test_picture import owner
from tests.sim.worlds.push.test_world import shoves
from tests.sim.worlds.push.worlds import FULL, started
from wam.sim.engines.contacts import gaps
from wam.sim.worlds.push import PushConfig
from wam.sim.worlds.push.picture import VIEW
from wam.sim.worlds.push.truth import NEAR, TOUCHING
from wam.sim.worlds.push.words import ATOMS, NAMES, SENTENCES, ZONES
from wam.world.geometry import rotations


def test_the_tables_of_words_fit_together() -> None:
    assert len(set(ATOMS)) == len(ATOMS) == 12 * 4 + 2 * (12 + 66)
    assert SENTENCES[4 * NAMES.index("blue block") + ZONES.index("green zone")] == "push the blue block to the green zone"


def test_facts_match_plain_loops() -> None:
    world = started(FULL, 24)
    world.step(shoves(24, 20))
    scene, pose = world.moment.scene, world.moment.state.pose
    half, radius = scene.parameters.half, scene.parameters.radius
    holds = world.truth().facts.holds[:, 0]
    seen = 0
    for row in range(24):
        names = [NAMES[2 * int(colour) + int(shape)] for colour, shape in zip(scene.colour[row], scene.shape[row], strict=True)]
        true = set()
        for body, name in enumerate(names):
            for zone, colour in zip(scene.zones[row], scene.zone_colour[row], strict=True):
                if max(abs(float(pose[row, body, axis] - zone[axis])) for axis in (0, 1)) < float(zone[2]):
                    true.add(f"in({name}, {ZONES[int(colour)]})")
        bodies = [*names, "pusher"]
        for one in range(5):
            for two in range(one):
                pair = [two, one]
                gap = float(gaps(pose[row : row + 1, pair], half[row : row + 1, pair], radius[row : row + 1, pair]))
                low, high = sorted((bodies[one], bodies[two]), key=lambda name: NAMES.index(name) if name in NAMES else -1)
                true |= {f"{fact}({low}, {high})" for fact, limit in (("touching", TOUCHING), ("near", NEAR)) if gap < limit}
        assert {ATOMS[index] for index in holds[row].nonzero()[:, 0].tolist()} == true
        seen += len(true)
    assert seen > 15


def test_segmentation_matches_the_bodies_at_the_centres_of_pixels() -> None:
    agree = []
    for seed in range(6):
        world = started(dataclasses.replace(FULL, size=64), 1, seed)
        line = ((torch.arange(64) + 0.5) / 64 * 2 - 1) * VIEW
        y, x = torch.meshgrid(line.flip(0), line, indexing="ij")
        expected = owner(world.moment.scene, world.moment.state.pose, x, y)
        agree.append((world.truth().segmentation["top"][0, 0] == expected).float().mean())
        assert set(expected.unique().tolist()) == {-1, 0, 1, 2, 3, 4}
    assert min(agree) > 0.998


def test_tracks_move_with_their_object_and_hide_under_the_pusher() -> None:
    world = started(PushConfig(task="play", shapes=("block",)), 6)
    now = world.moment
    before = world.truth().tracks
    turn = math.pi / 3
    pose = now.state.pose.clone()
    pose[:, 0, :2] += torch.tensor([0.03, -0.02])
    pose[:, 0, 2] += turn
    pose[:, 1, :2] = pose[:, 0, :2]
    world.restore(dataclasses.replace(now, state=dataclasses.replace(now.state, pose=pose)))
    after = world.truth().tracks
    centre, moved = before.xyz[:, 0, :1], after.xyz[:, 0, :1]
    c, s = math.cos(turn), math.sin(turn)
    turned = (before.xyz[:, 0, :5] - centre) @ torch.tensor([[c, s], [-s, c]]) + moved
    assert torch.allclose(after.xyz[:, 0, :5], turned, atol=1e-6)
    assert before.visible[:, 0, [1, 3, 5]].all() and not after.visible[:, 0, 0].any() and after.visible[:, 0, 5].all()


def test_poses_are_quaternions_about_the_vertical() -> None:
    world = started(FULL, 3)
    pose, angle = world.truth().pose[:, 0], world.moment.state.pose[..., 2]
    matrix = rotations.matrix_from_quaternion(pose[..., 3:])
    assert torch.allclose(torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0]), torch.remainder(angle + math.pi, 2 * math.pi) - math.pi, atol=1e-5)
    assert pose.shape[1] == len(world.spec.objects) == 5 and world.spec.objects[-1] == "pusher"
