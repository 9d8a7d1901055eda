"""The docs say what the results say, and every file that a page names is there."""

import re
from pathlib import Path

import pytest

from wam.jobs.pages import refreshed, written

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_written_from_results(page):
    text = page.read_text()
    assert refreshed(text) == text, "run `make pages`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_a_result_that_no_page_can_show_is_an_error(tmp_path):
    (tmp_path / "a.json").write_text('{"kind": "Strange"}')
    with pytest.raises(ValueError, match="holds a Strange"):
        written(tmp_path / "a.json")
