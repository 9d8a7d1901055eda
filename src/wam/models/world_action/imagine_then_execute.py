"""Imagine, then execute: a video model that was told the instruction draws what should happen next, and a grounder makes it happen.

UniPi (arXiv 2302.00111): all frames of a clip, inverse dynamics. SuSIE (2310.10639): one frame some way ahead, a policy that
reaches it. The two halves learn apart, the video model from videos without actions.
"""

from dataclasses import replace

import torch
from torch import nn

from wam.models.observation_space.video import Scene, VideoWorldModel
from wam.models.world_action.grounding import ByGoal, ByInverseDynamics
from wam.models.world_action.video_alone import video_alone
from wam.world import Actions, ActionSpec, Envisions, Future, Grounded, Imagines, Noise, Past, PolicySpec, Reads, Record, SpecError, Task, record


@record
class Imagining(Record):
    """The video model's carry, and the task, which a grounder may read."""

    carry: Grounded[Scene, Scene]
    task: Task


class ImagineThenExecute(nn.Module, Imagines[Imagining], Envisions, Reads):
    """A policy. `acts`: what the grounder gives; `chunk`: steps of it per decision, of which `execute` are done.

    `looks`: the video model is shown the present frame; one that learned without any frames must not be. SpecError for a video model that is told
    actions.
    """

    def __init__(
        self,
        video: VideoWorldModel,
        grounder: ByInverseDynamics | ByGoal,
        acts: ActionSpec,
        *,
        chunk: int,
        execute: int,
        rate: float,
        looks: bool = True,
    ):
        super().__init__()
        self.video, self.grounder, self.looks = video, grounder, looks
        spec = video.spec
        if spec.consumes.told:
            raise SpecError(
                "the video model of ImagineThenExecute says what should happen before anybody knows what to do, and this one is told actions. Set acts to none."
            )
        self.spec = PolicySpec(observes=spec.observes, acts=acts, chunk=chunk, execute=execute, rate=rate, instructed=spec.instructed, sentences=spec.sentences)

    def as_video(self) -> VideoWorldModel:
        """See `Envisions` and `video_alone`. SpecError also where it was never shown a frame to go on from."""
        if not self.looks:
            raise SpecError(
                "the video model of this policy learned without any frame, from words alone, so it cannot go on from a real one. Train it with "
                "dropped_frames below 1."
            )
        return video_alone(self.video, self.spec)

    def read(self, sentences: tuple[str, ...]) -> None:
        """See `Reads`."""
        self.video.read(sentences)
        self.spec = replace(self.spec, sentences=sentences)

    def begin(self, batch: int, task: Task) -> Imagining:
        """Nothing seen."""
        return Imagining(carry=self.video.begin(batch, task), task=task)

    @torch.no_grad()
    def act(self, memory: Imagining, since: Past, *, noise: Noise | None = None) -> tuple[Imagining, Actions]:
        """Imagine from the last frame, and ground it."""
        carry, future = self._imagined(memory, since, noise)
        actions = self.grounder.ground(since, future, memory.task, noise=noise.fork("ground") if noise is not None else None)
        return replace(memory, carry=carry), actions

    @torch.no_grad()
    def imagine(self, memory: Imagining, since: Past, *, noise: Noise | None = None) -> Future:
        """What `act` of the same arguments acts for."""
        return self._imagined(memory, since, noise)[1]

    def _imagined(self, memory: Imagining, since: Past, noise: Noise | None) -> tuple[Grounded[Scene, Scene], Future]:
        carry = self.video.observe(memory.carry, since, noise=noise) if self.looks else memory.carry
        spec = self.video.spec
        steps = torch.ones(since.size("B"), spec.chunk, spec.consumes.per_step, dtype=torch.bool, device=carry.device)
        future = self.video.predict(carry, Actions(valid=steps), noise=noise.fork("imagine") if noise is not None else None)[1]
        return carry, future
