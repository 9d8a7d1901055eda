"""A command in several processes of this machine, one per core or GPU: what `torchrun` does, in an option."""

import logging
import os
import sys
import uuid


def inside() -> bool:
    """Is this one of several processes already, started here or by a launcher?"""
    return "WORLD_SIZE" in os.environ


def first() -> bool:
    """Is this the only process, or the one of several that speaks?"""
    return os.environ.get("RANK", "0") == "0"


def run(count: int) -> int:
    """This command again, in so many processes that work together. Its exit status: that of the first which failed, else 0; 130 where it was stopped."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # the processes say themselves what failed
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun has it
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=count, run_id=uuid.uuid4().hex, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0
    )
    try:
        elastic_launch(config, sys.executable)("-m", "wam.cli", *sys.argv[1:])
    except ChildFailedError as error:
        return error.get_first_failure()[1].exitcode
    except SignalException:
        return 130
    return 0
