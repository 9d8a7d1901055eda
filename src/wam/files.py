"""Writing so that a kill leaves the old file or the new one, never half of one."""

import os
from pathlib import Path


def sync(*paths: Path) -> None:
    """Flush files and folders to disk."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a text file in one atomic step."""
    temporary = path.with_name(f"{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    put(temporary, path)


def put(temporary: Path, path: Path) -> None:
    """Move a finished file (or a folder whose files are flushed) to its place, durably."""
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)
