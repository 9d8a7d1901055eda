import dataclasses
import math

import pytest
import torch

from tests.plan.mocks import POINT_MASS, PUSHES, SEES, DoubleIntegrator, LatentIntegrator
from wam.plan import GoalImage, GoalState, Penalty, Return, Reward, Weighted
from wam.plan.chain import chain, unchain
from wam.plan.distances import distance, state_goal
from wam.world import (
    Camera,
    Facts,
    FactsSpec,
    Future,
    FutureSpec,
    Latent,
    LatentSpec,
    Noise,
    Observation,
    ObservationSpec,
    Physical,
    SpecError,
    Task,
    Tracks,
    TracksSpec,
    Values,
    WorldModelSpec,
)
from wam.world.slots import Slot
from wam.world.states import PhysicalSpec

ACTIONS = PUSHES.sample(2, 3)


def spec(**predicts) -> WorldModelSpec:
    return WorldModelSpec(observes=SEES, predicts=FutureSpec(**predicts), consumes=PUSHES)


def model_with(**predicts) -> DoubleIntegrator:
    model = DoubleIntegrator()
    model.spec = spec(**predicts)
    return model


def test_latents_are_compared_by_mean_squared_difference() -> None:
    goal = state_goal(spec(state=LatentSpec(shape=(2, 3))), Latent(z=torch.zeros(1, 1, 2, 3)))
    assert distance(goal, Latent(z=torch.full((1, 4, 2, 3), 2.0))).tolist() == [[4.0] * 4]


def test_tracks_count_only_the_points_that_the_goal_shows() -> None:
    visible = torch.tensor([[[True, False]]])
    goal = state_goal(spec(state=TracksSpec(points=2)), Tracks(xyz=torch.zeros(1, 1, 2, 2), visible=visible))
    moved = Tracks(xyz=torch.tensor([[[[3.0, 4.0], [100.0, 100.0]]]]), visible=visible)
    assert distance(goal, moved).tolist() == [[25.0]]


def test_facts_count_the_wrong_atoms_that_the_goal_knows() -> None:
    atoms = ("a", "b", "c")
    wanted = Facts(holds=torch.tensor([[[True, True, False]]]), known=torch.tensor([[[True, True, False]]]), atoms=atoms)
    goal = state_goal(spec(state=FactsSpec(predicates=(), atoms=atoms)), wanted)
    assert distance(goal, Facts(holds=torch.tensor([[[True, False, True], [True, True, True]]]), atoms=atoms)).tolist() == [[1.0, 0.0]]


def test_physical_goals_choose_slots_and_angles_go_the_short_way() -> None:
    kind = PhysicalSpec(q=(Slot(name="x", unit="m"), Slot(name="turn", unit="rad")), v=(Slot(name="spin", unit="rad/s"),))
    wanted = Physical(q=torch.tensor([[[1.0, math.pi - 0.1]]]), v=torch.zeros(1, 1, 1))
    now = Physical(q=torch.tensor([[[3.0, -math.pi + 0.1]]]), v=torch.full((1, 1, 1), 5.0))
    expected = {(): 4 + 0.04, ("x",): 4.0, ("turn",): 0.04, ("spin", "turn"): 25.04}
    for slots, value in expected.items():
        assert distance(state_goal(spec(state=kind), wanted, slots), now).item() == pytest.approx(value, rel=1e-4)
    with pytest.raises(SpecError, match="'weight'"):
        state_goal(spec(state=kind), wanted, ("weight",))


def test_the_goal_is_the_last_instant() -> None:
    goal = state_goal(spec(state=LatentSpec(shape=(1,))), Latent(z=torch.tensor([[[1.0], [5.0]]])))
    assert distance(goal, Latent(z=torch.full((1, 1, 1), 5.0))).item() == 0


@pytest.mark.parametrize(("earlier", "expected"), [(0.0, 9.0), (1.0, 14 / 3), (0.5, (0.25 * 1 + 0.5 * 4 + 9) / 1.75)])
def test_steps_weigh_less_the_earlier_they_are(earlier: float, expected: float) -> None:
    task = Task(goal_state=Latent(z=torch.zeros(2, 1, 1)))
    model, objective = model_with(state=LatentSpec(shape=(1,))), GoalState(earlier=earlier)
    future = Future(state=Latent(z=torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1).expand(2, 3, 1)))
    assert objective.cost(model, objective.prepare(model, task), future, ACTIONS).tolist() == pytest.approx([expected] * 2)


def test_a_goal_image_is_compared_in_the_models_own_state_where_it_encodes() -> None:
    model, objective = LatentIntegrator(), GoalImage()
    goal = objective.prepare(model, Task(goal=Observation(proprio=torch.ones(2, 1, 4))))
    assert objective.cost(model, goal, Future(state=Latent(z=torch.full((2, 3, 4), 3.0))), ACTIONS).tolist() == [4.0, 4.0]


def test_a_goal_image_is_compared_by_pixels_where_the_model_predicts_pictures() -> None:
    cameras = {name: Camera(height=2, width=2) for name in ("front", "wrist")}
    model, objective = model_with(observation=ObservationSpec(cameras=cameras)), GoalImage()
    frames = {name: torch.full((2, 1, 3, 2, 2), 255, dtype=torch.uint8) for name in ("front", "wrist", "unused")}
    goal = objective.prepare(model, Task(goal=Observation(rgb=frames)))
    future = Future(observation=Observation(rgb={"front": torch.full((2, 3, 3, 2, 2), 0.5), "wrist": torch.ones(2, 3, 3, 2, 2)}))
    assert objective.cost(model, goal, future, ACTIONS).tolist() == [0.125, 0.125]
    with pytest.raises(SpecError, match=r"lacks the cameras \['wrist'\]"):
        objective.prepare(model, Task(goal=Observation(rgb={"front": frames["front"]})))


class Worthy(LatentIntegrator, Values):
    """A state is worth the sum of its numbers."""

    discount = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, predicts=FutureSpec(state=LatentSpec(shape=(4,)), reward=True))

    def value(self, state):
        return state.z.sum(-1)


def test_a_return_ends_with_what_the_last_state_is_worth() -> None:
    model, objective = Worthy(), Return()
    goal = objective.prepare(model, Task())
    reward, z = torch.tensor([[1.0, 2.0, 4.0]] * 2), torch.arange(24.0).view(2, 3, 4)
    worth = z[:, -1].sum(-1)
    expected = 1 + 0.5 * 2 + 0.25 * 4 + 0.125 * worth
    torch.testing.assert_close(objective.cost(model, goal, Future(state=Latent(z=z), reward=reward), ACTIONS), -expected)
    alive = torch.tensor([[1.0, 0.5, 1.0], [1.0, 1.0, 0.0]])
    ended = torch.stack([1 + 0.5 * 2 + 0.25 * 4 * 0.5 + 0.125 * 0.5 * worth[0], torch.tensor(1 + 0.5 * 2 + 0.25 * 4)])
    torch.testing.assert_close(objective.cost(model, goal, Future(state=Latent(z=z), reward=reward, alive=alive), ACTIONS), -ended)
    with pytest.raises(SpecError, match="does not predict reward and states that it can value"):
        objective.prepare(LatentIntegrator(), Task())


def test_rewards_after_the_end_do_not_count() -> None:
    model = model_with(reward=True, alive=True)
    reward, alive = torch.tensor([[1.0, 2.0, 4.0]] * 2), torch.tensor([[1.0, 0.0, 1.0], [0.5, 0.5, 0.5]])
    for objective, expected in ((Reward(), [-3.0, -3.0]), (Reward(discount=0.5), [-2.0, -1.75])):
        assert objective.cost(model, objective.prepare(model, Task()), Future(reward=reward, alive=alive), ACTIONS).tolist() == expected
    assert Reward().cost(model, Reward().prepare(model, Task()), Future(reward=reward), ACTIONS).tolist() == [-7.0, -7.0]


def test_weighted_sums_prepare_and_repeat_all_their_goals() -> None:
    still = Physical(q=torch.arange(4.0).view(2, 1, 2), v=torch.zeros(2, 1, 2))
    model, parts = DoubleIntegrator(), (GoalState(), GoalState(slots=("x",)), Penalty(lambda future, actions: actions.low_level.sum((1, 2, 3))))
    model.spec = spec(state=POINT_MASS)
    task, actions = Task(goal_state=still), PUSHES.sample(6, 3)
    future = Future(state=Physical(q=Noise.of(range(6)).normal(3, 2), v=torch.zeros(6, 3, 2)))
    both = Weighted(parts=((2.0, parts[0]), (-1.0, parts[1]), (0.5, parts[2])))
    total = both.cost(model, both.prepare(model, task).repeat(3), future, actions)
    apart = [part.cost(model, part.prepare(model, task).repeat(3), future, actions) for part in parts]
    torch.testing.assert_close(total, 2 * apart[0] - apart[1] + 0.5 * apart[2])


def test_chains_keep_their_records() -> None:
    records = [Latent(z=torch.full((2, 1, 1), float(number))) for number in range(3)]
    back = unchain(chain(records).select(torch.tensor([1])))
    assert [(one.z.shape[0], one.z.item()) for one in back] == [(1, 0.0), (1, 1.0), (1, 2.0)]
    assert unchain(chain([])) == []


def test_errors_explain() -> None:
    model = DoubleIntegrator()
    with pytest.raises(SpecError, match=r"plans go towards a goal image, and this task has none"):
        GoalImage().prepare(model, Task())
    with pytest.raises(SpecError, match="neither declares Encodes nor predicts pictures"):
        GoalImage().prepare(model, Task(goal=Observation(proprio=torch.zeros(2, 1, 4))))
    with pytest.raises(SpecError, match=r"needs task\.goal_state"):
        GoalState().prepare(model, Task())
    with pytest.raises(SpecError, match="goal is a Latent, but the model predicts Physical"):
        GoalState().prepare(model, Task(goal_state=Latent(z=torch.zeros(2, 1, 4))))
    with pytest.raises(SpecError, match="predicts no reward"):
        Reward().prepare(model, Task())
    lying = dataclasses.replace(GoalState())
    goal = lying.prepare(model, Task(goal_state=Physical(q=torch.zeros(2, 1, 2), v=torch.zeros(2, 1, 2))))
    with pytest.raises(SpecError, match="breaks its own spec"):
        lying.cost(model, goal, Future(state=Latent(z=torch.zeros(2, 3, 4))), ACTIONS)
