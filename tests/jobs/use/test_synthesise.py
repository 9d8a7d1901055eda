"""Imagined episodes from real starts: an ordinary set that says where it comes from."""

from pathlib import Path

import pytest

from tests.jobs.use.conftest import OPTIONS, QUICK
from wam.data import open_dataset
from wam.data.joining import join
from wam.jobs.use.synthesise import Wanted, synthesise_set
from wam.recipes import train_recipe
from wam.use.judge import Judge
from wam.use.synthesis import imagined_in
from wam.world import SpecError

GOALS = Path(__file__).parents[3] / "checkpoints" / "lewm-push"


def test_from_frames_of_a_data_set(model, susie, demonstrations, tmp_path, bars):
    made = synthesise_set(model, [susie], tmp_path / "set", Wanted(5, data=str(demonstrations)), bars=bars)
    dataset = open_dataset(tmp_path / "set")
    about = imagined_in(dataset)
    assert (made.written, made.tried, made.steps, made.starts, made.judge) == (5, 5, 4, 5, None) and len(dataset) == 5
    assert about.model.run == "cosmos_predict" and about.policies == ("susie",) and about.starts[0].startswith("demonstrations, episode ")
    with pytest.raises(ValueError, match="was imagined by a model itself"):
        synthesise_set(model, [susie], tmp_path / "again", Wanted(2, data=str(tmp_path / "set")), bars=bars)
    assert len(set(about.starts)) == 5 and dataset.read(0).instruction in open_dataset(demonstrations).tasks


def test_from_first_frames_of_a_world_each_judged(model, susie, tmp_path, bars):
    wanted = Wanted(4, world="push", options=OPTIONS, steps=2, seed=50, only_solved=True, judge_episodes=6, judge=QUICK)
    try:
        made = synthesise_set(model, [susie], tmp_path / "set", wanted, bars=bars)
    except ValueError as error:  # a judge that has hardly learned may call none solved
        assert "none of 4 imagined episodes solved" in str(error)
    else:
        assert made.judge is not None and made.written == len(open_dataset(tmp_path / "set"))
        assert imagined_in(open_dataset(tmp_path / "set")).starts[0] == "push, seed 50"


def test_the_judge_reads_what_each_start_was_told(model, susie, demonstrations, tmp_path, bars, monkeypatch):
    """A data set numbers its instructions in the order of their first use, the world in another."""
    read: list[str] = []

    def all_solved(self, observation, task):
        read[:] = [self.sentences[number] for number in task.instruction.tolist()]
        return observation.rgb["top"].float().mean((2, 3, 4)) * 0 + 1

    monkeypatch.setattr(Judge, "logits", all_solved)
    wanted = Wanted(6, data=str(demonstrations), world="push", options=OPTIONS, steps=2, only_solved=True, judge_episodes=6, judge=QUICK)
    made = synthesise_set(model, [susie], tmp_path / "set", wanted, bars=bars)
    dataset, real = open_dataset(tmp_path / "set"), open_dataset(demonstrations)
    begun = [int(name.split(", ")[1].removeprefix("episode ")) for name in imagined_in(dataset).starts]
    assert made.written == 6 and read == [real.read(number).instruction for number in begun] == [episode.instruction for episode in dataset]


def test_what_cannot_be_made_is_said_before_anything_runs(model, chunked, susie, diffusion, demonstrations, tmp_path, bars):
    def refused(words: str, *policies, error: type[Exception] = ValueError, run=model, **wanted) -> None:
        with pytest.raises(error, match=words):
            synthesise_set(run, list(policies), tmp_path / "set", Wanted(2, **wanted), bars=bars)

    data = str(demonstrations)
    refused("say where to start", susie)
    refused("a judge learns what is solved in a world", susie, data=data, only_solved=True)
    refused("--option zones is of a world: name it with --world", susie, data=data, options={"zones": 2})
    refused("nothing is asked of the world 'push': leave --world out, or add --only-solved", susie, data=data, world="push")
    refused("nobody acts", data=data)
    refused("compares with goal pictures, and data sets keep none", susie, data=data, world="push", options={"zones": 2}, only_solved=True)
    refused("diffusion_policy cannot act in what the model imagines: proprio", diffusion, error=SpecError, data=data)
    refused("lewm-push cannot begin at these starts: .*Data sets keep no goal pictures", GOALS, error=SpecError, data=data)
    refused("lewm-push executes 1 of its actions .* the model predicts 2 steps at once", GOALS, error=SpecError, data=data, run=chunked)
    refused("cannot say what given actions lead to: its video does not see them", susie, error=SpecError, run=susie, data=data)
    refused("are for evaluation", susie, world="push", options=OPTIONS, seed=2_000_000)
    assert not (tmp_path / "set").exists()


def test_a_slower_policy_leaves_a_set_at_the_clock_of_the_model_which_joins_the_real_one(susie, demonstrations, tmp_path, bars):
    quick = train_recipe("cosmos_predict", demonstrations, tmp_path / "quick", steps=2, show=False).folder
    made = synthesise_set(quick, [susie], tmp_path / "set", Wanted(2, data=str(demonstrations), steps=6), bars=bars)
    imagined, real = open_dataset(tmp_path / "set"), open_dataset(demonstrations)
    assert made.steps == 6 and imagined.read(0).observation.size("T") == 7
    assert imagined.spec.acts == real.spec.acts and imagined.spec.rate == pytest.approx(real.spec.rate)
    assert len(open_dataset(join([demonstrations, tmp_path / "set"], tmp_path / "both"))) == 18
