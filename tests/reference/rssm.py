"""Kind 2: a recurrent state-space model. `observe` corrects the state by a posterior, `predict` runs the prior."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tests.reference.common import Senses, scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import EnvSpec, Exposes, Future, FutureSpec, Grounded, Latent, LatentSpec, Record, WorldModelSpec, record

DETER, STOCH = 64, 8


@record
class Belief(Record):
    h: Float[Tensor, "B D"]  # deterministic
    z: Float[Tensor, "B E"]  # stochastic
    started: Bool[Tensor, "B"]


class RSSM(nn.Module, Exposes):
    def __init__(self, world: EnvSpec):
        super().__init__()
        self.senses = Senses(world)
        self.spec = WorldModelSpec(
            observes=self.senses.spec,
            predicts=FutureSpec(observation=self.senses.spec, state=LatentSpec(shape=(DETER + STOCH,))),
            consumes=world.acts,
            context=(1, 1000),
            rate=world.rate,
            stochastic=True,
        )
        self.embed = mlp(self.senses.size, 64, 64)
        self.recur = nn.GRUCell(STOCH + width_of(world.acts), DETER)
        self.prior, self.posterior = mlp(DETER, 64, 2 * STOCH), mlp(DETER + 64, 64, 2 * STOCH)
        self.decoder = mlp(DETER + STOCH, 128, self.senses.size)

    def begin(self, batch, task):
        weight = self.embed[0].weight
        blank = Belief(h=weight.new_zeros(batch, DETER), z=weight.new_zeros(batch, STOCH), started=torch.zeros(batch, dtype=torch.bool, device=weight.device))
        return Grounded(seen=blank, now=blank)

    def observe(self, carry, since, *, noise=None):
        belief, *_ = self._filter(carry.seen, since, noise)
        return Grounded(seen=belief, now=belief)

    def predict(self, carry, actions, *, noise=None):
        belief, beliefs = carry.now, []
        draws = self._draws(noise, actions.size("T"), belief.z)
        for action, draw in zip(scaled(self.spec.consumes, actions).unbind(1), draws, strict=True):
            h = self.recur(torch.cat([belief.z, action], -1), belief.h)
            belief = Belief(h=h, z=self._sample(self.prior(h), draw), started=belief.started)
            beliefs.append(torch.cat([belief.h, belief.z], -1))
        state = torch.stack(beliefs, 1)
        shown = self.senses.observation(self.decoder(state))
        return Grounded(seen=carry.seen, now=belief), Future(observation=shown, state=Latent(z=state))

    def state(self, carry):
        return Latent(z=torch.cat([carry.now.h, carry.now.z], -1)[:, None])

    def loss(self, window, *, noise):
        stretch, real = window.whole()
        blank = self.begin(real.shape[0], window.task).seen
        _, states, priors, posteriors = self._filter(blank, stretch, noise.fork("filter"))
        error = ((self.decoder(states) - self.senses.vector(stretch.observation, states.dtype)) ** 2).sum(-1)
        (m, s), (n, t) = (x.chunk(2, -1) for x in (posteriors, priors))
        kl = (t - s + (s.exp() ** 2 + (m - n) ** 2) / (2 * t.exp() ** 2) - 0.5).sum(-1).clamp_min(0.1)
        return {"reconstruction": masked_mean(error, real), "kl": masked_mean(kl, real)}

    def _filter(self, belief, since, noise):
        embedded, done = self.embed(self.senses.vector(since.observation, belief.h.dtype)), since.actions.valid.any(-1)
        draws, found = self._draws(noise, done.shape[1], belief.z), []
        for t, (action, draw) in enumerate(zip(scaled(self.spec.consumes, since.actions).unbind(1), draws, strict=True)):
            joined = (done[:, t] & belief.started)[:, None]
            h = torch.where(joined, self.recur(torch.cat([belief.z, action], -1), belief.h), torch.zeros_like(belief.h))
            posterior = self.posterior(torch.cat([h, embedded[:, t]], -1))
            belief = Belief(h=h, z=self._sample(posterior, draw), started=torch.ones_like(belief.started))
            found.append((torch.cat([h, belief.z], -1), self.prior(h), posterior))
        states, priors, posteriors = (torch.stack(items, 1) for items in zip(*found, strict=True))
        return belief, states, priors, posteriors

    def _draws(self, noise, steps, like):
        return (torch.zeros_like(like)[:, None].expand(-1, steps, -1) if noise is None else noise.normal(steps, STOCH, dtype=like.dtype)).unbind(1)

    def _sample(self, statistics, draw):
        mean, log_std = statistics.chunk(2, -1)
        return mean + log_std.clamp(-4, 2).exp() * draw
