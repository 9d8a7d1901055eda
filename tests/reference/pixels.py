"""Kind 3: pixels. A picture is cut into layers; each is shifted by what the action and the places of all layers say.

Masks are learned by nothing but the error of the next pictures. What a layer uncovers gets the colours around it. Layers are cut
once per real frame and then only moved, so a long future stays as sharp as the frame that it starts from. Layered motion is
in the spirit of CDNA (1605.07157).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tests.reference.common import scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import EnvSpec, Future, FutureSpec, Grounded, Observation, ObservationSpec, Record, WorldModelSpec, record, to_float

LAYERS, WIDTH, AROUND = 2, 16, 7  # AROUND: px, how far what is uncovered looks for its colour


@record
class Layers(Record):
    """A picture in pieces. Places run from -1 to 1 over the picture: x to the right, y down."""

    cut: Float[Tensor, "B K 3 h w"]  # how each layer differs from what lies around it
    still: Float[Tensor, "B 3 h w"]  # the picture without the layers
    start: Float[Tensor, "B K 2"]  # centre of each layer in the picture
    place: Float[Tensor, "B K 2"]  # where it is by now


class PixelModel(nn.Module):
    def __init__(self, world: EnvSpec):
        super().__init__()
        ((self.camera, camera),) = world.observes.cameras.items()
        sees = ObservationSpec(cameras=world.observes.cameras)
        self.spec = WorldModelSpec(observes=sees, predicts=FutureSpec(observation=sees), consumes=world.acts, rate=world.rate)
        self.shape = (camera.height, camera.width)
        self.mask = nn.Sequential(
            *(nn.Conv2d(3, WIDTH, 3, padding=1), nn.GELU(), nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.GELU(), nn.Conv2d(WIDTH, LAYERS, 1))
        )
        self.move = mlp(2 * LAYERS + width_of(world.acts), 64, 2 * LAYERS, layers=2)

    def begin(self, batch, task):
        blank = self._cut(self.move[0].weight.new_zeros(batch, 3, *self.shape))
        return Grounded(seen=blank, now=blank)

    def observe(self, carry, since, *, noise=None):
        layers = self._cut(to_float(since.observation.rgb[self.camera][:, -1], self.move[0].weight.dtype))
        return Grounded(seen=layers, now=layers)

    def predict(self, carry, actions, *, noise=None):
        now, place, path = carry.now, carry.now.place, []
        for action in scaled(self.spec.consumes, actions).unbind(1):
            place = place + 0.1 * self.move(torch.cat([2 * place.flatten(1), action], -1)).view(place.shape)
            path.append(place)
        places = torch.stack(path, 1)
        now = Layers(cut=now.cut, still=now.still, start=now.start, place=place)
        return Grounded(seen=carry.seen, now=now), Future(observation=Observation(rgb={self.camera: drawn(now, places)}))

    def _cut(self, rgb: Float[Tensor, "B 3 h w"]) -> Layers:
        """Masks by softmax over layers and rest; places by softmax over the picture."""
        logits = 4 * self.mask(3 * (rgb - rgb.mean((2, 3), keepdim=True)))
        masks = torch.cat([logits - 3, torch.zeros_like(rgb[:, :1])], 1).softmax(1)
        masks, rest = masks[:, :LAYERS, None], masks[:, LAYERS:]
        around = nn.functional.avg_pool2d(torch.cat([rest * rgb, rest + 1e-3], 1), AROUND, 1, AROUND // 2)
        cut = masks * (rgb - around[:, :3] / around[:, 3:])[:, None]
        place = logits.flatten(2).softmax(-1) @ picture_places(rgb).flatten(0, 1)
        return Layers(cut=cut, still=rgb - cut.sum(1), start=place, place=place)

    def loss(self, window, *, noise):
        _, future = self.predict(self.observe(self.begin(window.valid.shape[0], window.task), window.past), window.actions)
        truth = to_float(window.future.observation.rgb[self.camera], self.move[0].weight.dtype)
        seen = to_float(window.past.observation.rgb[self.camera][:, -1:], self.move[0].weight.dtype)
        weight = 1 + 10 * ((truth - seen).abs() > 0.05)  # what moves is small: without this it is forgotten
        error = (future.observation.rgb[self.camera] - truth) ** 2 * weight
        return {"pixels": masked_mean(error.flatten(2).mean(-1), window.valid)}


def picture_places(like: Tensor) -> Float[Tensor, "h w 2"]:
    """x and y of each pixel's centre, -1 to 1."""
    y, x = ((2 * torch.arange(size, device=like.device, dtype=like.dtype) + 1) / size - 1 for size in like.shape[-2:])
    return torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], -1)


def drawn(layers: Layers, places: Float[Tensor, "B H K 2"]) -> Float[Tensor, "B H 3 h w"]:
    """Each layer shifted to its places by bilinear sampling, over what lies still. All steps of a layer are sampled as one tall picture."""
    grid, steps = picture_places(layers.still), places.shape[1]
    moved = (places - layers.start[:, None]).transpose(1, 2).flatten(0, 1)
    from_where = (grid - moved[:, :, None, None]).flatten(1, 2)
    shifted = nn.functional.grid_sample(layers.cut.flatten(0, 1), from_where, padding_mode="zeros", align_corners=False)
    shifted = shifted.unflatten(2, (steps, -1)).unflatten(0, (-1, LAYERS)).sum(1).transpose(1, 2)
    return (shifted + layers.still[:, None]).clamp(0, 1)
