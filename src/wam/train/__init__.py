"""Training that one can trust: stages, the gradient loop, fitting, checkpoints and the log."""

from wam.train.checkpoint import Checkpoint as Checkpoint
from wam.train.checkpoint import CheckpointError as CheckpointError
from wam.train.checkpoint import Place as Place
from wam.train.checkpoint import load as load
from wam.train.checkpoint import save as save
from wam.train.loop import run as run
from wam.train.online import Practice as Practice
from wam.train.provenance import Provenance as Provenance
from wam.train.stage import Fit as Fit
from wam.train.stage import Gradient as Gradient
from wam.train.stage import Online as Online
from wam.train.stage import Stage as Stage
from wam.train.stop import Stopped as Stopped
from wam.train.windows import windows_from as windows_from
