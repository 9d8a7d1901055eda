"""Checks that hold for everything with rows, noise and a memory: world models and policies."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from wam.check.compare import Trace, difference, rows
from wam.check.runner import CheckFailed, CheckSkipped
from wam.check.subject import ROWS, Subject
from wam.world import Reads, Record


def same_noise_same_outputs(subject: Subject) -> None:
    """The same inputs and the same noise give the same outputs, bit for bit, whatever torch's global generator says."""
    script = subject.script(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = subject.run(script)
        torch.manual_seed(2)
        two = subject.run(script)
    if found := difference(one, two, exact=True):
        raise CheckFailed(
            f"two runs with equal inputs and noise differ: {found}",
            "A random number that does not come from the noise record: torch.randn, dropout.",
            "Draw from noise.normal(...) / noise.uniform(...) only, and keep what must last in the carry.",
        )


def deterministic_without_noise(subject: Subject) -> None:
    """Without noise the outputs are a mode or mean: two runs are equal bit for bit."""
    script = subject.script(2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = subject.run(script, noisy=False)
        torch.manual_seed(2)
        two = subject.run(script, noisy=False)
    if found := difference(one, two, exact=True):
        raise CheckFailed(
            f"two runs with noise=None differ: {found}",
            "With noise=None the code falls back to torch's global generator.",
            "Give the mean or the mode where noise is None (for a sampler: start from zeros).",
        )


def rows_do_not_mix(subject: Subject) -> None:
    """Changing everything about row 0 leaves the other rows bit-identical."""
    script, other = subject.script(1), subject.script(3)
    first = torch.arange(ROWS, device=subject.device) == 0
    rest = torch.arange(1, ROWS)
    found = difference(rows(subject.run(script), rest), rows(subject.run(other.where(first, script)), rest), exact=True)
    if found:
        raise CheckFailed(
            f"after a change to row 0 the others changed too (row numbers without row 0): {found}",
            "Something is computed over the batch axis: a batch statistic, a mean or softmax over axis 0, or a view that mixes B with another axis.",
            "Reduce over the named axis of each row only; in predict and act use running statistics, not those of the batch.",
        )


def another_table_says_the_same(subject: Subject) -> None:
    """Reads: after `read` the same sentences, in another order and under other numbers, give the same outputs."""
    if not isinstance(subject.model, Reads):
        raise CheckSkipped(f"{type(subject.model).__name__} does not declare Reads")
    model: Any = copy.deepcopy(subject.model)
    script, sentences = subject.script(1), model.spec.sentences
    if script.task.instruction is None or len(sentences) < 2:
        raise CheckSkipped("the model is given no instructions, or there is only one sentence")
    moved = replace(script, task=replace(script.task, instruction=len(sentences) - 1 - script.task.instruction))
    before = _outputs(subject.run(script, model=model))
    model.read(sentences[::-1])
    if model.spec.sentences != sentences[::-1]:
        raise CheckFailed(
            "after read, spec.sentences is not the new table", "The spec is left as it was.", "Replace it: spec.sentences is what instructions point into."
        )
    if found := difference(before, _outputs(subject.run(moved, model=model)), exact=False):
        raise CheckFailed(
            f"the same sentences from a turned table: {found}",
            "read keeps embeddings in the order of the first table, or looks sentences up by number.",
            "Look words up by what they are; make anew whatever is kept by number.",
        )


def _outputs(trace: Trace) -> Trace:
    """Without carries and memories, which may hold numbers of sentences."""
    return [(label, value) for label, value in trace if "memory" not in label and "carry" not in label]


def rows_can_be_permuted(subject: Subject) -> None:
    """A permuted batch gives permuted outputs."""
    script = subject.script(1)
    order = torch.tensor([3, 0, 4, 1, 2])
    if found := difference(rows(subject.run(script), order), subject.run(script.select(order)), exact=False):
        raise CheckFailed(
            f"the permuted batch gave something else: {found}",
            "A row's result depends on where it stands: noise or positions by row number, or a state of row 0 used for all.",
            "Key everything to the row's own inputs (noise.seed, clocks in the carry).",
        )


def rows_can_be_tiled(subject: Subject) -> None:
    """A batch in which each row stands twice gives each output twice."""
    script = subject.script(1)
    once = [(label, value.repeat(2)) for label, value in subject.run(script)]
    if found := difference(once, subject.run(script.repeat(2)), exact=False):
        raise CheckFailed(
            f"rows 0, 0, 1, 1, ... gave something else than rows 0, 1, ...: {found}",
            "The result depends on the batch size: a batch statistic, a sum that should be a mean, or a fixed batch size.",
            "Reduce over each row only and take the batch size from the inputs.",
        )


def inputs_are_only_read(subject: Subject) -> None:
    """No call writes to the records it is given."""
    script = subject.script(1)
    kept = [_keep("the inputs", script)]
    with torch.no_grad():
        for label, value in subject.play(subject.model, script):
            for name, original, copy, versions in kept:
                written = [path for path, was, now in zip(_paths(original), versions, _versions(original), strict=True) if was != now]
                found = difference([(name, original)], [(name, copy)], exact=True) or (f"{name}: {written[0]}" if written else None)
                if found:
                    raise CheckFailed(
                        f"the call that gave {label!r} wrote to {found}",
                        "An operation in place (+=, clamp_, x[...] = ...) on a tensor that came in, or on a view of it.",
                        "Write to a clone, or use the form that returns a new tensor.",
                    )
            kept.append(_keep(f"the result {label!r}", value))


def _keep(name: str, value: Record) -> tuple[str, Record, Record, list[int]]:
    return name, value, value.clone(), _versions(value)


def _versions(value: Record) -> list[int]:
    """How often each leaf was written to in place; shows writes that left the values as they were."""
    return [leaf._version for _, _, leaf in value.leaves()]


def _paths(value: Record) -> list[str]:
    return [path for path, _, _ in value.leaves()]


def nothing_hidden_between_calls(subject: Subject) -> None:
    """Two episodes whose calls alternate give the same as one after the other."""
    one, two = subject.script(1), subject.script(4)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        alone = list(_seeded(subject.play(subject.model, one)))
        pairs = zip(_seeded(subject.play(subject.model, one)), _seeded(subject.play(subject.model, two)), strict=True)
        together = [mine for mine, _ in pairs]
    if found := difference(alone, together, exact=True):
        raise CheckFailed(
            f"with another episode in between, {found}",
            "The object remembers something outside the carry: an attribute, a cache, a counter.",
            "Move it into the carry, with a leading B axis.",
        )


def _seeded(player: Iterator[tuple[str, Record]]) -> Iterator[tuple[str, Record]]:
    """The same results, with torch's global generator set before every call: here only memory is at stake."""
    while True:
        torch.manual_seed(0)
        step = next(player, None)
        if step is None:
            return
        yield step


def one_structure(carries: Trace) -> None:
    """Raise CheckFailed unless all carries (or memories) have the same leaves, dtypes and shapes, with B first."""
    first = _layout(carries[0][1])
    for label, value in carries:
        value.check()
        for path, axes, leaf in value.leaves():
            if axes[:1] != ("B",) or leaf.shape[:1] != (ROWS,):
                raise CheckFailed(
                    f"in {label}, {path} has axes {axes} and shape {tuple(leaf.shape)} for {ROWS} rows",
                    "A clock, position or table is kept once for the whole batch.",
                    "Give every leaf a leading B axis; constants belong into the module.",
                )
        here = _layout(value)
        if here != first:
            wrong = next((f"{one} against {two}" for one, two in zip(first, here, strict=False) if one != two), f"{len(first)} leaves against {len(here)}")
            raise CheckFailed(
                f"{carries[0][0]} and {label} differ: {wrong}",
                "The memory grows, or a part is None at first.",
                "Allocate it in begin at its full size (a ring buffer and a count), so that rows can restart with where().",
            )


def _layout(value: Record) -> list[str]:
    return [f"{path} {str(leaf.dtype).removeprefix('torch.')} {tuple(leaf.shape)}" for path, _, leaf in value.leaves()]
