"""Typed results with made-up figures."""

from wam.evaluate import Contrast, Curve, Interval, Measure, Origin, RolloutCard, Sources, SuccessRow, wilson
from wam.evaluate.card import BranchFigure
from wam.evaluate.probe import ProbeScore

PSNR = Measure(name="PSNR", of="top", where="moving pixels", unit="dB", higher_is_better=True)
PLACE = Measure(name="position error", of="disc", where="latents", unit="m")


def row(name: str, solved: int, count: int = 20) -> SuccessRow:
    rate = wilson(solved, count)
    return SuccessRow(
        name=name,
        success=rate.value,
        low=rate.low,
        high=rate.high,
        episodes=count,
        seconds_per_decision=0.0123,
        world="dot",
        steps=40,
        batch=10,
        noise_seed=0,
        device="cpu",
        seeds=tuple(range(2_000_000, 2_000_000 + count)),
        outcomes=tuple(index < solved for index in range(count)),
        first_solved=tuple(5 + index if index < solved else None for index in range(count)),
    )


def card() -> RolloutCard:
    curves = []
    for measure, base, slope in ((PSNR, 30.0, -1.0), (PLACE, 0.01, 0.01)):
        for index, arm in enumerate(("model", "shuffled", "copy")):
            values = tuple(base + slope * step * (1 + index) for step in range(5))
            curves.append(Curve(measure=measure, arm=arm, values=values, low=tuple(v * 0.95 for v in values), high=tuple(v * 1.05 for v in values)))
    curves.append(Curve(measure=PSNR, arm="mean", values=(None,) * 5, low=(None,) * 5, high=(None,) * 5))
    return RolloutCard(
        model="made up",
        windows=64,
        episodes=16,
        past=3,
        horizon=5,
        rate=10.0,
        curves=tuple(curves),
        contrasts=(
            Contrast(measure=PSNR, arm="model", against="shuffled", ratio=Interval(value=0.4, low=0.3, high=0.5)),
            Contrast(measure=PSNR, arm="model", against="copy", ratio=Interval(value=0.9, low=0.7, high=1.1)),
            Contrast(measure=PLACE, arm="model", against="copy", ratio=Interval(value=1.9, low=1.7, high=2.1)),
        ),
        probes=(ProbeScore(reads="latents", body="disc", r2=0.98, error=0.004),),
        branches=(BranchFigure(reads="pictures", starts=32, branches=4, identified=wilson(28, 32), unexplained=wilson(4, 32)),),
    )


def origin() -> Origin:
    return Origin(
        command="wam demo --device cpu",
        protocol="20 starts & 40 steps",
        seeds="0 to 9",
        device="cpu",
        wall_seconds=126.0,
        versions={"wam": "0.1", "x": ""},
        sources=Sources.of("wam.world"),
    )
