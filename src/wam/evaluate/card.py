"""The rollout card: what is said about a world model's predictions, as typed figures that print as JSON.

Every measure is an error inside (lower is better): squared error, 1 - SSIM, metres. Curves show it in its usual form (dB,
SSIM, m) per step ahead. Contrasts compare two arms over the same windows as a ratio of errors.

Arms: "model" (true actions), "shuffled" (the model with the actions of other windows, where it is told any), "copy", "mean" and "background"
(no learning), "true frames" (the probe's own floor).
"""

from dataclasses import dataclass, field

from wam.evaluate.intervals import Interval
from wam.evaluate.probe import ProbeScore
from wam.world import Spec

MODEL, SHUFFLED, FLOOR = "model", "shuffled", "true frames"
POSITION = "position error"
CLEAR = 0.95  # a ratio of errors counts as better only where its whole interval lies below
BASELINES = ("copy", "mean", "background")


@dataclass(frozen=True, kw_only=True)
class Measure(Spec):
    """One way to judge a prediction."""

    name: str  # e.g. "PSNR", "SSIM", "position error"
    of: str = ""  # camera or body
    where: str = "whole image"  # "whole image" | "moving pixels"; what a position was read from: "pictures" | "latents"
    unit: str = ""
    higher_is_better: bool = False  # in the form shown

    def __str__(self) -> str:
        if self.name == POSITION:
            return f"{self.name} of {self.of}, from {self.where}"
        return f"{self.name} of camera {self.of}, {self.where}"


@dataclass(frozen=True, kw_only=True)
class Curve(Spec):
    """One arm's figure per step ahead with 95 % intervals; None where there was nothing to measure (no pixel moved)."""

    measure: Measure
    arm: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Contrast(Spec):
    """Error of `arm` divided by error of `against`, all steps together, same windows. Below 1: `arm` is better."""

    measure: Measure
    arm: str
    against: str
    ratio: Interval

    @property
    def better(self) -> bool:
        """Is `arm` clearly better?"""
        return self.ratio.high < CLEAR


@dataclass(frozen=True, kw_only=True)
class BranchFigure(Spec):
    """Same start, different actions: does the model tell the branches apart? Judged at the last step."""

    reads: str  # "pictures", or "positions from ..."
    starts: int
    branches: int
    identified: Interval  # share of predictions closest to their own branch's truth; 1 / branches = chance
    unexplained: Interval  # squared error of the differences between branches, as a share of the true differences; 0 = exact, 1 = none predicted


@dataclass(frozen=True, kw_only=True)
class RolloutCard(Spec):
    """Open-loop prediction on held-out windows."""

    model: str
    windows: int
    episodes: int  # that the windows come from: the intervals draw whole episodes
    past: int  # frames seen
    horizon: int  # steps predicted
    rate: float  # Hz
    curves: tuple[Curve, ...]
    contrasts: tuple[Contrast, ...]  # each measure: against shuffled actions, and against the best baseline
    probes: tuple[ProbeScore, ...] = ()
    branches: tuple[BranchFigure, ...] = field(default=())

    def measures(self) -> tuple[Measure, ...]:
        """All measures, each once."""
        return tuple(dict.fromkeys(curve.measure for curve in self.curves))

    def arms(self, measure: Measure) -> dict[str, Curve]:
        """The curves of a measure by arm."""
        return {curve.arm: curve for curve in self.curves if curve.measure == measure}

    def action_use(self) -> tuple[Contrast, ...]:
        """True against shuffled actions."""
        return tuple(contrast for contrast in self.contrasts if contrast.against == SHUFFLED)

    def learning(self) -> tuple[Contrast, ...]:
        """The model against the best baseline."""
        return tuple(contrast for contrast in self.contrasts if contrast.against != SHUFFLED)
