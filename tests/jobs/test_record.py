"""Recording by name: what was asked for is written, and what makes no sense is refused before a file is."""

from dataclasses import replace

import pytest
import torch

from tests.sim.worlds.tabletop.tables import needs_physics, needs_pictures
from wam.data import frames_of, open_dataset
from wam.jobs.record import held, load_world, record_world
from wam.sim.worlds import push, tabletop


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policies": {"plya": 1.0}}, r"no policies \['plya'\]; it has expert, noisy_expert, play, .*Name those"),
        ({"policies": {"play": 0.0}}, "shares of policies are {'play': 0.0}, expected numbers above 0. Leave out"),
        ({"policies": {"play": 1.0, "expert": -0.5}}, "{'expert': -0.5}, expected numbers above 0"),
        ({"policies": {"play": float("nan")}}, "{'play': nan}, expected numbers above 0"),
        ({"truth": ("psoe",)}, "no truth is called 'psoe'. Did you mean 'pose'"),
        ({"truth": ("xyz",)}, "no truth is called 'xyz'. There are contacts, facts, physical, pose, scene_flow, segmentation, tracks"),
        ({"options": {"sise": 64}}, "no option 'sise'. Did you mean 'size'"),
    ],
)
def test_nonsense_is_refused(changes, words, tmp_path):
    asked = {"episodes": 2, "policies": {"play": 1.0}, **changes}
    with pytest.raises(ValueError, match=words):
        record_world("push", tmp_path / "set", **asked)
    assert not (tmp_path / "set").exists()


def test_truth_that_the_world_lacks_is_refused(tmp_path, monkeypatch):
    known = push.PushWorld.truth
    monkeypatch.setattr(push.PushWorld, "truth", lambda world: replace(known(world), tracks=None))
    with pytest.raises(ValueError, match=r"does not know the truth \['tracks'\]. It knows pose, segmentation, facts, physical: ask for those, or none"):
        record_world("push", tmp_path / "set", episodes=1, policies={"play": 1.0}, truth=("pose", "tracks"))


@pytest.mark.parametrize("name", ["push", "tabletop"])
def test_a_world_records_with_its_own_mixture_and_all_that_it_knows(name, tmp_path):
    if name == "tabletop":
        needs_physics()
    options = {"push": {"budget": 4}, "tabletop": {"budget": 4, "cameras": (), "blocks": 2}}[name]
    found = open_dataset(record_world(name, tmp_path / "set", episodes=20, truth=("all",), options=options))
    assert {entry.source for entry in found.episodes} == set(load_world(name).MIXTURE)
    known = found.read(0).truth
    world = load_world(name).make(1, **options)
    world.reset(torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    assert [path for path, *_ in known.leaves()] == [path for path, *_ in world.truth().leaves()]


def test_every_channel_of_a_table_comes_back_from_disk(tmp_path):
    """Also depth and scene flow, to half of what one count stands for."""
    needs_physics()
    needs_pictures()
    options = {"budget": 3, "depth": True, "size": 32, "cameras": ("front", "free"), "steered_camera": True, "tasks": ("push", "open")}
    dataset = open_dataset(record_world("tabletop", tmp_path / "set", episodes=2, policies={"play": 1.0}, truth=("all",), options=options))
    found = dataset.read(1)
    cached = frames_of([found], dataset.spec).episode(0)
    for (path, _, was), (_, _, now) in zip(found.truth.leaves(), cached.truth.leaves(), strict=True):
        assert torch.equal(was, now), path
    world = tabletop.make(1, **options)
    seen, _ = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([found.seed]))
    for instant in range(found.length):
        seen = world.step(found.actions.narrow("T", instant, instant + 1)).observation if instant else seen
        for one, two in ((found.observation, seen), (found.truth, world.truth())):
            for (path, _, was), (same, _, now) in zip(one.narrow("T", instant, instant + 1).leaves(), two.leaves(), strict=True):
                bound = 0.00051 if "depth" in path else 0.00006 if "scene_flow" in path else 0.0
                assert path == same and (was.double() - now.double()).abs().max() <= bound, path


def test_shares_are_blocks_that_fill_the_set(tmp_path):
    assert held(tmp_path / "set") == 0
    record_world("push", tmp_path / "set", episodes=4, policies={"play": 1.0, "wander": 3.0}, truth=("pose",), options={"budget": 5})
    found = open_dataset(tmp_path / "set")
    assert held(tmp_path / "set") == 4 and [entry.source for entry in found.episodes] == ["play", "wander", "wander", "wander"]


def test_shares_hold_for_all_episodes_however_often_the_set_is_continued(tmp_path):
    shares = {"play": 0.7, "expert": 0.3}
    for episodes, counts in ((10, [7, 3]), (20, [14, 6]), (21, [15, 6])):
        record_world("push", tmp_path / "set", episodes=episodes, policies=shares, truth=(), options={"budget": 2}, resume=episodes > 10)
        told = [entry.source for entry in open_dataset(tmp_path / "set").episodes]
        assert [told.count(name) for name in shares] == counts
    record_world("push", tmp_path / "set", episodes=22, policies={"wander": 1.0}, truth=(), options={"budget": 2}, resume=True)
    assert [entry.source for entry in open_dataset(tmp_path / "set").episodes][-1] == "wander"
