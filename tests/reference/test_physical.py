"""The simulator with fitted parameters: friction and damping are identified from free sliding, then it plans."""

from dataclasses import replace

import pytest
import torch

from tests.reference.learn import reach
from tests.reference.physical import PhysicalModel
from tests.reference.reach import ReachWorld, windows
from tests.reference.sliding import sliding
from wam.check import check_world_model
from wam.plan.control.receding import RecedingHorizon
from wam.plan.objectives import GoalState
from wam.plan.planners import CEM
from wam.world import Noise, Past


@pytest.fixture(scope="module")
def fitted():
    env = ReachWorld(1)
    env.reset(torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
    known = env.world.truth().physical
    guess = known.parameters.clone()
    guess[:, 4:6] = torch.tensor([0.15, 1.5])  # wrong on purpose
    model = PhysicalModel(env.spec, replace(known, parameters=guess))
    episodes, truth = sliding()
    errors = [progress.figures["rms error (m)"] for progress in model.fit(episodes, noise=Noise.of([0]))]
    return model, truth, errors


def test_identifies_the_braking(fitted):
    """Friction and damping trade off at these speeds; the deceleration that they cause together is what can be identified."""
    model, truth, errors = fitted
    assert errors[-1] < 0.25 * errors[0]
    friction, damping = model.log_friction.exp().tolist()
    speed = torch.linspace(0.4, 1.4, 6)
    brake = lambda f, d: f * 9.81 + d / 0.5 * speed  # noqa: E731  m/s^2 of a disc of 0.5 kg
    relative = (brake(friction, damping) / brake(*truth.tolist()) - 1).abs().max()
    assert relative < 0.15, f"deceleration off by {relative:.0%}"


def test_conforms(fitted):
    check_world_model(fitted[0]).require()


def test_predicts_what_the_world_does(fitted):
    from tests.reference.reach import recorded

    window = windows(recorded(40), past=2, horizon=4, count=32, seed=0)
    model = fitted[0]
    with torch.no_grad():
        _, future = model.predict(
            model.observe(model.begin(32, window.task), Past(observation=window.past.observation, actions=window.past.actions)), window.actions
        )
    error = (future.state.q[..., -2:] - window.future.observation.proprio).norm(dim=-1)
    assert error.median() < 0.01


def test_reaches(fitted):
    planner = CEM(samples=48, iterations=3, elites=8, colour=1.0)
    objective = GoalState(slots=("pusher x", "pusher y"))
    success, _ = reach(lambda env: RecedingHorizon(fitted[0], planner, objective, horizon=5), count=6)
    assert success >= 0.8
