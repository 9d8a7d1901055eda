"""The verdict of a rollout card counts what its instruments can see."""

from wam.evaluate.card import MODEL, POSITION, SHUFFLED, Contrast, Measure, RolloutCard
from wam.evaluate.intervals import Interval
from wam.evaluate.probe import ProbeScore
from wam.jobs.imagine import is_read


def test_a_probe_that_finds_nothing_says_nothing():
    seen, unseen = (Measure(name=POSITION, of=body, where="pictures", unit="m") for body in ("pusher", "disc"))
    pixels = Measure(name="PSNR", of="top", where="moving pixels", higher_is_better=True)
    ratio = Interval(value=0.5, low=0.4, high=0.6)
    card = RolloutCard(
        model="m",
        windows=1,
        episodes=1,
        past=1,
        horizon=1,
        rate=1.0,
        curves=(),
        contrasts=tuple(Contrast(measure=measure, arm=MODEL, against=SHUFFLED, ratio=ratio) for measure in (seen, unseen, pixels)),
        probes=(ProbeScore(reads="pictures", body="pusher", r2=0.9, error=0.01), ProbeScore(reads="pictures", body="disc", r2=-0.3, error=0.3)),
    )
    assert [is_read(card, contrast.measure) for contrast in card.action_use()] == [True, False, True]
