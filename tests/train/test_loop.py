"""Training runs: they learn, stop, resume to the same bytes, and explain themselves."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wam.plan.control import precision
from wam.train import CheckpointError, Fit, Gradient, Stage, Stopped, load, run
from wam.train import checkpoint as checkpoints
from wam.train.order import Order
from wam.world import Actions, Episodes, Meters, Noise, Observation, Progress, Task, Window, Windows

from .tiny import Mover, Steps, learner, logged, provenance, require_equal, train


class StopAt(Mover):
    """Presses Ctrl-C in its loss, once, in the given training step."""

    def __init__(self, step: int, number: int = signal.SIGINT):
        super().__init__()
        self.left, self.number = step, number

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return super().loss(window, noise=noise)


def test_it_learns_and_ends_in_eval_mode_with_averaged_weights(tmp_path: Path) -> None:
    model = train(tmp_path / "run")
    losses = [line["losses"]["prediction"] for line in logged(tmp_path / "run")]
    assert len(losses) == 40 and sum(losses[-5:]) < 0.4 * sum(losses[:5])
    saved = load(tmp_path / "run")
    assert saved.place.ended and saved.place.position == 40 * 16 and not model.training
    assert saved.average is not None and all(torch.equal(value, saved.average[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_the_same_seed_gives_the_same_bytes_and_the_callers_random_numbers_stay(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(tmp_path / "one")
    assert torch.equal(torch.rand(1), expected)
    train(tmp_path / "two")
    require_equal(tmp_path / "one", tmp_path / "two")
    train(tmp_path / "three", seed=1)
    assert logged(tmp_path / "one") != logged(tmp_path / "three")


def test_windows_come_in_the_order_of_the_seed(tmp_path: Path) -> None:
    windows = Steps()
    train(tmp_path / "run", windows=windows, stages=(Stage("world", learner(steps=9)),), seed=3)
    order = Order(50, 16, 3, "world")
    assert windows.asked == [order.indices(step).tolist() for step in range(9)]


@pytest.mark.parametrize(("step", "number"), [(1, signal.SIGINT), (13, signal.SIGINT), (27, signal.SIGTERM)])
def test_ctrl_c_saves_says_how_to_go_on_and_leaves_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str], step: int, number: int) -> None:
    handler = signal.getsignal(signal.SIGINT)
    train(tmp_path / "whole", save_every=10)
    with pytest.raises(Stopped) as stopped:
        train(tmp_path / "cut", StopAt(step, number), save_every=10)
    assert stopped.value.code == 130 and signal.getsignal(signal.SIGINT) is handler
    assert load(tmp_path / "cut").place.step == step
    said = capsys.readouterr().err
    assert f"step {step} of 40" in said and "--resume" in said and str(tmp_path / "cut") in said
    train(tmp_path / "cut", Mover(seed=9), save_every=10, resume=True)
    require_equal(tmp_path / "whole", tmp_path / "cut")


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored

    class Impatient(Mover):
        def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
            signal.raise_signal(signal.SIGINT)  # unlike os.kill, handled before it returns: two at once would count as one
            signal.raise_signal(signal.SIGINT)
            return super().loss(window, noise=noise)

    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run", Impatient())
    finally:
        signal.signal(signal.SIGINT, before)


def test_stopping_in_the_very_last_step_ends_normally(tmp_path: Path) -> None:
    train(tmp_path / "run", StopAt(40))
    assert load(tmp_path / "run").place.ended


def test_an_ended_run_resumes_to_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = train(tmp_path / "run")
    again = train(tmp_path / "run", Mover(seed=4), show=True, resume=True)
    told = capsys.readouterr().err
    assert "nothing is left to do" in told and "going on" not in told
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in trained.state_dict().items())


def shifted(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Windows that depend on the model as the stage found it."""
    moved = Steps()
    moved.at = moved.at + model.get_parameter("head.bias").detach()
    return moved


STAGES = (
    Stage("first", learner(steps=12)),
    Stage("second", learner(steps=15, average=None), after=("first",), frozen=("body",), derives=shifted),
    Stage("third", learner(steps=6), after=("second",)),
)


@pytest.mark.parametrize("step", [5, 12, 20, 27, 30])
def test_stages_resume_with_what_they_derived(tmp_path: Path, step: int) -> None:
    train(tmp_path / "whole", stages=STAGES, save_every=4)
    with pytest.raises(Stopped):
        train(tmp_path / "cut", StopAt(step), stages=STAGES, save_every=4)
    train(tmp_path / "cut", stages=STAGES, save_every=4, resume=True)
    require_equal(tmp_path / "whole", tmp_path / "cut")
    assert [path.name for path in checkpoints.stored(tmp_path / "cut")] == ["00-first-00000012", "01-second-00000015", "02-third-00000006"]


def test_frozen_parts_keep_their_weights(tmp_path: Path) -> None:
    before = Mover()
    after = train(tmp_path / "run", stages=(Stage("world", learner(), frozen=("body",)),))
    assert all(torch.equal(a, b) for a, b in zip(before.body.parameters(), after.body.parameters(), strict=True))
    assert not torch.equal(before.head.weight, after.head.weight)


class Pair(nn.Module):
    """Two movers that learn beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = Mover(seed=1), Mover(seed=2)


def test_parts_learn_by_their_own_losses(tmp_path: Path) -> None:
    weights = {"left.prediction": 1.0, "left.spread": 0.0, "right.prediction": 2.0, "right.spread": 0.1}
    gradient = learner(weights=weights, batch_statistics=("left.spread", "right.spread"))
    train(tmp_path / "run", Pair(), stages=(Stage("both", gradient, parts=("left", "right")),))
    first, last = logged(tmp_path / "run")[0]["losses"], logged(tmp_path / "run")[-1]["losses"]
    assert list(first) == list(weights) and all(last[name] < first[name] for name in ("left.prediction", "right.prediction"))


def test_the_models_own_figures_are_logged_every_so_often(tmp_path: Path) -> None:
    class Metered(Mover, Meters):
        def meters(self, window: Window) -> dict[str, float]:
            assert not self.training
            return {"bias": float(self.head.bias.norm())}

    train(tmp_path / "run", Metered(), stages=(Stage("world", learner(meters=15)),))
    lines = [json.loads(text) for text in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "meters" in line] == [15, 30] and lines[14]["meters"]["bias"] > 0


def test_bfloat16_keeps_weights_in_full_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    seen = []

    class Watched(Mover):
        def forward(self, window: Window, noise: Noise) -> Tensor:
            found = super().forward(window, noise)
            seen.append(found.dtype)
            return found.float()

    model = train(tmp_path / "run", Watched(), stages=(Stage("world", learner(precision="bf16")),))
    assert set(seen) == {torch.bfloat16} and {parameter.dtype for parameter in model.parameters()} == {torch.float32}


# -- what goes wrong is explained -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [2, 23])
def test_a_loss_that_is_not_finite_stops_and_names_step_and_windows(tmp_path: Path, step: int) -> None:
    class Diverges(StopAt):
        def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
            self.left -= 1
            found = Mover.loss(self, window, noise=noise)
            return {**found, "spread": found["spread"] + float("nan")} if self.left == 0 else found

    with pytest.raises(FloatingPointError, match=rf"spread = nan.*in step {step} of stage 'world'") as error:
        train(tmp_path / "run", Diverges(step), save_every=5)
    assert str(Order(50, 16, 0, "world").indices(step - 1).tolist()) in str(error.value)
    assert "wam data check SET" in str(error.value) and ("last checkpoint" in str(error.value)) == (step == 23)
    assert len(logged(tmp_path / "run")) == step - 1
    assert [path.name[-2:] for path in checkpoints.stored(tmp_path / "run")] == ([] if step == 2 else ["20"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        (
            {"stages": (Stage("world", learner(learning_rate=0.5)),)},
            r"something else: stages\[0\]\.learner\.learning_rate was 0.01, is 0.5\. Repeat the command",
        ),
        ({"windows": Steps(51)}, "learned from 50 windows, now there are 51"),
    ],
)
def test_another_run_cannot_go_on(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(Stopped):
        train(tmp_path / "run", StopAt(5))
    with pytest.raises(CheckpointError, match=message):
        train(tmp_path / "run", resume=True, **changes)


def test_changed_sources_are_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path / "run")
    train(tmp_path / "run", resume=True, show=True, provenance=dataclasses.replace(provenance(), source="edited"))
    assert "sources of wam changed since (tests -> edited)" in capsys.readouterr().err


def test_a_folder_is_as_resume_says(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no run in .* to resume"):
        train(tmp_path / "run", resume=True)
    train(tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds a run already"):
        train(tmp_path / "run")


def test_nothing_to_train_and_nothing_to_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to train"):
        train(tmp_path / "one", stages=(Stage("world", learner(), frozen=("body", "head", "idle")),))
    with pytest.raises(ValueError, match="pass episodes="):
        train(tmp_path / "two", stages=(Stage("symbols", Fit()),))
    with pytest.raises(TypeError, match="Mover is trained by Fit and has no `fit"):
        train(tmp_path / "three", stages=(Stage("symbols", Fit()),), episodes=episodes)


# -- fitting --------------------------------------------------------------------------------------------------------------------


def episodes() -> Episodes:
    """Two episodes in which a body slows down by 0.8 per step."""
    speed = 0.8 ** torch.arange(6.0).repeat(2, 1)
    flags = torch.ones(2, 6, dtype=torch.bool)
    return Episodes(
        observation=Observation(proprio=speed[..., None]),
        actions=Actions(valid=flags[..., None]),
        reward=torch.zeros(2, 6),
        alive=flags,
        success=~flags,
        task=Task(),
        seed=torch.arange(2),
        decided=flags,
        seconds=torch.zeros(2, 6),
    )


class Drag(nn.Module):
    """Identifies one number by bisection, then refines it by gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("drawn", torch.zeros(2))

    def fit(self, episodes: Episodes, *, noise: Noise):
        speed = episodes.observation.proprio
        assert speed is not None
        low, high = torch.tensor(0.0), torch.tensor(1.0)
        self.drawn.copy_(noise.uniform(1, 1)[:, 0, 0])
        for done in range(1, 21):
            middle = (low + high) / 2
            low, high = (middle, high) if (middle * speed[:, :-1] < speed[:, 1:]).all() else (low, middle)
            yield Progress(done, 20, {"width": (high - low).item()})
        self.keep.data.copy_((low + high) / 2)

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        return {"away": (self.keep - 0.8).square() * torch.ones(len(window.valid))}


def test_a_model_is_fitted_then_refined_and_resumes_between(tmp_path: Path) -> None:
    stages = (Stage("identify", Fit()), Stage("refine", Gradient(weights={"away": 1.0}, steps=5, batch=4), after=("identify",)))

    def both(folder: Path, cut: bool) -> Drag:
        model = Drag()
        options: dict = {"windows": lambda _: Steps(), "provenance": provenance(), "folder": folder, "episodes": episodes, "show": False}
        if cut:
            run(model, stages[:1], **options)
            assert load(folder).place.ended and not torch.equal(model.drawn, torch.zeros(2))
            assert model.keep.item() == pytest.approx(0.8, abs=1e-5)
            return model
        run(model, stages, **options)
        return model

    whole = both(tmp_path / "whole", cut=False)
    lines = logged(tmp_path / "whole")
    assert [line["stage"] for line in lines] == ["identify"] * 20 + ["refine"] * 5
    assert lines[19]["losses"] == {"width": 2.0**-20} and lines[-1]["losses"]["away"] < 1e-9
    fitted = both(tmp_path / "cut", cut=True)
    assert torch.equal(fitted.drawn, whole.drawn)


def test_a_stopped_fit_starts_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Interrupted(Drag):
        def fit(self, episodes: Episodes, *, noise: Noise):
            for progress in super().fit(episodes, noise=noise):
                if progress.done == 7:
                    os.kill(os.getpid(), signal.SIGINT)
                yield progress

    stages = (Stage("identify", Fit()),)
    for model, folder in ((Drag(), "whole"), (Interrupted(), "cut")):
        try:
            train(tmp_path / folder, model, stages=stages, episodes=episodes)
        except Stopped:
            assert folder == "cut" and "7 of 20" in capsys.readouterr().err
    train(tmp_path / "cut", Drag(), stages=stages, episodes=episodes, resume=True)
    require_equal(tmp_path / "whole", tmp_path / "cut")
