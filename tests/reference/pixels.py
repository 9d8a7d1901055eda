"""Kind 3: pixels. A convolutional network says where the next frame gets new colours, and which; elsewhere it stays."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tests.reference.common import scaled
from wam.nets.blocks.reduce import masked_mean
from wam.world import EnvSpec, Future, FutureSpec, Grounded, Observation, ObservationSpec, Record, WorldModelSpec, record, to_float

WIDTH = 32


@record
class Frame(Record):
    rgb: Float[Tensor, "B 3 h w"]


class PixelModel(nn.Module):
    def __init__(self, world: EnvSpec):
        super().__init__()
        ((self.camera, camera),) = world.observes.cameras.items()
        sees = ObservationSpec(cameras=world.observes.cameras)
        self.spec = WorldModelSpec(observes=sees, predicts=FutureSpec(observation=sees), consumes=world.acts, rate=world.rate)
        self.shape = (3, camera.height, camera.width)
        self.act = nn.Linear(len(world.acts.low_level), WIDTH)
        self.fold = nn.Conv2d(12, WIDTH, 3, padding=1)
        self.body = nn.ModuleList([nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(3)])
        self.unfold = nn.Conv2d(WIDTH, 16, 3, padding=1)

    def begin(self, batch, task):
        blank = Frame(rgb=self.act.weight.new_zeros(batch, *self.shape))
        return Grounded(seen=blank, now=blank)

    def observe(self, carry, since, *, noise=None):
        frame = Frame(rgb=to_float(since.observation.rgb[self.camera][:, -1], self.act.weight.dtype))
        return Grounded(seen=frame, now=frame)

    def predict(self, carry, actions, *, noise=None):
        rgb, path = carry.now.rgb, []
        for action in scaled(self.spec.consumes, actions).unbind(1):
            rgb = self._next(rgb, action)
            path.append(rgb)
        return Grounded(seen=carry.seen, now=Frame(rgb=rgb)), Future(observation=Observation(rgb={self.camera: torch.stack(path, 1)}))

    def _next(self, rgb, action):
        x = self.fold(nn.functional.pixel_unshuffle(rgb, 2))
        for layer in self.body:
            x = x + layer(nn.functional.gelu(x + self.act(action)[..., None, None]))
        colour, change = nn.functional.pixel_shuffle(self.unfold(nn.functional.gelu(x)), 2).split([3, 1], 1)
        return torch.lerp(rgb, torch.sigmoid(colour), torch.sigmoid(change - 4))  # still by default

    def loss(self, window, *, noise):
        _, future = self.predict(self.observe(self.begin(window.valid.shape[0], window.task), window.past), window.actions)
        truth = to_float(window.future.observation.rgb[self.camera], self.act.weight.dtype)
        seen = to_float(window.past.observation.rgb[self.camera][:, -1:], self.act.weight.dtype)
        weight = 1 + 10 * ((truth - seen).abs() > 0.05)  # what moves is small: without this it is forgotten
        error = (future.observation.rgb[self.camera] - truth) ** 2 * weight
        return {"pixels": masked_mean(error.flatten(2).mean(-1), window.valid)}
