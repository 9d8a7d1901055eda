"""td_mpc2: conforms, values as it should, proposes what its policy does, learns online from state and from pixels, loads, and acts."""

from dataclasses import replace

import pytest
import torch

from tests.train.practice import SEES, SPEC, Learner
from wam.check import check_world_model
from wam.data import DataSpec, open_dataset
from wam.jobs.imagine import imagine_run
from wam.jobs.pages import refreshed
from wam.jobs.practise import as_shown, practise_world
from wam.jobs.score import ScoreResult, score_runs
from wam.models.state_space.latent.td_mpc2 import TDMPC2, TDMPC2Config, two_of
from wam.plan import MPPI, Habit
from wam.recipes import load, train_recipe
from wam.recipes.runs import planning, practise_recipe
from wam.recipes.td_mpc2 import RECIPE, without_planning
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.train import CheckpointError, Online
from wam.world import Future, Latent, Noise, Past, SpecError, Statistics, Task, Window

SMALL = {"latent": 16, "hidden": 16, "width": 8, "points": 4, "bins": 11}


@pytest.mark.parametrize(("sees", "points", "alike"), [("state", 4, True), ("pixels", 4, True), ("pixels", 4, False), ("pixels", 0, False)])
def test_conforms(sees, points, alike):
    data = DataSpec.of_world(PushWorld(1, PushConfig(sees=sees)).spec)

    def make():
        torch.manual_seed(0)
        model = RECIPE.build(TDMPC2Config(**SMALL | {"points": points, "alike": alike}), data, Statistics(acts=data.acts))
        for head in (model.reward[-1], model.policy[-1]):
            torch.nn.init.normal_(head.weight, std=0.5)  # as if trained: zero heads hide mistakes
        return model

    check_world_model(make(), make=make).require()


def window(rows: int, steps: int, reward: float, alive: float = 1.0) -> Window:
    noise = Noise.of(range(rows))
    return Window(
        past=Past(observation=SEES.sample(rows, 1, noise), actions=SPEC.acts.nothing(rows, 1)),
        actions=SPEC.acts.sample(rows, steps, noise),
        future=Future(
            observation=SEES.sample(rows, steps, noise.fork("next")), reward=torch.full((rows, steps), reward), alive=torch.full((rows, steps), alive)
        ),
        valid=torch.ones(rows, steps, dtype=torch.bool),
        task=Task(),
    )


def test_the_value_of_a_steady_reward_is_the_sum_of_the_series():
    torch.manual_seed(0)
    config = TDMPC2Config(latent=16, hidden=32, bins=41, largest=3.0, unit=2.0, discount=0.5, following=0.1)
    model = TDMPC2(config, SEES, SPEC.acts, SPEC.rate)
    optimiser = torch.optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], 3e-3)
    for step in range(400):
        rows = window(32, 3, reward=3.0)
        losses = model.loss(rows, noise=Noise.of(torch.arange(32) + 32 * step))
        optimiser.zero_grad()
        (0.1 * (losses["value"] + losses["reward"])).mean().backward()
        optimiser.step()
    model.eval()
    carry = model.observe(model.begin(32, Task()), window(32, 3, 3.0).past)
    assert model.value(model.state(carry)).mean().item() == pytest.approx(3.0 / (1 - 0.5), rel=0.05)
    _, future = model.predict(carry, SPEC.acts.sample(32, 3))
    assert future.reward.mean().item() == pytest.approx(3.0, rel=0.05)


def test_nothing_is_expected_after_the_end():
    model = Learner().eval()
    torch.nn.init.normal_(model.target_heads.weights[-1])
    rows = window(8, 3, reward=0.5, alive=0.0)
    came = model.encode(rows.future.observation).z
    torch.testing.assert_close(model._target(came, rows, Noise.of(range(8))), torch.full((8, 3), 0.5))
    assert not torch.allclose(model._target(came, window(8, 3, 0.5), Noise.of(range(8))), torch.full((8, 3), 0.5), atol=1e-3)


def test_the_policy_climbs_a_value_that_it_does_not_change():
    model = Learner()
    torch.nn.init.normal_(model.value_heads.weights[-1])
    model.loss(window(8, 3, 0.5), noise=Noise.of(range(8)))["policy"].mean().backward()
    reached = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None and parameter.grad.abs().sum() > 0}
    assert reached == {"policy"}


def test_target_heads_follow_and_only_while_training():
    model = Learner()
    torch.nn.init.ones_(model.value_heads.weights[-1])
    model.loss(window(8, 3, 0.5), noise=Noise.of(range(8)))
    assert model.target_heads.weights[-1].mean().item() == pytest.approx(0.02)
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.loss(window(8, 3, 0.5), noise=Noise.of(range(8)))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_two_heads_are_two_different_ones():
    values = torch.arange(5.0)[:, None, None].expand(5, 64, 3)
    drawn = two_of(values, Noise.of(range(64)))
    assert (drawn[0] != drawn[1]).all() and set(drawn.flatten().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}


def test_proposals_are_the_policys_path_and_habit_takes_the_first():
    torch.manual_seed(0)  # not a policy that is sure of everything
    model = Learner().eval()
    torch.nn.init.normal_(model.policy[-1].weight)
    carry = model.observe(model.begin(4, Task()), window(4, 3, 0.0).past)
    proposed = model.propose(carry, 5, 3, noise=Noise.of(range(4)))
    assert proposed.shape == (4, 5, 3, 1, 1) and proposed.abs().max() <= 0.2 and not torch.allclose(proposed[:, 1], proposed[:, 2])
    z = carry.now.z
    for step in range(3):
        action, _ = model._act(z, None)
        torch.testing.assert_close(proposed[:, 0, step, 0], 0.2 * action)
        z = model.dynamics(torch.cat([z, action], -1))
    alone = planning(model, RECIPE, without_planning(RECIPE.presets["tiny"]), Statistics(acts=model.spec.consumes))
    _, acted = alone.act(alone.begin(4, Task()), window(4, 3, 0.0).past, noise=Noise.of(range(4)))
    torch.testing.assert_close(acted.low_level, proposed[:, 0])
    assert isinstance(alone.planner, Habit)


def test_at_sight_a_goal_image_is_read_as_a_frame_is_whatever_stands_in_the_other():
    world = as_shown(PushWorld(3, PushConfig()), RECIPE.presets["sight"])
    seen, _ = world.reset(torch.ones(3, dtype=torch.bool), torch.arange(3))
    swapped = replace(seen, rgb={"top": seen.rgb["goal_top"], "goal_top": seen.rgb["top"]})
    model = RECIPE.build(RECIPE.presets["sight"].config, DataSpec.of_world(world.spec), Statistics(acts=world.spec.acts)).eval()
    read = []
    model.encoder.body.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    for observation in (seen, swapped):
        model.encode(observation)
    (frame, goal), (goal_first, frame_last) = (one[..., :-4].chunk(2, -1) for one in read)  # 4 numbers are felt
    torch.testing.assert_close((goal_first, frame_last), (goal, frame))
    assert not torch.allclose(frame, goal)


def test_what_it_cannot_learn_from_is_named():
    model = Learner()
    bare = window(4, 3, 0.0)
    with pytest.raises(SpecError, match="learns from rewards"):
        model.loss(replace(bare, future=Future(observation=bare.future.observation)), noise=Noise.of(range(4)))
    endless = replace(SPEC.acts, low_level=(replace(SPEC.acts.low_level[0], high=float("inf")),))
    with pytest.raises(SpecError, match=r"\['dx'\] have no limits"):
        TDMPC2(TDMPC2Config(), SEES, endless, 10.0)
    with pytest.raises(SpecError, match="sees nothing"):
        TDMPC2(TDMPC2Config(), replace(SEES, proprio=()), SPEC.acts, 10.0)
    with pytest.raises(SpecError, match="takes a Latent"):
        model.value(Latent)  # type: ignore[arg-type]


def brief(preset):
    (stage,) = preset.stages
    online = replace(stage.learner, rounds=3, worlds=2, random=1, look=3, judged=2, learner=replace(stage.learner.learner, batch=8))
    config = replace(preset.config, **SMALL)
    return replace(preset, config=config, stages=(replace(stage, learner=online),), planner=MPPI(samples=10, iterations=1, elites=3), proposals=2)


@pytest.mark.parametrize("sees", ["state", "pixels"])
def test_learns_in_a_world_loads_and_acts(sees, tmp_path):
    training = {"options": {"sees": sees, "budget": 6}, "change": brief, "steps": 6, "show": False}
    run = practise_world("td_mpc2", "push", tmp_path / "run", **training)
    assert len(open_dataset(run.trained_on.data)) == 6 and run.trained_on.frames == 12 and "sees=" in run.trained_on.world
    again = load(run.folder)
    assert again.name == "td_mpc2 tiny, changed" and isinstance(again.policy().planner, MPPI)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    with pytest.raises(CheckpointError, match="trained_on was"):
        practise_world("td_mpc2", "push", tmp_path / "run", **{**training, "options": {"sees": sees, "budget": 7}}, resume=True)


def test_data_and_world_are_told_apart(tmp_path):
    with pytest.raises(SpecError, match="learns from a world that it acts in"):
        train_recipe("td_mpc2", tmp_path, tmp_path / "run")
    with pytest.raises(SpecError, match="learns from a data set"):
        practise_recipe("lewm", lambda batch: PushWorld(batch, PushConfig()), "push", tmp_path / "run")
    with pytest.raises(SpecError, match=r"shows .*Pass --option size=32"):
        practise_world("td_mpc2", "push", tmp_path / "run", options={"size": 64})
    assert all(isinstance(stage.learner, Online) for preset in RECIPE.presets.values() for stage in preset.stages)


def test_what_it_imagines_is_judged_on_what_another_run_lived_through(tmp_path):
    training = {"options": {"sees": "state", "budget": 12}, "change": brief, "steps": 6, "show": False}
    one, other = (practise_world("td_mpc2", "push", tmp_path / f"run-{seed}", seed=seed, **training) for seed in (0, 1))
    with pytest.raises(ValueError, match=r"td_mpc2 tiny, changed was trained on (\d+) of the \1 episodes"):
        imagine_run(one.folder, one.trained_on.data, horizon=2, count=4)
    found, _ = imagine_run(one.folder, other.trained_on.data, horizon=2, count=4)
    assert {curve.arm for curve in found.card.curves} >= {"model", "shuffled"}


def test_scores_with_and_without_planning(tmp_path):
    training = {"options": {"sees": "state", "budget": 6}, "change": brief, "steps": 6, "show": False}
    folders = [practise_world("td_mpc2", "push", tmp_path / f"run-{seed}", seed=seed, **training).folder for seed in (0, 1)]
    found = score_runs(folders, "push", episodes=3, options=training["options"], published=2.0)
    assert [row.name for row in found.rows] == ["random", "idle", "on", "off", "on", "off"]
    plan = [value for row in found.rows if row.name == "on" for value in row.returns]
    assert found.reached.value == pytest.approx(sum(plan) / 6) and found.over_off is not None
    assert found.verdicts.mechanism is None and found.steps == 12 and found.mechanism.startswith("planning")  # two trainings are too few for a verdict
    assert ScoreResult.from_json(found.save(tmp_path / "score_push.json").read_text()) == found
    page = refreshed("<!-- score_*.json -->\n<!-- end -->", tmp_path)
    assert "push budget=6 sees=state" in page and "of 2" in page and "2 x 3" in page
