"""`wam compare paradigms`: what is typed, and what is refused."""

import sys

import pytest

from wam.cli import main
from wam.cli.paradigms import label_shares


def test_shares_are_read():
    assert label_shares("0.05,0.2,1") == (0.05, 0.2, 1.0)
    with pytest.raises(ValueError, match="--labels 'five': expected shares"):
        label_shares("five")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["paradigms", "--data", "x"], "Leave out --data"),
        (["paradigms", "--arms", "unipy"], "no arm 'unipy'. Did you mean 'unipi'"),
        (["paradigms", "--only-report"], "no experiment to report"),
        (["paradigms", "--labels", "2"], "shares in (0, 1]"),
        (["lewm"], "name --data"),
        (["lewm", "--data", "x", "--arms", "unipi"], "no --arms, --only-report, --renew"),
        (["lewm", "--data", "x", "--labels", "0.1,0.2"], "one share of --labels at most"),
        (["paradigms", "--held-out", "x"], "Leave out --data, --held-out"),
    ],
)
def test_errors_explain_without_a_traceback(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wam", "compare", *arguments, "--out", "nothing"])
    with pytest.raises(SystemExit) as end:
        main()
    told = " ".join(capsys.readouterr().err.split())
    assert end.value.code == 2 and words in told and "Traceback" not in told
