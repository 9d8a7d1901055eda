"""TD-MPC2 (arXiv 2310.16828) in a world that it acts in: see `CARD`."""

from dataclasses import replace

from torch import nn

from wam.data import DataSpec
from wam.models.state_space.latent.td_mpc2 import TDMPC2, TDMPC2Config
from wam.plan.objectives import Return
from wam.plan.planners import MPPI, Habit
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.train import Gradient, Online, Stage
from wam.world import Statistics

CARD = Card(
    title="TD-MPC2",
    paper="2310.16828",
    place="state space: latent vector, learned from the target domain by prediction, reward and value (tutorial 2.2)",
    idea="A latent learned from what control needs, reward and return; planning looks a few steps ahead and lets the value judge what is beyond.",
    parts=(
        "latent bounded by SimNorm",
        "two-hot reward and value heads",
        "policy prior as proposals",
        "MPPI towards reward and terminal value",
        "learning online",
    ),
    differs=(
        "Learns between episodes, not between steps.",
        "The best sequence that the search saw is executed; collecting adds noise as wide as the search was at its end.",
        "The weights of MPPI's elites are relative to the spread of their returns; the end of a plan is judged by the least of all value heads.",
        "Pictures are read as places (spatial softmax) instead of through convolutions alone, but at paper.",
        "Reads no goals: at tiny the goal image stands beside each frame, as a camera and slots of its own; at sight one eye reads both.",
        "Learns from pictures at other rates and weights (sight).",
        "SiLU for Mish, which takes a third of the training time on a processor. No dropout in the value heads, no stacked frames, no shifted pictures.",
        "For a processor, a narrower network; at tiny two value heads, half the bins, a quarter of the batch, targets that follow twice as fast; "
        "at control three heads and half the batch.",
    ),
    data="a world to act in that gives rewards",
    uses=("control", "imagine", "a world to act in"),
)


def _learner(*, steps: int, batch: int) -> Gradient:
    return Gradient(
        weights={"consistency": 20.0, "reward": 0.1, "value": 0.1, "policy": 1.0},
        steps=steps,
        batch=batch,
        learning_rate=3e-4,
        final_learning_rate=1.0,
        warmup=1,
        weight_decay=0.0,
        factors={"encoder": 0.3},
        clip=20.0,
        past=1,
        horizon=3,
    )


SEARCH = MPPI(samples=64, iterations=4, elites=10, temperature=0.5, spread=1.0, warm_spread=0.5, floor=0.05)
TINY = Preset(  # episodes of some fifteen decisions, rewards of some decimetres
    config=TDMPC2Config(unit=0.1, largest=5.0, discount=0.9),
    stages=(Stage("online", Online(learner=_learner(steps=24_000, batch=64), rounds=150, worlds=16, random=5, look=30, judged=20)),),
    size=32,
    skip=3,
    shows_goal=True,
    planner=SEARCH,
    horizon=3,
    proposals=8,
)
SIGHT = replace(  # from pictures: at the rates of above an eye does not learn to read places in so few steps, and where consistency weighs most it goes blind
    TINY,
    config=replace(TINY.config, alike=True),  # a disc in the goal image is found as one in the frame is
    stages=(
        Stage(
            "online",
            Online(
                learner=replace(
                    _learner(steps=16_000, batch=64),
                    weights={"consistency": 10.0, "reward": 1.0, "value": 0.3, "policy": 1.0},
                    learning_rate=1e-3,
                    final_learning_rate=0.1,
                    factors={},
                ),
                rounds=120,
                worlds=16,
                random=5,
                look=30,
                judged=20,
            ),
        ),
    ),
)
CONTROL = Preset(  # episodes of five hundred decisions: 100,000 steps of DeepMind Control, every action repeated once
    config=TDMPC2Config(heads=3, bins=101, largest=7.0, following=0.01),
    stages=(Stage("online", Online(learner=_learner(steps=50_000, batch=128), rounds=100, worlds=1, random=4, look=10)),),
    planner=SEARCH,
    horizon=3,
    proposals=8,
)
SMALL = Preset(
    config=TDMPC2Config(latent=128, hidden=384, bins=101, following=0.01),
    stages=(Stage("online", Online(learner=_learner(steps=50_000, batch=256), rounds=50, worlds=2, random=2, look=10)),),
    size=64,
    planner=replace(SEARCH, samples=512, iterations=6, elites=64),
    horizon=3,
    proposals=24,
)
PAPER = Preset(
    config=TDMPC2Config(latent=512, hidden=512, width=32, points=0, heads=5, bins=101, following=0.01),
    stages=(Stage("online", Online(learner=_learner(steps=1_000_000, batch=256), rounds=1000, worlds=1, random=5, look=20)),),
    size=64,
    planner=MPPI(samples=512, iterations=6, elites=64, temperature=0.5, spread=2.0, warm_spread=2.0, floor=0.05),
    horizon=3,
    proposals=24,
)


def build(config: TDMPC2Config, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras and proprioception. Scales by limits, so the statistics are not read."""
    seen = replace(data.observes, points=0, state=None)
    return TDMPC2(config, seen, data.acts, data.rate)


def without_planning(preset: Preset) -> Preset:
    """Acts as the policy prior alone says."""
    return replace(preset, planner=Habit(), proposals=1)


RECIPE = Recipe(
    name="td_mpc2",
    card=CARD,
    presets={"tiny": TINY, "sight": SIGHT, "control": CONTROL, "small": SMALL, "paper": PAPER},
    build=build,
    objective=Return(),
    mechanism=Mechanism(name="planning with the value at its end", off=without_planning, trained=False),
)
