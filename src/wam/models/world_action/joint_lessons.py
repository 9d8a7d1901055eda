"""How far a joint model is off in each of its lessons (`joint_programs.Lesson`), each learned by rows, levels and a mask of its own.

What was observed is seen once. Lessons of one draw that see the video share one pass after it, since few more rows cost less than one
more pass; a lesson of several draws, or without the video, has a pass of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from wam.models.world_action.joint_denoiser import Denoiser, beside, where
from wam.models.world_action.joint_network import ALIKE, Apart, Prefix, Words, picked
from wam.models.world_action.joint_programs import KINDS, Lesson
from wam.models.world_action.joint_situation import Given, Shown, Taught
from wam.nets.blocks.recent import Recent
from wam.nets.generate.denoise import error
from wam.nets.perceive.text import TextEncoder
from wam.world import Noise, concatenate


@dataclass(frozen=True)
class Lessons:
    """Those of one model."""

    all: tuple[Lesson, ...]
    denoiser: Denoiser
    words: TextEncoder | None  # reads instructions

    def seeing(self, rows: int) -> int:
        """How many of so many rows see the video in any lesson."""
        return max((lesson.rows(rows) for lesson in self.all if "video" not in lesson.absent), default=0)

    def errors(self, observed: Recent, told: Int[Tensor, "B"], given: Mapping[str, Given], noise: Noise) -> dict[str, Float[Tensor, "N K ..."]]:
        """Of what is learned, added up, of as many first rows as learn it. A row counts the same in every lesson.

        `told`: the instruction, -1 where there is none. `given`: the streams as they are, the video of as many rows as are `seeing`.
        """
        count = len(told)
        deaf = max((lesson.rows(count) for lesson in self.all if self._deaf(lesson)), default=0)
        rows = torch.cat([torch.arange(count, device=told.device), torch.arange(deaf, device=told.device)])  # the deaf see the same once more
        words = self.words(torch.cat([told, torch.full_like(told[:deaf], -1)])) if self.words is not None else None
        prefix = self.denoiser.network.see(observed.select(rows), words)
        taught = [self._taught(index, given, noise) for index in range(len(self.all))]
        found = [self._drawn(one, prefix, words) for one in taught if not one.shares]
        found += self._at_once([one for one in taught if one.shares], prefix, words)
        return {kind: _added([part[kind] for part in found if kind in part], count) for kind in KINDS if any(kind in part for part in found)}

    def _deaf(self, lesson: Lesson) -> bool:
        """Is there an instruction that it does not hear?"""
        return self.words is not None and not lesson.heard

    def _taught(self, index: int, given: Mapping[str, Given], noise: Noise) -> Taught:
        """A lesson and its rows, the first ones."""
        lesson, count = self.all[index], len(noise.seed)
        rows = torch.arange(lesson.rows(count), device=noise.seed.device)
        here = {kind: part.select(rows) for kind, part in given.items() if kind not in lesson.absent}
        return Taught(lesson, rows + count if self._deaf(lesson) else rows, here, noise.fork(f"lesson {index}").select(rows))

    def _drawn(self, taught: Taught, prefix: Prefix, words: Words | None) -> dict[str, Tensor]:
        """Errors "N K ..." of what a lesson learns of its rows, the mean of its draws."""
        lesson, rows, count = taught.lesson, taught.rows, taught.lesson.draws
        prefix, words = prefix.select(rows), _of_rows(words, rows)
        given = dict(taught.given)
        if stays := self.denoiser.network.parts(lesson.learns, given)[0]:  # seen, and costly: one state of it for all draws
            shown = self._shown(lesson, {kind: given.pop(kind) for kind in stays}, taught.noise.fork("stays"))
            prefix = self.denoiser.network.extend(prefix, *self.denoiser.entering(shown.states, shown.levels), words)
        again = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
        shown = self._shown(lesson, {kind: part.select(again) for kind, part in given.items()}, taught.noise.spread(count))
        found = self._asked(lesson.learns, prefix.select(again), _of_rows(words, again), shown)
        return {kind: error.unflatten(0, (-1, count)).mean(1) for kind, error in found.items()}

    def _at_once(self, taught: Sequence[Taught], prefix: Prefix, words: Words | None) -> list[dict[str, Tensor]]:
        """Errors "N K ..." of what each of these lessons of one draw learns of its rows, in one pass."""
        if not taught:
            return []
        kinds = [kind for kind in KINDS if any(kind in one.given for one in taught)]
        given = [{kind: one.given.get(kind, self._unknown(kind, len(one.rows), prefix.last)) for kind in kinds} for one in taught]
        shown = concatenate([self._shown(one.lesson, here, one.noise) for one, here in zip(taught, given, strict=True)], "B")
        rows, sizes = torch.cat([one.rows for one in taught]), torch.tensor([len(one.rows) for one in taught])
        absent = {kind: [kind not in one.given for one in taught] for kind in kinds}
        learning = {kind: [kind in one.lesson.learns for one in taught] for kind in kinds}
        apart = Apart(
            absent={kind: torch.tensor(every).repeat_interleave(sizes).to(rows.device) for kind, every in absent.items() if any(every)},
            asked={kind: torch.tensor(every).repeat_interleave(sizes).nonzero()[:, 0].to(rows.device) for kind, every in learning.items() if not all(every)},
        )
        learns = tuple(kind for kind in kinds if any(learning[kind]))
        found = self._asked(learns, prefix.select(rows), _of_rows(words, rows), shown, apart)
        split = {kind: iter(error.split([len(one.rows) for one in taught if kind in one.lesson.learns])) for kind, error in found.items()}
        return [{kind: next(split[kind]) for kind in one.lesson.learns} for one in taught]

    def _asked(self, learns: tuple[str, ...], prefix: Prefix, words: Words | None, shown: Shown, apart: Apart = ALIKE) -> dict[str, Tensor]:
        """Errors of streams that are learned as they are shown, "N K ..." of the rows that are asked."""
        net = self.denoiser.net(prefix, learns, shown.states, shown.levels, words, apart)
        entering, told = self.denoiser.entering(shown.states, shown.levels)
        answers = net(tuple(entering[kind] for kind in learns), tuple(told[kind] for kind in learns))
        found = dict[str, Tensor]()
        for kind, answer in zip(learns, answers, strict=True):
            clean, eps, levels = picked(apart.asked.get(kind), shown.clean[kind], shown.eps[kind], shown.levels[kind])
            found[kind] = error(self.denoiser.processes[kind], answer, clean, eps, beside(levels, clean))
        return found

    def _shown(self, lesson: Lesson, given: Mapping[str, Given], noise: Noise) -> Shown:
        """Streams as a lesson shows them. What is not known is at level 1."""
        drawn = dict(zip(KINDS, lesson.levels.draw(noise.fork("level"), self.denoiser.network.steps), strict=True))
        clean = {kind: where(part.known, part.x, 0.0) for kind, part in given.items()}
        eps = {kind: noise.fork(kind).normal(*x.shape[1:], dtype=x.dtype) for kind, x in clean.items()}
        levels = {kind: where(part.known, drawn[kind].to(part.x.dtype), 1.0) for kind, part in given.items()}
        states = {kind: self.denoiser.processes[kind].noisy(clean[kind], eps[kind], beside(levels[kind], clean[kind])) for kind in given}
        return Shown(clean=clean, eps=eps, levels=levels, states=states)

    def _unknown(self, kind: str, rows: int, like: Tensor) -> Given:
        """A stream of which nothing is known."""
        x = like.new_zeros(()).expand(rows, self.denoiser.network.steps, *self.denoiser.network.shape(kind))
        return Given(x, torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device))


def _of_rows(words: Words | None, rows: Int[Tensor, "N"]) -> Words | None:
    if words is None:
        return None
    tokens, real = picked(rows, *words)
    return tokens, real


def _added(errors: Sequence[Float[Tensor, "_ K ..."]], count: int) -> Float[Tensor, "N K ..."]:
    """Errors of first rows of a batch of so many, added up such that a row of one lesson counts as much as one of another."""
    most = max(len(error) for error in errors)
    padded = [F.pad(error, (*[0, 0] * (error.ndim - 1), 0, most - len(error))) for error in errors]
    return torch.stack(padded).sum(0) * count / sum(len(error) for error in errors)
