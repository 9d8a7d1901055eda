"""STRIPS-like operators: facts are grounded by a classifier, effects learned from executions, plans found by search and run by skills."""

from dataclasses import replace

import pytest
import torch

from tests.reference.operators import OperatorModel, skill_episodes
from tests.reference.reach import FACTS, NAMES, PLACES, STEPS, ReachWorld
from wam.check import check_world_model
from wam.plan.control.rollout import rollout
from wam.plan.control.skills import SkillExecutor
from wam.plan.skills import BreadthFirst
from wam.sim.worlds.push import SKILLS, PushSkill
from wam.world import Facts, Noise, concatenate

REACH_PLACE = [skill.name for skill in SKILLS].index("reach_place")
GROUNDED = tuple((0, tuple(round(x, 3) for x in place)) for place in PLACES.tolist())


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    model = OperatorModel(ReachWorld(1).spec, (SKILLS[REACH_PLACE],), GROUNDED)
    parts = []
    for k, place in enumerate(PLACES):
        env = ReachWorld(16)
        seeds = range(100 * k, 100 * k + 16)
        done = rollout(env, PushSkill(env.world, REACH_PLACE, tuple(place.tolist()), STEPS), STEPS, seeds=seeds, noise=Noise.of(seeds), truth=True)
        parts.append(skill_episodes(done, 0, place.expand(16, 2)))
    episodes = concatenate([replace(part, task=parts[0].task) for part in parts], "B")
    for progress in model.fit(episodes, noise=Noise.of([0])):
        last = progress
    assert last.done == last.total
    return model


def test_learns_what_the_skills_do(fitted):
    """Going to a place makes `at(place)` true and every other `at` false."""
    assert torch.equal(fitted.adds, torch.eye(len(NAMES), dtype=torch.bool))
    assert not (fitted.deletes & fitted.adds).any() and fitted.deletes.float().mean() > 0.8
    assert not fitted.needs.any()


def test_conforms(fitted):
    check_world_model(fitted).require()


def test_plans_and_its_plan_is_executed_by_skills(fitted):
    env = ReachWorld(6)
    policy = SkillExecutor(fitted, BreadthFirst(), {0: lambda place: PushSkill(env.world, REACH_PLACE, place, STEPS)}, patience=STEPS)

    class WithFacts:
        """The same world; its task says the place as facts."""

        spec, batch = env.spec, env.batch
        step, truth, save, restore = env.step, env.truth, env.save, env.restore

        def reset(self, mask, seeds):
            observation, task = env.reset(mask, seeds)
            wanted = torch.nn.functional.one_hot(task.instruction, len(NAMES)).bool()[:, None]
            return observation, replace(task, goal_state=Facts(holds=wanted, known=wanted, atoms=FACTS.atoms))

    seeds = range(2_000_000, 2_000_006)
    episodes = rollout(WithFacts(), policy, STEPS, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.success[:, -1].float().mean() >= 0.8
