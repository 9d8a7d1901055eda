"""Kind 8: a joint video-action model: one flow over (next frame, action), each with its own noise level, and its three views.

Convention x_s = (1 - s) x + s eps, velocity eps - x. Clean actions give the world model, clean frames the inverse model, and
noise for both the policy (UWM, 2504.02792).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tests.reference.common import Senses, scaled, width_of
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import Actions, EnvSpec, Future, FutureSpec, Grounded, Infers, PolicySpec, Record, WorldModelSpec, record

STEPS = 4


@record
class Last(Record):
    x: Float[Tensor, "B D"]


class JointModel(nn.Module):
    def __init__(self, world: EnvSpec):
        super().__init__()
        self.world, self.senses = world, Senses(world)
        self.frame, self.size = self.senses.size, width_of(world.acts)
        self.net = mlp(2 * self.frame + self.size + 2, 256, self.frame + self.size, layers=3)
        self.register_buffer("limit", world.acts.limits()[1])  # "A"

    def velocity(self, now, frame, action, s_frame, s_action):
        """Velocities of (next frame - this frame) and of the scaled action."""
        return self.net(torch.cat([now, frame, action, s_frame, s_action], -1)).split([self.frame, self.size], -1)

    def sample(self, now, frame, action, *, free_frame: bool, free_action: bool):
        """Euler steps from s = 1 to 0 for what is free; what is given stays clean (s = 0)."""
        for step in range(STEPS):
            s = now.new_full((now.shape[0], 1), 1 - step / STEPS)
            v_frame, v_action = self.velocity(now, frame, action, s * free_frame, s * free_action)
            frame, action = (x - v / STEPS if free else x for x, v, free in ((frame, v_frame, free_frame), (action, v_action, free_action)))
        return frame, action.clamp(-1, 1) if free_action else action

    def draw(self, noise, name, size, like):
        return like.new_zeros(like.shape[0], size) if noise is None else noise.fork(name).normal(1, size, dtype=like.dtype)[:, 0]

    def loss(self, window, *, noise):
        past, future = (self.senses.vector(o, self.limit.dtype) for o in (window.past.observation, window.future.observation))
        now, action = torch.cat([past[:, -1:], future[:, :-1]], 1), (window.actions.low_level / self.limit).flatten(2)
        clean, steps = torch.cat([future - now, action], -1), future.shape[1]
        eps = noise.fork("eps").normal(steps, clean.shape[-1])
        s = noise.fork("level").uniform(steps, 2)
        s = torch.where(noise.fork("clean").uniform(steps, 2) < 0.25, 0.0, s)
        mixed = torch.cat([s[..., :1].expand(-1, -1, self.frame), s[..., 1:].expand(-1, -1, self.size)], -1)
        frame, act = ((1 - mixed) * clean + mixed * eps).split([self.frame, self.size], -1)
        error = (torch.cat(self.velocity(now, frame, act, s[..., :1], s[..., 1:]), -1) - (eps - clean)) ** 2
        noisy = (mixed > 0) * error
        return {"frame": masked_mean(noisy[..., : self.frame].sum(-1), window.valid), "action": masked_mean(noisy[..., self.frame :].sum(-1), window.valid)}

    def as_world_model(self):
        return JointWorldModel(self)

    def as_policy(self):
        return JointPolicy(self)

    def as_inverse(self):
        return JointInverse(self)

    def begin(self, batch):
        return Last(x=self.limit.new_zeros(batch, self.frame))

    def last(self, since):
        return Last(x=self.senses.vector(since.observation, self.limit.dtype)[:, -1])


class JointWorldModel(nn.Module):
    def __init__(self, joint: JointModel):
        super().__init__()
        self.joint, world = joint, joint.world
        self.spec = WorldModelSpec(
            observes=joint.senses.spec, predicts=FutureSpec(observation=joint.senses.spec), consumes=world.acts, rate=world.rate, stochastic=True
        )

    def begin(self, batch, task):
        return Grounded(seen=self.joint.begin(batch), now=self.joint.begin(batch))

    def observe(self, carry, since, *, noise=None):
        return Grounded(seen=self.joint.last(since), now=self.joint.last(since))

    def predict(self, carry, actions, *, noise=None):
        joint, x, path = self.joint, carry.now.x, []
        for step, action in enumerate(scaled(self.spec.consumes, actions).unbind(1)):
            start = joint.draw(None if noise is None else noise.advance(step), "frame", joint.frame, x)
            x = x + joint.sample(x, start, action, free_frame=True, free_action=False)[0]
            path.append(x)
        return Grounded(seen=carry.seen, now=Last(x=x)), Future(observation=joint.senses.observation(torch.stack(path, 1)))


class JointPolicy(nn.Module):
    def __init__(self, joint: JointModel):
        super().__init__()
        self.joint, self.spec = joint, PolicySpec(observes=joint.senses.spec, acts=joint.world.acts, rate=joint.world.rate)

    def begin(self, batch, task):
        return self.joint.begin(batch)

    def act(self, memory, since, *, noise=None):
        joint, memory = self.joint, self.joint.last(since)
        start, action = joint.draw(noise, "frame", joint.frame, memory.x), joint.draw(noise, "action", joint.size, memory.x)
        action = joint.sample(memory.x, start, action, free_frame=True, free_action=True)[1].unflatten(1, (1, -1, len(joint.limit))) * joint.limit
        return memory, Actions(valid=torch.ones_like(action[..., 0], dtype=torch.bool), low_level=action)


class JointInverse(nn.Module, Infers):
    def __init__(self, joint: JointModel):
        super().__init__()
        self.joint = joint

    def infer_actions(self, observation, *, noise=None):
        joint = self.joint
        x = joint.senses.vector(observation, joint.limit.dtype)
        found = [torch.zeros_like(x[:, 0, : joint.size])]
        for step, (now, then) in enumerate(zip(x[:, :-1].unbind(1), x[:, 1:].unbind(1), strict=True)):
            start = joint.draw(None if noise is None else noise.advance(step), "action", joint.size, now)
            found.append(joint.sample(now, then - now, start, free_frame=False, free_action=True)[1])
        actions = torch.stack(found, 1).unflatten(2, (-1, len(joint.limit))) * joint.limit
        return Actions(valid=(torch.arange(actions.shape[1], device=x.device) > 0)[None, :, None].expand(actions.shape[:3]), low_level=actions)
