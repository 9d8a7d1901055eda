"""Kind 4: points. Each point of a cloud moves by what it, the cloud as a whole and the action say."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tests.reference.common import scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import EnvSpec, Future, FutureSpec, Grounded, Observation, ObservationSpec, Points, Record, WorldModelSpec, record

GROUPS = 8


@record
class Cloud(Record):
    xyz: Float[Tensor, "B N 3"]
    group: Int[Tensor, "B N"]
    valid: Bool[Tensor, "B N"]


class PointModel(nn.Module):
    def __init__(self, world: EnvSpec):
        super().__init__()
        sees = ObservationSpec(points=world.observes.points)
        self.spec = WorldModelSpec(observes=sees, predicts=FutureSpec(observation=sees), consumes=world.acts, rate=world.rate)
        size = 3 + GROUPS
        self.whole, self.move = mlp(size, 64, 32), mlp(size + 32 + width_of(world.acts), 64, 3, layers=2)

    def begin(self, batch, task):
        weight, count = self.whole[0].weight, self.spec.observes.points
        blank = Cloud(
            xyz=weight.new_zeros(batch, count, 3),
            group=torch.zeros(batch, count, dtype=torch.int64, device=weight.device),
            valid=torch.zeros(batch, count, dtype=torch.bool, device=weight.device),
        )
        return Grounded(seen=blank, now=blank)

    def observe(self, carry, since, *, noise=None):
        points = since.observation.points
        group = torch.zeros_like(points.valid[:, -1], dtype=torch.int64) if points.group is None else points.group[:, -1]
        cloud = Cloud(xyz=points.xyz[:, -1], group=group, valid=points.valid[:, -1])
        return Grounded(seen=cloud, now=cloud)

    def predict(self, carry, actions, *, noise=None):
        now, path = carry.now, []
        kind = nn.functional.one_hot(now.group.clamp(0, GROUPS - 1), GROUPS).to(now.xyz.dtype)
        for action in scaled(self.spec.consumes, actions).unbind(1):
            each = torch.cat([now.xyz, kind], -1)
            whole = self.whole(each).masked_fill(~now.valid[..., None], -1e4).amax(1)
            context = torch.cat([whole, action], -1)[:, None].expand(-1, each.shape[1], -1)
            now = Cloud(xyz=now.xyz + 0.1 * self.move(torch.cat([each, context], -1)) * now.valid[..., None], group=now.group, valid=now.valid)
            path.append(now)
        steps = len(path)
        points = Points(xyz=torch.stack([c.xyz for c in path], 1), group=now.group[:, None].repeat(1, steps, 1), valid=now.valid[:, None].repeat(1, steps, 1))
        return Grounded(seen=carry.seen, now=now), Future(observation=Observation(points=points))

    def loss(self, window, *, noise):
        _, future = self.predict(self.observe(self.begin(window.valid.shape[0], window.task), window.past), window.actions)
        error = ((future.observation.points.xyz - window.future.observation.points.xyz) ** 2).sum(-1).mean(-1)
        return {"points": masked_mean(error, window.valid)}
