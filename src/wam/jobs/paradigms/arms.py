"""The arms of the experiment, and the questions that pairs of them answer. Each arm is a published recipe, or one change of it.

Two arms of a question differ in one thing: the same network where that can be, the same data, steps, seeds and starts.
Does not know: data, worlds, how anything is measured.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from torch import nn

from wam.models.world_action.joint import JointModel
from wam.recipes import fast_wam, susie, uwm
from wam.recipes.latents import remember
from wam.recipes.recipe import Preset
from wam.train import Gradient, Stage
from wam.world import Windows

Acts = Literal["model", "oracle future", "zero future", "random", "expert"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One line of every table."""

    name: str
    paradigm: str  # how future and actions are coupled, in words
    recipe: str = ""  # "" = nothing is learned
    change: Callable[[Preset], Preset] | None = None  # of its preset
    trained_as: str = ""  # the arm whose training is used; "" = its own
    acts: Acts = "model"  # the trained model, its grounder with another future, or a policy of the world
    stride: int = 1  # model steps from one imagined frame to the next

    @property
    def run(self) -> str:
        """Name of the training."""
        return self.trained_as or self.name


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the difference first - second answers."""

    asks: str
    first: str
    second: str


def staged(preset: Preset) -> Preset:
    """Fast-WAM in two stages of as many steps each: video alone; then actions alone, with all that computes the video held fixed.

    Windows and batches are those of the joint training, so actions are learned from as many labelled steps.
    """
    *pictures, joint = preset.stages
    assert isinstance(joint.learner, Gradient)
    video, actions = (replace(joint.learner, weights={"video": share, "actions": 1 - share}) for share in (1.0, 0.0))
    layers = tuple(f"network.net.layers.{depth}.0" for depth in range(preset.config.depth))
    eye = ("network.eye",) if preset.config.eye else ()
    held = ("codec", "words", "network.heard", *eye, "network.level", "network.given.video", "network.tokens.video", *layers)
    stages = (
        *pictures,
        replace(joint, name="video", learner=video),
        Stage(name="actions", after=("video",), learner=actions, frozen=held, derives=held_fast),
    )
    return replace(preset, stages=stages)


def held_fast(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Latents where there are some, as in the joint training.

    The vector that marks observed frames belongs to the video; it is no module that a stage could freeze.
    """
    assert isinstance(model, JointModel)
    model.network.observed.requires_grad_(False)
    return windows if model.codec.autoencoder is None else remember(model, windows, folder)


CLONING = "diffusion_policy"
JOINT = "auxiliary video"
ARMS = (
    Arm(name="random", paradigm="nothing learned", acts="random"),
    Arm(name=CLONING, paradigm="no future: cloning", recipe="diffusion_policy"),
    Arm(name="zero_future", paradigm="the present frame, then inverse dynamics", recipe="unipi", trained_as="unipi", acts="zero future"),
    Arm(name="unipi", paradigm="imagine, then execute", recipe="unipi"),
    Arm(name="susie", paradigm="imagine a sub-goal, then execute", recipe="susie", stride=susie.AHEAD),
    Arm(name="oracle_future", paradigm="the true future, then inverse dynamics", recipe="unipi", trained_as="unipi", acts="oracle future"),
    Arm(name="vpp", paradigm="video features", recipe="vpp"),
    Arm(name="uwm", paradigm=f"{JOINT}, one network", recipe="uwm"),
    Arm(name="uwm.independent", paradigm="drawn together, two noise levels", recipe="uwm", change=uwm.independent),
    Arm(name="uwm.coupled", paradigm="drawn together, one noise level", recipe="uwm", change=uwm.coupled),
    Arm(name="fast_wam", paradigm=JOINT, recipe="fast_wam"),
    Arm(name="fast_wam.joint", paradigm="video and actions drawn together", recipe="fast_wam", change=partial(fast_wam.with_arm, arm="joint")),
    Arm(name="fast_wam.imagine_first", paradigm="video drawn first", recipe="fast_wam", change=partial(fast_wam.with_arm, arm="imagine_first")),
    Arm(name="fast_wam.no_video", paradigm="no video learned", recipe="fast_wam", change=partial(fast_wam.with_arm, arm="no_video")),
    Arm(name="fast_wam.staged", paradigm="video first, then actions", recipe="fast_wam", change=staged),
    Arm(name="expert", paradigm="reads the simulator", acts="expert"),
)

QUESTIONS = (
    Question(asks="What would a perfect future be worth?", first="oracle_future", second=CLONING),
    Question(asks="What does imagining cost?", first="oracle_future", second="unipi"),
    Question(asks="Does the imagined future matter?", first="unipi", second="zero_future"),
    Question(asks="Does learning the video help?", first="fast_wam", second="fast_wam.no_video"),
    Question(asks="Imagination at test time: drawn first, or left out?", first="fast_wam.imagine_first", second="fast_wam"),
    Question(asks="Imagination at test time: drawn together, or left out?", first="fast_wam.joint", second="fast_wam"),
    Question(asks="Joint or staged training?", first="fast_wam", second="fast_wam.staged"),
    Question(asks="Independent or coupled noise levels?", first="uwm.independent", second="uwm.coupled"),
)


def arms_named(names: Sequence[str] = ()) -> tuple[Arm, ...]:
    """Those arms, in the order of the table; all without names. ValueError that suggests what was meant."""
    known = {arm.name: arm for arm in ARMS}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ValueError(f"there is no arm {name!r}. " + (f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."))
    return tuple(arm for arm in ARMS if not names or arm.name in names)
