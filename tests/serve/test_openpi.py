"""openpi's own client, unchanged and in an environment of its own, meets the server. `make test` makes that environment."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.serve.mocks import SEES, SENTENCES, Summing, message, served
from wam.serve import Keys, Limits, Session

ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".venv-openpi" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="there is no .venv-openpi: `make test` makes it")
def test_openpis_own_client_connects_asks_and_is_told_what_is_wrong() -> None:
    messages = [message(number) for number in range(4)]
    lines = [json.dumps({name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in told.items()}) for told in messages]
    with served(Summing(instructed=True), name="summing", token="t") as port:
        child = Path(__file__).parent / "openpi_child.py"
        done = subprocess.run([PYTHON, child, str(port), "t"], input="\n".join(lines), capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    metadata, first, steps, refused = (json.loads(line) for line in done.stdout.splitlines())
    assert metadata["policy"] == "summing" and metadata["prompts"] == list(SENTENCES)
    talk = Session(Summing(instructed=True), Keys.of(SEES), Limits())
    chunks = [talk.answer(messages[number])["actions"] for number in (0, 1, 3)]  # the broker asks for a chunk, and does two steps of it
    assert first["type"] == "float32" and np.array_equal(np.float32(first["actions"]), chunks[0])
    assert np.array_equal(np.float32(steps), np.stack([chunks[1][0], chunks[1][1], chunks[2][0]]))
    assert "none of the 2 instructions" in refused
