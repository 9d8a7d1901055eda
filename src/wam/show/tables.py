"""Typed results -> tables for a terminal."""

from collections.abc import Sequence

from rich.table import Table

from wam.evaluate.card import RolloutCard
from wam.evaluate.success import SuccessRow
from wam.show import report, sections


def success_table(rows: Sequence[SuccessRow]) -> Table:
    """Success with intervals and time per decision."""
    return terminal_table(next(section for section in sections.success_sections(rows) if isinstance(section, report.Table)), "Closed-loop success")


def card_tables(card: RolloutCard) -> list[Table]:
    """What the card says in numbers."""
    return [terminal_table(section) for section in sections.card_sections(card) if isinstance(section, report.Table)]


def terminal_table(table: report.Table, title: str = "") -> Table:
    """Any table of a report, under its own title unless another is given."""
    made = Table(title=title or table.title, title_justify="left", caption=table.note, caption_justify="left", header_style="bold")
    for index, column in enumerate(table.columns):
        made.add_column(column, justify="right" if index in table.numbers else "left")
    for row in table.rows:
        made.add_row(*row)
    return made
