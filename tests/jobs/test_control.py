"""Which reference policies stand beside a system depends on what the world asks; a run of another robot is refused before anything acts; what learns is said
of several trainings only."""

from types import SimpleNamespace

import pytest
import torch

from wam.evaluate.success import SuccessRow, evaluation_seeds
from wam.jobs import control as job
from wam.jobs.control import ControlResult, control, control_runs, require_alike, require_same_robot, require_world, shows_goal, source_of
from wam.jobs.deciding import Deciding
from wam.jobs.place import Place
from wam.sim.worlds import push, tabletop
from wam.world import PolicySpec, SpecError


def test_nobody_drives_to_a_goal_that_is_asked_for_in_words():
    assert shows_goal(push.make(2)) and not shows_goal(push.make(2, task="instruction", zones=2))


def test_all_that_another_robot_lacks_is_named_at_once():
    own, other = push.make(1).spec, tabletop.make(1).spec
    require_same_robot(PolicySpec(observes=own.observes, acts=own.acts), own, "lewm tiny")
    with pytest.raises(SpecError, match=r"lewm tiny learned with cameras \['front'\], readings .*, actions \[.*\], which the world 'push' does not have"):
        require_same_robot(PolicySpec(observes=other.observes, acts=other.acts), own, "lewm tiny")


def test_who_follows_instructions_is_not_run_where_none_are_given():
    """It would act, untold, and be judged for it."""
    mute, asking = push.make(2), push.make(2, task="instruction", zones=2)
    own = mute.spec

    class Follower:
        spec = PolicySpec(observes=own.observes, acts=own.acts, rate=own.rate, instructed=True, sentences=own.sentences)

        def begin(self, batch, task):
            if task.goal is None:
                raise SpecError("where to?")

    with pytest.raises(SpecError, match=r"susie tiny follows instructions, and the world 'push' gives none.*--option task=instruction"):
        require_world(Follower(), mute, "susie tiny")
    with pytest.raises(SpecError, match=r"susie tiny cannot begin in the world 'push': where to\?"):
        require_world(Follower(), asking, "susie tiny")


def test_a_world_that_judges_nothing_is_not_controlled():
    """What nobody measured is not 0 %: the remedy is the return, or the key that says what is solved."""
    pytest.importorskip("gymnasium", reason='needs the extra "gym"')
    blind = SimpleNamespace(model=SimpleNamespace(spec=SimpleNamespace(observes=SimpleNamespace(cameras={}))))
    with pytest.raises(SpecError, match=r"does not say what is solved.* Use wam score for its return, or, .* name the info key .* --option success=KEY"):
        control(blind, Place("gym", {"id": "Pendulum-v1"}), goals=2, bars=None)


def test_runs_that_differ_in_more_than_their_seed_are_not_one_system(tmp_path):
    def run(seed: int, labels: float = 1.0, skip: int = 3, width: int = 8, steps: int = 5) -> SimpleNamespace:
        trained_on, preset = SimpleNamespace(fingerprint="f"), SimpleNamespace(skip=skip, config=width)
        took = {"world": steps} if steps else {}
        return SimpleNamespace(name="lewm tiny", folder=tmp_path, seed=seed, labels=labels, preset=preset, trained_on=trained_on, took=took)

    first = run(0)
    assert require_alike([first, run(1)]) is first and require_alike([first, run(1, steps=0)]) is first  # an exported run does not say
    different = (({"labels": 0.05}, "share of the actions"), ({"skip": 1}, "clock"), ({"width": 16}, "configuration"), ({"steps": 6}, "steps of training"))
    for other, what in different:
        with pytest.raises(SpecError, match=f"differ in {what}"):
            require_alike([first, run(1, **other)])
    assert source_of(SimpleNamespace(trained_on=SimpleNamespace(world="", data="runs/push"), labels=0.05)) == "push, actions of 5%"


def acted(name: str, solved: int, goals: int) -> SuccessRow:
    """A row that solves the first so many starts."""
    outcomes = tuple(number < solved for number in range(goals))
    figures = {"success": solved / goals, "low": 0.0, "high": 1.0, "episodes": goals, "seconds_per_decision": 0.1}
    made = {"world": "push", "steps": 6, "batch": goals, "noise_seed": 0, "device": "cpu", "seeds": evaluation_seeds(goals)}
    return SuccessRow(name=name, outcomes=outcomes, first_solved=tuple(6 if one else None for one in outcomes), **figures, **made)


@pytest.mark.parametrize(
    ("trainings", "goals", "share", "deciding", "learns"),
    [
        (3, 34, 1.0, {}, True),
        (2, 60, 1.0, {}, None),  # however clear: a third training may differ
        (1, 120, 1.0, {}, None),
        (3, 33, 1.0, {}, None),  # 99 episodes
        (3, 34, 0.2, {}, None),  # not far enough above what nobody had to learn
        (3, 34, 1.0, {"execute": 1}, None),  # of what the preset says alone
    ],
)
def test_what_learns_is_said_of_three_trainings_and_a_hundred_episodes(monkeypatch, tmp_path, trainings, goals, share, deciding, learns):
    model = torch.nn.Linear(1, 1)
    model.spec = SimpleNamespace(observes=SimpleNamespace(cameras={}))

    def trained(folder, device):
        return SimpleNamespace(
            name="lewm tiny",
            recipe=SimpleNamespace(name="lewm", card=SimpleNamespace(data="play")),
            seed=int(folder.name),
            folder=tmp_path,
            model=model,
            data=SimpleNamespace(rate=10.0),
            preset=SimpleNamespace(config=None, skip=1),
            labels=1.0,
            trained_on=SimpleNamespace(fingerprint="f", statistics="s", world="", data="runs/push"),
            took={"world": 5},
        )

    def acts(run, world, *, goals, deciding, references, **rest):
        own = acted(f"lewm{deciding}", round(share * goals), goals)
        return [acted("random", 0, goals), own] if references else [own], {own.name: None}

    monkeypatch.setattr(job, "load", trained)
    monkeypatch.setattr(job, "control", acts)
    monkeypatch.setattr("wam.jobs.origins.sources_of", lambda *runs: None)
    monkeypatch.setattr(job, "episodes_section", lambda row, episodes, **rest: None)  # no films are kept
    written = tmp_path / "figures.json"

    def undrawn(**page):
        raise ImportError("drawing needs the extra show")

    monkeypatch.setattr(job, "Report", undrawn)  # whoever has not installed it keeps the figures
    folders, asked = [tmp_path / str(seed) for seed in range(trainings)], {"goals": goals, "deciding": Deciding(**deciding), "bars": None}
    with pytest.raises(ImportError):
        control_runs(folders, "push", written=written, **asked)
    assert ControlResult.read(written).verdicts.learns is learns
    monkeypatch.setattr(job, "Report", lambda **page: SimpleNamespace(save=lambda path: path))
    found, _ = control_runs(folders, "push", **asked)
    assert found.verdicts.learns is learns and len(found.rows) == trainings + 1
