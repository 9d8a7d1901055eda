"""Each broken world model is caught by the right check and by no other; the correct ones pass."""

import dataclasses

import pytest
import torch

from tests.check.broken_models import BROKEN_MODELS
from tests.check.checkable_models import CORRECT, RingModel, StochasticModel, WindowModel
from wam.check import check_world_model
from wam.check.subject import private_copy
from wam.check.world_model.subject import WorldModelSubject
from wam.world import Physical, SpecError, Truth


@pytest.mark.parametrize("kind", CORRECT, ids=lambda kind: kind.__name__)
def test_correct_models_pass(kind):
    torch.manual_seed(0)
    report = check_world_model(kind(), make=kind)
    assert report.ok, str(report)


@pytest.mark.parametrize(("kind", "checks"), BROKEN_MODELS, ids=lambda value: getattr(value, "__name__", ""))
def test_broken_models_are_caught(kind, checks):
    torch.manual_seed(0)
    report = check_world_model(kind(), make=kind)
    assert set(report.failed) == checks, str(report)
    for name in checks:
        finding = report.find(name)
        assert finding.came and finding.expected and finding.cause and finding.remedy


class Rounding(WindowModel):
    """Sums in another order where it is shown several frames at once, and what that changes grows: by the type's last digits, ten thousand times."""

    def observe(self, carry, since, *, noise=None):
        seen = super().observe(carry, since, noise=noise).seen
        grown = 1 + 1e4 * torch.finfo(seen.z.dtype).eps * (since.actions.size("T") > 1)
        seen = dataclasses.replace(seen, z=seen.z * grown)
        return dataclasses.replace(carry, seen=seen, now=seen)


def test_what_is_rounding_alone_is_no_fault():
    """Networks that have learned let it grow more than fresh ones."""
    torch.manual_seed(0)
    report = check_world_model(Rounding(), make=Rounding)
    assert report.ok, str(report)


def test_a_check_is_skipped_only_where_nothing_was_promised():
    skipped = {finding.check for finding in check_world_model(RingModel(), make=RingModel).findings if finding.status == "skipped"}
    assert "context_can_be_shared" not in skipped
    assert {"instruction_matters", "only_chunks_are_accepted", "losses_are_named_rows", "operators_are_well_formed"} <= skipped
    assert "weights_survive_saving" in {finding.check for finding in check_world_model(RingModel()).findings if finding.status == "skipped"}


def test_the_model_itself_is_left_alone():
    model = WindowModel().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    check_world_model(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)


def test_zero_initialised_gates_are_opened_in_the_copy_only():
    model = WindowModel()
    torch.nn.init.zeros_(model.act.weight)
    torch.nn.init.zeros_(model.act.bias)
    copy = private_copy(model, torch.device("cpu"))
    assert bool(copy.act.weight.any()) and not bool(model.act.weight.any())
    assert torch.equal(copy.next.weight, model.next.weight)
    assert check_world_model(model).ok


def test_names_of_the_loss_weights_are_compared():
    report = check_world_model(StochasticModel(), losses=("proprio", "kl"))
    assert report.failed == ("losses_are_named_rows",)
    assert "missing ['kl']" in report.find("losses_are_named_rows").came


def test_a_given_window_is_used():
    class NeedsTruth(WindowModel):
        def loss(self, window, *, noise):
            if window.truth is None:
                raise SpecError("this model learns from the truth; record with truth=True.")
            return super().loss(window, noise=noise)

    assert "losses_are_named_rows" in check_world_model(NeedsTruth()).failed
    subject = WorldModelSubject(model=WindowModel(), make=None, device=torch.device("cpu"), window=None, losses=None)
    window = subject.random_window(3)
    place = torch.zeros(5, subject.frames + subject.horizon, 2)
    window = dataclasses.replace(window, truth=Truth(physical=Physical(q=place, v=place)))
    assert check_world_model(NeedsTruth(), window=window).ok


def test_a_crash_inside_a_model_is_a_finding_that_names_the_place():
    class Crashes(WindowModel):
        def step(self, frames, action):
            raise KeyError("no such gripper")

    report = check_world_model(Crashes())
    assert report.failed == ("calls_return_records",)
    came = report.find("calls_return_records").came
    assert "no such gripper" in came and "in step, test_world_model.py" in came
    assert "not run, because calls_return_records failed" in report.find("rows_do_not_mix").came


def test_an_interrupt_is_not_a_finding():
    class Stops(WindowModel):
        def step(self, frames, action):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_world_model(Stops())


def test_padding_of_the_truth_counts_for_nothing():
    class AveragesTruth(WindowModel):
        def loss(self, window, *, noise):
            return {name: value + window.truth.physical.q.mean((1, 2)) for name, value in super().loss(window, noise=noise).items()}

    subject = WorldModelSubject(model=WindowModel(), make=None, device=torch.device("cpu"), window=None, losses=None)
    window = subject.random_window(3)
    place = torch.rand(5, subject.frames + subject.horizon, 2)
    window = dataclasses.replace(window, truth=Truth(physical=Physical(q=place, v=place)))
    assert check_world_model(AveragesTruth(), window=window).failed == ("losses_ignore_masked_steps",)
