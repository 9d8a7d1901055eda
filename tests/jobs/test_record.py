"""Recording by name: what was asked for is written, and what makes no sense is refused before a file is."""

from dataclasses import replace

import pytest

from wam.data import open_dataset
from wam.jobs.record import held, record_world
from wam.sim.worlds import push


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policies": {"plya": 1.0}}, r"no policies \['plya'\]; it has expert, noisy_expert, play, .*Name those"),
        ({"policies": {"play": 0.0}}, "shares of policies are {'play': 0.0}, expected numbers above 0. Leave out"),
        ({"policies": {"play": 1.0, "expert": -0.5}}, "{'expert': -0.5}, expected numbers above 0"),
        ({"policies": {"play": float("nan")}}, "{'play': nan}, expected numbers above 0"),
        ({"truth": ("psoe",)}, "no truth is called 'psoe'. Did you mean 'pose'"),
        ({"truth": ("xyz",)}, "no truth is called 'xyz'. There are facts, physical, pose, segmentation, tracks"),
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


def test_shares_are_blocks_that_fill_the_set(tmp_path):
    assert held(tmp_path / "set") == 0
    record_world("push", tmp_path / "set", episodes=4, policies={"play": 1.0, "wander": 3.0}, truth=("pose",), options={"budget": 5})
    found = open_dataset(tmp_path / "set")
    assert held(tmp_path / "set") == 4 and [entry.source for entry in found.episodes] == ["play", "wander", "wander", "wander"]
