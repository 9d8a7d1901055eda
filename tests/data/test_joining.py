"""Two sets become one, or it is said what differs."""

import contextlib
import os
import shutil
from dataclasses import replace

import pytest
import torch

from tests.data.toy import toy_episode, toy_spec
from wam.cli.data import numbers_in
from wam.data import DataError, DataSpec, Recorder, cut, open_dataset
from wam.data.dataset import EpisodeDataset
from wam.data.fresh import new_set
from wam.data.joining import join
from wam.data.meaning import IMAGINED
from wam.data.recording import being_recorded
from wam.data.splitting import select, split
from wam.plan.control.rollout import rollout
from wam.sim.adapters.goal_seen import GoalSeen
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Noise, Truth, Uniform


def recorded(path, seeds, world=None, source="", **dropped):
    world = world or PushWorld(len(seeds), PushConfig(budget=4))
    episodes = cut(rollout(world, Uniform(world.spec), 4, seeds=seeds, noise=Noise.of(seeds), truth=True), world.spec.sentences, source=path.name)
    with Recorder(path, DataSpec.of_world(world.spec, source=source or f"made for {path.name}")) as recorder:
        for episode in episodes:
            recorder.write(replace(episode, **dropped))
    return path


def test_what_was_imagined_is_known_of_a_joined_set(tmp_path):
    """In either order: it must not be taken for a start of something else, nor the whole for what one model imagined."""
    told = '{"seed": 0}'
    made, real = recorded(tmp_path / "made", [1], source=f"{IMAGINED}{told}"), recorded(tmp_path / "real", [2])
    assert open_dataset(made).spec.imagined == told and not open_dataset(real).spec.partly_imagined
    for number, sets in enumerate(((made, real), (real, made), (made, tmp_path / "0"))):
        whole = open_dataset(join(sets, tmp_path / str(number))).spec
        assert whole.partly_imagined and whole.imagined is None and whole.source.count("joined: ") == 1


def test_all_episodes_in_order_with_what_all_have(tmp_path):
    first, second = recorded(tmp_path / "a", [1, 2]), recorded(tmp_path / "b", [3], truth=None, reward=None)
    told = []
    whole = open_dataset(join([first, second], tmp_path / "both", progress=lambda done, total: told.append((done, total))))
    assert [(episode.seed, episode.source) for episode in whole] == [(1, "a"), (2, "a"), (3, "b")] and told == [(1, 3), (2, 3), (3, 3)]
    assert whole.spec.source == "made for a; made for b"
    for episode, source in zip(whole, [*open_dataset(first), *open_dataset(second)], strict=True):
        assert episode.truth is None and episode.reward is None and episode.success is not None
        assert episode.observation.rgb["top"].equal(source.observation.rgb["top"]) and episode.actions.low_level.equal(source.actions.low_level)


def test_an_episode_that_cannot_be_copied_is_named_where_it_lies(tmp_path, monkeypatch):
    """Not by its number in the set that is not made."""
    first, second = recorded(tmp_path / "a", [1, 2]), recorded(tmp_path / "b", [3, 4])
    read = EpisodeDataset.read

    def damaged(dataset, index, **rest):
        episode = read(dataset, index, **rest)
        if (dataset.root.name, index) != ("b", 1):
            return episode
        return replace(episode, actions=replace(episode.actions, low_level=torch.full_like(episode.actions.low_level, torch.nan)))

    monkeypatch.setattr(EpisodeDataset, "read", damaged)
    for copied in (lambda: join([first, second], tmp_path / "both"), lambda: split(second, tmp_path / "left", tmp_path / "held", count=1)):
        with pytest.raises(DataError, match=rf"file {second}, episode 1: .* It comes from b\. Correct"):
            copied()


def test_of_proprioception_the_common_slots_are_kept(tmp_path):
    pixels, state = PushConfig(budget=4), PushConfig(budget=4, sees="state")
    sets = [recorded(tmp_path / "a", [1], GoalSeen(PushWorld(1, state))), recorded(tmp_path / "b", [2], PushWorld(1, state))]
    both = open_dataset(join(sets, tmp_path / "both"))
    assert both.spec.observes == PushWorld(1, state).spec.observes
    for episode, source in zip(both, (open_dataset(place).read(0) for place in sets), strict=True):
        assert episode.observation.proprio.equal(source.observation.proprio[..., : len(both.spec.observes.proprio)])
    with pytest.raises(DataError, match="in camera 'top': only here"):
        join([sets[0], recorded(tmp_path / "c", [3], PushWorld(1, pixels))], tmp_path / "none")


def test_truth_of_other_things_is_left_out(tmp_path):
    """Rows of poses are bodies by their place alone: those of one set must not pass for those of another."""
    first, second = recorded(tmp_path / "a", [1]), recorded(tmp_path / "b", [2], PushWorld(1, PushConfig(budget=4, objects=2, colours=("red", "blue"))))
    both = open_dataset(join([first, second], tmp_path / "both"))
    spec = open_dataset(first).spec
    assert (both.spec.objects, both.spec.physical, both.spec.facts) == ((), None, spec.facts)
    for read, source in zip(both, [*open_dataset(first), *open_dataset(second)], strict=True):
        assert read.truth.pose is None and read.truth.physical is None and read.truth.segmentation is None
        assert read.truth.facts.holds.equal(source.truth.facts.holds) and read.truth.facts.atoms == spec.facts.atoms


def test_poses_of_as_many_other_bodies_are_left_out(tmp_path):
    for name, bodies in (("a", ("cup", "plate")), ("b", ("plate", "cup"))):
        with Recorder(tmp_path / name, replace(toy_spec(), objects=bodies)) as recorder:
            recorder.write(replace(toy_episode(toy_spec(), 5), truth=Truth(pose=torch.ones(1, 5, 2, 7), scene_flow={"top": torch.zeros(1, 5, 3, 16, 16)})))
    told = []
    (read, _) = open_dataset(join([tmp_path / "a", tmp_path / "b"], tmp_path / "both", tell=told.append))
    assert read.truth.pose is None and read.truth.scene_flow is not None
    assert told == ["left out, since not every set has the same: truth of pose"]


def test_actions_that_nobody_recorded_join_those_that_somebody_did(tmp_path):
    for name, labelled in (("a", None), ("b", torch.zeros(1, 5, dtype=torch.bool))):
        with Recorder(tmp_path / name, toy_spec()) as recorder:
            told = toy_episode(toy_spec(), 5)
            recorder.write(replace(told, actions=replace(told.actions, labelled=labelled)))
    both = open_dataset(join([tmp_path / "a", tmp_path / "b"], tmp_path / "both"))
    assert [episode.actions.known()[0, 1:, 0].tolist() for episode in both] == [[True] * 4, [False] * 4]


def test_a_set_without_episodes_adds_none(tmp_path):
    with Recorder(tmp_path / "a", toy_spec()) as recorder:
        recorder.write(toy_episode(toy_spec(), 5))
    Recorder(tmp_path / "b", toy_spec()).close()
    for number, sources in enumerate((["a", "b"], ["b", "a"])):
        both = open_dataset(join([tmp_path / name for name in sources], tmp_path / f"both{number}"))
        assert len(both) == 1 and both.read(0).reward is not None


@pytest.mark.parametrize("ending", [RuntimeError, None])
def test_what_was_not_finished_is_no_set(tmp_path, ending):
    """A failure leaves nothing. A kill leaves a folder of another name, and the next attempt begins again."""
    source, other = recorded(tmp_path / "a", range(1, 5)), recorded(tmp_path / "b", range(5, 9))

    def stop(done, total):
        if done == 3:
            os._exit(9) if ending is None else throw(ending)

    def throw(error):
        raise error

    for make in (
        lambda **options: join([source, other], tmp_path / "out", **options),
        lambda **options: split(source, tmp_path / "out", tmp_path / "held", count=1, **options),
    ):
        child = os.fork()
        if not child:
            with contextlib.suppress(RuntimeError):
                make(progress=stop)
            os._exit(0)
        os.waitpid(child, 0)
        assert not (tmp_path / "out").exists() and not (tmp_path / "held").exists()
        assert bool(list(tmp_path.glob("*.writing"))) == (ending is None)
        make()
        assert open_dataset(tmp_path / "out").frames and not list(tmp_path.glob("*.writing"))
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("moment", ["before", "while", "after"])
def test_whoever_begins_a_set_second_is_refused_and_harms_nothing(tmp_path, moment):
    """Before the first wrote anything, while it writes, and between the last episode and the set's name."""

    def refused():
        with pytest.raises(DataError, match=r"both: another process is making this set.* started twice.* Wait for it"), new_set(tmp_path / "both"):
            pytest.fail("begun twice")

    with new_set(tmp_path / "both") as folder:
        if moment == "before":
            refused()
        with Recorder(folder, toy_spec()) as recorder:
            recorder.write(toy_episode(toy_spec(), 5))
            if moment == "while":
                refused()
        if moment == "after":
            refused()
    assert len(open_dataset(tmp_path / "both")) == 1 and [path.name for path in tmp_path.iterdir()] == ["both"]


def test_of_processes_that_begin_at_once_one_makes_the_set(tmp_path):
    source, other = recorded(tmp_path / "a", [1, 2]), recorded(tmp_path / "b", [3])
    waiting, go = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            os.close(go)
            os.read(waiting, 1)  # returns for all at once, when nobody holds the other end
            try:
                join([source, other], tmp_path / "both")
            except DataError as error:
                os._exit(1 if "another process is making" in str(error) or "not empty" in str(error) else 2)
            except BaseException:
                os._exit(3)
            os._exit(0)
        children.append(child)
    os.close(waiting)
    os.close(go)
    ends = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
    assert ends == [0, 1, 1, 1]
    assert [episode.seed for episode in open_dataset(tmp_path / "both")] == [1, 2, 3] and len(list(tmp_path.iterdir())) == 3


def test_nothing_is_written_into_a_folder_that_holds_something(tmp_path):
    source, other = recorded(tmp_path / "a", range(1, 4)), recorded(tmp_path / "b", range(4, 6))
    for make in (
        lambda: join([source, other], source),
        lambda: split(source, tmp_path / "out", source, count=1),
        lambda: split(source, tmp_path / "out", tmp_path / "out", count=1),
    ):
        with pytest.raises(DataError, match=r"not empty|in one folder. Name two"):
            make()
    assert len(open_dataset(source)) == 3 and [path.name for path in sorted(tmp_path.iterdir())] == ["a", "b"]


def test_only_what_a_writer_left_is_removed(tmp_path, monkeypatch):
    source, other = recorded(tmp_path / "a", [1]), recorded(tmp_path / "b", [2])
    (tmp_path / "mine.writing").mkdir()
    (tmp_path / "mine.writing/thesis.txt").write_text("years of work")
    (tmp_path / "file.writing").write_text("a letter")
    (tmp_path / "link.writing").symlink_to(tmp_path / "a", target_is_directory=True)
    for name in ("mine", "file", "link"):
        with pytest.raises(DataError, match=rf"{name}\.writing: .* no set that was begun.* your own.* Rename or delete it"):
            join([source, other], tmp_path / name)
    assert (tmp_path / "mine.writing/thesis.txt").read_text() == "years of work" and (tmp_path / "file.writing").read_text() == "a letter"
    (tmp_path / "name").write_text("")
    with pytest.raises(DataError, match=r"name: there is a file of this name; a data set is a folder"):
        join([source, other], tmp_path / "name")
    (tmp_path / "begun.writing/meta").mkdir(parents=True)  # killed before anything was in it
    assert len(open_dataset(join([source, other], tmp_path / "begun"))) == 2
    shutil.copytree(source, tmp_path / "whole.writing")
    rmtree, held = shutil.rmtree, []

    def watched(folder, **options):
        if folder == tmp_path / "whole.writing":
            held.append(being_recorded(folder))
        rmtree(folder, **options)

    monkeypatch.setattr("wam.data.fresh.shutil.rmtree", watched)
    assert len(open_dataset(join([source, other], tmp_path / "whole"))) == 2 and held == [True]


def test_pictures_without_loss_stay_so_whatever_their_size(tmp_path):
    spec = toy_spec(128)
    for seed, (name, storage) in enumerate((("a", "lossless"), ("b", "video"))):
        with Recorder(tmp_path / name, spec, storage=storage) as recorder:
            recorder.write(toy_episode(spec, 3, seed))
    both = open_dataset(join([tmp_path / "a", tmp_path / "b"], tmp_path / "both"))
    for read, source in zip(both, [toy_episode(spec, 3), open_dataset(tmp_path / "b").read(0)], strict=True):
        assert read.observation.rgb["top"].equal(source.observation.rgb["top"])


def test_sets_of_other_meaning_are_refused(tmp_path):
    first, second = recorded(tmp_path / "a", [1]), recorded(tmp_path / "b", [3], PushWorld(1, PushConfig(budget=4, size=64)))
    with pytest.raises(DataError, match=r"differs from .*a in camera 'top': height 64 instead of 32, width 64 instead of 32\. Record"):
        join([first, second], tmp_path / "both")
    odd = DataSpec.of_world(PushWorld(1, PushConfig(budget=4)).spec)
    slots = (replace(odd.acts.low_level[0], unit="cm"), replace(odd.acts.low_level[1], name="fz"))
    Recorder(tmp_path / "odd", replace(odd, acts=replace(odd.acts, low_level=slots), rate=5.0)).close()
    with pytest.raises(
        DataError, match=r"'fz': only here; action 'pusher x': unit 'cm' instead of 'm'; action 'pusher y': absent; rate: 5 instead of 10 Hz"
    ) as found:
        join([first, tmp_path / "odd"], tmp_path / "both")
    assert len(str(found.value)) < 500
    with pytest.raises(DataError, match="it was named twice"):
        join([first, tmp_path / "b" / ".." / "a"], tmp_path / "both")
    with pytest.raises(DataError, match="Name two or more"):
        join([first], tmp_path / "one")


def test_a_set_is_split_by_chance_and_nothing_is_lost(tmp_path):
    whole = recorded(tmp_path / "a", range(1, 8))
    held = split(whole, tmp_path / "out", tmp_path / "held", count=2)
    parts = {name: open_dataset(tmp_path / name) for name in ("out", "held")}
    seeds = {name: [episode.seed for episode in part] for name, part in parts.items()}
    assert sorted(seeds["out"] + seeds["held"]) == list(range(1, 8)) and seeds["held"] == [1 + number for number in held] and len(held) == 2
    for episode in parts["held"]:
        source = open_dataset(whole).read(episode.seed - 1)
        assert episode.observation.rgb["top"].equal(source.observation.rgb["top"]) and episode.truth.pose.equal(source.truth.pose)
    assert parts["held"].spec == open_dataset(whole).spec
    for count in (0, 7):
        with pytest.raises(DataError, match=f"{count} of its 7 episodes were to be held out"):
            split(whole, tmp_path / "x", tmp_path / "y", count=count)


def test_episodes_are_kept_or_dropped_by_number(tmp_path):
    whole = recorded(tmp_path / "a", range(1, 7))
    assert select(whole, tmp_path / "kept", {4, 0, 1}) == (0, 1, 4) and select(whole, tmp_path / "rest", {4, 0, 1}, drop=True) == (2, 3, 5)
    kept, rest = (open_dataset(tmp_path / name) for name in ("kept", "rest"))
    assert [episode.seed for episode in kept] == [1, 2, 5] and [episode.seed for episode in rest] == [3, 4, 6] and kept.spec == open_dataset(whole).spec
    assert kept.read(2).observation.rgb["top"].equal(open_dataset(whole).read(4).observation.rgb["top"])
    for numbers, drop, words in (({6}, False, "holds the episodes 0 to 5, and 6 was named"), ({6}, True, "and 6 was named"), (range(6), True, "none of its 6")):
        with pytest.raises(DataError, match=words):
            select(whole, tmp_path / "x", numbers, drop=drop)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("text", "numbers"), [("0-2,5", {0, 1, 2, 5}), ("7", {7}), (" 1, 3-3", {1, 3})])
def test_episodes_are_named_by_numbers_and_ranges(text, numbers):
    assert numbers_in(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "3-1", "3-", "1,,2", "-1", "1-2-3"])
def test_what_names_no_episodes_is_refused(text):
    with pytest.raises(ValueError, match="names no episodes: expected numbers and ranges"):
        numbers_in(text)
