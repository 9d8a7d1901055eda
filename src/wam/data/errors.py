"""The one error of the data room: which file, which episode, what is wrong, and what to do about it."""

from pathlib import Path


class DataError(ValueError):
    """Bad input on disk. Nothing is skipped or repaired in silence: the reader stops and says where and why.

    `path` and `episode` say where, `what` says what came against what was expected, `cause` why it may be so where the
    reader knows, `remedy` says what to do.
    """

    def __init__(self, what: str, *, remedy: str, cause: str = "", path: Path | str | None = None, episode: int | str | None = None):
        place = [f"file {path}" if path is not None else "", f"episode {episode}" if episode is not None else ""]
        where = ", ".join(part for part in place if part)
        said = " ".join(part for part in (what, f"Likely cause: {cause}" if cause else "", remedy) if part)
        super().__init__(f"{where}: {said}" if where else said)
        self.what, self.cause, self.remedy = what, cause, remedy
        self.path = None if path is None else Path(path)
        self.episode = episode
