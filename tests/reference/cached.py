"""Kind 9: a causal transformer with a key-value ring buffer, whose context is shared by all planning candidates.

Token t is (z_t, action t+1). The ring keeps the last C - 1 real tokens of B rows; imagined tokens of B*S rows lie in a
record of their own, so that S candidates read one copy of the context. Every token sees the C newest tokens, itself included.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tests.reference.common import Senses, scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import Encodes, EnvSpec, Exposes, Future, FutureSpec, Grounded, Latent, LatentSpec, Record, WorldModelSpec, record

CONTEXT, LATENT, DIM, DEPTH, HEADS = 6, 16, 48, 2, 4
RING = CONTEXT - 1


@record
class Ring(Record):
    key: Float[Tensor, "B L W E"]
    value: Float[Tensor, "B L W E"]
    place: Int[Tensor, "B W"]  # which token lies in each slot; a void slot holds a token from very long ago
    clock: Int[Tensor, "B"]  # tokens so far
    z: Float[Tensor, "B D"]  # the frame whose action is not known yet
    started: Bool[Tensor, "B"]


@record
class Imagined(Record):
    key: Float[Tensor, "B L W E"]  # the newest W, oldest first
    value: Float[Tensor, "B L W E"]
    grown: Int[Tensor, "B"]  # how many were imagined
    z: Float[Tensor, "B D"]


class CachedTransformer(nn.Module, Encodes, Exposes):
    def __init__(self, world: EnvSpec):
        super().__init__()
        self.senses = Senses(world)
        self.spec = WorldModelSpec(
            observes=self.senses.spec,
            predicts=FutureSpec(state=LatentSpec(shape=(LATENT,))),
            consumes=world.acts,
            context=(1, DEPTH * RING + 1),
            rate=world.rate,
            shares_context=True,
        )
        self.encoder, self.decoder = mlp(self.senses.size, 64, LATENT), mlp(LATENT, 64, self.senses.size)
        self.token, self.out = nn.Linear(LATENT + width_of(world.acts), DIM), nn.Linear(DIM, LATENT)
        self.qkv = nn.ModuleList([nn.Linear(DIM, 3 * DIM) for _ in range(DEPTH)])
        self.mlp = nn.ModuleList([mlp(DIM, 2 * DIM, DIM) for _ in range(DEPTH)])
        self.age = nn.Parameter(torch.zeros(HEADS, CONTEXT))

    def begin(self, batch, task):
        weight = self.out.weight
        blank, none = weight.new_zeros(batch, DEPTH, RING, DIM), torch.zeros(batch, dtype=torch.int64, device=weight.device)
        z = weight.new_zeros(batch, LATENT)
        ring = Ring(key=blank, value=blank, place=none[:, None].expand(-1, RING) - 10**6, clock=none, z=z, started=none.bool())
        return Grounded(seen=ring, now=Imagined(key=blank, value=blank, grown=none, z=z))

    def observe(self, carry, since, *, noise=None):
        ring, z, done = carry.seen, self.encode(since.observation).z, since.actions.valid.any(-1)
        for t, action in enumerate(scaled(self.spec.consumes, since.actions).unbind(1)):
            joined = done[:, t] & ring.started
            _, key, value = self._token(action, ring, nothing(ring))
            slot = (torch.arange(RING, device=z.device) == (ring.clock % RING)[:, None]) & joined[:, None]
            fresh = torch.where(joined[:, None], ring.place, ring.clock[:, None] - 10**6)
            ring = Ring(
                key=torch.where(slot[:, None, :, None], key[:, :, None], ring.key),
                value=torch.where(slot[:, None, :, None], value[:, :, None], ring.value),
                place=torch.where(slot, ring.clock[:, None], fresh),
                clock=ring.clock + joined,
                z=z[:, t],
                started=torch.ones_like(ring.started),
            )
        return Grounded(seen=ring, now=nothing(ring))

    def predict(self, carry, actions, *, noise=None):
        ring, now, path = carry.seen, carry.now, []
        if actions.size("B") != now.size("B"):  # the first call with S candidates per row
            now = now.repeat(actions.size("B") // now.size("B"))
        for action in scaled(self.spec.consumes, actions).unbind(1):
            z, key, value = self._token(action, ring, now)
            newest = (torch.cat([old[:, :, 1:], made[:, :, None]], 2) for old, made in ((now.key, key), (now.value, value)))
            now = Imagined(key=next(newest), value=next(newest), grown=now.grown + 1, z=z)
            path.append(z)
        return Grounded(seen=ring, now=now), Future(state=Latent(z=torch.stack(path, 1)))

    def _token(self, action, ring, now):
        """Next latent "BS D" of one new token per row, and its keys and values "BS L E"."""
        batch, rows = ring.clock.shape[0], now.z.shape[0]
        heads = lambda t: t.unflatten(-1, (HEADS, -1)).transpose(-2, -3)  # noqa: E731  "... K E" -> "... heads K e"
        grown = now.grown.view(batch, -1, 1)
        old = grown + (ring.clock[:, None] - ring.place)[:, None]  # age of each real token, "B S W"
        own = torch.arange(RING, -1, -1, device=action.device).expand(*grown.shape[:2], -1)  # of imagined ones, and of the new one
        age = torch.cat([old, torch.where(own <= grown, own, CONTEXT)], 2)
        bias = self.age[:, age.clamp(0, CONTEXT - 1)].masked_fill(age >= CONTEXT, float("-inf")).permute(1, 2, 0, 3)  # B S heads 2W+1
        keys, values = now.key, now.value
        x, made_keys, made_values = self.token(torch.cat([now.z, action], -1)), [], []
        for layer in range(DEPTH):
            query, key, value = self.qkv[layer](nn.functional.layer_norm(x, (DIM,))).chunk(3, -1)
            own_k, own_v = torch.cat([keys[:, layer], key[:, None]], 1), torch.cat([values[:, layer], value[:, None]], 1)
            q = heads(query[:, None]).unflatten(0, (batch, -1))  # B S heads 1 e
            shared = heads(ring.key[:, layer])[:, None], heads(ring.value[:, layer])[:, None]
            mine = heads(own_k).unflatten(0, (batch, -1)), heads(own_v).unflatten(0, (batch, -1))
            scores = torch.cat([(q @ k.transpose(-1, -2)) for k in (shared[0], mine[0])], -1) / q.shape[-1] ** 0.5
            weights = (scores + bias[:, :, :, None]).softmax(-1)
            mixed = weights[..., :RING] @ shared[1] + weights[..., RING:] @ mine[1]
            x = x + mixed.transpose(-2, -3).reshape(rows, DIM)
            x = x + self.mlp[layer](nn.functional.layer_norm(x, (DIM,)))
            made_keys.append(key)
            made_values.append(value)
        return now.z + self.out(x), torch.stack(made_keys, 1), torch.stack(made_values, 1)

    def encode(self, observation):
        return Latent(z=self.encoder(self.senses.vector(observation, self.out.weight.dtype)))

    def state(self, carry):
        return Latent(z=carry.now.z[:, None])

    def loss(self, window, *, noise):
        stretch, real = window.whole()
        x = self.senses.vector(stretch.observation, self.out.weight.dtype)
        z = self.encoder(x)
        _, future = self.predict(self.observe(self.begin(x.shape[0], window.task), window.past), window.actions)
        error = ((future.state.z - z[:, window.past.size("T") :].detach()) ** 2).sum(-1)
        return {"prediction": masked_mean(error, window.valid), "reconstruction": masked_mean(((self.decoder(z) - x) ** 2).sum(-1), real)}


def nothing(ring: Ring) -> Imagined:
    """Nothing imagined yet after these real tokens."""
    return Imagined(key=torch.zeros_like(ring.key), value=torch.zeros_like(ring.value), grown=torch.zeros_like(ring.clock), z=ring.z)
