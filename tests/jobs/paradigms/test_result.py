"""Pooling: what is paired with what, and what is left out."""

from dataclasses import replace

import pytest
import torch

from tests.jobs.paradigms.made_up import cell
from wam.evaluate.intervals import Spread, wilson
from wam.evaluate.result import Verdicts
from wam.jobs.paradigms.arms import ARMS, BASELINE
from wam.jobs.paradigms.cell import Cell, Cost, Outcomes, read, write
from wam.jobs.paradigms.page import headline
from wam.jobs.paradigms.result import answers, costs, inverse_rows, rates, verdicts
from wam.jobs.paradigms.worlds import SPLITS
from wam.world import SpecError

ORACLE = [cell("oracle_future", "1111", seed=seed, plans=True) for seed in (0, 1)]
CLONING = [cell(BASELINE, "1001", seed=0), cell(BASELINE, "0001", seed=1)]
RANDOM = cell("random", "0000", None, None, cost=False)


def test_rates_are_pooled_and_differences_paired():
    found = {(rate.arm, rate.split): rate for rate in rates([*ORACLE, *CLONING, RANDOM], ARMS)}
    assert len(found) == 3 * len(SPLITS) and [rate.arm for rate in rates([*ORACLE, RANDOM], ARMS)][:3] == ["random"] * 3
    cloning, oracle = found[BASELINE, "in distribution"], found["oracle_future", "in distribution"]
    assert (
        cloning.success.value == 3 / 8
        and cloning.success.low <= wilson(3, 8).low
        and cloning.per_training == (0.5, 0.25)
        and cloning.over_cloning is None
        and cloning.disagreement == ()
    )
    solved = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 1]]).bool()
    assert oracle.over_cloning == Spread.of([solved]).difference(torch.ones(2, 4).bool(), solved) and oracle.over_cloning.value == pytest.approx(5 / 8)
    assert oracle.disagreement == (0.05, 0.05) and oracle.floor == 0.004
    assert found["random", "in distribution"].over_cloning is None


def test_only_trainings_that_both_have_are_compared():
    felt = cell("diffusion_policy", "0001", seed=1)
    (answer, *_) = answers([*ORACLE, felt])
    assert answer.trainings == 1 and answer.asks.startswith("What would a perfect future")
    assert answer.difference == Spread().difference(torch.ones(1, 4).bool(), torch.tensor([[0, 0, 0, 1]]).bool())
    assert answers([ORACLE[0], felt, cell("unipi", "0000", 0.05)]) == ()


def test_the_first_sentence_is_of_the_share_where_most_arms_are_measured():
    scarce, plenty = [cell("unipi", "0110", 0.05), cell("oracle_future", "1111", 0.05)], [cell("susie", "0111"), *CLONING, ORACLE[0]]
    assert headline(rates([*scarce, *plenty, RANDOM], ARMS)) == (
        " With the actions of 100%, in distribution: susie solves most of 2 arms, 75.0 %; diffusion_policy.sight 37.5 %; oracle_future 100.0 %."
    )
    assert "actions of 5%" in headline(rates([*scarce, ORACLE[0], cell("susie", "0111")], ARMS))
    assert headline(rates([RANDOM], ARMS)) == ""
    assert headline(rates([cell("susie", "0000")], ARMS)) == " With the actions of 100%, in distribution: none of 1 arms solves a start."


def test_a_recipe_learns_that_solves_clearly_more_than_chance_in_three_trainings():
    chance = cell("random", "0" * 99 + "1", None, None, cost=False)
    plain = [cell("susie", "1" * 50 + "0" * 50, seed=seed) for seed in range(3)]
    changed = [replace(one, arm=BASELINE) for one in plain]
    poor = [cell("unipi", "0" * 100, seed=seed) for seed in range(3)]
    cells = [chance, *plain, *changed, *poor, cell("vpp", "1" * 100)]
    assert verdicts(rates(cells, ARMS), cells, ARMS) == {"unipi": Verdicts(learns=False), "susie": Verdicts(learns=True)}
    assert verdicts(rates(plain, ARMS), plain, ARMS) == {}


def test_costs_and_inverse_dynamics():
    cells = [*ORACLE, cell("unipi", "0110"), RANDOM]
    assert [cost.arm for cost in costs(cells, ARMS)] == ["unipi", "oracle_future"] and costs(cells, ARMS)[0].milliseconds == 12
    fast = [replace(one, device="fast") for one in (*ORACLE, cell("susie", "0110"))]
    slow = Cost(milliseconds=70.0, slowest=90.0, video=1.0, actions=6.0, execute=2)
    both = costs([*fast, cell("unipi", "0110"), replace(cell("susie", "0110", seed=1), cost=slow, device="slow")], ARMS)
    assert {cost.arm: cost.milliseconds for cost in both} == {"unipi": None, "susie": 12.0, "oracle_future": 12.0}  # of the machine that timed most arms
    (row,) = inverse_rows(cells)
    assert row.arm == "unipi" and row.real == (0.002,)


def test_a_cell_comes_back_from_its_file(tmp_path):
    one = cell("unipi", "0110", 0.05, 2, plans=True)
    assert read(write(one, tmp_path)) == one and (tmp_path / "unipi-0.05-2.json").exists()
    assert read(write(RANDOM, tmp_path)) == RANDOM and read(tmp_path / "none.json") is None
    assert Cell.from_json(one.to_json()).split("new appearance").success == wilson(2, 4)
    with pytest.raises(SpecError, match="a 0 or 1 for each start"):
        Outcomes(split="new appearance", solved="01x")
