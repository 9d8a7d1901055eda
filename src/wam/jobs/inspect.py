"""A data set's inspection as tables for a terminal."""

from rich.table import Table

from wam.data.inspection import Histogram, Inspection

BARS = " ▁▂▃▄▅▆▇█"
EPISODES = 12  # shown; the others are counted


def inspection_tables(found: Inspection) -> list[Table | str]:
    """Features, episodes, and one line of histogram per action slot."""
    head = f"LeRobot {found.version}, {len(found.episodes)} episodes, {found.frames} frames at {found.rate:g} Hz, {found.per_step} action(s) per frame"
    features = Table("feature", "type", "shape", "meaning", title=f"{found.embodiment or 'unknown embodiment'}: {head}", title_justify="left")
    for line in found.features:
        features.add_row(line.key, line.dtype, " x ".join(map(str, line.shape)), line.meaning)
    episodes = Table("episode", "frames", "seconds", "instruction", "success", "source", title="Episodes", title_justify="left")
    for one in found.episodes[:EPISODES]:
        success = "" if one.success is None else "yes" if one.success else "no"
        episodes.add_row(str(one.index), str(one.frames), f"{one.seconds:.1f}", one.instruction or "", success, one.source or "")
    if len(found.episodes) > EPISODES:
        episodes.caption = f"and {len(found.episodes) - EPISODES} more"
    actions = Table("action", "unit", "lowest", "histogram", "highest", "mean", "std", title="Actions" + (" (derived from states)" if found.derived else ""))
    for histogram in found.histograms:
        numbers = (f"{histogram.low:.4g}", _bars(histogram), f"{histogram.high:.4g}", f"{histogram.mean:.4g}", f"{histogram.std:.4g}")
        actions.add_row(histogram.slot.name, histogram.slot.unit, *numbers)
    return [features, episodes, actions, *(f"note: {note.what} ({note.where})" for note in found.notes)]


def _bars(histogram: Histogram) -> str:
    top = max(int(histogram.counts.max()), 1)
    return "".join(BARS[-(-int(count) * (len(BARS) - 1) // top)] for count in histogram.counts)
