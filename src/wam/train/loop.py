"""The training loop: stages in order, each by gradient or by its own procedure, stopped and resumed without a trace.

A run is a folder: `log.jsonl`, `checkpoints/`, `tensorboard/` where asked for. Data order, noise and torch's random numbers
are functions of (seed, stage, step, process), so a run that was killed and resumed ends with the same bytes as one that was
not, on the same machine type with the same threads (with `torch.use_deterministic_algorithms(True)` where kernels need it).
Does not know: recipes, commands, how data is stored. Footgun: a model that draws numbers from anything but the noise that it
is given and torch's default generator (Python's `random`, NumPy) does not resume equally.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from wam.train import checkpoint as checkpoints
from wam.train.checkpoint import Checkpoint
from wam.train.descent import Descent
from wam.train.fitting import fit
from wam.train.log import Log
from wam.train.online import Practice, practise
from wam.train.order import Order
from wam.train.parts import learning
from wam.train.processes import processes
from wam.train.provenance import Provenance
from wam.train.session import Session
from wam.train.stage import Gradient, Online, Stage, in_order
from wam.train.stop import stop_wish
from wam.world import Episodes, Windows


def run(
    model: nn.Module,
    stages: Sequence[Stage],
    *,
    windows: Callable[[Gradient], Windows] | None = None,
    provenance: Provenance,
    folder: Path | str,
    episodes: Callable[[], Episodes] | None = None,
    practice: Practice | None = None,
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
    `episodes()` what a fit learns from; `practice` where an online stage acts, with what policy; `accepted()` is called once,
    when the folder is found to be as `resume` says. `save_every` counts steps. `resume` goes on where the run in `folder` stood; pass the same everything else.
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
                if windows is None:
                    raise ValueError(f"stage {stage.name!r} learns from recorded windows: pass windows=..., e.g. windows_from(frames).")
                _descend(session, model, index, stage.learner, windows(stage.learner), here)
            elif isinstance(stage.learner, Online):
                practise(session, model, index, stage.learner, practice, here)
            else:
                fit(session, model, index, episodes)
    return checkpoints.stored(folder)[-1]


def _descend(session: Session, model: nn.Module, index: int, learner: Gradient, windows: Windows, resumed: Checkpoint | None) -> None:
    """One gradient stage, from its beginning or from a checkpoint inside it."""
    stage = session.stages[index]
    if stage.derives is not None:
        windows = stage.derives(model, windows, session.folder)
    order = Order(len(windows), learner.batch, session.seed, stage.name)
    with learning(model, stage) as parameters:
        descent = Descent(session, model, index, learner, parameters, order)
        if resumed is not None:
            descent.resume(resumed, len(windows))
        session.log.begin(stage.name, learner.steps, descent.done)
        descent.descend(windows, learner.steps)
        stopping = descent.save(len(windows), ended=True)
        session.log.conclude(index)
        if stopping and index < len(session.stages) - 1:
            session.leave(stage, f"step {descent.done} of {learner.steps} is done and saved")
        descent.finish()
