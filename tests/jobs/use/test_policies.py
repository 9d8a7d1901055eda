"""Policies named beforehand: a grade makes a policy worse by just so much, and who cannot see in a model is told so."""

from dataclasses import replace
from importlib import import_module

import pytest
import torch

from tests.evaluate.dots import ACTS, SEES, DotModel, DotWorld, Seeker
from wam.jobs.use.policies import NAMED, Grade, Graded, named, policies_of, require_pace, require_sight, watched
from wam.plan.control.rollout import rollout
from wam.recipes.runs import load
from wam.sim.worlds.push import make
from wam.use.pictured import pictured
from wam.world import Idle, Noise, Past, PolicySpec, Slot, SpecError, Uniform


def relative(policy: Seeker) -> Seeker:
    policy.spec = replace(policy.spec, acts=replace(ACTS, low_level=tuple(replace(slot, relative=True) for slot in ACTS.low_level)))
    return policy


def acted(policy, rows: int = 400) -> torch.Tensor:
    return rollout(DotWorld(rows), policy, 1, seeds=range(rows), noise=Noise.of(range(rows))).actions.low_level[:, 1, 0]


def test_grades_do_what_their_names_say():
    own, half = acted(Seeker()), acted(Graded(relative(Seeker()), Grade(pace=0.5)))
    assert torch.equal(half, 0.5 * own) and torch.equal(acted(Graded(Seeker(), Grade())), own)
    strayed = (acted(Graded(Seeker(), Grade(random=0.3))) != own).any(1)
    assert 0.22 < float(strayed.float().mean()) < 0.38
    assert [str(grade) for grade in (Grade(), Grade(random=0.2), Grade(pace=0.25))] == ["as trained", "20 % at random", "25 % of the way"]
    with pytest.raises(SpecError, match=r"\['x', 'y'\] are absolute"):
        Graded(Seeker(), Grade(pace=0.5))


def test_eight_policies_are_named_and_every_teacher_exists(susie):
    env = make(2, task="instruction", zones=2)
    found = policies_of([load(susie)], "push", env.spec)
    assert len(found) == 8 and next(iter(found)) == "susie, as trained" and list(found)[-2:] == ["random", "idle"]
    assert NAMED["push"].teachers[0] == "expert" and len(NAMED["push"].grades) == 6
    with pytest.raises(ValueError, match="two of one name"):
        policies_of([load(susie), load(susie)], "push", env.spec)
    with pytest.raises(ValueError, match="no policies are named beforehand for the world 'gym'"):
        named("gym")


@pytest.mark.parametrize("world", NAMED)
def test_in_every_world_a_run_gives_six_policies_and_the_judge_has_teachers(world):
    module = import_module(f"wam.sim.worlds.{world}")
    spec = module.make(1).spec
    graded = [Graded(Uniform(spec), grade) for grade in NAMED[world].grades]
    assert len({str(policy.grade) for policy in graded}) == 6 and str(graded[0].grade) == "as trained"
    assert set(NAMED[world].teachers) <= module.POLICIES.keys()


def test_who_sees_more_than_the_model_predicts_cannot_act_in_it():
    shown = pictured(DotModel()).spec
    require_sight("seeks", Seeker().spec, shown)
    feels = Seeker()
    feels.spec = PolicySpec(observes=replace(SEES, proprio=(Slot(name="x"),)), acts=ACTS)
    with pytest.raises(SpecError, match=r"^feels cannot act in what the model imagines: proprio has size 0, the spec says 1\. Name a policy"):
        require_sight("feels", feels.spec, shown)


def test_who_decides_within_what_a_model_predicts_at_once_cannot_act_in_it():
    model = DotModel()
    model.spec = replace(model.spec, chunk=4)
    patient, slow = Seeker(), Seeker()
    patient.spec = replace(patient.spec, chunk=9, execute=8)
    slow.spec = replace(slow.spec, acts=replace(ACTS, per_step=2), rate=slow.spec.rate / 2, chunk=2, execute=2)
    for policy in (patient, slow, Idle(replace(DotWorld(1).spec, chunk=4))):
        require_pace("waits", policy.spec, model.spec)
    with pytest.raises(SpecError, match=r"^seeks executes 1 of its actions .* \(execute\), and the model predicts 4 steps at once \(chunk\).* a multiple of 4"):
        require_pace("seeks", Seeker().spec, model.spec)
    slow.spec = replace(slow.spec, rate=7.0)
    with pytest.raises(SpecError, match=r"^slow decides at 7 Hz with 2 actions per step, the model goes at .* train both at one clock"):
        require_pace("slow", slow.spec, model.spec)


def test_progress_is_told_decision_by_decision():
    said: list[tuple[int, int]] = []
    policies = watched({"one": Seeker(), "two": Seeker()}, lambda done, total: said.append((done, total)), batches=2, steps=3)
    for policy in policies.values():
        for start in (0, 2):
            rollout(DotWorld(2), policy, 3, seeds=(start, start + 1), noise=Noise.of((0, 1)))
    assert said == [(done, 12) for done in range(1, 13)]


def test_progress_counts_the_last_short_step_of_a_slow_policy():
    """Ten frames are four steps of three frames, the last one shorter: two decisions of two steps each."""
    slow = Seeker()
    slow.spec = replace(slow.spec, acts=replace(ACTS, per_step=3), chunk=2, execute=2)
    said: list[tuple[int, int]] = []
    policy = watched({"slow": slow}, lambda done, total: said.append((done, total)), batches=1, steps=10)["slow"]
    start = rollout(DotWorld(2), Seeker(), 1, seeds=(0, 1), noise=Noise.of((0, 1)))
    memory = policy.begin(2, start.task)
    for _ in range(2):
        memory, _ = policy.act(memory, Past(observation=start.observation, actions=start.actions))
    assert said == [(1, 2), (2, 2)]
