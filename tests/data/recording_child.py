"""Records for as long as it lives. Reads a folder and a seed per line, forks a process that records there, prints its id.

The parent process has everything imported already, so a recording process starts in a millisecond and can be killed often.
"""

import os
import sys
from pathlib import Path

import pyarrow.parquet  # imported here, once, instead of in every child
import torch

from tests.data.toy import toy_episode, toy_spec
from wam.data import Recorder
from wam.data.dataset import require_extra


def run(folder: Path) -> None:
    """Record and close in turns, noting every finished episode in a file beside the set."""
    spec = toy_spec()
    done = os.open(folder.with_suffix(".done"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        with Recorder(folder, spec, storage="lossless", resume=True) as recorder:
            for _ in range(4):
                number = recorder.write(toy_episode(spec, 3 + recorder.episodes % 5, recorder.episodes, f"task {recorder.episodes % 3}"))
                os.write(done, b"%d\n" % number)


def main() -> None:
    torch.set_num_threads(1)
    require_extra()
    assert pyarrow.parquet
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(Path(line.strip()))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
