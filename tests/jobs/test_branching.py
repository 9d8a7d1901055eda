"""Different actions from the same starts: in the world that a run's data came from, at the run's clock, asked in the run's words."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.jobs.test_imagine import narrow
from wam.data import DataSpec
from wam.jobs.branching import BRANCHES, Tried, branches_of
from wam.jobs.imagine import imagine_run
from wam.jobs.record import record_world
from wam.recipes import load, train_recipe
from wam.recipes.recipe import load_recipe
from wam.sim.worlds import push
from wam.world import FutureSpec, WorldModelSpec


def test_the_branches_of_a_start_part_after_what_was_seen():
    found = branches_of(load("checkpoints/lewm-push"), Tried(world="push", starts=3), horizon=2)
    starts = found.map(lambda _, leaf: leaf.unflatten(0, (3, BRANCHES)))
    seen, done = starts.past.observation.rgb["top"], starts.actions.low_level
    assert torch.equal(seen, seen[:, :1].expand_as(seen)) and found.past.observation.size("T") == 1
    assert all(not torch.equal(done[:, 0], done[:, branch]) for branch in range(1, BRANCHES)) and done.shape[2:] == (2, 3, 2)


def test_a_card_says_whether_branches_are_told_apart(tmp_path):
    sets = [record_world("push", tmp_path / name, episodes=4, seed=seed, policies={"play": 1.0}, truth=("pose",)) for name, seed in (("a", 0), ("b", 100))]
    sheet = tmp_path / "sheet.png"
    found, page = imagine_run("checkpoints/lewm-push", sets[0], horizon=3, count=8, training=sets[1], tried=Tried(world="push", starts=24), sheet=sheet)
    told = {figure.reads: figure for figure in found.card.branches}
    assert "pictures" in told and told["pictures"].starts == 24 and told["pictures"].identified.low > 1.5 / BRANCHES
    assert "4 action sequences from each of 24 starts in the world push" in found.origin.protocol and "wam.sim.worlds.push" in found.origin.sources.roots
    assert "Same start, different actions" in page.read_text() and sheet.read_bytes().startswith(b"\x89PNG")
    for name, options, words in (("tabletop", {"cameras": ("front",)}, "the world 'tabletop' has the cameras"), ("push", {"size": 64}, "pictures of 32 px")):
        with pytest.raises(ValueError, match=words):
            imagine_run("checkpoints/lewm-push", sets[0], horizon=3, count=8, training=sets[1], tried=Tried(world=name, options=options, starts=2))


def test_what_is_told_no_actions_is_not_asked_to_tell_them_apart(tmp_path):
    options = {"task": "instruction", "zones": 2}
    sets = [record_world("push", tmp_path / str(seed), episodes=3, seed=seed, policies={"expert": 1.0}, options=options) for seed in (0, 100)]
    train_recipe("fast_wam", sets[0], tmp_path / "run", change=narrow, steps=1, show=False)
    with pytest.raises(ValueError, match="without being told the actions, so it cannot tell what others lead to: leave --world out"):
        imagine_run(tmp_path / "run", sets[1], horizon=3, count=8, tried=Tried(world="push", options=options))


def test_instructions_are_ids_into_the_runs_table():
    asking = {"task": "instruction", "zones": 2}
    world, preset = push.make(1, **asking).spec, load_recipe("lewm").preset("tiny")
    own = DataSpec.of_world(world)
    acts, table = replace(own.acts, per_step=preset.skip), tuple(reversed(world.sentences))
    spec = WorldModelSpec(
        observes=own.observes, predicts=FutureSpec(observation=own.observes), consumes=acts, rate=own.rate / preset.skip, instructed=True, sentences=table
    )
    run = SimpleNamespace(
        name="reader", preset=preset, imagining=SimpleNamespace(spec=spec), model=SimpleNamespace(spec=spec), data=replace(own, rate=own.rate / preset.skip)
    )
    found = branches_of(run, Tried(world="push", options=asking, starts=2), horizon=1)
    mirrored = SimpleNamespace(**{**vars(run), "imagining": SimpleNamespace(spec=replace(spec, sentences=world.sentences))})
    same = branches_of(mirrored, Tried(world="push", options=asking, starts=2), horizon=1)
    assert [table[one] for one in found.task.instruction] == [world.sentences[one] for one in same.task.instruction]
    short = SimpleNamespace(**{**vars(run), "imagining": SimpleNamespace(spec=replace(spec, sentences=table[1:]))})
    with pytest.raises(ValueError, match=r"the world 'push' asks for .* \(1 such\), which is not in the table of reader"):
        branches_of(short, Tried(world="push", options=asking, starts=2), horizon=1)
