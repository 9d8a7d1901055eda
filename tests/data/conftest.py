import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushing protects from power cuts, which no test here makes; it is most of the time that recording takes."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
