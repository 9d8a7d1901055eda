"""The docs say what the results say, and every file that a page names is there."""

import json
import re
from pathlib import Path

import pytest

from tests.reference import moving_page
from wam.evaluate.result import FOLDER, TRAININGS
from wam.jobs.pages import PICTURES, drawn, refreshed, written

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_written_from_results(page):
    text = page.read_text()
    assert refreshed(text) == text, "run `make pages`"


def test_the_page_of_the_kinds_is_written_from_its_result():
    assert moving_page.PAGE.read_text() == moving_page.page(moving_page.MovingResult.from_json(moving_page.RESULT.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("*_mechanism.json")), ids=lambda path: path.name)
def test_no_published_verdict_rests_on_less_than_it_takes(path):
    told = json.loads(path.read_text())
    trainings = len(told["seeds"] if "seeds" in told else told["on"])
    assert trainings >= TRAININGS or told["verdicts"]["mechanism"] is None


def test_several_results_make_one_table(tmp_path):
    row = {"name": "lewm", "success": 0.5, "low": 0.1, "high": 0.9, "episodes": 2, "seconds_per_decision": 0.1, "world": "push", "steps": 9, "batch": 2}
    row |= {"noise_seed": 0, "device": "cpu", "seeds": [2_000_000, 2_000_001], "outcomes": [True, False], "first_solved": [3, None]}
    trivial = {**row, "name": "random", "success": 0.0, "outcomes": [False, False], "first_solved": [None, None]}
    origin = json.loads((ROOT / "results" / "push_goal_images.json").read_text())["origin"]
    interval = {"value": 0.5, "low": 0.1, "high": 0.9}
    together = {"success": interval, "per_training": [0.5], "seconds_per_decision": 0.1, "trivial": "random", "over_trivial": interval}
    told = {"kind": "ControlResult", "rows": [trivial, row], "pooled": together, "parameters": 1_500_000, "learned_from": "play", "needs": "frames"}
    for name in ("latent_b.json", "latent_a.json", "other.json"):
        (tmp_path / name).write_text(json.dumps({**told, "origin": origin, "learned_from": name, "verdicts": {}}))
    page = refreshed("<!-- latent_*.json -->\n<!-- end -->", tmp_path)
    lines = [line for line in page.splitlines() if line.startswith("| push")]
    assert [line.split(" | ")[1] for line in lines] == ["latent_a.json", "latent_b.json"] and "1.50 M" in lines[0] and "over random" in lines[0]
    assert "Not run yet" in refreshed("<!-- score_*.json -->\n<!-- end -->", tmp_path)


def test_a_result_that_no_page_can_show_is_an_error(tmp_path):
    (tmp_path / "a.json").write_text('{"kind": "Strange"}')
    with pytest.raises(ValueError, match="holds a Strange"):
        written(tmp_path / "a.json")


def test_pictures_of_results_are_drawn_from_them():
    for name, (result, section) in PICTURES.items():
        assert drawn(section((FOLDER / result).read_text())).lstrip().startswith(b"<?xml") and (ROOT / "docs" / "pictures" / name).exists()
