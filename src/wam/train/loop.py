"""The training loop: stages in order, each by gradient or by its own procedure, stopped and resumed without a trace.

A run is a folder: `log.jsonl`, `checkpoints/`, `tensorboard/` where asked for. Data order, noise and torch's random numbers
are functions of (seed, stage, step, process), so a run that was killed and resumed ends with the same bytes as one that was
not, on the same machine type with the same threads (with `torch.use_deterministic_algorithms(True)` where kernels need it).
Does not know: recipes, commands, how data is stored. Footgun: a model that draws numbers from anything but the noise that it
is given and torch's default generator (Python's `random`, NumPy) does not resume equally.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import torch
from torch import Tensor, nn

from wam.train import checkpoint as checkpoints
from wam.train.checkpoint import Checkpoint, CheckpointError
from wam.train.fitting import fit
from wam.train.log import Log
from wam.train.loss import Losses, weighted
from wam.train.meter import Meter
from wam.train.optimise import Average, Parameters, adamw, learning_rate, moments, set_moments
from wam.train.order import Order, reseed, seed_from
from wam.train.parts import learners, learning, measure
from wam.train.prefetch import ahead
from wam.train.processes import processes
from wam.train.provenance import Provenance
from wam.train.session import Session
from wam.train.stage import Gradient, Stage, in_order
from wam.train.stop import stop_wish
from wam.world import Episodes, Noise, Window, Windows


def run(
    model: nn.Module,
    stages: Sequence[Stage],
    *,
    windows: Callable[[Gradient], Windows],
    provenance: Provenance,
    folder: Path | str,
    episodes: Callable[[], Episodes] | None = None,
    accepted: Callable[[], None] | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    resume: bool = False,
    save_every: int = 1000,
    tensorboard: bool = False,
    show: bool = True,
) -> Path:
    """Train `model` in place and return the folder of its last checkpoint. The model ends in eval mode.

    `windows(learner)` gives the windows of a gradient stage in the shape that it asks for, e.g. `windows_from(frames)`;
    `episodes()` what a fit learns from; `accepted()` is called once, when the folder is found to be as `resume`
    says. `save_every` counts steps. `resume` goes on where the run in `folder` stood; pass the same everything else.
    Raises Stopped after Ctrl-C (saved), FloatingPointError for a loss that is not finite, CheckpointError for a `folder` that
    is not as `resume` says.
    """
    folder, team = Path(folder), processes(device)
    log = Log(folder if team.index == 0 else None, show=show, tensorboard=tensorboard)
    session = Session(folder, in_order(stages), provenance, seed, save_every, team, log)
    saved = session.begin(resume)
    if accepted is not None and team.index == 0:
        accepted()
    model.to(team.device)
    generators = [team.device] if team.device.type == "cuda" else []
    with log, stop_wish() as session.wish, torch.random.fork_rng(devices=generators):
        for index, stage in enumerate(session.stages):
            here = saved if saved is not None and saved.place.index == index else None
            if saved is not None and index < saved.place.index:
                continue
            if here is not None and here.place.ended:
                here.restore(model)
                continue
            if here is not None and index > 0:  # the model as this stage found it: `derives` looks at it
                checkpoints.load(checkpoints.stored_end(folder, index - 1)).restore(model)
            if isinstance(stage.learner, Gradient):
                _descend(session, model, index, stage.learner, windows(stage.learner), here)
            else:
                fit(session, model, index, episodes)
    return checkpoints.stored(folder)[-1]


def _descend(session: Session, model: nn.Module, index: int, learner: Gradient, windows: Windows, resumed: Checkpoint | None) -> None:
    """One gradient stage, from its beginning or from a checkpoint inside it."""
    stage, team = session.stages[index], session.team
    if learner.batch % team.count:
        raise ValueError(f"a batch of {learner.batch} windows cannot be shared by {team.count} processes. Use a multiple of {team.count}.")
    if stage.derives is not None:
        windows = stage.derives(model, windows)
    order = Order(len(windows), learner.batch, session.seed, stage.name)
    share = learner.batch // team.count
    first, last = team.index * share, (team.index + 1) * share

    def batch(step: int) -> tuple[Window, Noise]:
        return windows.batch(order.indices(step)[first:last]).to(team.device), order.noise(step, first, last).to(team.device)

    with learning(model, stage) as parameters:
        if not parameters:
            raise ValueError(f"stage {stage.name!r} has nothing to train: parts {stage.parts or '(all)'}, frozen {stage.frozen}.")
        optimiser = adamw(learner, parameters)
        average = Average(learner.average, parameters) if learner.average is not None else None
        start = _continue(resumed, model, parameters, optimiser, average, len(windows)) if resumed is not None else 0
        learns = learners(model, stage)
        losses = team.wrap(Losses(learns))
        meter = Meter(session, index, learner, order)
        session.log.begin(stage.name, learner.steps, start)
        if team.count > 1 and learner.batch_statistics:
            names = ", ".join(learner.batch_statistics)
            session.log.say(f"{names}: each process takes the statistic of its own {share} windows of {learner.batch}; gradients are averaged.")

        with closing(ahead(batch, start, learner.steps)) as batches:
            for step, ((window, noise), waited) in enumerate(batches, start):
                reseed(seed_from("torch", session.seed, stage.name, step, team.index), team.device)
                rate = learning_rate(learner, step)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                with torch.autocast(team.device.type, torch.bfloat16, enabled=learner.precision == "bf16"):
                    named = losses(window, noise)
                total, means = weighted(named, learner, share)
                optimiser.zero_grad()
                total.backward()
                norm = _clip(parameters, learner.clip)
                optimiser.step()
                if average is not None:
                    average.update(step)

                done = step + 1
                ended = done == learner.steps
                meters = measure(learns, window) or None if done % learner.meters == 0 else None
                stopping = meter.add(done, means, norm, rate, waited, meters)
                if ended or stopping or done % session.save_every == 0:
                    stopping = meter.write() or stopping
                    place = session.place(index, done, ended=ended, position=done * learner.batch, windows=len(windows))
                    session.save(model, place, average.state(model) if average is not None else None, moments(optimiser, parameters))
                if stopping and not (ended and index == len(session.stages) - 1):
                    session.leave(stage, f"step {done} of {learner.steps} is done and saved")
        if average is not None:
            average.apply()


def _clip(parameters: Parameters, largest: float | None) -> Tensor:
    """The norm of all gradients, before they are scaled down to the largest allowed."""
    norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters.values() if parameter.grad is not None])
    if largest is not None:
        torch.nn.utils.clip_grads_with_norm_(list(parameters.values()), largest, norm)
    return norm.detach()


def _continue(resumed: Checkpoint, model: nn.Module, parameters: Parameters, optimiser: torch.optim.Optimizer, average: Average | None, windows: int) -> int:
    """Put everything back as it was and return the number of steps done."""
    if windows != resumed.place.windows:
        raise CheckpointError(f"the run learned from {resumed.place.windows} windows, now there are {windows}. The data changed: start a new run.")
    resumed.restore(model, averaged=False)
    set_moments(optimiser, parameters, resumed.optimiser or {})
    if average is not None and resumed.average is not None:
        average.restore(resumed.average)
    return resumed.place.step
