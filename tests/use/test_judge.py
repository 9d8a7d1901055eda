"""The judge learns what a world calls solved, from pictures and the task alone, and says how far it can be trusted."""

from dataclasses import replace

import pytest
import torch

from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import POLICIES, PushConfig, PushWorld
from wam.use.judge import JudgeConfig, JudgeScore, fit_judge, labelled, score_judge
from wam.world import Episodes, Future, Latent, Noise, Observation, SpecError, Task, concatenate

QUICK = JudgeConfig(width=12, steps=100, batch=64)


def acted(config: PushConfig, rows: int, seed: int) -> Episodes:
    """The expert, and one that fails."""
    found = []
    for number, name in enumerate(("expert", "play")):
        env, seeds = PushWorld(rows, config), range(seed + number * rows, seed + (number + 1) * rows)
        found.append(rollout(env, POLICIES[name](env), config.budget, seeds=seeds, noise=Noise.of(seeds)))
    return concatenate(found, "B")


def split(episodes: Episodes) -> tuple[Episodes, Episodes]:
    """Two thirds to learn from, the others to be judged."""
    row = torch.arange(episodes.size("B"))
    return episodes.select(row[row % 3 > 0]), episodes.select(row[row % 3 == 0])


@pytest.fixture(scope="module")
def goals() -> tuple[Episodes, Episodes]:
    return split(acted(PushConfig(budget=30), 60, 0))


@pytest.fixture(scope="module")
def judge(goals):
    return fit_judge(goals[0], config=replace(QUICK, steps=90))


def test_it_learns_goal_pictures(judge, goals):
    score = score_judge(judge, goals[1])
    assert score.accuracy.low > 0.85 and score.hits > 0.8 and score.false_alarms < 0.15
    assert score.episodes == 40 and score.frames == 40 * 30
    assert JudgeScore.from_json(score.to_json()) == score


def test_it_learns_instructions():
    config = PushConfig(task="instruction", zones=1, colours=("red", "blue"), budget=30)
    sentences = PushWorld(1, config).spec.sentences
    train, test = split(acted(config, 45, 0))
    found = fit_judge(train, sentences=sentences, config=replace(QUICK, steps=300))
    assert found.sentences == sentences and not found.goal
    score = score_judge(found, test)
    assert score.accuracy.value > 1 - score.solved + 0.05 and score.hits > 0.5  # few episodes: better than always saying no


def test_an_instruction_decides_between_zones():
    """The same frames, another word: a judge that is told must change its mind."""
    side = torch.linspace(0, 1, 32) > 0.5
    frames = torch.zeros(64, 2, 3, 32, 32, dtype=torch.uint8)
    left = torch.arange(64) % 2 == 0
    frames[:, :, 0, 8:24] = torch.where((side[None] ^ left[:, None])[:, None, None], 200, 0).to(torch.uint8).expand(64, 2, 16, 32)
    told = torch.arange(64) // 2 % 2
    solved = (left == (told == 0))[:, None].expand(64, 2)
    template = acted(PushConfig(budget=2), 32, 0).narrow("T", 0, 2)
    made = replace(template, observation=Observation(rgb={"top": frames}), task=Task(instruction=told), success=solved, alive=torch.ones(64, 2).bool())
    found = fit_judge(made, sentences=("go left", "go right"), config=replace(QUICK, steps=80))
    assert torch.equal(found.solved(made.observation, made.task), solved)
    assert torch.equal(found.solved(made.observation, Task(instruction=1 - told)), ~solved)


def test_the_same_episodes_give_the_same_judge(goals):
    one, two = (fit_judge(goals[0].narrow("B", 20, 60), config=replace(QUICK, steps=3), seed=4) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in one.parameters())


def test_resets_and_what_lies_behind_an_end_are_not_judged(goals):
    row, step, label = labelled(goals[0])
    assert int(step.min()) == 1 and len(row) == 80 * 30
    ended = replace(goals[0], alive=torch.arange(31).expand(80, 31) < 5)
    assert int(labelled(ended)[1].max()) == 5
    with pytest.raises(ValueError, match="do not say what is solved"):
        labelled(replace(goals[0], success=None))
    assert label.dtype == torch.bool


def test_what_does_not_fit_explains_itself(judge, goals):
    train, _ = goals
    with pytest.raises(ValueError, match="was fitted on 80 of these"):
        score_judge(judge, train)
    with pytest.raises(ValueError, match="stay unseen"):
        fit_judge(replace(train, seed=train.seed + 2_000_000))
    with pytest.raises(ValueError, match="0 of 2400 frames are solved"):
        fit_judge(replace(train, success=torch.zeros_like(train.success)))
    with pytest.raises(SpecError, match="needs cameras and a goal picture or instructions"):
        fit_judge(replace(train, task=Task()))
    with pytest.raises(SpecError, match="compares with a goal picture"):
        judge.solved(train.observation, Task())
    with pytest.raises(SpecError, match="are missing"):
        judge.solved(Observation(rgb={"front": train.observation.rgb["top"]}), train.task)
    with pytest.raises(SpecError, match=r"pictured\(model\)"):
        judge.of_future(Future(state=Latent(z=torch.zeros(80, 1, 2))), train.task)


def test_a_future_is_judged_as_a_frame_is(judge, goals):
    few = goals[1].narrow("B", 0, 5)
    as_model = Observation(rgb={"top": few.observation.rgb["top"] / 255})
    assert torch.equal(judge.of_future(Future(observation=as_model), few.task), judge.solved(few.observation, few.task))
