"""Policies in a world and in models of it: the true one agrees, a deaf one does not, and the record says what is missing."""

import dataclasses
import math
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest
import torch

from tests.evaluate.dots import DotModel, DotWorld, LatentDotModel, Seeker, Wanderer
from tests.use.test_judge import QUICK, acted
from wam.evaluate import evaluation_seeds, measure_success
from wam.evaluate.intervals import Interval
from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import Held
from wam.sim.worlds.push import DriveToGoal, PushConfig, PushWorld
from wam.use.agreement import bias, over_starts, pearson, rank_violation
from wam.use.judge import Judge, JudgeScore, Verdict, fit_judge, score_judge
from wam.use.pictured import pictured
from wam.use.policy_evaluation import PolicyEvaluation, Reality, in_a_model, in_the_world
from wam.use.reranking import Reranking
from wam.use.true_model import TrueModel
from wam.world import Actions, Idle, Noise, SpecError, Task, Uniform, concatenate

SEEDS = evaluation_seeds(21)


class Slow(Seeker):
    """Only a share of the way in each step."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        return memory, dataclasses.replace(actions, low_level=self.share * actions.low_level)


POLICIES = {"seeks": Seeker(), "half way": Slow(0.2), "hardly": Slow(0.1), "leaves": Seeker(3), "wanders": Wanderer()}


def dots(rows: int, seed: int):
    return concatenate([rollout(DotWorld(rows), policy, 8, seeds=range(seed, seed + rows), noise=Noise.of(range(rows))) for policy in POLICIES.values()], "B")


@pytest.fixture(scope="module")
def judge() -> Judge:
    return fit_judge(dots(24, 0), config=QUICK)


@pytest.fixture(scope="module")
def score(judge) -> JudgeScore:
    return score_judge(judge, dots(12, 1000))


@pytest.fixture(scope="module")
def reality(judge) -> Reality:
    return in_the_world(DotWorld(8), POLICIES, SEEDS, judge=judge)


def evaluated(model, reality, judge, score) -> PolicyEvaluation:
    return in_a_model(model, POLICIES, reality, judge=judge, score=score, name=type(model).__name__)


def test_a_true_model_is_as_good_as_its_judge(reality, judge, score):
    found = evaluated(DotModel(), reality, judge, score)
    assert score.at_end.value > 0.85
    for one in found.policies:
        differ = sum(a != b for a, b in zip(one.imagined_outcomes, one.judged_outcomes, strict=True))
        assert differ <= 2, one.name  # floats against uint8
        assert one.real.value == pytest.approx(sum(one.real_outcomes) / 21) and one.difference.value == pytest.approx(one.imagined.value - one.real.value)
    assert found.correlation.value > 0.9 and abs(found.bias.value) < 0.15 and found.rank_violation.value < 0.15
    assert [one.name for one in found.policies] == list(POLICIES) and found.seeds == SEEDS and found.steps == 8


def test_a_policy_may_decide_less_often_than_the_model(judge, score):
    policies = {"seeks": Held(Slow(0.5), 2), "hardly": Held(Slow(0.05), 2), "often": Seeker()}
    real = in_the_world(DotWorld(8), policies, SEEDS, judge=judge)
    found = in_a_model(DotModel(), policies, real, judge=judge, score=score, name="dots")
    often, hardly = found.policies[0], found.policies[1]
    assert often.real.value > 0.9 and hardly.real.value < 0.5
    for one in found.policies:
        assert sum(a != b for a, b in zip(one.imagined_outcomes, one.judged_outcomes, strict=True)) <= 2, one.name
    odd = Seeker()
    odd.spec = dataclasses.replace(odd.spec, rate=0.7 * odd.spec.rate)
    with pytest.raises(SpecError, match="or slower by a whole number"):
        in_the_world(DotWorld(8), {"odd": odd}, SEEDS, judge=judge)


class Committed(Slow):
    """Decides on four steps at once: the same step again."""

    def __init__(self, share: float) -> None:
        super().__init__(share)
        self.spec = dataclasses.replace(self.spec, chunk=4, execute=4)

    def _acts(self, push):
        return Actions(valid=torch.ones(len(push), 4, 1).bool(), low_level=push[:, None, None].expand(-1, 4, 1, 2))


def test_a_model_that_predicts_several_steps_at_once_is_acted_in_as_the_world_is(judge, score):
    """The episodes last seven steps, the model predicts four at once: the last chunk ends with the budget, in both worlds."""
    model = DotModel()
    model.spec = dataclasses.replace(model.spec, chunk=4)
    chunked = dataclasses.replace(DotWorld(1).spec, chunk=4)
    policies = {"steady": Committed(0.25), "hardly": Committed(0.02), "random": Uniform(chunked), "idle": Idle(chunked), "held": Held(Seeker(), 4)}
    real = in_the_world(DotWorld(8, budget=7), policies, SEEDS, judge=judge)
    found = in_a_model(model, policies, real, judge=judge, score=score, name="dots")
    assert found.steps == 7 and found.policies[0].real.value > found.policies[1].real.value
    for one in found.policies:
        assert sum(a != b for a, b in zip(one.imagined_outcomes, one.judged_outcomes, strict=True)) <= 2, one.name


def test_a_latent_model_is_judged_by_what_it_decodes(reality, judge, score):
    shown, decoded = (evaluated(model, reality, judge, score) for model in (DotModel(), LatentDotModel()))
    assert decoded.correlation.value == pytest.approx(shown.correlation.value, abs=0.1)


def test_a_control_that_ignores_actions_is_worse(reality, judge, score):
    found, deaf = (evaluated(DotModel(listens), reality, judge, score) for listens in (True, False))
    assert deaf.bias.value < -0.2
    gain = found.over(deaf)
    assert math.isnan(gain.value) or gain.value > 0  # a model in which all fail has no correlation
    with pytest.raises(ValueError, match="same policies, starts and outcomes"):
        found.over(dataclasses.replace(deaf, seeds=deaf.seeds[1:]))


def test_it_reads_back_and_says_what_is_missing(reality, judge, score):
    found = evaluated(DotModel(), reality, judge, score)
    again = PolicyEvaluation.from_json(found.to_json())
    assert again == found
    assert found.lacking()[0].startswith("5 policies") and found.lacking()[-1].startswith("21 starts")


def test_the_true_simulator_as_its_own_model(score):
    """Push: r = 1 with the judge's real verdicts, bias 0 up to the judge."""
    config, rows = PushConfig(budget=20), 10

    class Part(DriveToGoal):
        def __init__(self, world, share):
            super().__init__(world)
            self.share = share

        def act(self, memory, since, *, noise=None):
            memory, actions = super().act(memory, since, noise=noise)
            return memory, dataclasses.replace(actions, low_level=self.share * actions.low_level)

    env, seeds = PushWorld(rows, config), evaluation_seeds(rows)
    policies = {"drive": DriveToGoal(env), "slowly": Part(env, 0.4), "hardly": Part(env, 0.15), "idle": Idle(env.spec)}
    judge = fit_judge(acted(config, 20, 0), config=dataclasses.replace(QUICK, steps=60))
    reality = in_the_world(env, policies, seeds, judge=judge)
    live = PushWorld(rows, config)
    live.reset(torch.ones(rows).bool(), torch.tensor(seeds))
    model = TrueModel(live, lambda count: PushWorld(count, config))
    found = in_a_model(model, policies, reality, judge=judge, score=score, name="truth")
    assert all(one.imagined_outcomes == one.judged_outcomes for one in found.policies)
    assert len({one.real.value for one in found.policies}) > 1
    judged = torch.tensor([one.judged_outcomes for one in found.policies])
    imagined = found.outcomes()[1]
    assert over_starts(bias, judged, imagined).value == 0 and over_starts(rank_violation, judged, imagined).high == 0
    assert over_starts(pearson, judged, imagined).value == pytest.approx(1)


def test_re_ranking_by_the_verdict_of_the_judge(judge):
    """A wanderer that chooses among its directions by what the judge says of where they lead, in a latent model too."""

    class Far(Wanderer):
        def __init__(self) -> None:
            super().__init__()
            self.spec = dataclasses.replace(self.spec, chunk=4, execute=4)

        def _acts(self, push):
            return Actions(valid=torch.ones(len(push), 4, 1).bool(), low_level=push[:, None, None].expand(-1, 4, 1, 2))

    model = pictured(LatentDotModel())
    arms = {draws: Reranking(Far(), model, Verdict(judge), draws=draws) for draws in (1, 32)}
    rows = {draws: measure_success(DotWorld(21, 4), policy, name="", seeds=SEEDS) for draws, policy in arms.items()}
    assert rows[32].success > rows[1].success + 0.3
    with pytest.raises(SpecError, match=r"Pass pictured\(model\)"):
        Verdict(judge).prepare(LatentDotModel(), Task())


def test_what_does_not_fit_explains_itself(reality, judge, score):
    with pytest.raises(ValueError, match="the same ones, in the same order"):
        in_a_model(DotModel(), {"seeks": Seeker()}, reality, judge=judge, score=score, name="")
    with pytest.raises(ValueError, match="is not an evaluation seed"):
        in_the_world(DotWorld(2), POLICIES, [1, 2], judge=judge)


def test_the_scatter_plot(reality, judge, score):
    pytest.importorskip("matplotlib", reason='needs the extra "show"')
    from wam.show.policy_evaluation import policy_scatter

    found, deaf = (evaluated(DotModel(listens), reality, judge, score) for listens in (True, False))
    picture = policy_scatter({"model": found.policies, "control": deaf.policies})
    assert ElementTree.fromstring(picture.data).tag.endswith("svg") and picture.data == policy_scatter({"model": found.policies, "control": deaf.policies}).data
    with pytest.raises(ValueError, match="expected 1 to 3"):
        policy_scatter({})


def drawn(models, monkeypatch):
    """The panel of the plot, before it becomes a picture."""
    matplotlib = pytest.importorskip("matplotlib.figure", reason='needs the extra "show"')
    from wam.show import policy_evaluation as module

    figure = matplotlib.Figure()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_svg", lambda draw, width, height: draw(figure))
        module.policy_scatter(models)
    (panel,) = figure.axes
    return panel


def told(name, real, imagined):
    """A policy: rates as (low, value, high)."""
    return SimpleNamespace(
        name=name, **{kind: Interval(low=low, value=value, high=high) for kind, (low, value, high) in (("real", real), ("imagined", imagined))}
    )


def test_the_scatter_plot_has_the_world_across_and_the_model_up(monkeypatch):
    """In per cent: points, their intervals, their numbers, the diagonal and what the axes say."""
    model = [told("flattered", (0.1, 0.2, 0.35), (0.7, 0.8, 0.95)), told("fair", (0.4, 0.5, 0.6), (0.45, 0.5, 0.65))]
    panel = drawn({"model": model, "control": [told("flattered", (0.1, 0.2, 0.35), (0.0, 0.1, 0.3))]}, monkeypatch)
    lines = [[tuple(point) for point in line.get_xydata()] for line in panel.get_lines()]
    points = {line.get_label(): line.get_xydata().tolist() for line in panel.get_lines() if line.get_linestyle() == "None"}
    assert points == {"model": [pytest.approx([20, 80]), pytest.approx([50, 50])], "control": [pytest.approx([20, 10])]}
    assert lines[0] == [(0, 0), (100, 100)]
    bars = [((10, 80), (35, 80)), ((20, 70), (20, 95)), ((40, 50), (60, 50)), ((50, 45), (50, 65)), ((10, 10), (35, 10)), ((20, 0), (20, 30))]
    found = [line for line in lines[1:] if len(line) == 2 and line != [(20, 80), (50, 50)]]
    assert sorted(sum(line, ()) for line in found) == [pytest.approx(ends) for ends in sorted(sum(bar, ()) for bar in bars)]
    numbers = {text.get_text(): text.xy for text in panel.texts if hasattr(text, "xy")}
    assert numbers == {"1": pytest.approx((20, 80)), "2": pytest.approx((50, 50))}
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("success in the world, %", "success in the model, %")
    assert panel.get_aspect() == 1 and panel.get_xlim() == panel.get_ylim()
    assert any(text.get_text() == "1  flattered\n2  fair" for text in panel.texts)
