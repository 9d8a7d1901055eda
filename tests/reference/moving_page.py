"""docs/kinds.md from results/moving_each_kind.json: no figure is written by hand.

python -m tests.reference.moving_page
"""

from tests.reference.moving import COMMAND, RESULT, KindRow, MovingResult
from wam.evaluate.result import FOLDER

PAGE = FOLDER.parent / "docs" / "kinds.md"
TRIVIAL = "drive_to_goal"


def page(result: MovingResult) -> str:
    """Markdown: protocol, table, which rows beat the trivial policy, and which do not."""
    trivial = next(row for row in result.rows if row.name == TRIVIAL)
    models = [row for row in result.rows if row.planner]
    moving = [row.name for row in models if row.low > trivial.high]
    failing = [row.name for row in models if row.low <= trivial.high]
    return "\n".join(
        (
            "# Moving an object with each kind of model",
            "",
            f"Written by `python -m tests.reference.moving_page` from `results/{RESULT.name}`, which `{COMMAND}` wrote.",
            "",
            result.origin.protocol,
            f"{result.origin.seeds[:1].upper()}{result.origin.seeds[1:]}. {result.origin.data[:1].upper()}{result.origin.data[1:]}.",
            "One training per kind: the intervals hold for the goals, not for other training seeds.",
            "",
            "The kinds do not see the same. Points and tracks are noiseless sensors, the simulator knows the true equations, and the skills of the "
            "operators read true poses; the others have 16 x 16 pixels, of which nothing learns the task in about a minute. So this shows that one "
            "interface serves all kinds, not which kind is best.",
            "",
            "| kind | solved | 95 % | goals | s per decision | training, s | parameters | objective | search |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *(_line(row) for row in result.rows),
            "",
            f"Above `{TRIVIAL}` (its interval ends at {trivial.high:.0%}): {', '.join(moving) or 'none'}.",
            f"Not above it: {', '.join(failing) or 'none'}.",
            "",
            "Seconds per decision are wall time on a shared machine, for one of the episodes that decide together: "
            "orders of magnitude, not a comparison of speeds.",
            "",
            f"Measured on {result.origin.device}; {result.origin.wall_seconds:.0f} s in all.",
            "",
            "## How to read it",
            "",
            "The tracks model reads a sentence, but is asked here for goal tracks: the sentences name nine places, too coarse for this goal. "
            "The joint model's policy view is told no goal.",
            "",
            "Why kinds that see pictures fail was not tested one by one. Likely: about a minute of training or less, on pictures in which the disc is "
            "a few pixels across, is too little to learn contacts. The recipe `lewm`, with 32 x 32 pixels that "
            "it reads as places, is what this library offers for that task: see [push.md](push.md).",
            "",
        )
    )


def _line(row: KindRow) -> str:
    cells = (f"{row.success:.0%}", f"{row.low:.0%} to {row.high:.0%}", row.episodes, f"{row.seconds_per_decision:.4f}", f"{row.training_seconds:.0f}")
    return f"| {' | '.join(str(cell) for cell in (row.name, *cells, f'{row.parameters:,}', row.objective, row.planner))} |"


if __name__ == "__main__":
    PAGE.write_text(page(MovingResult.from_json(RESULT.read_text())))
