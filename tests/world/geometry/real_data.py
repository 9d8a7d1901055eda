"""Where the real recordings lie: the folder named by WAM_TEST_DATA. Tests that need one are skipped where it is absent."""

import os
from pathlib import Path

import pytest


def folder(name: str) -> Path:
    """The folder of one data set, or a skip with the reason."""
    root = os.environ.get("WAM_TEST_DATA")
    if root is None:
        pytest.skip("WAM_TEST_DATA is not set: no real data to check against")
    path = Path(root) / name
    if not path.is_dir():
        pytest.skip(f"WAM_TEST_DATA has no folder {name}")
    return path
