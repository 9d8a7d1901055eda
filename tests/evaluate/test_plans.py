"""Plan-execution agreement: which instants are compared, and that true plans agree exactly."""

from types import SimpleNamespace

import pytest
import torch

from tests.use.test_futures import SEEDS, oracle
from wam.evaluate.plans import Recalled
from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import Expert
from wam.world import Imagines, SpecError

STEPS = 6


@pytest.mark.parametrize("execute", [2, 3])
def test_true_plans_agree_exactly(execute):
    live, policy = oracle(3, execute)
    recalled = Recalled(policy)
    done = rollout(live, recalled, STEPS, seeds=SEEDS[:3])
    assert torch.equal(done.observation.rgb["top"], rollout(*oracle(3, execute), STEPS, seeds=SEEDS[:3]).observation.rgb["top"])
    imagined, happened = (part.rgb["top"] for part in recalled.compared(done))
    assert imagined.shape[1] == STEPS // execute
    assert torch.allclose(imagined, happened.float() / 255)
    first, _ = recalled.compared(done.narrow("B", 0, 2))
    assert first.rgb["top"].shape[0] == 2


class Dreams(Imagines):
    def __init__(self, execute):
        self.spec = SimpleNamespace(execute=execute)

    def imagine(self, memory, since, *, noise=None):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("execute", "stride", "decisions", "instants"),
    [
        (2, 1, 7, [2, 4, 6, 8, 10, 12, 14]),
        (2, 4, 7, [4, 6, 8, 10, 12, 14]),  # a sub-goal four steps ahead: the last decision's lies beyond the end
        (3, 2, 4, [4, 7, 10, 13]),  # the first imagined frame at or after the last executed step
    ],
)
def test_which_instants_are_compared(execute, stride, decisions, instants):
    recalled = Recalled(Dreams(execute), stride=stride)
    recalled.imagined = [None] * decisions
    assert recalled.instants(15).tolist() == instants
    assert (recalled.index + 1) * stride >= execute > recalled.index * stride


def test_who_imagines_nothing_has_no_plans():
    with pytest.raises(SpecError, match="does not imagine a future"):
        Recalled(Expert(oracle(1)[0].world))


def test_episodes_that_end_before_what_is_imagined_explain_themselves():
    with pytest.raises(SpecError, match="episodes of 4 steps end before what is imagined, 8 steps ahead"):
        Recalled(Dreams(2), stride=8).instants(5)
