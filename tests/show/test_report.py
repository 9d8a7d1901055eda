"""The page is well formed, self-contained, says what it was given, and lets nothing in."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from rich.console import Console

from tests.evaluate.dots import DotModel, DotWorld, Seeker, windows
from tests.show.samples import card, origin, row
from wam.evaluate import compare_success, evaluation_seeds, imagine, measure_success
from wam.show.pictures import still
from wam.show.report import Captioned, Facts, Figures, Report, Table, Text
from wam.show.sections import card_sections, episodes_section, origin_section, strips_section, success_sections
from wam.show.tables import card_tables, success_table

VOID = {"meta", "img", "br"}


class Outline(HTMLParser):
    """Checks that tags close in order; keeps text and sources."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.sources, self.tags = [], [], [], []
        self.feed(page)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_a_whole_report(tmp_path):
    rows = [row("random", 1), row("wam", 15)]
    kept = []
    acted = measure_success(DotWorld(2), Seeker(), name="seeker", seeds=evaluation_seeds(2), watch=kept.append)
    window = windows(4)
    imagined = imagine(DotModel(), window).pictures
    report = Report(
        title="Dots & more",
        summary="A made-up report.",
        sections=(
            *success_sections(rows, [compare_success(rows[1], rows[0])]),
            episodes_section(acted, kept[0], rate=10),
            strips_section(window, imagined, ["start 7", "start 9"], rate=10, more={"again": imagined}),
            *card_sections(card()),
            origin_section(origin()),
        ),
    )
    path = report.save(tmp_path / "deep" / "report.html")
    page = Outline(path.read_text(encoding="utf-8"))
    assert "start 7" in page.text and "start 9" in page.text
    assert "script" not in page.tags and page.sources and all(source.startswith("data:") for source in page.sources)
    for words in (
        "Dots & more",
        "75.0 (",
        "12.3 ms",
        "wam minus random",
        "+70.0",
        "no difference found",
        "better",
        "worse",
        "start 2000001: ✓ solved",
        "2.1 min",
    ):
        assert words in page.text, words
    assert "4.0 mm" in page.text and "How to read this:" in page.text
    assert page.text.count("How to read this:") == sum(1 for section in report.sections if isinstance(section, (Figures, Table)))


def test_what_is_shown_is_escaped():
    evil = "<script>alert(1)</script>"
    picture = still(torch.zeros(3, 4, 4))
    sections = (
        Text(title=evil, paragraphs=(evil,)),
        Table(title=evil, columns=(evil,), rows=((evil,),), note=evil),
        Figures(title=evil, items=(Captioned(pictures=((f'" onerror="{evil}', picture),), caption=evil),), note=evil),
        Facts(title=evil, facts={evil: evil}),
    )
    page = Outline(Report(title=evil, summary=evil, sections=sections).html())
    assert "script" not in page.tags and not re.search(r'<[^>]*" onerror=', Report(title="", summary="", sections=sections).html())


def test_films_of_large_frames_are_videos():
    kept = []
    acted = measure_success(DotWorld(1), Seeker(), name="seeker", seeds=evaluation_seeds(1), watch=kept.append)
    large = kept[0].observation.rgb["top"].repeat_interleave(10, -1).repeat_interleave(10, -2)
    episodes = replace(kept[0], observation=replace(kept[0].observation, rgb={"top": large}))
    page = Outline(Report(title="", summary="", sections=(episodes_section(acted, episodes, rate=10),)).html())
    assert "video" in page.tags


def test_tables_for_the_terminal():
    console = Console(width=80, record=True, file=io.StringIO())
    for table in (success_table([row("drive_to_goal", 20), row("random", 1)]), *card_tables(card())):
        console.print(table)
    shown = console.export_text()
    assert "100.0 (83.9 to 100.0) %" in shown and "5.0 (0.9 to 23.6) %" in shown and "steps │ per decision" in shown.replace("┃", "│")
    assert re.search(r"│ +[\d.]+ \([\d.]+ to [\d.]+\) +│ +[\d.]+ \([\d.]+ to [\d.]+\) +│\n│.*│ better +│", shown), "figures are whole, verdicts below"
    assert "Same start, different actions" in shown


def test_errors_explain():
    blind = replace(windows(2), past=replace(windows(2).past, observation=replace(windows(2).past.observation, rgb=None)))
    with pytest.raises(ValueError, match="no pictures"):
        strips_section(blind, {}, ["start 0"], rate=10)


def test_tables_and_pages_need_no_drawing_library():
    """A base install has neither matplotlib nor Pillow; pictures name the extra that they need."""
    code = "import sys; sys.modules.update(dict.fromkeys(('PIL', 'av', 'matplotlib'))); import wam.show.tables, wam.show.sections, wam.show.bars"
    subprocess.run([sys.executable, "-c", code], check=True)
    failed = subprocess.run([sys.executable, "-c", code + ", wam.show.pictures"], capture_output=True, text=True)
    assert failed.returncode and 'pip install "wam[show]"' in failed.stderr
