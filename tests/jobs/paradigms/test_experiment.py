"""The whole command on a tiny scale: stopped and resumed it says the same; a partial one says what is missing."""

import json
import shutil
from dataclasses import replace

import pytest

from wam.jobs.paradigms.experiment import FIGURES, PAGE, compare_paradigms
from wam.jobs.paradigms.result import ParadigmResult
from wam.jobs.paradigms.setting import Asked
from wam.jobs.paradigms.tables import progress_table

pytest.importorskip("matplotlib", reason='needs the extra "show"')
ASKED = Asked(seeds=1, labels=(0.5,), arms=("random", "unipi", "oracle_future"), goals=2, steps=1, episodes=10, budget=6)


class Stop(Exception):
    pass


def silent(name):
    return lambda done, total: None


def run(folder, asked=ASKED, stop_at=None, **options):
    begun = []

    def tell(name):
        begun.append(name)
        if name == stop_at:
            raise Stop

    path = compare_paradigms(folder, asked, task=silent, tell=tell, **options)
    return path, begun


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    path, begun = run(folder)
    assert begun == ["random", "unipi-0.5-0", "oracle_future-0.5-0"]
    return path


def test_what_it_says(finished):
    found = ParadigmResult.from_json(finished.read_text())
    rates = {(rate.arm, rate.split): rate for rate in found.rates}
    assert len(rates) == 3 * 3 and rates["oracle_future", "new appearance"].disagreement and not rates["random", "new appearance"].disagreement
    costs = {cost.arm: cost for cost in found.costs}
    assert costs["unipi"].video == 1 and costs["unipi"].actions == 1 and costs["oracle_future"].video == 0 and "random" not in costs
    assert [row.arm for row in found.inverse] == ["unipi"] and found.inverse[0].mean > 0 and not found.missing
    page = (finished.parent / PAGE).read_text()
    for told in ("Success over known actions", "What was imagined, and what happened", "What a decision costs", "Inverse dynamics on real"):
        assert told in page
    assert "What was measured" not in page


def comparable(path):
    """The figures, without what a clock says and where they come from."""
    found = ParadigmResult.from_json(path.read_text())
    cells = tuple(replace(cell, cost=None) for cell in found.cells)
    told = replace(found, cells=cells, costs=tuple(replace(cost, milliseconds=0.0) for cost in found.costs)).to_dict()
    del told["origin"]
    return json.loads(json.dumps(told))


def alike(one, two):
    """Last digits may differ."""
    return one == (pytest.approx(two, rel=1e-4, abs=1e-7) if isinstance(two, float) else two)


def leaves(told, place=""):
    """Every number and word by where it stands."""
    if not isinstance(told, dict | list):
        return {place: told}
    parts = told.items() if isinstance(told, dict) else enumerate(told)
    return {name: value for key, part in parts for name, value in leaves(part, f"{place}/{key}").items()}


def test_a_stopped_experiment_goes_on_and_says_the_same(finished, tmp_path):
    with pytest.raises(Stop):
        run(tmp_path, stop_at="oracle_future-0.5-0")
    partial = ParadigmResult.from_json((tmp_path / "paradigms.json").read_text())
    assert partial.missing == ("oracle_future-0.5-0",) and [cell.arm for cell in partial.cells] == ["random", "unipi"]
    assert "1 of 3 cells are missing" in (tmp_path / PAGE).read_text()
    assert progress_table(partial).rows == (("random", "1 of 1"), ("unipi", "1 of 1"), ("oracle_future", "0 of 1"))
    assert "1 of 1, 1 older" in progress_table(replace(partial, older=("unipi-0.5-0",))).rows[1]
    path, begun = run(tmp_path)
    assert begun == ["oracle_future-0.5-0"]
    one, two = leaves(comparable(path)), leaves(comparable(finished))
    assert one.keys() == two.keys()
    assert not {place: (one[place], two[place]) for place in one if not alike(one[place], two[place])}


def test_what_is_there_is_not_measured_again(finished, tmp_path):
    before = json.loads(finished.read_text())
    path, begun = run(finished.parent, result=tmp_path / "again.json")
    again = json.loads(path.read_text())
    assert begun == [] and {**again, "origin": None} == {**before, "origin": None}
    more = replace(ASKED, arms=(*ASKED.arms, "vpp"))
    path, begun = run(finished.parent, more, only_report=True, result=tmp_path / "report.json")
    assert begun == [] and json.loads(path.read_text())["missing"] == ["vpp-0.5-0"]
    with pytest.raises(ValueError, match="no experiment to report"):
        run(tmp_path / "nothing", only_report=True)


def test_figures_alone_are_enough_to_go_on(finished, tmp_path):
    """On another machine: no cells and no runs, but the figures, and the demonstrations made anew."""
    figures = tmp_path / "figures.json"
    figures.write_text(finished.read_text())
    path, begun = run(tmp_path / "elsewhere", replace(ASKED, arms=(*ASKED.arms, "zero_future")), result=figures)
    assert begun == ["zero_future-0.5-0"] and not ParadigmResult.from_json(path.read_text()).missing


@pytest.mark.parametrize("where", ["sources", "data"])
def test_cells_of_other_sources_or_another_recording_stay_until_they_are_renewed(finished, tmp_path, where):
    figures, told = tmp_path / "figures.json", json.loads(finished.read_text())
    for cell in told["cells"]:
        cell[where] = "another" if where == "data" else {**cell[where], "digest": "older"}
    figures.write_text(json.dumps(told))
    alone = replace(ASKED, arms=("random",))
    path, begun = run(tmp_path / "later", alone, result=figures)
    assert begun == [] and ParadigmResult.from_json(path.read_text()).older == ("random", "unipi-0.5-0", "oracle_future-0.5-0")
    path, begun = run(tmp_path / "later", alone, result=figures, renew=True)
    assert begun == ["random"] and ParadigmResult.from_json(path.read_text()).older == ("unipi-0.5-0", "oracle_future-0.5-0")


def test_what_is_not_asked_for_stays_in_the_figures(finished, tmp_path):
    """One arm alone, other shares, fewer seeds: the file loses nothing."""
    figures = tmp_path / "figures.json"
    figures.write_text(finished.read_text())
    path, begun = run(tmp_path / "later", replace(ASKED, arms=("random",), labels=(1.0,)), result=figures)
    assert path == figures and begun == []
    before, after = leaves(comparable(finished)), leaves(comparable(figures))
    assert {place: after[place] for place in before if not place.startswith("/older")} == pytest.approx(before)


def test_so_does_what_is_missing_and_the_file_that_was_not_named(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished.parent, folder)
    more = replace(ASKED, arms=(*ASKED.arms, "vpp"), labels=(0.5, 1.0))
    path, _ = run(folder, more, only_report=True)
    lacking = json.loads(path.read_text())["missing"]
    assert path == folder / finished.name and "vpp-0.5-0" in lacking and "unipi-1-0" in lacking
    path, _ = run(folder, replace(ASKED, arms=("random",)), only_report=True)
    told = json.loads(path.read_text())
    assert sorted(told["missing"]) == sorted(lacking) and len(told["cells"]) == 3
    assert "the actions of 50%." in told["origin"]["protocol"] and told["origin"]["seeds"].startswith("training 0;")


def test_weights_of_other_sources_are_trained_again(finished, tmp_path):
    """A cell is missing, and what it would be measured with was trained by other sources: its figures would not be those of these."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.parent, folder)
    (folder / "oracle_future-0.5-0.json").unlink()
    (folder / FIGURES).unlink()
    path = folder / "unipi-0.5-0" / "run.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "sources": {**told["sources"], "digest": "older"}}))
    _, begun = run(folder)
    assert len(begun) == 2 and begun[0].startswith("unipi-0.5-0: what lies there was trained by other sources") and begun[1] == "oracle_future-0.5-0"
    assert json.loads(path.read_text())["sources"] == told["sources"]


def test_more_demonstrations_than_asked_for_are_refused(finished):
    with pytest.raises(ValueError, match=r"holds 10 demonstrations, 4 were asked for\. Name another folder"):
        run(finished.parent, replace(ASKED, episodes=4))


@pytest.mark.parametrize("other", [{"world": "tabletop"}, {"preset": "small"}, {"goals": 3}, {"steps": 7}, {"budget": 8}])
def test_figures_of_another_experiment_are_not_replaced(finished, tmp_path, other):
    """Made or measured in another way: refused before anything is recorded, or what lies in the folder is replaced."""
    figures = tmp_path / "figures.json"
    figures.write_text(finished.read_text())
    (named,) = other.values()
    with pytest.raises(ValueError, match=rf"holds figures of world push, preset tiny, .*; those of .*{named}.* would replace them\. Name another file"):
        run(tmp_path / "folder", replace(ASKED, **other), result=figures)
    if "world" not in other:
        with pytest.raises(ValueError, match=rf"random\.json was measured with world push, .*; asked for: .*{named}.*\. Name another folder"):
            run(finished.parent, replace(ASKED, **other), result=tmp_path / "new.json")
    assert figures.read_text() == finished.read_text() and not (tmp_path / "folder").exists()


def test_at_the_table_it_is_the_same_experiment(finished, tmp_path):
    """Two cameras, five numbers per action, an expert that remembers."""
    pytest.importorskip("mujoco", reason='needs the extra "sim"')
    asked = replace(ASKED, world="tabletop", arms=("diffusion_policy", "oracle_future"), episodes=30, budget=4)
    path, begun = run(tmp_path / "table", asked)
    assert begun == ["diffusion_policy-0.5-0", "oracle_future-0.5-0"]
    found = ParadigmResult.from_json(path.read_text())
    assert found.world == "tabletop" and {cell.world for cell in found.cells} == {"tabletop"}
    assert found.rates[-1].arm == "oracle_future" and found.rates[-1].disagreement
    assert "told to push a block to a zone, or put a dish into the sink" in (tmp_path / "table" / PAGE).read_text()
    with pytest.raises(ValueError, match=r"no setting in 'tabeltop'\. Did you mean 'tabletop'\?"):
        replace(asked, world="tabeltop")
