"""lewm tiny: conforms, learns, resumes, loads, acts."""

from dataclasses import replace

import pytest
import torch

from wam import train
from wam.check import check_world_model
from wam.data import DataSpec, WindowDataset
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import all_recipes, export, load, load_recipe, train_recipe
from wam.recipes.lewm import RECIPE, without_regulariser
from wam.recipes.runs import frames_for
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushWorld
from wam.world import Actions, Facts, Future, Moments, Noise, Observation, Past, SpecError, Statistics, Task, Window


def data_spec(cameras: int = 1) -> DataSpec:
    spec = DataSpec.of_world(PushWorld(1).spec)
    named = {f"camera {index}": camera for index in range(cameras) for camera in spec.observes.cameras.values()}
    return replace(spec, observes=replace(spec.observes, cameras=named), acts=replace(spec.acts, per_step=3), rate=spec.rate / 3)


def statistics(spec: DataSpec) -> Statistics:
    moments = Moments(count=9, mean=(0.0, 0.0), std=(0.03, 0.03), low=(-0.06, -0.06), high=(0.06, 0.06), q01=(-0.06, -0.06), q99=(0.06, 0.06))
    return Statistics(acts=spec.acts, proprio_slots=spec.observes.proprio, action=moments, proprio=moments)


def make():
    torch.manual_seed(0)
    return RECIPE.build(RECIPE.presets["tiny"].config, data_spec(), statistics(data_spec()))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=60, policies={"play": 1.0}, truth=())


@pytest.fixture(scope="module")
def run(recorded, tmp_path_factory):
    return train_recipe("lewm", recorded, tmp_path_factory.mktemp("run") / "lewm", steps=40, show=False)


def test_conforms():
    check_world_model(make(), make=make).require()


def test_conforms_where_it_predicts_the_change():
    def robot():
        torch.manual_seed(0)
        return RECIPE.build(RECIPE.presets["robot"].config, data_spec(), statistics(data_spec()))

    check_world_model(robot(), make=robot).require()


def test_several_cameras_and_proprioception():
    from wam.models.state_space.latent.lewm import LeWMConfig, LeWorldModel

    spec = data_spec(cameras=2)
    torch.manual_seed(0)
    model = LeWorldModel(LeWMConfig(latent=8, width=8, points=8, hidden=16, dim=16, depth=1, heads=2), spec.observes, spec.acts, statistics(spec), spec.rate)
    check_world_model(model).require()


def test_statistics_of_another_representation_are_refused():
    spec = data_spec()
    absolute = replace(spec.acts, low_level=tuple(replace(slot, relative=False) for slot in spec.acts.low_level))
    with pytest.raises(SpecError, match="representation"):
        RECIPE.build(RECIPE.presets["tiny"].config, spec, replace(statistics(spec), acts=absolute))


def test_learns_to_predict(recorded, run):
    """After forty steps a held-in batch is predicted better than by copying, and the latent has not collapsed."""
    windows = WindowDataset(frames_for(run.preset, recorded), past=1, horizon=3, skip=3)
    meters = run.model.meters(windows.batch(torch.arange(0, 256)))
    assert meters["latent std"] > 0.3 and meters["effective rank"] > 2


def test_loads_as_it_was_saved(run):
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    assert again.preset.config == run.preset.config and again.model.spec == run.model.spec


def test_an_exported_run_is_small_and_imagines_the_same(recorded, run, tmp_path):
    from wam.evaluate import imagine

    small = load(export(run.folder, tmp_path / "small"))
    window = WindowDataset(frames_for(run.preset, recorded), past=1, horizon=3, skip=3).batch(torch.arange(8))
    one, two = (imagine(each.model, window).latents for each in (run, small))
    assert (one - two).abs().max() < 0.02 * one.std()
    whole, half = ((folder / "weights.safetensors").stat().st_size for folder in (next((run.folder / "checkpoints").iterdir()), tmp_path / "small"))
    assert half < 0.55 * whole
    with torch.no_grad():
        small.model.embed_latent.weight += 1e6
    train.save(tmp_path / "wild", small.model, train.load(small.folder).provenance)
    (tmp_path / "wild" / "run.json").write_text((small.folder / "run.json").read_text())
    with pytest.raises(train.CheckpointError, match="too large for half precision"):
        export(tmp_path / "wild", tmp_path / "no")


def test_acts_in_its_world(run):
    preset = replace(run.preset, planner=replace(run.preset.planner, samples=16, iterations=2, elites=4))
    world = Skip(PushWorld(2), run.preset.skip)
    seeds, policy = range(2), replace(run, preset=preset).policy()
    assert policy.acts == load(run.folder).policy().acts == run.statistics.within(run.model.spec.consumes)
    episodes = rollout(world, policy, 3, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].all()


def test_the_mechanism_switch_turns_the_regulariser_off():
    assert without_regulariser(RECIPE.presets["tiny"]).stages[0].learner.weights["gaussian"] == 0


def test_a_cut_in_time_is_a_fresh_start():
    """A frame whose action is not valid starts a new segment: what came before does not change the prediction."""
    model = make().eval()
    spec = model.spec
    observation, actions = spec.observes.sample(2, 6), spec.consumes.sample(2, 6)
    valid = actions.valid.clone()
    valid[:, 3] = False
    past = Past(observation=observation, actions=replace(actions, valid=valid))
    future: Actions = spec.consumes.sample(2, 3, Noise.of([7, 8]))
    whole = model.predict(model.observe(model.begin(2, Task()), past), future)[1].state.z
    rest = model.predict(model.observe(model.begin(2, Task()), past.narrow("T", 3)), future)[1].state.z
    assert torch.allclose(whole, rest, atol=1e-5)


def slots(spec, count):
    return replace(spec.consumes, low_level=tuple(replace(spec.consumes.low_level[0], name=f"slot {index}") for index in range(count)))


REFUSED = {
    "a column that would be broadcast": (lambda spec: slots(spec, 1).sample(4, 2), r"shape \(4, 2, 3, 1\).*expected \(B, T, R, A\) = \(4, 2, 3, 2\).*2 slots"),
    "an R that would be broadcast": (lambda spec: replace(spec.consumes, per_step=1).sample(4, 2), r"shape \(4, 2, 1, 2\).*give R = 3 actions"),
    "another R": (lambda spec: replace(spec.consumes, per_step=5).sample(4, 2), r"shape \(4, 2, 5, 2\).*Actions of another spec"),
    "another T": (lambda spec: replace(spec.consumes.sample(4, 2), valid=torch.ones(4, 3, 3).bool()), r"valid of shape \(4, 3, 3\), expected .*\(4, 3, 3, 2\)"),
    "no low-level actions": (lambda spec: Actions(valid=torch.ones(4, 2, 3).bool()), r"shape None.*expected"),
    "rows that do not divide": (
        lambda spec: spec.consumes.sample(5, 2),
        r"5 rows of actions for 4 rows of carry, expected .*multiple.*same number of candidates",
    ),
    "too few rows": (lambda spec: spec.consumes.sample(2, 2), r"2 rows of actions for 4 rows of carry"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_actions_of_another_shape_are_refused(what):
    model, (actions, message) = make().eval(), REFUSED[what]
    with pytest.raises(SpecError, match=message):
        model.predict(model.begin(4, Task()), actions(model.spec))


def test_what_it_cannot_see_or_show_is_refused():
    model = make().eval()
    with pytest.raises(SpecError, match=r"LeWorldModel\.encode: camera .* is missing"):
        model.encode(Observation(proprio=torch.zeros(1, 1, 2)))
    with pytest.raises(SpecError, match=r"decode got a Facts, expected the Latent"):
        model.decode(Facts(holds=torch.ones(1, 1, 1).bool(), atoms=("a",)))


def test_a_step_without_a_real_row_does_not_count():
    """At an episode's end every row of a batch may be padding: the loss is that of the steps before, not NaN."""
    model = make().eval()
    observes, acts = model.spec.observes, model.spec.consumes
    frames, actions, noise = observes.sample(8, 5), acts.sample(8, 5), Noise.of(range(8))
    past = Past(observation=frames.narrow("T", 0, 1), actions=actions.narrow("T", 0, 1))
    valid = torch.ones(8, 4, dtype=torch.bool)
    valid[:, 2:] = False

    def gaussian(steps):
        ahead = Future(observation=frames.narrow("T", 1, 1 + steps))
        window = Window(past=past, actions=actions.narrow("T", 1, 1 + steps), future=ahead, valid=valid[:, :steps], task=Task())
        return model.loss(window, noise=noise)["gaussian"]

    assert torch.allclose(gaussian(4), gaussian(2))


def test_recipes_are_found_by_name():
    assert "lewm" in {recipe.name for recipe in all_recipes()}
    with pytest.raises(ValueError, match="lewm"):
        load_recipe("lewn")
