"""How runs decide on the command line: by planning, and with chunks executed another way; what does not go together is refused in words."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.recipes.test_lewm import data_spec, statistics
from tests.serve.mocks import Summing
from wam.cli import app
from wam.jobs.control import control_runs
from wam.jobs.deciding import PRESET, Deciding, policy_of
from wam.jobs.record import record_world
from wam.jobs.serve import announcement
from wam.plan import GoalImage
from wam.plan.control.chunks import Asynchronous, Ensembled, FirstOf
from wam.plan.control.receding import RecedingHorizon
from wam.recipes import load, train_recipe
from wam.recipes.diffusion_policy import RECIPE
from wam.serve import PolicyServer
from wam.show.bars import Bars
from wam.world import SpecError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=6, policies={"play": 1.0}, truth=())


def narrow(preset):
    searches = {"planner": replace(preset.planner, samples=4, iterations=1, elites=2)} if preset.planner is not None else {}
    return replace(preset, config=replace(preset.config, dim=16, depth=1, heads=2, condition=16, words=16, eye=8, steps=2), **searches)


def drawing(relative: bool = True) -> SimpleNamespace:
    """A run of a chunk policy: 4 steps drawn, 2 executed, of changes or of places."""
    spec = data_spec()
    spec = replace(spec, acts=replace(spec.acts, low_level=tuple(replace(slot, relative=relative) for slot in spec.acts.low_level)))
    model = RECIPE.build(replace(RECIPE.preset("tiny").config, dim=32), spec, statistics(spec)).eval()
    return SimpleNamespace(name="diffusion_policy tiny", policy=lambda plan: model)


def test_chunks_are_executed_as_asked():
    run = drawing()
    assert policy_of(run, PRESET) is run.policy(False) and str(PRESET) == ""
    first, mean, late = (policy_of(run, Deciding(**asked)) for asked in ({"execute": 3}, {"ensemble": True}, {"delay": 1, "execute": 3}))
    assert isinstance(first, FirstOf) and (first.spec.chunk, first.spec.execute) == (4, 3)
    assert isinstance(mean, Ensembled) and mean.spec.chunk == 1
    assert isinstance(late, Asynchronous) and (late.delay, late.spec.execute, late.join) == (1, 3, "blend")
    other = policy_of(SimpleNamespace(name="summing", policy=lambda plan: Summing()), Deciding(delay=1))
    assert isinstance(other, Asynchronous) and (other.join, other.spec.execute) == ("blend", 2)
    places = policy_of(drawing(relative=False), Deciding(delay=1))
    assert isinstance(places, Asynchronous) and places.join == "given"  # it continues its chunks, where they say where to be
    assert [policy_of(run, Deciding(delay=1, join=join)).join for join in ("given", "blend", "cut")] == ["given", "blend", "cut"]
    waiting = policy_of(drawing(), Deciding(delay=2))
    assert waiting.spec.execute == 2  # the preset's fewer would be asked again before the answer is there
    assert str(Deciding(plan=True, execute=1)) == ", planned, first 1 of a chunk" and str(Deciding(delay=1)) == ", answers 1 step late"
    assert str(Deciding(delay=2, join="given")) == ", answers 2 steps late, continued"


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match=r"--ensemble asks for a chunk at every step .* Name one way"):
        Deciding(ensemble=True, execute=2)
    with pytest.raises(ValueError, match="--ensemble"):
        Deciding(ensemble=True, delay=0)
    with pytest.raises(ValueError, match=r"--join cut .* Add --delay"):
        Deciding(join="cut")
    with pytest.raises(SpecError, match=r"Summing does not declare Continues.* Set join='blend' or 'cut'"):
        policy_of(SimpleNamespace(name="summing", policy=lambda plan: Summing()), Deciding(delay=1, join="given"))
    with pytest.raises(SpecError, match=r"--execute 5: .* draws chunks of 4 steps\. Give 1 to 4"):
        policy_of(drawing(), Deciding(execute=5))
    with pytest.raises(SpecError, match=r"--delay 3: .* at most half of one can run while the next is drawn: 2"):
        policy_of(drawing(), Deciding(execute=2, delay=3))
    single = policy_of(drawing(), Deciding(ensemble=True))  # one step at a time
    for asked in (Deciding(execute=1), Deciding(ensemble=True), Deciding(delay=0)):
        with pytest.raises(SpecError, match=r"one decides on one step at a time.*Leave --execute, --ensemble and --delay out"):
            policy_of(SimpleNamespace(name="one", policy=lambda plan: single), asked)


@pytest.mark.parametrize("verb", ["control", "serve"])
def test_both_verbs_take_the_options(verb, tmp_path):
    """They are read before the run, which is not there."""
    answer = CliRunner().invoke(app, [verb, str(tmp_path), "--ensemble", "--delay", "1"])
    assert answer.exit_code == 1 and "Name one way" in str(answer.exception)
    assert {"--execute", "--ensemble", "--delay", "--join"} <= set(CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).output.split())


def test_a_run_that_acts_by_itself_plans_where_it_is_told_to(recorded, tmp_path):
    run = train_recipe("uwm", recorded, tmp_path / "run", change=narrow, steps=1, show=False)
    planner = policy_of(load(run.folder), Deciding(plan=True, execute=2))
    assert isinstance(planner.policy, RecedingHorizon) and planner.policy.objective == run.recipe.objective and planner.spec.execute == 2
    assert not isinstance(policy_of(run, PRESET), RecedingHorizon)
    with Bars(Console(quiet=True)) as bars:
        found, page = control_runs([run.folder], "push", goals=2, options={"budget": 6}, deciding=Deciding(plan=True), bars=bars)
    assert [row.name for row in found.rows] == ["random", "drive_to_goal", "uwm, planned", "expert"] and found.pooled is not None
    assert "changed, planned in the world push" in page.read_text() and found.verdicts.learns is None
    wrapped = PolicyServer(planner)
    assert "how it should look" in "\n".join(announcement(wrapped, 7)) and isinstance(planner.policy.objective, GoalImage)


def test_what_has_no_objective_or_no_model_does_not_plan(recorded, tmp_path):
    run = train_recipe("uwm", recorded, tmp_path / "run", change=narrow, steps=1, show=False)
    with pytest.raises(SpecError, match="'uwm' declares no objective and no planner for this preset, so nothing can be planned"):
        replace(run, recipe=replace(run.recipe, objective=None), preset=replace(run.preset, planner=None)).policy(plan=True)
    shown = train_recipe("diffusion_policy", recorded, tmp_path / "acts", change=lambda preset: replace(preset, config=replace(preset.config, dim=32)), steps=1)
    with pytest.raises(SpecError, match="is a policy, in which nothing can be imagined"):
        policy_of(shown, Deciding(plan=True))
