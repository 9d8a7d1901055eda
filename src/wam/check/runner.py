"""Runs checks one by one and turns what happens into findings; a crash inside a model is a finding, not a traceback.

A check is a function of the object under test whose name says the promise and whose docstring says it in a sentence. It
returns where the promise holds and raises CheckFailed or CheckSkipped otherwise.
"""

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from wam.check.report import Finding

S = TypeVar("S")

NOT_THE_AUTHORS = (Path(torch.__file__).parent, Path(__file__).parent)  # frames that do not help the author of the object


class CheckFailed(Exception):
    """A promise that does not hold."""

    def __init__(self, came: str, cause: str, remedy: str, expected: str = "") -> None:
        super().__init__(came)
        self.came, self.cause, self.remedy, self.expected = came, cause, remedy, expected


class CheckSkipped(Exception):
    """A promise that was not made, or cannot be checked here; the text is the reason."""


def run_checks(subject: S, essential: Sequence[Callable[[S], None]], checks: Sequence[Callable[[S], None]]) -> tuple[Finding, ...]:
    """One finding per check, in order. Where an essential check fails, what follows is skipped."""
    findings: list[Finding] = []
    broken = ""
    for check in [*essential, *checks]:
        if broken:
            came = f"not run, because {broken} failed"
            findings.append(Finding(check=check.__name__, status="skipped", expected=_promise(check), came=came, blocked_by=broken))
            continue
        finding = _run(check, subject)
        findings.append(finding)
        if finding.status == "failed" and check in essential:
            broken = check.__name__
    return tuple(findings)


def _run(check: Callable[[S], None], subject: S) -> Finding:
    promise = _promise(check)
    try:
        check(subject)
    except CheckSkipped as skipped:
        return Finding(check=check.__name__, status="skipped", expected=promise, came=str(skipped))
    except CheckFailed as failed:
        return Finding(check=check.__name__, status="failed", expected=failed.expected or promise, came=failed.came, cause=failed.cause, remedy=failed.remedy)
    except Exception as error:
        return Finding(
            check=check.__name__,
            status="failed",
            expected=promise,
            came=describe(error),
            cause="The code under test raised. Its inputs were drawn from its own spec, so the spec and the code disagree, or the code has a bug.",
            remedy="Repeat the call by hand with spec.sample(...) inputs, or correct the spec.",
        )
    return Finding(check=check.__name__, status="passed", expected=promise)


@contextmanager
def explained(cause: str, remedy: str) -> Iterator[None]:
    """Exceptions raised inside become CheckFailed with this cause and remedy."""
    try:
        yield
    except (CheckFailed, CheckSkipped):
        raise
    except Exception as error:
        raise CheckFailed(describe(error), cause, remedy) from error


def describe(error: Exception) -> str:
    """Type, text and the innermost place in the author's own code."""
    text = f"{type(error).__name__}: {error}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not any(folder in Path(frame.filename).parents for folder in NOT_THE_AUTHORS)]
    return f"{text} (in {own[-1].name}, {Path(own[-1].filename).name} line {own[-1].lineno})" if own else text


def _promise(check: Callable[..., None]) -> str:
    return (inspect.getdoc(check) or check.__name__).split("\n\n")[0].replace("\n", " ")
