"""Kind 1: a latent vector with a context window. Encoder trained by reconstruction and next-latent prediction."""

import torch
from torch import Tensor, nn

from tests.reference.common import Recent, push, scaled, senses
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import Encodes, EnvSpec, Exposes, Future, FutureSpec, Grounded, Latent, LatentSpec, ObservationSpec, WorldModelSpec

CONTEXT, LATENT = 3, 16


class LatentModel(nn.Module, Encodes, Exposes):
    def __init__(self, world: EnvSpec):
        super().__init__()
        self.spec = WorldModelSpec(
            observes=ObservationSpec(cameras=world.observes.cameras, proprio=world.observes.proprio),
            predicts=FutureSpec(state=LatentSpec(shape=(LATENT,))),
            consumes=world.acts,
            context=(1, CONTEXT),
            rate=world.rate,
        )
        (self.camera, camera), *_ = world.observes.cameras.items()
        size = len(world.observes.proprio) + 3 * camera.height * camera.width
        self.encoder, self.decoder = mlp(size, 64, LATENT), mlp(LATENT, 64, size)
        self.step = mlp(CONTEXT * LATENT + len(world.acts.low_level), 128, LATENT, layers=2)

    def begin(self, batch, task):
        start = Recent(z=self.step[0].weight.new_zeros(batch, CONTEXT, LATENT), started=torch.zeros(batch, dtype=torch.bool, device=self.step[0].weight.device))
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
        return Latent(z=self.encoder(senses(observation, self.camera, self.step[0].weight.dtype)))

    def state(self, carry):
        return Latent(z=carry.now.z[:, -1:])

    def loss(self, window, *, noise) -> dict[str, Tensor]:
        stretch, real = window.whole()
        x = senses(stretch.observation, self.camera, self.step[0].weight.dtype)
        z = self.encoder(x)
        past = window.past
        _, future = self.predict(self.observe(self.begin(x.shape[0], window.task), past), window.actions)
        error = ((future.state.z - z[:, past.size("T") :].detach()) ** 2).sum(-1)
        return {"prediction": masked_mean(error, window.valid), "reconstruction": masked_mean(((self.decoder(z) - x) ** 2).sum(-1), real)}
