"""The arms of the experiment, and the questions that pairs of them answer. Each arm is a published recipe, or one change of it.

Two arms of a question differ in one thing: the same network where that can be, the same data, steps, seeds and starts.
Does not know: data, worlds, how anything is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from wam.jobs.paradigms.arm import Arm
from wam.jobs.paradigms.staged import staged
from wam.recipes import diffusion_policy, fast_wam, susie, uwm
from wam.world.names import suggestion


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the difference first - second answers."""

    asks: str
    first: str
    second: str


CLONING = "diffusion_policy"
BASELINE = f"{CLONING}.sight"  # what arms are compared with: they see cameras alone, too
JOINT = "auxiliary video"
ARMS = (
    Arm(name="random", paradigm="nothing learned", acts="random"),
    Arm(name=CLONING, paradigm="no future: cloning, with proprioception", recipe=CLONING),
    Arm(name=BASELINE, paradigm="no future: cloning", recipe=CLONING, change=diffusion_policy.by_sight),
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
    Arm(name="fast_wam.staged_eye", paradigm="video first, then actions and the eye", recipe="fast_wam", change=partial(staged, eye=True)),
    Arm(name="expert", paradigm="reads the simulator", acts="expert"),
)

QUESTIONS = (
    Question(asks="What does proprioception add to cloning?", first=CLONING, second=BASELINE),
    Question(asks="What would a perfect future be worth?", first="oracle_future", second=CLONING),
    Question(asks="What does imagining cost?", first="oracle_future", second="unipi"),
    Question(asks="Does the imagined future matter?", first="unipi", second="zero_future"),
    Question(asks="Does learning the video help?", first="fast_wam", second="fast_wam.no_video"),
    Question(asks="Imagination at test time: drawn first, or left out?", first="fast_wam.imagine_first", second="fast_wam"),
    Question(asks="Imagination at test time: drawn together, or left out?", first="fast_wam.joint", second="fast_wam"),
    Question(asks="Joint or staged training?", first="fast_wam", second="fast_wam.staged"),
    Question(asks="Joint or staged training, where the eye learns on?", first="fast_wam", second="fast_wam.staged_eye"),
    Question(asks="Independent or coupled noise levels?", first="uwm.independent", second="uwm.coupled"),
)


def arms_named(names: Sequence[str] = ()) -> tuple[Arm, ...]:
    """Those arms, in the order of the table; all without names. ValueError that suggests what was meant."""
    known = {arm.name: arm for arm in ARMS}
    for name in names:
        if name not in known:
            raise ValueError(f"there is no arm {name!r}. {suggestion(name, known)}")
    return tuple(arm for arm in ARMS if not names or arm.name in names)
