"""An encoded picture, and what a page does with it. Knows no image library, so reports and tables load without one."""

import base64
from dataclasses import dataclass
from pathlib import Path

NEEDED = 'drawing needs the extra "show": pip install "wam[show]"'


@dataclass(frozen=True)
class Picture:
    """An encoded still, animation or film, and the size at which it is meant to be seen."""

    data: bytes
    mime: str
    width: int
    height: int

    def save(self, path: Path) -> Path:
        """Write the file; returns its path."""
        path.write_bytes(self.data)
        return path

    def uri(self) -> str:
        """For embedding in a page."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"
