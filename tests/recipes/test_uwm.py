"""uwm tiny: latents are kept, all views of the trained model are there, and it acts on instructions."""

from dataclasses import replace

import torch

from tests.recipes.test_lewm import statistics
from tests.recipes.test_presets import data_for
from wam.check import check_inverse, check_policy, check_world_model
from wam.jobs.record import record_world
from wam.models.world_action.joint_programs import table
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.recipes.latents import joint_stages
from wam.recipes.runs import planning
from wam.recipes.uwm import RECIPE, coupled, independent
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Imagines, Noise, Past, Task

ASKED = {"task": "instruction", "zones": 2}


def narrow(preset):
    return replace(preset, config=replace(preset.config, codec=8, dim=16, depth=1, heads=2, condition=16, words=16, eye=8, steps=2))


def in_latents(preset):
    """With an autoencoder's stage before, as the larger presets have it."""
    stages = joint_stages(pictures=4, steps=4, batch=16, learning_rate=1e-3, past=2, horizon=4)
    small = narrow(preset)
    return replace(small, config=replace(small.config, latent=4, fine=0, patch=2, execute=2), stages=stages)


def test_trains_loads_and_acts(tmp_path):
    data = record_world("push", tmp_path / "set", episodes=20, policies={"expert": 1.0}, options=ASKED, truth=())
    run = train_recipe("uwm", data, tmp_path / "run", change=in_latents, steps=4, show=False)
    assert list((tmp_path / "run").rglob("latents-*.npy"))
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    for parameter in again.model.parameters():  # four steps hardly open what starts closed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    check_policy(again.model, make=lambda: load(run.folder).model).require()
    check_inverse(again.model.as_inverse(), again.model.spec.observes, again.model.spec.acts).require()
    for view in (again.model.as_world_model(), again.model.as_video()):
        check_world_model(view).require()
    world, seeds = Skip(PushWorld(3, PushConfig(**ASKED)), again.preset.skip), range(3)
    again.model.read(world.spec.sentences)  # the set's table holds what was asked in it, in that order
    episodes = rollout(world, again.policy(), 4, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].any() and episodes.decided.sum() == 3 * 2

    policy, first = again.model.as_policy("joint"), Past(observation=episodes.observation.narrow("T", 0, 1), actions=episodes.actions.narrow("T", 0, 1))
    assert isinstance(policy, Imagines) and policy.spec == again.model.spec
    future = policy.imagine(policy.begin(3, episodes.task), first, noise=Noise.of(seeds))
    assert next(iter(future.observation.rgb.values())).shape[:2] == (3, again.model.spec.chunk)
    for view in (again.model.as_world_model(), again.model.as_video()):
        carry = view.observe(view.begin(3, episodes.task), first)
        actions = view.spec.consumes.sample(3, 2 * view.spec.chunk)
        assert view.predict(carry, actions, noise=Noise.of(seeds))[1].size("H") == 2 * view.spec.chunk


def test_its_forward_view_is_planned_with():
    spec = data_for(32, 3)
    preset = narrow(RECIPE.presets["tiny"])
    model = RECIPE.build(preset.config, spec, statistics(spec)).eval()
    brief = replace(preset, planner=replace(preset.planner, samples=4, iterations=2, elites=2))
    policy = planning(model.as_world_model(), RECIPE, brief, statistics(spec))
    seen = Past(observation=spec.observes.sample(2, 1), actions=spec.acts.nothing(2, 1))
    memory = policy.begin(2, Task(goal=spec.observes.sample(2, 1)))
    _, acted = policy.act(memory, seen, noise=Noise.of(range(2)))
    assert acted.low_level.shape == (2, 4, 3, 2)


def test_arms_that_draw_both_together_differ_in_the_levels_alone():
    spec = data_for(32, 3)
    made = [RECIPE.build(change(narrow(RECIPE.presets["tiny"])).config, spec, statistics(spec)) for change in (coupled, independent, lambda preset: preset)]
    one, two, views = ([lesson.levels.draw(Noise.of(range(64)), 1) for lesson in model.lessons] for model in made)
    assert torch.equal(*one[0]) and not torch.equal(*two[0])
    assert torch.equal(one[0][0], two[0][0]) and len(one) == len(two) == 1 and len(views) == 5  # the video's levels are the same in both
    assert replace(made[0].lessons[0], levels=None) == replace(made[1].lessons[0], levels=None)
    for model in made[:2]:
        rows = table(model.program, 3)
        assert torch.equal(rows[:, 0], rows[:, 1])
    assert (table(made[2].program, 3)[:, 0] == 1).all()


def test_its_mechanism_is_compared_with_what_differs_in_the_levels_alone():
    """The preset itself also learns each view in rows of its own, which is another thing."""
    on, off = (switch(RECIPE.preset("tiny")) for switch in (RECIPE.mechanism.on, RECIPE.mechanism.off))
    assert (on.config.drawn, off.config.drawn) == ("independent", "coupled")
    assert replace(on, config=replace(on.config, drawn="coupled")) == off
