"""Small correct world models, one of each kind of memory: window, recurrent and stochastic, chunks of frames, ring of keys and values."""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wam.world import (
    Actions,
    ActionSpec,
    Camera,
    Decodes,
    Encodes,
    Exposes,
    Facts,
    FactsSpec,
    Future,
    FutureSpec,
    Grounded,
    Infers,
    Latent,
    LatentSpec,
    Meters,
    Noise,
    Observation,
    ObservationSpec,
    Operator,
    Operators,
    Past,
    Predicate,
    Proposes,
    Reads,
    Record,
    Scores,
    Skill,
    Slot,
    SpecError,
    Values,
    Window,
    WorldModelSpec,
    record,
    to_float,
)

LIMIT = 0.05  # m per step
SEES = ObservationSpec(cameras={"top": Camera(height=4, width=4)}, proprio=(Slot(name="x", unit="m"), Slot(name="y", unit="m")))
ACTS = ActionSpec(low_level=tuple(Slot(name=name, unit="m", relative=True, low=-LIMIT, high=LIMIT) for name in ("dx", "dy")))
SENTENCES = ("go left", "go right", "stay")


def features(observation: Observation, dtype: torch.dtype) -> Float[Tensor, "B T 50"]:
    """Pixels and positions side by side."""
    return torch.cat([to_float(observation.rgb["top"], dtype).flatten(2), observation.proprio.to(dtype)], -1)


def masked(actions: Actions) -> Float[Tensor, "B T 2"]:
    """Normalised actions; zero where nothing was executed."""
    return torch.where(actions.valid[..., None], actions.low_level / LIMIT, 0)[:, :, 0]


# -- a latent vector with a window of three frames ---------------------------------------------------------------------------


@record
class Frames(Record):
    z: Float[Tensor, "B K D"]  # oldest first
    count: Int[Tensor, "B"]  # frames seen, at most K


class WindowModel(nn.Module, Encodes, Decodes, Exposes):
    def __init__(self):
        super().__init__()
        self.spec = WorldModelSpec(observes=SEES, predicts=FutureSpec(state=LatentSpec(shape=(6,)), reward=True), consumes=ACTS, context=(1, 3))
        self.encoder = nn.Linear(50, 6)
        self.decoder = nn.Linear(6, 48)
        self.look = nn.Parameter(torch.randn(3, 6, 8) * 0.4)
        self.act = nn.Linear(2, 8)
        self.next = nn.Linear(8, 6)
        self.reward = nn.Linear(6, 1)
        self.register_buffer("scale", torch.ones(()))

    def encode(self, observation):
        return Latent(z=self.encoder(features(observation, self.act.weight.dtype)) * self.scale)

    def decode(self, state):
        return Observation(rgb={"top": torch.sigmoid(self.decoder(state.z)).unflatten(-1, (3, 4, 4))})

    def state(self, carry):
        return Latent(z=carry.now.z[:, -1:])

    def begin(self, batch, task):
        weight = self.act.weight
        empty = Frames(z=weight.new_zeros(batch, 3, 6), count=torch.zeros(batch, dtype=torch.int64, device=weight.device))
        return Grounded(seen=empty, now=empty)

    def append(self, frames: Frames, z: Tensor) -> Frames:
        return Frames(z=torch.cat([frames.z, z], 1)[:, -3:], count=(frames.count + z.shape[1]).clamp(max=3))

    def observe(self, carry, since: Past, *, noise=None):
        seen = self.append(carry.seen, self.encode(since.observation).z)
        return Grounded(seen=seen, now=seen)

    def step(self, frames: Frames, action: Tensor) -> Frames:
        age = torch.arange(2, -1, -1, device=action.device)
        z = torch.where((age < frames.count[:, None])[..., None], frames.z, 0)
        hidden = torch.tanh(torch.einsum("bkd,kdh->bh", z, self.look) + self.act(action))
        return self.append(frames, (z[:, -1] + self.next(hidden))[:, None])

    def predict(self, carry, actions: Actions, *, noise=None):
        now, states, taken = carry.now, [], masked(actions)
        for step in range(taken.shape[1]):
            now = self.step(now, taken[:, step])
            states.append(now.z[:, -1])
        z = torch.stack(states, 1)
        return Grounded(seen=carry.seen, now=now), Future(state=Latent(z=z), reward=self.reward(z)[..., 0])

    def loss(self, window: Window, *, noise: Noise):
        carry = self.observe(self.begin(len(window.valid), window.task), window.past)
        _, future = self.predict(carry, window.actions)
        weight = window.valid / window.valid.sum(1, keepdim=True).clamp(min=1)
        latent = ((future.state.z - self.encode(window.future.observation).z) ** 2).mean(-1)
        reward = (future.reward - window.future.reward) ** 2
        spread = (1 - self.encode(window.past.observation).z.var((0, 1))).relu().mean()
        return {"latent": (weight * latent).sum(1), "reward": (weight * reward).sum(1), "spread": spread}


class WorthyModel(WindowModel, Proposes, Values):
    discount = 0.9

    def propose(self, carry, count, horizon, *, noise):
        chance = noise.normal(horizon, count, 2, dtype=self.act.weight.dtype).transpose(1, 2)
        chance[:, 0] = 0
        return LIMIT * torch.tanh(carry.now.z[:, -1, :2][:, None, None] + chance)[:, :, :, None]

    def value(self, state):
        return state.z.sum(-1)


# -- a recurrent, stochastic, instructed one ----------------------------------------------------------------------------------


@record
class Hidden(Record):
    h: Float[Tensor, "B D"]
    wish: Int[Tensor, "B"]


class StochasticModel(nn.Module, Exposes, Reads):
    def __init__(self):
        super().__init__()
        self.spec = WorldModelSpec(
            observes=SEES,
            predicts=FutureSpec(observation=ObservationSpec(proprio=SEES.proprio), alive=True),
            consumes=ACTS,
            stochastic=True,
            instructed=True,
            sentences=SENTENCES,
        )
        self.wishes = nn.Embedding(3, 8)
        self.posterior = nn.Linear(8 + 50 + 2 + 8, 8)
        self.prior = nn.Linear(8 + 2 + 8, 8)
        self.out = nn.Linear(8, 3)
        self.places = (0, 1, 2)  # of the table's sentences among those it learned with

    def read(self, sentences):
        self.places = tuple(SENTENCES.index(sentence) for sentence in sentences)
        self.spec = replace(self.spec, sentences=sentences)

    def begin(self, batch, task):
        wish = torch.tensor(self.places, device=task.instruction.device)[task.instruction]
        empty = Hidden(h=self.out.weight.new_zeros(batch, 8), wish=wish)
        return Grounded(seen=empty, now=empty)

    def draw(self, noise: Noise | None, h: Tensor, steps: int) -> Tensor:
        return h.new_zeros(len(h), steps, 8) if noise is None else noise.normal(steps, 8, dtype=h.dtype)

    def state(self, carry):
        return Latent(z=carry.now.h[:, None])

    def observe(self, carry, since: Past, *, noise=None):
        h, wish = carry.seen.h, carry.seen.wish
        seen, done = features(since.observation, h.dtype), masked(since.actions)
        noises = self.draw(noise, h, seen.shape[1])
        for step in range(seen.shape[1]):
            h = torch.tanh(self.posterior(torch.cat([h, seen[:, step], done[:, step], 0.1 * noises[:, step]], -1)))
        both = Hidden(h=h, wish=wish)
        return Grounded(seen=both, now=both)

    def predict(self, carry, actions: Actions, *, noise=None):
        h, wish, steps = carry.now.h, self.wishes(carry.now.wish), []
        done = masked(actions)
        noises = self.draw(noise, h, done.shape[1])
        for step in range(done.shape[1]):
            h = torch.tanh(self.prior(torch.cat([h + wish, done[:, step], 0.3 * noises[:, step]], -1)))
            steps.append(self.out(h))
        out = torch.stack(steps, 1)
        future = Future(observation=Observation(proprio=out[..., :2]), alive=torch.sigmoid(out[..., 2]))
        return Grounded(seen=carry.seen, now=Hidden(h=h, wish=carry.now.wish)), future

    def loss(self, window: Window, *, noise: Noise):
        carry = self.observe(self.begin(len(window.valid), window.task), window.past, noise=noise.fork("look"))
        _, future = self.predict(carry, window.actions, noise=noise.fork("imagine"))
        error = (future.observation.proprio - window.future.observation.proprio).pow(2).mean(-1)
        return {"proprio": (error * window.valid).sum(1) / window.valid.sum(1).clamp(min=1)}


# -- frames, two at a time ------------------------------------------------------------------------------------------------------


@record
class Last(Record):
    frame: Float[Tensor, "B 3 h w"]


class ChunkModel(nn.Module):
    def __init__(self):
        super().__init__()
        top = ObservationSpec(cameras=SEES.cameras)
        self.spec = WorldModelSpec(observes=top, predicts=FutureSpec(observation=top), consumes=ACTS, chunk=2)
        self.net = nn.Linear(48 + 4, 96)

    def begin(self, batch, task):
        blank = Last(frame=self.net.weight.new_zeros(batch, 3, 4, 4))
        return Grounded(seen=blank, now=blank)

    def observe(self, carry, since: Past, *, noise=None):
        last = Last(frame=to_float(since.observation.rgb["top"][:, -1], self.net.weight.dtype))
        return Grounded(seen=last, now=last)

    def predict(self, carry, actions: Actions, *, noise=None):
        steps = actions.size("T")
        if steps % 2:
            raise SpecError(f"{steps} actions, chunk = 2: pass a multiple of 2.")
        frame, frames, taken = carry.now.frame, [], masked(actions)
        for start in range(0, steps, 2):
            both = torch.cat([frame.flatten(1), taken[:, start : start + 2].flatten(1)], -1)
            frames.append(torch.sigmoid(self.net(both)).unflatten(-1, (2, 3, 4, 4)))
            frame = frames[-1][:, 1]
        return Grounded(seen=carry.seen, now=Last(frame=frame)), Future(observation=Observation(rgb={"top": torch.cat(frames, 1)}))


# -- attention over a ring of keys and values; candidates share the context ---------------------------------------------------------

RING = 4  # tokens attended to, the newest included


@record
class Ring(Record):
    key: Float[Tensor, "B K D"]
    value: Float[Tensor, "B K D"]
    clock: Int[Tensor, "B K"]  # when the token was written, -1 = empty


@record
class Position(Record):
    ring: Ring
    z: Float[Tensor, "B D"]
    clock: Int[Tensor, "B"]  # of the next token


class RingModel(nn.Module, Exposes):
    def __init__(self):
        super().__init__()
        self.spec = WorldModelSpec(observes=SEES, predicts=FutureSpec(state=LatentSpec(shape=(6,))), consumes=ACTS, context=(1, RING), shares_context=True)
        self.see, self.imagine = nn.Linear(52, 6), nn.Linear(8, 6)
        self.query, self.key, self.value = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.age = nn.Parameter(torch.randn(RING))

    def state(self, carry):
        return Latent(z=carry.now.z[:, None])

    def empty(self, batch: int) -> Ring:
        blank = self.age.new_zeros(batch, RING, 6)
        return Ring(key=blank, value=blank, clock=torch.full((batch, RING), -1, device=blank.device))

    def begin(self, batch, task):
        ring, z = self.empty(batch), self.age.new_zeros(batch, 6)
        start = Position(ring=ring, z=z, clock=torch.zeros(batch, dtype=torch.int64, device=z.device))
        return Grounded(seen=start, now=start)

    def write(self, ring: Ring, token: Tensor, clock: Tensor) -> Ring:
        here = (torch.arange(RING, device=clock.device) == (clock % RING)[:, None])[..., None]
        key, value = self.key(token)[:, None], self.value(token)[:, None]
        return Ring(
            key=torch.where(here, key, ring.key), value=torch.where(here, value, ring.value), clock=torch.where(here[..., 0], clock[:, None], ring.clock)
        )

    def attend(self, token: Tensor, clock: Tensor, *rings: Ring) -> Tensor:
        key, value, written = (torch.cat([getattr(ring, name) for ring in rings], 1) for name in ("key", "value", "clock"))
        age = clock[:, None] - written
        allowed: Bool[Tensor, "B K"] = (written >= 0) & (age < RING)
        score = torch.einsum("bd,bkd->bk", self.query(token), key) + self.age[age.clamp(0, RING - 1)]
        weight = score.masked_fill(~allowed, -float("inf")).softmax(-1)
        return token + torch.einsum("bk,bkd->bd", weight, value)

    def observe(self, carry, since: Past, *, noise=None):
        now = carry.seen
        tokens = self.see(torch.cat([features(since.observation, self.age.dtype), masked(since.actions)], -1))
        for token in tokens.unbind(1):
            ring = self.write(now.ring, token, now.clock)
            now = Position(ring=ring, z=self.attend(token, now.clock, ring), clock=now.clock + 1)
        fresh = Position(ring=self.empty(len(now.z)), z=now.z, clock=now.clock)
        return Grounded(seen=now, now=fresh)

    def predict(self, carry, actions: Actions, *, noise=None):
        taken, states = masked(actions), []
        share = len(taken) // len(carry.seen.z)
        seen = carry.seen.ring.repeat(share)
        now = carry.now.repeat(len(taken) // len(carry.now.z))
        for action in taken.unbind(1):
            token = self.imagine(torch.cat([torch.tanh(now.z), action], -1))
            ring = self.write(now.ring, token, now.clock)
            now = Position(ring=ring, z=self.attend(token, now.clock, seen, ring), clock=now.clock + 1)
            states.append(now.z)
        return Grounded(seen=carry.seen, now=now), Future(state=Latent(z=torch.stack(states, 1)))


# -- one that also knows densities, meters and inverse dynamics ----------------------------------------------------------------------------


class InverseModel(WindowModel, Scores, Infers, Meters):
    def log_prob(self, carry, actions, future):
        _, mine = self.predict(carry, actions)
        return -(mine.state.z - future.state.z).square().sum((1, 2))

    def meters(self, window):
        return {"spread": float(self.encode(window.past.observation).z.std())}

    def infer_actions(self, observation, *, noise=None):
        moved = observation.proprio[:, 1:] - observation.proprio[:, :-1]
        push = torch.cat([torch.zeros_like(moved[:, :1]), moved], 1)[:, :, None]
        valid = torch.ones(push.shape[:3], dtype=torch.bool, device=push.device)
        return Actions(valid=valid & (torch.arange(push.shape[1], device=push.device) > 0)[None, :, None], low_level=push)


# -- facts and operators: a robot that picks up and puts down one box in two rooms ------------------------------------------------------


@record
class Known(Record):
    holds: Bool[Tensor, "B F"]


class SymbolicModel(Operators, Exposes):
    def __init__(self):
        atoms = ("robot in 0", "robot in 1", "box in 0", "box in 1", "holding")
        facts = FactsSpec(predicates=(Predicate(name="in", types=("thing", "room")), Predicate(name="holding")), atoms=atoms)
        room = (Slot(name="room"),)
        acts = ActionSpec(skills=tuple(Skill(name=name, parameters=room) for name in ("go", "pick", "put")))
        self.spec = WorldModelSpec(observes=ObservationSpec(state=facts), predicts=FutureSpec(state=facts, reward=True), consumes=acts, differentiable=False)

    def operators(self):
        made = []
        for room in (0, 1):
            here, there, box = room, 1 - room, 2 + room
            one = (float(room),)
            made += [
                Operator(f"go {room}", 0, one, needs=frozenset({there}), forbids=frozenset({here}), adds=frozenset({here}), deletes=frozenset({there})),
                Operator(f"pick {room}", 1, one, needs=frozenset({here, box}), forbids=frozenset({4}), adds=frozenset({4}), deletes=frozenset({box})),
                Operator(f"put {room}", 2, one, needs=frozenset({here, 4}), forbids=frozenset(), adds=frozenset({box}), deletes=frozenset({4})),
            ]
        return tuple(made)

    def begin(self, batch, task):
        blank = Known(holds=torch.zeros(batch, 5, dtype=torch.bool))
        return Grounded(seen=blank, now=blank)

    def state(self, carry):
        return Facts(holds=carry.now.holds[:, None], atoms=self.spec.predicts.state.atoms)

    def observe(self, carry, since: Past, *, noise=None):
        seen = Known(holds=since.observation.state.holds[:, -1])
        return Grounded(seen=seen, now=seen)

    def apply(self, holds: Tensor, valid: Tensor, skill: Tensor, room: Tensor) -> Tensor:
        for operator in self.operators():
            asked = valid & (skill == operator.skill) & (room == operator.arguments[0])
            needs, forbids = holds[:, sorted(operator.needs)].all(1), holds[:, sorted(operator.forbids)].any(1)
            after = holds.clone()
            after[:, sorted(operator.deletes)], after[:, sorted(operator.adds)] = False, True
            holds = torch.where((asked & needs & ~forbids)[:, None], after, holds)
        return holds

    def predict(self, carry, actions: Actions, *, noise=None):
        holds, states = carry.now.holds, []
        for step in range(actions.size("T")):
            holds = self.apply(holds, actions.valid[:, step, 0], actions.skill[:, step, 0], actions.arguments[:, step, 0, 0])
            states.append(holds)
        held = torch.stack(states, 1)
        future = Future(state=Facts(holds=held, atoms=self.spec.predicts.state.atoms), reward=held[..., 4].float())
        return Grounded(seen=carry.seen, now=Known(holds=holds)), future


CORRECT = (WindowModel, WorthyModel, StochasticModel, ChunkModel, RingModel, InverseModel, SymbolicModel)
