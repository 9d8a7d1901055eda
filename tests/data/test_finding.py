"""What is found in many episodes is told once."""

from pathlib import Path

from wam.data.finding import Finding, gathered


def found(episode: int | None, what: str = "all actions are the same") -> Finding:
    path = None if episode is None else Path(f"episode-{episode}.parquet")
    return Finding("constant", what, "a cause.", "a remedy.", path, episode, "warning")


def test_what_is_alike_in_several_episodes_stands_once() -> None:
    told = gathered([found(None, "a slot never changes"), *(found(episode) for episode in range(20)), found(3, "one colour")])
    assert len(told) == 3 and told[0] == str(found(None, "a slot never changes")) and told[2] == str(found(3, "one colour"))
    assert told[1].startswith(str(found(0))) and told[1].endswith("The same in 19 more: episodes 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ..., 19.")
