"""A data set's inspection as tables for a terminal."""

from rich.markup import escape
from rich.table import Column, Table

from wam.data.inspection import Histogram, Inspection

BARS = "·▁▂▃▄▅▆▇█"  # an empty bin is seen, and no terminal breaks the line there
EPISODES = 12  # shown; the others are counted


def inspection_tables(found: Inspection) -> list[Table | str]:
    """Features, episodes, and one line of histogram per action slot."""
    head = f"LeRobot {found.version}, {len(found.episodes)} episodes, {found.frames} frames at {found.rate:g} Hz, {found.per_step} action(s) per frame"
    whole = Column("feature", overflow="fold")  # names that begin alike stay apart
    features = Table(whole, "type", "shape", "meaning", title=f"{found.embodiment or 'unknown embodiment'}: {head}", title_justify="left")
    for line in found.features:
        features.add_row(line.key, line.dtype, " x ".join(map(str, line.shape)), line.meaning)
    actions = Table(title="Actions" + (" (derived from states)" if found.derived else ""), title_justify="left")
    moving = [histogram for histogram in found.histograms if histogram.high > histogram.low]
    units = any(histogram.slot.unit for histogram in moving)
    for head in ("action", *(("unit",) if units else ()), "lowest", "histogram", "highest", "mean", "std"):
        actions.add_column(head, overflow="fold", no_wrap=head != "action")
    for histogram in moving:
        numbers = (f"{histogram.low:.3g}", _bars(histogram), *(f"{value:.3g}" for value in (histogram.high, histogram.mean, histogram.std)))
        actions.add_row(histogram.slot.name, *((histogram.slot.unit,) if units else ()), *numbers)
    still = [f"{histogram.slot.name} = {histogram.low:.3g}" for histogram in found.histograms if not histogram.high > histogram.low]
    actions.caption, actions.caption_justify = escape(f"never change: {', '.join(still)}") if still else None, "left"
    tables: list[Table | str] = [features, _episodes(found) if found.episodes else "no episode", *([actions] if found.histograms else [])]
    return [*tables, *(f"note: {note.what} ({note.where})" for note in found.notes)]


def _episodes(found: Inspection) -> Table:
    """A line per episode. What is not known of any is no column, and what is the same of all is said once."""
    told = {
        "instruction": [one.instruction or "" for one in found.episodes],
        "success": ["" if one.success is None else "yes" if one.success else "no" for one in found.episodes],
        "source": [one.source or "" for one in found.episodes],
    }
    alike = {name: values[0] for name, values in told.items() if len(values) > 1 and len(set(values)) == 1}
    columns = [name for name in told if name not in alike and any(told[name])]
    table = Table("episode", "frames", "seconds", *columns, title="Episodes", title_justify="left", caption_justify="left")
    for row, one in enumerate(found.episodes[:EPISODES]):
        table.add_row(str(one.index), str(one.frames), f"{one.seconds:.1f}", *(told[name][row] for name in columns))
    more = [f"and {len(found.episodes) - EPISODES} more"] if len(found.episodes) > EPISODES else []
    table.caption = escape("; ".join([*more, *(f"{name} of all: {value}" for name, value in alike.items() if value)]))
    return table


def _bars(histogram: Histogram) -> str:
    top = max(int(histogram.counts.max()), 1)
    return "".join(BARS[-(-int(count) * (len(BARS) - 1) // top)] for count in histogram.counts)
