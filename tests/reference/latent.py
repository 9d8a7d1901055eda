"""Kind 1: a latent vector with a context window. Encoder trained by reconstruction and next-latent prediction."""

import torch
from torch import Tensor, nn

from tests.reference.common import Recent, Senses, push, scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import Encodes, EnvSpec, Exposes, Future, FutureSpec, Grounded, Latent, LatentSpec, WorldModelSpec

CONTEXT = 3


class LatentModel(nn.Module, Encodes, Exposes):
    def __init__(self, world: EnvSpec, latent: int = 16, hidden: int = 64):
        super().__init__()
        self.senses, self.latent = Senses(world), latent
        self.spec = WorldModelSpec(
            observes=self.senses.spec,
            predicts=FutureSpec(state=LatentSpec(shape=(latent,))),
            consumes=world.acts,
            context=(1, CONTEXT),
            rate=world.rate,
        )
        self.encoder, self.decoder = mlp(self.senses.size, hidden, latent), mlp(latent, hidden, self.senses.size)
        self.step = mlp(CONTEXT * latent + width_of(world.acts), 2 * hidden, latent, layers=2)

    def begin(self, batch, task):
        weight = self.step[0].weight
        start = Recent(z=weight.new_zeros(batch, CONTEXT, self.latent), started=weight.new_zeros(batch, dtype=torch.bool))
        return Grounded(seen=start, now=start)

    def observe(self, carry, since, *, noise=None):
        seen = push(carry.seen, self.encode(since.observation).z, since.actions.valid.any(-1))
        return Grounded(seen=seen, now=seen)

    def predict(self, carry, actions, *, noise=None):
        now, path = carry.now, []
        for t, action in enumerate(scaled(self.spec.consumes, actions).unbind(1)):
            z = now.z[:, -1] + self.step(torch.cat([now.z.flatten(1), action], -1))
            now = push(now, z[:, None], torch.ones_like(actions.valid[:, t, :1]))
            path.append(z)
        return Grounded(seen=carry.seen, now=now), Future(state=Latent(z=torch.stack(path, 1)))

    def encode(self, observation):
        return Latent(z=self.encoder(self.senses.vector(observation, self.step[0].weight.dtype)))

    def state(self, carry):
        return Latent(z=carry.now.z[:, -1:])

    def loss(self, window, *, noise) -> dict[str, Tensor]:
        stretch, real = window.whole()
        x = self.senses.vector(stretch.observation, self.step[0].weight.dtype)
        z = self.encoder(x)
        past = window.past
        _, future = self.predict(self.observe(self.begin(x.shape[0], window.task), past), window.actions)
        error = ((future.state.z - z[:, past.size("T") :].detach()) ** 2).sum(-1)
        return {"prediction": masked_mean(error, window.valid), "reconstruction": masked_mean(((self.decoder(z) - x) ** 2).sum(-1), real)}
