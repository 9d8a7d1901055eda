"""From an imagined future to actions: by inverse dynamics, frame by frame (UniPi), or by a policy that is shown its end (SuSIE).

Both are `Grounder`s: they see the last real frame and what was imagined after it, and nothing of the model that imagined it.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.world_action.inverse import InverseDynamics
from wam.world import Actions, Future, Grounder, Noise, Observation, Past, Record, SpecError, Task, Window, concatenate, to_float


class ByInverseDynamics(nn.Module, Grounder):
    """The action between each two frames, the last real one and the imagined ones."""

    def __init__(self, inverse: InverseDynamics):
        super().__init__()
        self.inverse = inverse

    def ground(self, past: Past, future: Future, task: Task, *, noise: Noise | None = None) -> Actions:
        """H actions for H imagined frames. SpecError where none were imagined."""
        shown = _pictures(future)
        last = past.observation.narrow("T", -1)
        here = Observation(rgb={name: to_float((last.rgb or {})[name], frames.dtype) for name, frames in (shown.rgb or {}).items()})
        return self.inverse.infer_actions(concatenate([here, shown], "T"), noise=noise).narrow("T", 1)

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """That of the inverse dynamics."""
        return self.inverse.loss(window, noise=noise)


class ByGoal(nn.Module, Grounder):
    """A goal-conditioned policy that is shown the last imagined frame as its goal.

    It learns from what happened: a frame from the second half of the window is the goal that was reached (SuSIE, arXiv 2310.10639,
    section 4.2). What will be imagined lies a window ahead.
    """

    def __init__(self, policy: ChunkPolicy):
        super().__init__()
        self.policy = policy

    def ground(self, past: Past, future: Future, task: Task, *, noise: Noise | None = None) -> Actions:
        """The policy's chunk. It sees the real frames of `past` alone. SpecError where nothing was imagined."""
        shown = _pictures(future)
        memory: Record = self.policy.begin(past.size("B"), Task(goal=shown.narrow("T", -1)))
        return self.policy.act(memory, past, noise=noise)[1]

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """actions "B": towards the frame of a step drawn from the second half of the future."""
        future, rows = window.future.observation, torch.arange(len(window.valid), device=window.valid.device)
        if future is None or future.rgb is None:
            raise SpecError("ByGoal learns to reach frames that came later, and these windows have none. Train it on episodes with pictures.")
        last = (window.valid.sum(1) - 1).clamp_min(0)
        drawn = last - (noise.fork("goal").uniform(1)[:, 0] * (last // 2 + 1)).long()
        goal = Observation(rgb={name: frames[rows, drawn][:, None] for name, frames in future.rgb.items()})
        return self.policy.loss(replace(window, task=Task(goal=goal)), noise=noise)


def _pictures(future: Future) -> Observation:
    if future.observation is None or not future.observation.rgb:
        raise SpecError("actions are grounded in imagined pictures, and this future has none. Use a model that predicts pictures.")
    return Observation(rgb=future.observation.rgb)
