"""Joint models learn what to do, what was done, and what that leads to."""

from dataclasses import replace

import torch

from tests.models.observation_space.test_video import seen
from tests.models.observation_space.test_video import window as random_window
from tests.recipes.test_lewm import statistics
from wam.models.world_action.joint_assembly import JointConfig, joint_model
from wam.models.world_action.joint_programs import Lesson
from wam.nets.generate.laws import Fixed, Levels
from wam.recipes import fast_wam, uwm
from wam.world import Actions, Future, Noise, Past, Task, Window

ROWS, K = 24, 2
CONFIG = JointConfig(latent=0, patch=4, dim=48, depth=2, heads=2, condition=32, context=1, chunk=K, execute=1, steps=4, moving=0.0)


def window() -> Window:
    """A square that goes a third of its way to the middle with each step, as fast as actions say."""
    spec = seen()
    place = Noise.of(range(ROWS)).uniform(1, 2) * 10 - 5
    path = torch.cat([place, place * 2 / 3, place / 3], 1)
    axis = torch.arange(16) + 0.5
    across, down = (((axis - 8 - corner[..., None]).abs() < 2.5).float() for corner in path.unbind(-1))
    square = (down[..., :, None] * across[..., None, :] * 255).to(torch.uint8)
    shown = spec.observes.sample(ROWS, 1 + K)
    shown = replace(shown, rgb={name: square[:, :, None].expand(-1, -1, 3, -1, -1) for name in shown.rgb})
    low_level = (-place / 100)[:, :, None].expand(-1, 1 + K, 3, -1)
    valid = torch.ones(ROWS, 1 + K, 3, dtype=torch.bool)
    valid[:, 0] = False
    actions = Actions(valid=valid, low_level=low_level)
    return Window(
        past=Past(observation=shown.narrow("T", 0, 1), actions=actions.narrow("T", 0, 1)),
        actions=actions.narrow("T", 1),
        future=Future(observation=shown.narrow("T", 1)),
        valid=torch.ones(ROWS, K, dtype=torch.bool),
        task=Task(),
    )


def learned(config: JointConfig, steps: int, shown: Window, **choices):
    """A model that overfits a window."""
    torch.manual_seed(0)
    spec = seen()
    model = joint_model(config, replace(spec.observes, proprio=()), spec.acts, statistics(spec).for_proprio(()), spec.rate, (), **choices)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        loss = sum(value.mean() for value in model.loss(shown, noise=Noise.of(range(ROWS)).advance(step)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def error(actions: Actions, shown: Window) -> float:
    """Of the actions, relative to doing nothing."""
    return float((actions.low_level - shown.actions.low_level).square().mean() / shown.actions.low_level.square().mean())


def test_one_network_is_a_policy_and_inverse_dynamics():
    shown = window()
    model = learned(CONFIG, 120, shown, rules=uwm.RULES, lessons=uwm.lessons(uwm.UWMConfig(together=0.5)), program="policy")
    noise = Noise.of(range(ROWS))
    assert error(model.act(model.begin(ROWS, Task()), shown.past, noise=noise)[1], shown) < 0.4
    assert error(model.as_inverse().infer_actions(shown.whole()[0].observation, noise=noise).narrow("T", 1), shown) < 0.4


def test_the_fast_arm_acts():
    shown = window()
    model = learned(replace(CONFIG, narrow=32), 100, shown, rules=fast_wam.rules("fast"), lessons=fast_wam.lessons("fast"), program="policy")
    assert error(model.act(model.begin(ROWS, Task()), shown.past, noise=Noise.of(range(ROWS)))[1], shown) < 0.4


def test_the_forward_view_learns_what_actions_do():
    shown, lesson = random_window(ROWS, 1, 1), Lesson(Levels((uwm.LAW, Fixed(0.0))), learns=("video",))
    model = learned(replace(CONFIG, chunk=1, dim=64), 160, shown, rules=uwm.RULES, lessons=(lesson,), program="policy")
    view, noise = model.as_world_model(), Noise.of(range(ROWS))
    carry = view.observe(view.begin(ROWS, Task()), shown.past)
    truth = next(iter(shown.future.observation.rgb.values())).float() / 255

    def wrong(actions: Actions) -> float:
        with torch.no_grad():
            return float((next(iter(view.predict(carry, actions, noise=noise)[1].observation.rgb.values())) - truth).square().mean())

    assert wrong(shown.actions) < 0.8 * wrong(shown.actions.select(torch.arange(ROWS).roll(1)))
