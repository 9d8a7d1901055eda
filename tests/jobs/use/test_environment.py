"""Runs as environments: chunked models, several actions a step and latent ones pass Gymnasium's checks, and rows restart alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.jobs.use.conftest import OPTIONS
from tests.recipes.test_lewm import statistics
from tests.use.gymnasium_checks import check_vector
from wam import load
from wam.data import DataSpec
from wam.jobs.place import Place
from wam.jobs.record import record_world
from wam.jobs.use.environment import bounded, imagined_world
from wam.recipes import Run, load_recipe
from wam.recipes.run_file import TrainedOn
from wam.sim.adapters.goal_seen import GoalSeen
from wam.sim.adapters.gym_face import gym_face
from wam.sim.adapters.gym_vector import gym_vector
from wam.sim.worlds.push import PushWorld
from wam.use.judge import Judge
from wam.world import EVALUATION_SEEDS, Slot, SpecError

gymnasium = pytest.importorskip("gymnasium", reason='needs the extra "gym"')
SHIPPED = Path(__file__).parents[3] / "checkpoints" / "lewm-push"
NARROW = {"width": 8, "levels": 2, "condition": 16}
CODES = {"code": 3, "code_width": 8, "code_levels": 2, "code_dim": 16, "hidden": 16}
TOKENS = {"codec": 8, "dim": 16, "depth": 1, "heads": 2, "condition": 16, "words": 16, "eye": 8, "steps": 2}
MADE = {  # K model steps at once, R actions in each, what is changed to make it small
    "ctrl_world": (4, 1, NARROW),
    "dreamdojo": (2, 1, {**NARROW, **CODES}),
    "uwm": (4, 3, TOKENS),
    "td_mpc2": (1, 3, {}),
}


def made(name: str, sentences: tuple[str, ...] = ()) -> Run:
    """A run that nobody trained, its weights large enough for actions to matter; it follows `sentences`, where its kind does."""
    recipe, tiny = load_recipe(name), load_recipe(name).preset("tiny")
    preset = dataclasses.replace(tiny, config=dataclasses.replace(tiny.config, **MADE[name][2]))
    shows = dataclasses.replace(DataSpec.of_world(Place("push").shown(1, preset).spec), sentences=sentences)
    model = recipe.build(preset.config, shows, statistics(shows))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    nothing = TrainedOn(data="", fingerprint="", statistics="", frames=0)
    return Run(Path(name), recipe, "tiny", preset, model.eval(), shows, statistics(shows), nothing, 0)


@pytest.fixture(scope="module", params=["lewm", *MADE])
def run(request) -> tuple[Run, int]:
    """A run, and how many numbers its environment is told at each step."""
    torch.manual_seed(0)
    if request.param == "lewm":
        return load(SHIPPED), 1 * 3 * 2
    steps, per_step, _ = MADE[request.param]
    return made(request.param), steps * per_step * 2


def test_gymnasium_s_checks_pass(run):
    from gymnasium.utils.env_checker import check_env

    run, numbers = run
    with pytest.warns(UserWarning) as found:  # of an environment that was not registered they cannot make another
        check_env(gym_face(imagined_world(run, 1, world="push", starts=5)))
    told = [str(one.message) for one in found]
    assert not [one for one in told if "spec" not in one and "we recommend" not in one and "infinity" not in one]
    envs = gym_vector(imagined_world(run, 3, world="push", starts=5))
    assert envs.single_action_space == gymnasium.spaces.Box(-0.06, 0.06, (numbers,), np.float32)
    check_vector(envs)


def test_rows_restart_alone(run):
    """In the middle of an episode: the restarted row is as in a fresh environment, the others go on as if nothing had happened, bit for bit."""
    run, _ = run
    one, two, fresh = (gym_vector(imagined_world(run, 3, world="push", starts=5, budget=40), "Disabled") for _ in range(3))
    one.reset(seed=[1, 2, 3]), two.reset(seed=[1, 2, 3]), fresh.reset(seed=[1, 9, 3])
    one.action_space.seed(0)
    first = one.action_space.sample()
    one.step(first), two.step(first)
    seen, _ = two.reset(seed=[None, 9, None], options={"reset_mask": np.array([False, True, False])})
    for _ in range(3):
        actions = one.action_space.sample()
        (theirs, *_), (seen, _, ended, cut, _), (new, *_) = one.step(actions), two.step(actions), fresh.step(actions)
        for name in seen:
            assert np.array_equal(seen[name][[0, 2]], theirs[name][[0, 2]]) and np.array_equal(seen[name][1], new[name][1]), name
        assert not np.array_equal(seen[name][1], theirs[name][1]) and not (ended | cut).any()


def test_actions_matter_and_the_budget_cuts(run):
    """Five model steps, also where several are made at once: whole chunks until they are spent, which is a cut and no end."""
    run, _ = run
    world = imagined_world(run, 2, world="push", starts=5, budget=5)
    envs, steps = gym_vector(world, "Disabled"), -(-5 // world.spec.chunk)
    envs.reset(seed=[3, 3])
    actions = np.stack([envs.single_action_space.low, envs.single_action_space.high])
    told = [envs.step(actions) for _ in range(steps)]
    assert any(not np.array_equal(frames[0], frames[1]) for frames in told[-1][0].values())
    assert not any(ended.any() for _, _, ended, _, _ in told) and [cut.tolist() for *_, cut, _ in told] == [[False] * 2] * (steps - 1) + [[True] * 2]


def test_starts_are_real_frames_of_the_world_that_was_named():
    run = load(SHIPPED)
    seen, _ = gym_vector(imagined_world(run, 2, world="push", starts=4, seed=7)).reset(seed=[1, 2])
    first, _ = Place("push").make(4).reset(torch.ones(4, dtype=torch.bool), torch.arange(7, 11))
    assert np.array_equal(seen["top"], first.rgb["top"][1:3, 0].permute(0, 2, 3, 1).numpy())


def test_frames_of_a_data_set_are_starts_too(tmp_path):
    data = record_world("push", tmp_path / "set", episodes=4, policies={"play": 1.0}, options={"budget": 30}, truth=())
    world = imagined_world(load(SHIPPED), 2, data=data, starts=6)
    assert world.spec.budget == 10 and world.count == 6
    check_vector(gym_vector(world))


def test_a_judge_gives_the_reward_where_the_model_predicts_none(monkeypatch):
    run, judge = load(SHIPPED), Judge(("top",), goal=True, width=8)
    monkeypatch.setattr(Judge, "logits", lambda self, observation, task: observation.rgb["top"].float().mean((2, 3, 4)) * 0 + 1)
    envs = gym_vector(GoalSeen(imagined_world(run, 2, world="push", starts=4, budget=2, judge=judge)), "SameStep")
    seen, _ = envs.reset(seed=0)
    assert seen.keys() == {"top", "goal_top"}
    _, reward, *_, info = envs.step(envs.action_space.sample())
    assert reward.tolist() == [1, 1] and info["success"].all()
    _, reward, _, cut, info = envs.step(envs.action_space.sample())
    assert reward.tolist() == [1, 1] and cut.all() and info["final_info"]["success"].all()
    told = imagined_world(run, 2, world="push", starts=4)
    assert not told.spec.judged and not told.step(told.spec.acts.sample(2, 3)).reward.any()


def test_a_model_s_own_reward_goes_before_a_judge():
    torch.manual_seed(0)
    world = imagined_world(made("td_mpc2"), 2, world="push", starts=3)
    outcome = world.step(world.spec.acts.sample(2, 3))
    assert outcome.reward.abs().min() > 0 and world.spec.observes.state is not None and not world.spec.observes.cameras


def test_a_model_follows_what_its_starts_ask_for(demonstrations):
    """Worlds and data sets number their instructions differently, and the model was told by a third table."""
    words = PushWorld(1).spec.sentences
    for origin in ({"world": "push", "options": OPTIONS}, {"data": demonstrations}):
        run = made("uwm", words[::-1])
        world = imagined_world(run, 3, starts=5, **origin)
        assert world.spec.sentences == run.world_model.spec.sentences != words[::-1] and world.tasks.instruction.min() >= 0
        assert {world.spec.sentences[number] for number in world.tasks.instruction.tolist()} <= set(words)
        check_vector(gym_vector(world))
    with pytest.raises(SpecError, match="follows instructions, and 'push', where it is to start, gives none"):
        imagined_world(run, 2, world="push", starts=2)


def test_slots_without_limits_get_those_of_what_was_learned_from():
    known = statistics(made("ctrl_world").data)
    near, own = Slot(name="x", low=0.0), Slot(name="y", low=-0.5, high=0.5)
    acts = dataclasses.replace(known.acts, low_level=(near, own))
    limited = bounded(acts, known).low_level
    assert (limited[0].low, limited[1]) == (0.0, own) and limited[0].high == pytest.approx(0.06)


def test_what_does_not_fit_explains_itself(susie, tmp_path):
    run = load(SHIPPED)
    with pytest.raises(ValueError, match="say where episodes start, by one of the two"):
        imagined_world(run, 2)
    with pytest.raises(ValueError, match="say where episodes start, by one of the two"):
        imagined_world(run, 2, world="push", data="runs/push")
    with pytest.raises(SpecError, match=r"its video does not see them\. `wam imagine"):
        imagined_world(load(susie), 2, world="push")
    with pytest.raises(ValueError, match="the world 'tabletop' has the cameras"):
        imagined_world(run, 2, world="tabletop", starts=2)
    judge = Judge(("top",), goal=True, width=8)
    data = record_world("push", tmp_path / "set", episodes=2, policies={"play": 1.0}, truth=())
    with pytest.raises(SpecError, match="compares with a goal picture, and this task has none"):
        imagined_world(run, 2, data=data, judge=judge)


def test_starts_of_evaluation_are_for_those_who_ask_for_them():
    world = imagined_world(load(SHIPPED), 2, world="push", starts=2, seed=EVALUATION_SEEDS)
    first, _ = Place("push").make(2).reset(torch.ones(2, dtype=torch.bool), torch.arange(2) + EVALUATION_SEEDS)
    assert torch.allclose(world.now.last.rgb["top"], first.rgb["top"] / 255)
