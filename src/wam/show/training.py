"""Reads `log.jsonl` of a training run: what each loss was at each step. A last line that was cut off is left out."""

import json
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path


@dataclass(frozen=True)
class Points:
    """One loss."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def smooth(self) -> list[float]:
        """Means over about a fortieth of the steps around each; over fewer, evenly on both sides, near the ends."""
        count, reach = len(self.values), len(self.values) // 80
        sums = [0.0, *accumulate(self.values)]
        found = []
        for index in range(count):
            side = min(reach, index, count - 1 - index)
            found.append((sums[index + side + 1] - sums[index - side]) / (2 * side + 1))
        return found


@dataclass(frozen=True)
class TrainingLog:
    """All losses of a run by name, "stage / loss" where it has several stages."""

    losses: dict[str, Points]


def read_training_log(path: Path) -> TrainingLog:
    """ValueError where the file holds no step or a line in its middle cannot be read."""
    texts = path.read_text().splitlines(keepends=True)
    if texts and not texts[-1].endswith("\n"):
        texts.pop()  # a killed process was writing it
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
            for name, value in line["losses"].items():
                found.setdefault((line["stage"], name), []).append((line["step"], value))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number} is no step of a training run: {text[:80]!r}. Was the file edited?") from error
    if not found:
        raise ValueError(f"{path} holds no training step yet.")
    several = len({stage for stage, _ in found}) > 1
    return TrainingLog(
        losses={
            f"{stage} / {name}" if several else name: Points(steps=tuple(step for step, _ in points), values=tuple(value for _, value in points))
            for (stage, name), points in found.items()
        }
    )
