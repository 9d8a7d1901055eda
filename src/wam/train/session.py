"""What stays the same through a run, and how it begins, is saved, goes on and is left."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from wam.train import checkpoint as checkpoints
from wam.train.checkpoint import Checkpoint, CheckpointError, Place
from wam.train.log import FILE, Log
from wam.train.processes import Alone
from wam.train.provenance import Provenance
from wam.train.stage import Stage, describe
from wam.train.stop import Stopped, Wish
from wam.world import Spec

SHOWN = 6  # differences named before a run that cannot go on
ABSENT = "absent"  # in the place of a field that one side lacks


@dataclass
class Session:
    """A run in progress."""

    folder: Path
    stages: tuple[Stage, ...]  # in the order of training
    provenance: Provenance
    seed: int
    save_every: int  # steps
    team: Alone
    log: Log
    wish: Wish = field(default_factory=Wish)

    def place(self, index: int, step: int, *, ended: bool = False, position: int = 0, windows: int = 0) -> Place:
        """A place in this run."""
        described = tuple(json.loads(json.dumps(describe(stage))) for stage in self.stages)
        return Place(stage=self.stages[index].name, index=index, step=step, ended=ended, position=position, windows=windows, seed=self.seed, stages=described)

    def save(self, model: nn.Module, place: Place, average: dict[str, Tensor] | None = None, optimiser: dict[str, Tensor] | None = None) -> None:
        """One checkpoint, by the first process, while the others wait."""
        if self.team.index == 0:
            self.log.flush()
            checkpoints.save(checkpoints.path_of(self.folder, place), model, self.provenance, place=place, average=average, optimiser=optimiser)
            checkpoints.prune(self.folder)
        self.team.wait()

    def begin(self, resume: bool) -> Checkpoint | None:
        """The checkpoint to go on from, None for a fresh start. CheckpointError where the folder is not as `resume` says."""
        if resume and not self.folder.is_dir():
            raise CheckpointError(f"there is no run in {self.folder} to resume. Check the path, or start one without resume.")
        found = checkpoints.stored(self.folder)
        if not resume and (found or (self.folder / FILE).exists()):
            raise CheckpointError(f"{self.folder} holds a run already. Resume it (--resume, or resume=True), or choose another folder.")
        saved = checkpoints.load(found[-1]) if found else None
        if saved is not None:
            self._require_same(saved)
        self.team.wait()  # all have looked before one of them writes
        if self.team.index == 0:
            (self.folder / checkpoints.FOLDER).mkdir(parents=True, exist_ok=True)
            self.log.rewind(saved.place.index if saved else 0, saved.place.step if saved else 0)
        if saved is not None:
            over = saved.place.ended and saved.place.index == len(self.stages) - 1
            went = f"nothing is left to do, the training is over: step {saved.place.step} of stage {saved.place.stage!r} was its last."
            self.log.say(went if over else f"going on after step {saved.place.step} of stage {saved.place.stage!r}.")
            if saved.provenance.source != self.provenance.source:
                self.log.say(f"note: the sources of wam changed since ({saved.provenance.source} -> {self.provenance.source}).")
        elif resume:
            self.log.say("no checkpoint yet: starting from the beginning.")
        return saved

    def leave(self, stage: Stage, reached: str) -> None:
        """Say where the run stands and how to go on, and raise Stopped."""
        if self.team.index == 0:
            self.log.progress.stop()
            print(
                f"stopped in stage {stage.name!r}: {reached}. Run folder: {self.folder}\n"
                "To go on, run the same command with --resume (in Python: resume=True).",
                file=sys.stderr,
            )
        raise Stopped

    def _require_same(self, saved: Checkpoint) -> None:
        then, now = saved.provenance, self.provenance
        pairs: dict[str, tuple[object, object]] = {
            "seed": (saved.place.seed, self.seed),
            "stages": (saved.place.stages, self.place(0, 0).stages),
            "spec": (then.spec, now.spec),
            "statistics": (then.statistics, now.statistics),
            "recipe": (then.recipe, now.recipe),
            "preset": (then.preset, now.preset),
            "config": tuple(json.loads(json.dumps(config)) for config in ({**now.defaults, **then.config}, now.config)),
        }
        if differ := [line for name, (before, after) in pairs.items() for line in differences(name, before, after)]:
            more = f"; and {len(differ) - SHOWN} more" if len(differ) > SHOWN else ""
            other = "its numbers are those of other data; " if any(line.startswith("statistics") for line in differ) else ""
            raise CheckpointError(
                f"{self.folder} cannot go on, it was started with something else: {other}{'; '.join(differ[:SHOWN])}{more}. "
                "Repeat the command with what it was, or start a new run in another folder."
            )


def differences(name: str, before: object, after: object) -> list[str]:
    """Lines "NAME.FIELD was X, is Y", one for each field in which two JSON-like values differ, however deep; empty where they are equal."""
    if isinstance(before, Spec) and isinstance(after, Spec):
        return differences(name, before.to_dict(), after.to_dict())
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        return [line for key in keys for line in differences(f"{name}.{key}", before.get(key, ABSENT), after.get(key, ABSENT))]
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for index, (one, other) in pairs for line in differences(f"{name}[{index}]", one, other)]
    return [] if before == after else [f"{name} was {before}, is {after}"]
