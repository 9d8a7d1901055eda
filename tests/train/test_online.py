"""Learning online: it learns, what it lived through is a data set, and a stopped or killed run goes on to the same bytes."""

import json
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wam.data import open_dataset
from wam.evaluate.returns import measure_return
from wam.evaluate.success import evaluation_seeds
from wam.train import CheckpointError, Online, Stopped, load
from wam.train.online import lasting
from wam.world import EVALUATION_SEEDS, Uniform

from .practice import GRADIENT, ONLINE, SPEC, Line, controller, learn, life, longer
from .test_killed import lines
from .tiny import CONTEXT, require_equal


def require_equal_lives(one: Path, other: Path) -> None:
    """Also what was lived through."""
    require_equal(one, other)
    first, second = (open_dataset(folder / "replay-online") for folder in (one, other))
    assert len(first) == len(second)
    for left, right in zip(first, second, strict=True):
        assert left.seed == right.seed and left.observation.proprio.equal(right.observation.proprio)
        assert left.actions.low_level.equal(right.actions.low_level) and left.reward.equal(right.reward)


def test_it_learns_to_act(tmp_path: Path) -> None:
    model = learn(tmp_path / "run", online=longer(steps=400, rounds=12))
    seeds = evaluation_seeds(32)
    learned = measure_return(Line(32), controller(model, False), name="learned", seeds=seeds)
    chance = measure_return(Line(32), Uniform(SPEC), name="random", seeds=seeds)
    assert learned.low > chance.high and sum(learned.solved) >= 28
    assert load(tmp_path / "run").place.ended and not model.training


def test_what_was_lived_through_is_a_data_set(tmp_path: Path) -> None:
    learn(tmp_path / "run")
    lived = open_dataset(tmp_path / "run" / "replay-online")
    assert [episode.source for episode in lived] == ["random"] * 8 + ["policy"] * 16
    assert {episode.length for episode in lived} == {SPEC.budget + 1} and len({episode.seed for episode in lived}) == 24
    assert all(episode.seed < EVALUATION_SEEDS for episode in lived)
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    looks = [line for line in logged if "return" in (line.get("meters") or {})]
    assert [(line["step"], line["meters"]["episodes"]) for line in looks] == [(ONLINE.steps_after(3), 12), (40, 24)]
    assert [line["step"] for line in logged if line["losses"]] == list(range(1, 41))


def test_success_that_the_world_does_not_judge_is_neither_logged_nor_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "spec", replace(SPEC, judged=False))
    learn(tmp_path / "run")
    lived, told = open_dataset(tmp_path / "run" / "replay-online"), (tmp_path / "run" / "log.jsonl").read_text()
    assert all(episode.success is None and episode.reward is not None for episode in lived)
    assert '"return"' in told and "success" not in told


@pytest.mark.parametrize("stop", [3, 8, 40])  # inside a round, at its end, at the very end
def test_stopped_and_resumed_is_as_undisturbed(tmp_path: Path, stop: int) -> None:
    learn(tmp_path / "whole", save_every=3)
    if stop < 40:
        with pytest.raises(Stopped):
            learn(tmp_path / "cut", stop=stop, save_every=3)
        learn(tmp_path / "cut", resume=True, save_every=3)
    else:
        learn(tmp_path / "cut", stop=stop, save_every=3)
    require_equal_lives(tmp_path / "whole", tmp_path / "cut")


def test_kills_leave_no_trace(tmp_path: Path) -> None:
    whole = CONTEXT.Process(target=life, args=(tmp_path / "whole",))
    whole.start()
    whole.join()
    assert whole.exitcode == 0
    moments = random.Random(0)
    for target in (0, 12, 30):
        process = CONTEXT.Process(target=life, args=(tmp_path / "cut",))
        process.start()
        while process.is_alive() and lines(tmp_path / "cut") < target:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.3))  # often while it acts or records
        process.kill()
        process.join()
    last = CONTEXT.Process(target=life, args=(tmp_path / "cut",))
    last.start()
    last.join()
    assert last.exitcode == 0
    require_equal_lives(tmp_path / "whole", tmp_path / "cut")


def test_a_replay_that_was_killed_while_it_was_begun_begins(tmp_path: Path) -> None:
    learn(tmp_path / "whole")
    half = tmp_path / "cut" / "replay-online" / "meta"
    half.mkdir(parents=True)
    (half / "info.json.writing").write_text("{")
    learn(tmp_path / "cut")
    require_equal_lives(tmp_path / "whole", tmp_path / "cut")


def test_an_episode_that_was_cut_off_did_not_end(tmp_path: Path) -> None:
    learn(tmp_path / "run")
    whole = open_dataset(tmp_path / "run" / "replay-online").read(0)
    assert whole.alive is not None and not whole.alive[0, -1] and bool(lasting(whole, SPEC.budget).alive.all())
    shorter = whole.map(lambda axes, leaf: leaf[:, 1:])
    assert lasting(shorter, SPEC.budget) is shorter


def test_steps_are_spread_over_the_rounds_in_which_it_learns() -> None:
    assert [ONLINE.steps_after(rounds) for rounds in range(7)] == [0, 0, 8, 16, 24, 32, 40]
    assert [longer(7, 5).steps_after(rounds) for rounds in range(6)] == [0, 0, 2, 4, 5, 7]


def test_mistakes_explain_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="pass practice="):
        learn(tmp_path / "run", practice=None)
    with pytest.raises(ValueError, match=r"at least 1 of each, got \{'worlds': 0\}"):
        Online(learner=GRADIENT, rounds=3, worlds=0)
    with pytest.raises(ValueError, match="nothing would ever be done on purpose"):
        Online(learner=GRADIENT, rounds=3, random=4)
    with pytest.raises(ValueError, match="40 gradient steps for 50 rounds of learning"):
        Online(learner=GRADIENT, rounds=50)


def test_a_replay_that_lost_episodes_is_not_lived_again(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        learn(tmp_path / "run", stop=20)
    shutil.rmtree(tmp_path / "run" / "replay-online")
    with pytest.raises(CheckpointError, match="holds 0 episodes, the run had lived through 16"):
        learn(tmp_path / "run", resume=True)
