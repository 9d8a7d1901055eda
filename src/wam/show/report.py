"""One self-contained HTML page: pictures inlined, plain CSS, no JavaScript. It opens by double click and travels as a file.

A report is a title, a sentence, and sections of four kinds: `Text`, `Table`, `Figures`, `Facts`. Each picture says how to
read it. A section without a title continues the one before. `sections.py` makes sections from typed results.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from wam.show.picture import Picture


@dataclass(frozen=True, kw_only=True)
class Text:
    """Paragraphs."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under column heads. Columns of numbers are set to the right. A terminal breaks a cell where it holds a line break, a page where it likes."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str  # how to read this
    numbers: tuple[int, ...] = ()  # which columns hold numbers


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """Pictures side by side over one caption, each with a word under it."""

    pictures: tuple[tuple[str, Picture], ...]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Pictures, as many in a line as fit."""

    title: str
    items: tuple[Captioned, ...]
    note: str  # how to read this


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and values, e.g. where figures come from."""

    title: str
    facts: dict[str, str]


Section = Text | Table | Figures | Facts


@dataclass(frozen=True, kw_only=True)
class Report:
    """The page."""

    title: str
    summary: str  # a sentence on what this is and what came out
    sections: tuple[Section, ...]

    def html(self) -> str:
        """The whole page."""
        body = "\n".join(_section(section) for section in self.sections)
        title, summary = escape(self.title), escape(self.summary)
        return PAGE.format(title=title, summary=summary, style=STYLE, body=body)

    def save(self, path: Path) -> Path:
        """Write the page; folders are made. Returns its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.html(), encoding="utf-8")
        return path


def _section(section: Section) -> str:
    if isinstance(section, Text):
        inside = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs)
    elif isinstance(section, Table):
        inside = _table(section)
    elif isinstance(section, Figures):
        items = "".join(_captioned(item) for item in section.items)
        inside = f'{_note(section.note)}<div class="figures">{items}</div>'
    else:
        lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in section.facts.items() if value)
        inside = f"<dl>{lines}</dl>"
    heading = f"<h2>{escape(section.title)}</h2>\n" if section.title else ""
    return f"<section>\n{heading}{inside}\n</section>"


def _table(table: Table) -> str:
    def cells(tag: str, row: tuple[str, ...]) -> str:
        shown = (f"<{tag}{' class=number' if index in table.numbers else ''}>{escape(cell)}</{tag}>" for index, cell in enumerate(row))
        return f"<tr>{''.join(shown)}</tr>"

    rows = "\n".join(cells("td", row) for row in table.rows)
    return f"<table>\n<thead>{cells('th', table.columns)}</thead>\n<tbody>\n{rows}\n</tbody></table>{_note(table.note)}"


def _captioned(item: Captioned) -> str:
    pictures = "".join(
        f"<div>{_picture(picture, word or item.caption)}{f'<span>{escape(word)}</span>' if word else ''}</div>" for word, picture in item.pictures
    )
    caption = f"<figcaption>{escape(item.caption)}</figcaption>" if item.caption else ""
    return f'<figure><div class="pictures">{pictures}</div>{caption}</figure>'


def _picture(picture: Picture, words: str) -> str:
    size = f'width="{picture.width}" height="{picture.height}"'
    if picture.mime.startswith("video/"):
        return f'<video {size} src="{picture.uri()}" aria-label="{escape(words)}" autoplay loop muted playsinline controls></video>'
    return f'<img {size} src="{picture.uri()}" alt="{escape(words)}">'


def _note(note: str) -> str:
    return f'<p class="note"><b>How to read this:</b> {escape(note)}</p>' if note else ""


STYLE = """
body { margin: 0 auto; max-width: 1000px; padding: 2rem 1.5rem 4rem; font: 16px/1.55 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
  color: #222; background: #fff; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: 1rem; border-top: 1px solid #ddd; }
section { overflow-x: auto; }
p { max-width: 46rem; margin: .5rem 0; }
.summary { font-size: 1.1rem; color: #444; }
.note { font-size: .9rem; color: #555; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .93rem; }
th, td { text-align: left; padding: .35rem 0 .35rem 1.6rem; border-bottom: 1px solid #e5e5e5; vertical-align: top; }
th { font-size: .82rem; color: #555; font-weight: 600; border-bottom: 2px solid #bbb; }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 1.4rem; align-items: flex-start; margin-top: .8rem; }
figure { margin: 0; max-width: 100%; }
.pictures { display: flex; gap: .5rem; }
.pictures div { min-width: 0; }
.pictures span { display: block; text-align: center; font-size: .8rem; color: #666; }
figcaption { font-size: .85rem; color: #444; margin-top: .2rem; }
img, video { display: block; max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.4rem; font-size: .92rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="summary">{summary}</p>
{body}
</body>
</html>
"""
