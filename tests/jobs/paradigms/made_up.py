"""Cells with made-up figures."""

from wam.evaluate.intervals import Interval
from wam.evaluate.sources import Sources
from wam.jobs.paradigms.cell import Cell, Cost, InverseErrors, Outcomes
from wam.jobs.paradigms.worlds import SPLITS


def cell(arm, solved, labels=1.0, seed=0, *, plans=False, cost=True):
    apart = Interval(value=0.05, low=0.04, high=0.06) if plans else None
    rate = Interval(value=0.002, low=0.001, high=0.003)
    return Cell(
        arm=arm,
        labels=labels,
        seed=seed,
        goals=len(solved),
        steps=None,
        budget=42,
        splits=tuple(Outcomes(split=split, solved=solved, disagreement=apart, floor=0.004 if plans else None) for split in SPLITS),
        cost=Cost(milliseconds=12.0, slowest=20.0, video=1.0, actions=6.0, execute=2) if cost else None,
        inverse=InverseErrors(real=rate, generated=rate, mean=rate) if arm == "unipi" else None,
        parameters=1_000_000,
        data="abc",
        sources=Sources(roots=(), digest="none"),
    )
