"""Only what learns asks for gradients and is in training mode, and all is put back."""

import pytest
import torch
from torch import nn

from wam.train import Gradient, Stage
from wam.train.parts import learners, learning, measure
from wam.world import Meters, Window

from .tiny import Steps

LEARNER = Gradient(weights={"a": 1.0}, steps=1)


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.head = nn.Linear(2, 1)
        self.fixed = nn.Parameter(torch.ones(1), requires_grad=False)


@pytest.mark.parametrize(
    ("parts", "frozen", "trained", "training"),
    [
        ((), (), {"encoder.0", "encoder.1", "head"}, {"encoder", "head"}),
        ((), ("encoder",), {"head"}, {"head"}),
        (("encoder",), (), {"encoder.0", "encoder.1"}, {"encoder"}),
        (("encoder",), ("encoder.1",), {"encoder.0"}, {"encoder"}),
    ],
)
def test_what_learns(parts: tuple[str, ...], frozen: tuple[str, ...], trained: set[str], training: set[str]) -> None:
    model = Whole()
    stage = Stage("stage", LEARNER, parts=parts, frozen=frozen)
    with learning(model, stage) as parameters:
        assert {name.rpartition(".")[0] for name in parameters} == trained
        assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == set(parameters)
        assert {name for name in ("encoder", "head") if model.get_submodule(name).training} == training
        assert all(not model.get_submodule(name).training for name in frozen)
        for parameter in parameters.values():
            parameter.grad = torch.ones_like(parameter)
    assert {name for name, parameter in model.named_parameters() if not parameter.requires_grad} == {"fixed"}
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_losses_of_parts_carry_their_name() -> None:
    model = Whole()
    assert learners(model, Stage("stage", LEARNER)) == {"": model}
    assert learners(model, Stage("stage", LEARNER, parts=("encoder", "head"))) == {"encoder.": model.encoder, "head.": model.head}


def test_unknown_parts_are_named_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"'decoder', Whole has \['encoder', 'head'\]"):
        learners(Whole(), Stage("stage", LEARNER, parts=("decoder",)))


class Looked(nn.Module, Meters):
    """Counts how often it was looked at; its buffer must not notice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def meters(self, window: Window) -> dict[str, float]:
        assert not torch.is_grad_enabled()
        proprio = window.past.observation.proprio
        assert proprio is not None
        return {"mean": float(self.norm(proprio[:, 0]).mean())}


def test_looking_does_not_write() -> None:
    model = Looked().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = measure({"a.": model, "b.": nn.Linear(1, 1)}, Steps().batch(torch.arange(8)))
    assert list(found) == ["a.mean"] and model.norm.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
