"""`wam use`: every verb explains itself, and what is wrong is told without a traceback."""

import json
import sys
from dataclasses import dataclass, replace

import pytest
from typer.testing import CliRunner

from wam.cli import app, main
from wam.use.reranking import DESCENT
from wam.world import Spec

RUN = CliRunner()


@pytest.mark.parametrize("verb", ["", "evaluate-policy", "synthesise", "improve", "rerank"])
def test_help_has_an_example(verb):
    answer = RUN.invoke(app, ["use", *verb.split(), "--help"])
    assert answer.exit_code == 0 and "Example" in answer.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate-policy", ".", "--policies", "a,b"], "--policies names a, b, and there is no such folder"),
        (["evaluate-policy", ".", "--policies", ".", "--world", "pish"], "no world 'pish'. Did you mean"),
        (["evaluate-policy", ".", "--policies", ".", "--world", "gym"], "no policies are named beforehand for the world 'gym'"),
        (["synthesise", ".", "--policy", ".", "--out", "set"], "say where to start"),
        (["synthesise", ".", "--policy", ".", "--out", "set", "--data", "x", "--only-solved"], "Name it: --world push"),
        (["rerank", ".", "--policy", ".", "--option", "zones"], "write NAME=VALUE"),
        (["rerank", ".", "--policy", ".", "--modes", "best"], "expected some of rank, opt, both"),
        (["rerank", ".", "--policy", ".", "--descent-rate", "0"], "--descent-rate is 0, expected a share of half the action range"),
        (["improve", ".", "--data", "x", "--out", "y", "--option", "zones"], "write NAME=VALUE"),
    ],
)
def test_errors_explain_without_a_traceback(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wam", "use", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2 and words in told and "Traceback" not in told


@dataclass(frozen=True, kw_only=True)
class Made(Spec):
    path: str
    written: int = 3
    tried: int = 4
    steps: int = 5
    starts: int = 4
    judge: None = None


def test_synthesise_tells_what_it_made(tmp_path, monkeypatch):
    def made(run, policies, out, wanted, *, bars):
        assert wanted.episodes == 4 and wanted.options == {"zones": 2} and len(policies) == 2
        return Made(path=str(out))

    monkeypatch.setattr("wam.jobs.use.synthesise.synthesise_set", made)
    command = ["use", "synthesise", str(tmp_path), "--policy", str(tmp_path), "--policy", str(tmp_path), "--world", "push", "--option", "zones=2"]
    for more in ([], ["--json"]):
        answer = RUN.invoke(app, [*command, "--out", "set", "--episodes", "4", *more])
        assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["written"] == 3


def test_how_chunks_are_refined_reaches_the_job(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("wam.jobs.use.rerank.rerank", lambda run, policy, test, **rest: asked.append(test) or 1 / 0)
    for more in ([], ["--descent-steps", "5", "--descent-rate", "0.02"]):
        RUN.invoke(app, ["use", "rerank", str(tmp_path), "--policy", str(tmp_path), *more])
    assert [test.descent for test in asked] == [DESCENT, replace(DESCENT, steps=5, rate=0.02)]
