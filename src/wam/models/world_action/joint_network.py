"""One transformer over what was observed, a future video and the actions that lead there, each part at a noise level of its own.

Either all streams share their weights and have projections of their own (UWM, arXiv 2504.02792), or each has weights of its own and
they meet in the attention (a mixture of transformers: Fast-WAM, 2603.16666; Motus, 2512.13030): as many widths as streams.
Who sees whom is declared by rules over the kinds "observed" and those of the streams; block k is model step k, 0 the present.

What does not change while something is drawn is computed once: `see` the observed frames, `extend` by streams that stay, and
`answering` asks for the rest again and again. `parts` says, from the rules, which streams those are. A stream that nothing needed
sees is left out altogether: the fast arm of Fast-WAM is a rule, not a branch.
Does not know: processes, which streams are learned, units. Footgun: observed tokens must see observed ones only, since they are never
computed again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from wam.models.world_action.joint_tokens import StreamTokens
from wam.nets.blocks.fourier import Fourier
from wam.nets.blocks.masks import EVERY, Group, Rule, mask, owners
from wam.nets.blocks.recent import Recent
from wam.nets.blocks.stream_cache import StreamCache
from wam.nets.blocks.stream_inputs import Owners, Places
from wam.nets.blocks.streams import StreamTransformer, Trace
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.nets.perceive.text import sentence

OBSERVED = "observed"
ACTIONS = "actions"

Words = tuple[Float[Tensor, "B N D"], Bool[Tensor, "B N"]]  # tokens of the instruction, and which of them are real
Values = Mapping[str, Tensor]  # of each stream, by kind
Answer = Callable[[Values, Values], tuple[Tensor, ...]]  # (states "B K ...", levels "B K") -> outputs of the wanted streams


@dataclass(frozen=True)
class Prefix:
    """Tokens that need not be computed again: what is remembered of them at their places, and what they are."""

    cache: StreamCache
    groups: tuple[Group, ...]
    gist: Float[Tensor, "B 1 E"]  # of the instruction and of the last frame, for all tokens that follow
    last: Float[Tensor, "B c h w"]  # frame observed, 0 where it is not known

    def select(self, rows: Int[Tensor, "M"]) -> "Prefix":
        """These rows, in this order."""
        return replace(self, cache=self.cache.select(rows), gist=self.gist.index_select(0, rows), last=self.last.index_select(0, rows))


@dataclass(frozen=True)
class Apart:
    """What differs between the rows of a pass, by kind."""

    absent: Mapping[str, Bool[Tensor, "B"]]  # rows in which it is left out; not named: none
    asked: Mapping[str, Int[Tensor, "M"]]  # rows of which an answer is wanted; not named: all


ALIKE = Apart({}, {})


@dataclass(frozen=True)
class Layout:
    """What a pass over some kinds needs beside their numbers."""

    inside: tuple[tuple[str, ...], ...]  # kinds in each stream of the transformer
    groups: tuple[Group, ...]
    places: Places
    owners: Owners
    allowed: Bool[Tensor, "L K"]

    @property
    def along(self) -> Shaped[Tensor, "L 3"]:
        """Places of all tokens, one stream after the other."""
        return torch.cat([part for part in self.places if part is not None])


class JointNetwork(nn.Module):
    """`tokens` by kind, video first; `steps`: K; `context`: W observed frames; `condition`: E of the transformer's conditions; `words`: width of
    the instruction's, 0 = none. They are told by their mean, and by cross-attention where the transformer has a context.

    `leads`: each frame is also told the actions that lead there, and their sum since the last observed one, as far as they are known: attention need
    not find them first, and how far something has moved is near to a sum. ValueError where video and actions may not see each other.

    `eye`: sums up the last observed frame as E numbers that all tokens are told beside their noise level (UWM, 2504.02792, section III):
    where things are need not be found from patches first.
    """

    def __init__(
        self,
        net: StreamTransformer,
        tokens: Mapping[str, StreamTokens],
        rules: Sequence[Rule],
        *,
        steps: int,
        context: int,
        condition: int,
        words: int = 0,
        eye: KeypointEncoder | None = None,
        leads: bool = False,
    ):
        super().__init__()
        if len(net.widths) not in (1, len(tokens)):
            raise ValueError(f"{len(net.widths)} widths for the streams {sorted(tokens)}: expected 1 (shared weights), or one for each.")
        self.net, self.kinds, self.rules, self.steps, self.context = net, tuple(tokens), tuple(rules), steps, context
        self.tokens = nn.ModuleDict(tokens)
        self.level = Fourier(condition)
        widths = net.widths if len(net.widths) > 1 else net.widths * len(tokens)
        self.given = nn.ModuleDict({kind: nn.Linear(condition, width) for kind, width in zip(tokens, widths, strict=True)})
        self.place = nn.ParameterDict({kind: torch.randn(steps, condition) * 0.02 for kind in self.kinds})
        self.heard = nn.Linear(words, condition) if words else None  # of the instruction, beside its words (see `VideoWorldModel`)
        self.eye = eye
        self.observed = nn.Parameter(torch.randn(condition) * 0.02)
        self._sees = {kind: reached(kind, self.kinds, rules) for kind in (OBSERVED, *self.kinds)}
        video = self.kinds[0]
        if leads and not (self.sees(video, ACTIONS) and self.sees(ACTIONS, video)):  # else actions may be computed once, before the frames
            raise ValueError(f"frames are told the actions that lead there only where rules let {video!r} and {ACTIONS!r} see each other. Leave leads out.")
        self.done = nn.Linear(2 * self.shape(ACTIONS)[0] + condition, condition) if leads else None
        if self._sees[OBSERVED] != {OBSERVED}:
            raise ValueError(f"observed frames are computed once, but rules let them see {sorted(self._sees[OBSERVED])}: expected only each other.")

    def sees(self, who: str, whom: str) -> bool:
        """Does one kind see another, be it through a third?"""
        return whom in self._sees[who]

    def shape(self, kind: str) -> tuple[int, ...]:
        """Of a step's numbers."""
        return self._of(kind).shape

    def parts(self, moving: Collection[str], present: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """While these kinds change: what they see that stays (to `extend` by), and what has to be asked each time, them included.

        `present`: the kinds that there are; others are left out, and nobody sees them.
        """
        needed = [kind for kind in self.kinds if kind in present and (kind in moving or any(self.sees(other, kind) for other in moving))]
        again = tuple(kind for kind in needed if kind in moving or any(self.sees(kind, other) for other in moving))
        return tuple(kind for kind in needed if kind not in again), again

    def see(self, frames: Recent, words: Words | None) -> Prefix:
        """The observed frames "B W c h w"; those that are not known are seen by nobody but themselves."""
        layout, count = self._layout(None, (OBSERVED,)), self._of(OBSERVED).count
        frame = owners(layout.groups).to(frames.known.device)
        rows = frames.known.repeat_interleave(count, 1)[:, None] | (frame[:, None] == frame)
        told = self.observed.expand(*frames.known.shape, -1)
        gist = self._gist(frames, words)
        cache = self._trace(None, layout, {OBSERVED: frames.shown}, {OBSERVED: told + gist}, words, rows).cache().at(layout.along)
        return Prefix(replace(cache, count=frames.known.sum(1) * count), layout.groups, gist, frames.shown[:, -1])

    def extend(self, prefix: Prefix, states: Values, levels: Values, words: Words | None) -> Prefix:
        """The prefix with streams that stay as they are."""
        layout = self._layout(prefix, tuple(states))
        cache, old = self._trace(prefix, layout, states, self._told(prefix, states, levels), words).cache().at(layout.along), prefix.cache
        joined = StreamCache(key=torch.cat([old.key, cache.key], 1), value=torch.cat([old.value, cache.value], 1), count=old.count + cache.count)
        return replace(prefix, cache=joined, groups=(*prefix.groups, *layout.groups))

    def answering(self, prefix: Prefix, kinds: tuple[str, ...], wanted: tuple[str, ...], words: Words | None, apart: Apart = ALIKE) -> Answer:
        """What the network says of the `wanted` ones, beside which the other `kinds` stand."""
        layout = self._layout(prefix, kinds)
        seen = _present(apart.absent, (*prefix.groups, *layout.groups), layout.groups) if apart.absent else None

        def answer(states: Values, levels: Values) -> tuple[Tensor, ...]:
            told = self._told(prefix, states, levels, apart)
            trace = self._trace(prefix, layout, states, told, words, seen)
            found: dict[str, Tensor] = {}
            for stream, inside in zip(trace.tokens, layout.inside, strict=True):
                if stream is not None:
                    found |= zip(inside, stream.split([self.steps * self._of(kind).count for kind in inside], 1), strict=True)
            return tuple(self._of(kind).read(*picked(apart.asked.get(kind), found[kind], states[kind], prefix.last, told[kind])) for kind in wanted)

        return answer

    # -- inside ------------------------------------------------------------------------------------------------------

    def _of(self, kind: str) -> StreamTokens:
        """Observed frames are tokens like those of the video."""
        tokens = self.tokens[self.kinds[0] if kind == OBSERVED else kind]
        assert isinstance(tokens, StreamTokens)
        return tokens

    def _given(self, kind: str, told: Float[Tensor, "B K E"]) -> Float[Tensor, "B L D"]:
        """What tokens are told, also as a part of themselves: modulation alone starts closed, and nothing flows back through it for long."""
        found: Tensor = self.given[self.kinds[0] if kind == OBSERVED else kind](told)
        return found.repeat_interleave(self._of(kind).count, 1)

    def _blocks(self, kind: str) -> range:
        """Times of a kind's steps."""
        return range(1 - self.context, 1) if kind == OBSERVED else range(1, self.steps + 1)

    def _told(self, prefix: Prefix, states: Values, levels: Values, apart: Apart = ALIKE) -> dict[str, Tensor]:
        """Conditions "B K E" of these streams. Where actions lead, a frame is told those that lead there, their sum, and how noisy they are."""
        told = {kind: self.level(levels[kind]) + self.place[kind] + prefix.gist for kind in states}
        if self.done is not None and self.kinds[0] in told and ACTIONS in told:
            done = states[ACTIONS] * (levels[ACTIONS] < 1)[..., None]  # noise would move all frames after it
            leads = self.done(torch.cat([done, done.cumsum(1), self.level(levels[ACTIONS])], -1))
            told[self.kinds[0]] = told[self.kinds[0]] + (leads * ~apart.absent[ACTIONS][:, None, None] if ACTIONS in apart.absent else leads)
        return told

    def _gist(self, frames: Recent, words: Words | None) -> Float[Tensor, "B 1 E"]:
        """What all tokens are told: the instruction, and what the eye makes of the last frame, where it is known."""
        asked = sentence(*words) if words is not None else None
        gist = self.observed.new_zeros(len(frames.known), self.observed.shape[-1])
        if asked is not None and self.heard is not None:
            gist = gist + self.heard(asked)
        if self.eye is not None:
            gist = gist + self.eye((frames.shown[:, -1] + 1) / 2, asked) * frames.known[:, -1:]
        return gist[:, None]

    def _layout(self, prefix: Prefix | None, kinds: tuple[str, ...]) -> Layout:
        """A pass over these kinds, in the order of the streams, after what is remembered."""
        device, before = self.observed.device, prefix.groups if prefix is not None else ()
        streams = range(len(self.net.widths))
        home = {kind: 0 if len(streams) == 1 or kind == OBSERVED else self.kinds.index(kind) for kind in kinds}
        inside = tuple(tuple(kind for kind in kinds if home[kind] == stream) for stream in streams)
        groups = {kind: [Group(kind, self._of(kind).count, block) for block in self._blocks(kind)] for kind in kinds}
        here = [group for part in inside for kind in part for group in groups[kind]]
        absent = [Group(kind, 0) for kind in (OBSERVED, *self.kinds) if kind not in {group.kind for group in (*before, *here)}]
        allowed = mask([*before, *here, *absent], self.rules)[-sum(group.tokens for group in here) :]
        places = [torch.cat([self._of(kind).places(self._blocks(kind)) for kind in part]).to(device) if part else None for part in inside]
        shared = [owners([group for kind in part for group in groups[kind]]).to(device) if len(part) > 1 else None for part in inside]
        return Layout(inside, tuple(here), tuple(places), tuple(shared), allowed.to(device))

    def _trace(
        self, prefix: Prefix | None, layout: Layout, states: Values, told: Values, words: Words | None, rows: Bool[Tensor, "B L K"] | None = None
    ) -> Trace:
        """A pass. `rows`: a mask of each row, beside that of the rules."""
        entered = {kind: self._of(kind)(states[kind]) + self._given(kind, told[kind]) for kind in told}
        tokens = [torch.cat([entered[kind] for kind in part], 1) if part else None for part in layout.inside]
        conditions = [torch.cat([told[kind] for kind in part], 1) if part else None for part in layout.inside]
        text, real = words if words is not None and self.net.context else (None, None)
        return self.net.trace(
            tuple(tokens),
            tuple(conditions),
            layout.places,
            layout.allowed if rows is None else layout.allowed & rows,
            owners=layout.owners,
            context=text,
            context_valid=real,
            cache=prefix.cache if prefix is not None else None,
        )


def picked(rows: Int[Tensor, "M"] | None, *parts: Tensor) -> tuple[Tensor, ...]:
    """These rows of each."""
    return parts if rows is None else tuple(part.index_select(0, rows) for part in parts)


def _present(absent: Mapping[str, Bool[Tensor, "B"]], keys: Sequence[Group], queries: Sequence[Group]) -> Bool[Tensor, "B L K"]:
    """A mask of each row: what is left out is seen by its own kind alone, since a token must see something; its answer is not used. `keys`: cached first."""
    every = torch.ones_like(next(iter(absent.values())))
    there = torch.stack([~absent[key.kind] if key.kind in absent else every for key in keys], 1)
    own = torch.tensor([[query.kind == key.kind for key in keys] for query in queries], device=every.device)
    seen = there[:, None] | own
    return seen[:, owners(queries).to(every.device)][:, :, owners(keys).to(every.device)]


def reached(kind: str, kinds: Sequence[str], rules: Sequence[Rule]) -> set[str]:
    """All kinds that one sees, directly or through others, whatever the blocks. `kinds`: of the streams."""
    every, found, waiting = {OBSERVED, *kinds}, set[str](), [kind]
    while waiting:
        who = waiting.pop()
        seen = set[str]().union(*(_named(rule.sees, every) for rule in rules if who in _named(rule.who, every)))
        waiting += seen - found
        found |= seen
    return found


def _named(kinds: str | tuple[str, ...], every: set[str]) -> set[str]:
    """The kinds that a side of a rule names."""
    return every if kinds == EVERY else {kinds} if isinstance(kinds, str) else set(kinds)
