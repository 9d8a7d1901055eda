"""Kind 5: language-conditioned tracks. Points move under actions; the reward says how well the motion follows the sentence."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tests.reference.common import scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import EnvSpec, Exposes, Future, FutureSpec, Grounded, ObservationSpec, Record, Tracks, TracksSpec, WorldModelSpec, record


@record
class Told(Record):
    xy: Float[Tensor, "B N 2"]
    sentence: Int[Tensor, "B"]


class TrackModel(nn.Module, Exposes):
    def __init__(self, world: EnvSpec):
        super().__init__()
        count = world.observes.points
        self.spec = WorldModelSpec(
            observes=ObservationSpec(points=count),
            predicts=FutureSpec(state=TracksSpec(points=count), reward=True),
            consumes=world.acts,
            rate=world.rate,
            instructed=True,
            sentences=world.sentences,
        )
        self.word = nn.Embedding(len(world.sentences), 16)
        self.move, self.worth = mlp(2 * count + width_of(world.acts), 128, 2 * count, layers=2), mlp(2 * count + 16, 128, 1, layers=2)

    def begin(self, batch, task):
        weight = self.word.weight
        told = Told(xy=weight.new_zeros(batch, self.spec.observes.points, 2), sentence=task.instruction)
        return Grounded(seen=told, now=told)

    def observe(self, carry, since, *, noise=None):
        told = Told(xy=since.observation.points.xyz[:, -1, :, :2], sentence=carry.seen.sentence)
        return Grounded(seen=told, now=told)

    def predict(self, carry, actions, *, noise=None):
        xy, sentence, path, rewards = carry.now.xy, carry.now.sentence, [], []
        word = self.word(sentence.clamp_min(0))
        for action in scaled(self.spec.consumes, actions).unbind(1):
            xy = xy + 0.1 * self.move(torch.cat([4 * xy.flatten(1), action], -1)).view(xy.shape)
            path.append(xy)
            rewards.append(self.worth(torch.cat([4 * xy.flatten(1), word], -1))[:, 0])
        tracks = torch.stack(path, 1)
        future = Future(state=Tracks(xyz=tracks, visible=torch.ones_like(tracks[..., 0], dtype=torch.bool)), reward=torch.stack(rewards, 1))
        return Grounded(seen=carry.seen, now=Told(xy=xy, sentence=sentence)), future

    def state(self, carry):
        xy = carry.now.xy[:, None]
        return Tracks(xyz=xy, visible=torch.ones_like(xy[..., 0], dtype=torch.bool))

    def loss(self, window, *, noise):
        _, future = self.predict(self.observe(self.begin(window.valid.shape[0], window.task), window.past), window.actions)
        truth = window.future
        error = ((future.state.xyz - truth.observation.points.xyz[..., :2]) ** 2).sum(-1).mean(-1)
        return {"tracks": masked_mean(error, window.valid), "reward": 4 * masked_mean((future.reward - truth.reward) ** 2, window.valid)}
