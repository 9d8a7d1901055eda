"""Gymnasium both ways: a foreign environment passes our checks, ours passes theirs, and there and back is the same world."""

import numpy as np
import pytest
import torch

from wam.check import check_env
from wam.plan.control.rollout import rollout
from wam.sim.adapters.gym_face import gym_face
from wam.sim.adapters.gym_spec import boxes
from wam.sim.adapters.gym_world import GymWorld
from wam.sim.worlds.push import PushConfig, PushWorld, Wander
from wam.world import EVALUATION_SEEDS, Actions, Noise, SpecError

gymnasium = pytest.importorskip("gymnasium", reason='needs the extra "gym"')


class Drift(gymnasium.Env):
    """A point that drifts by chance and is pushed by the action; solved near the middle, lost beyond 2."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012

    def __init__(self, pictures: bool = True, draws: bool = False, discrete: bool = False):
        self.pictures, self.render_mode = pictures, "rgb_array" if draws else None
        self.action_space = gymnasium.spaces.Discrete(2) if discrete else gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        parts = {"place": gymnasium.spaces.Box(-5, 5, (2,), np.float64), "view": gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)}
        self.observation_space = gymnasium.spaces.Dict(parts) if pictures else parts["place"]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1, 2)
        return self.see(), {"solved": False}

    def step(self, action):
        self.place = self.place + 0.2 * action + self.np_random.normal(0, 0.02, 2)
        return self.see(), -float(np.linalg.norm(self.place)), bool(abs(self.place).max() > 2), False, {"solved": bool(abs(self.place).max() < 0.1)}

    def see(self):
        return {"place": self.place, "view": self.render()} if self.pictures else self.place

    def render(self):
        view = np.zeros((8, 8, 3), np.uint8)
        row, column = np.clip(((self.place + 2) * 2).astype(int), 0, 7)
        view[row, column] = 255
        return view


def world(batch: int = 3, **options) -> GymWorld:
    return GymWorld(lambda: Drift(**options), batch, success="solved", budget=12)


@pytest.mark.parametrize("options", [{}, {"pictures": False, "draws": True}], ids=["observes pictures", "draws them"])
def test_a_foreign_environment_passes_our_checks(options):
    check_env(world(**options)).require()


def test_our_world_passes_their_checks():
    from gymnasium.utils.env_checker import check_env as check_theirs

    with pytest.warns(UserWarning) as found:  # they advise on spaces and on reproducibility of an environment that was not registered
        check_theirs(gym_face(PushWorld(1)), skip_render_check=True)
    assert not [str(one.message) for one in found if "WARN" in str(one.message) and "spec" not in str(one.message) and "infinity" not in str(one.message)]


def test_there_and_back_is_the_same_world():
    config = PushConfig(task="play", budget=10)
    ours, back = PushWorld(2, config), GymWorld(lambda: gym_face(PushWorld(1, config)), 2, budget=10)
    seeds = range(2)
    one, two = (rollout(each, Wander(ours), 10, seeds=seeds, noise=Noise.of(seeds)) for each in (ours, back))
    assert torch.equal(one.observation.rgb["top"], two.observation.rgb["top"])
    assert torch.allclose(one.observation.proprio, two.observation.proprio) and torch.allclose(one.reward, two.reward)
    assert torch.equal(one.alive, two.alive)


def test_success_and_ends_come_across():
    env = world(2)
    env.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    inwards = env.save()[0].felt
    steps = []
    for _ in range(12):
        push = torch.tensor(np.stack([np.clip(-5 * env.save()[0].felt, -1, 1), np.ones(2)]), dtype=torch.float32)
        steps.append(env.step(Actions(valid=torch.ones(2, 1, 1, dtype=torch.bool), low_level=push[:, None, None])))
    assert np.abs(inwards).max() > 0.1 and bool(steps[-1].success[0, 0]) and not bool(steps[-1].alive[1, 0])
    assert float(steps[-1].reward[1, 0]) == 0  # nothing more is given to a row that is over


def test_what_does_not_fit_explains_itself():
    with pytest.raises(SpecError, match="does not say its budget"):
        GymWorld(Drift, 1)
    with pytest.raises(SpecError, match="only a flat Box"):
        GymWorld(lambda: Drift(discrete=True), 1, budget=5)
    nested = gymnasium.spaces.Dict({"arm": gymnasium.spaces.Dict({"q": gymnasium.spaces.Box(-1, 1, (2,))})})
    with pytest.raises(SpecError, match=r"\['arm'\] are spaces within a space .*FlattenObservation"):
        boxes(nested)
    env = GymWorld(Drift, 1, success="is_success", budget=5)
    env.reset(torch.ones(1, dtype=torch.bool), torch.arange(1))
    with pytest.raises(SpecError, match=r"info says \['solved'\]"):
        env.step(env.spec.acts.sample(1, 1))
    with pytest.raises(SpecError, match="has 2 rows"):
        gym_face(PushWorld(2))


def test_what_they_draw_is_never_a_start_of_evaluation(monkeypatch):
    """An RL library resets without seeds."""
    world, seeds = PushWorld(1), []
    reset = world.reset
    monkeypatch.setattr(world, "reset", lambda mask, some: seeds.extend(some.tolist()) or reset(mask, some))
    face = gym_face(world)
    for _ in range(5):
        face.reset()
    assert len(set(seeds)) == 5 and max(seeds) < EVALUATION_SEEDS
    face.reset(seed=EVALUATION_SEEDS + 1)  # who asks for one gets it
    assert seeds[-1] == EVALUATION_SEEDS + 1


def test_a_budget_beyond_the_environment_s_own_is_refused():
    """Where it truncates an episode itself, that would look like the end of one."""
    with pytest.raises(SpecError, match=r"a budget of 200 steps is longer than the 5 after which .* larger max_episode_steps"):
        GymWorld(lambda: gymnasium.make("Pendulum-v1", max_episode_steps=5), 1, budget=200)
    assert GymWorld(lambda: gymnasium.make("Pendulum-v1", max_episode_steps=5), 1, budget=5).spec.budget == 5
