"""A video model that learned on latent actions, and what tells it of a robot's own (AdaWorld, arXiv 2503.18938; DreamDojo, 2602.06949).

Two models, one in the other, each with its own actions in its types:
    `Pretrained`  learns from video alone; its world consumes LATENT actions, inferred from the frames by a `LatentActionModel`
    `Adapted`     consumes LOW-LEVEL actions: a `Translation` says them in latent ones; this is the model that is used
Nothing switches inside: which of the two learns is which one a stage names. Latent actions that come with low-level ones are not
read in use.
Knows: labels; steps whose actions nobody recorded are left out of what `Adapted` learns from.   Does not know: stages, presets.
"""

from dataclasses import replace

from torch import Tensor, nn

from wam.models.actions.latent import LatentActionModel
from wam.models.actions.translation import Translation
from wam.models.observation_space.video import Scene, VideoWorldModel
from wam.nets.blocks.reduce import masked_mean
from wam.world import Actions, Future, Grounded, Noise, Past, SpecError, Task, Window, WorldModelSpec


class Pretrained(nn.Module):
    """A world that consumes latent actions, and what infers them. Trainable; its world is a world model of its own."""

    def __init__(self, latent_actions: LatentActionModel, world: VideoWorldModel):
        super().__init__()
        if world.spec.consumes != latent_actions.acts:
            raise SpecError(f"the world consumes {world.spec.consumes}, the latent actions are {latent_actions.acts}. Build both with one ActionSpec.")
        self.latent_actions, self.world = latent_actions, world

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """video "B", see `VideoWorldModel`. Low-level actions are not looked at, nor whether they are known."""
        told = self.told(window)
        past, future = (Actions(valid=some.valid, latent=some.latent) for some in (told.past.actions, told.actions))
        return self.world.loss(replace(told, past=replace(told.past, actions=past), actions=future), noise=noise)

    def told(self, window: Window) -> Window:
        """With the latent actions that the window brought, or inferred now."""
        return window if window.actions.latent is not None else self.latent_actions.inferred(window)


class Adapted(nn.Module):
    """The same world, told low-level actions. A world model; `spec` is that of the world but for what it consumes."""

    def __init__(self, pretrained: Pretrained, translation: Translation):
        super().__init__()
        self.pretrained, self.translation = pretrained, translation

    @property
    def spec(self) -> WorldModelSpec:
        """See `WorldModelSpec`."""
        return replace(self.pretrained.world.spec, consumes=self.translation.acts)

    def begin(self, batch: int, task: Task) -> Grounded[Scene, Scene]:
        """See `VideoWorldModel`."""
        return self.pretrained.world.begin(batch, task)

    def observe(self, carry: Grounded[Scene, Scene], since: Past, *, noise: Noise | None = None) -> Grounded[Scene, Scene]:
        """See `VideoWorldModel`."""
        return self.pretrained.world.observe(carry, replace(since, actions=self.translation(since.actions)), noise=noise)

    def predict(self, carry: Grounded[Scene, Scene], actions: Actions, *, noise: Noise | None = None) -> tuple[Grounded[Scene, Scene], Future]:
        """See `VideoWorldModel`."""
        return self.pretrained.world.predict(carry, self.translation(actions), noise=noise)

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """video "B": of the world, told low-level actions. code "B": squared error of the translation against inferred latent actions.

        Both over labelled steps alone.
        """
        past, future = self.translation(window.past.actions), self.translation(window.actions)
        valid = window.valid if future.labelled is None else window.valid & future.labelled
        said = replace(window, past=replace(window.past, actions=past), actions=future, valid=valid)
        meant = self.pretrained.told(window).actions.latent
        assert meant is not None and future.latent is not None
        code = (future.latent - meant.detach()).square().mean(-1)
        done = window.actions.known().any(-1) & valid
        return {**self.pretrained.world.loss(said, noise=noise), "code": masked_mean(code, done)}
