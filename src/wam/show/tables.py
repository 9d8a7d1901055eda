"""Typed results -> tables for a terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from wam.evaluate.card import RolloutCard
from wam.evaluate.returns import ReturnRow
from wam.evaluate.success import SuccessRow
from wam.show import report
from wam.show.summaries import card_summaries, return_summary, success_summary


def success_table(rows: Sequence[SuccessRow]) -> Table:
    """Success with intervals and time per decision."""
    return terminal_table(success_summary(rows))


def score_table(rows: Sequence[ReturnRow]) -> Table:
    """Returns with intervals and time per decision."""
    return terminal_table(return_summary(rows))


def card_tables(card: RolloutCard) -> list[Table]:
    """What the card says in numbers."""
    return [terminal_table(table) for table in card_summaries(card)]


def terminal_table(table: report.Table) -> Table:
    """Any table of a report."""
    made = Table(title=escape(table.title), title_justify="left", caption=escape(table.note), caption_justify="left", header_style="bold")
    for index, column in enumerate(table.columns):
        made.add_column(escape(column), justify="right" if index in table.numbers else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*map(escape, row))
    return made
