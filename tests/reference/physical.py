"""Kind 7: the true simulator with fitted parameters. Poses are seen, velocities are differences, friction is identified.

`fit` needs motion that says something about friction and damping: objects that slide freely.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.sim.engines import planar
from wam.sim.worlds.push import from_physical, to_physical
from wam.world import EnvSpec, Exposes, Fits, Future, FutureSpec, Grounded, ObservationSpec, Physical, Progress, Record, WorldModelSpec, record


@record
class Motion(Record):
    pose: Float[Tensor, "B M 3"]
    velocity: Float[Tensor, "B M 3"]
    started: Bool[Tensor, "B"]


class PhysicalModel(nn.Module, Exposes, Fits):
    def __init__(self, world: EnvSpec, known: Physical):
        """known: outline, mass, ... of the one disc; friction and damping in it are a first guess."""
        super().__init__()
        self.spec = WorldModelSpec(
            observes=ObservationSpec(points=6), predicts=FutureSpec(state=world.physical), consumes=world.acts, context=(1, 2), rate=world.rate
        )
        self.register_buffer("constants", known.parameters[:1].clone())
        self.log_friction = nn.Parameter(known.parameters[0, 4:6].log())  # friction, damping

    def parameters_of(self, batch: int) -> Tensor:
        """ "B M" with the fitted values in place."""
        row = torch.cat([self.constants[:, :4], self.log_friction.exp()[None], self.constants[:, 6:]], 1)
        return row.expand(batch, -1)

    def begin(self, batch, task):
        blank = self.constants.new_zeros(batch, 2, 3)
        motion = Motion(pose=blank, velocity=blank, started=torch.zeros(batch, dtype=torch.bool, device=blank.device))
        return Grounded(seen=motion, now=motion)

    def observe(self, carry, since, *, noise=None):
        motion, poses, done = carry.seen, poses_of(since.observation.points.xyz), since.actions.valid.any(-1)
        for t, pose in enumerate(poses.unbind(1)):
            joined = (done[:, t] & motion.started)[:, None, None]
            velocity = torch.where(joined, (pose - motion.pose) * self.spec.rate, 0)
            motion = Motion(pose=pose, velocity=velocity, started=torch.ones_like(motion.started))
        return Grounded(seen=motion, now=motion)

    def predict(self, carry, actions, *, noise=None):
        now, path = carry.now, []
        state, parameters = from_physical(self._physical(now))
        for t in range(actions.size("T")):
            push = torch.where(actions.valid[:, t], actions.low_level[:, t, 0], 0)
            state = planar.step(state, push, parameters)
            path.append(to_physical(state, parameters))
        future = Physical(q=torch.cat([p.q for p in path], 1), v=torch.cat([p.v for p in path], 1), parameters=path[0].parameters)
        return Grounded(seen=carry.seen, now=dataclasses.replace(now, pose=state.pose, velocity=state.velocity)), Future(state=future)

    def state(self, carry):
        return self._physical(carry.now)

    def fit(self, episodes, *, noise):
        """Gauss-Newton on log friction and log damping: one-step motion of what slides, from measured velocities."""
        poses = poses_of(episodes.observation.points.xyz)
        velocity = (poses[:, 1:] - poses[:, :-1]) * self.spec.rate
        truth = poses[:, 2:] - poses[:, 1:-1]
        count, steps = truth.shape[:2]

        def motion(log_friction):
            row = torch.cat([self.constants[:, :4], log_friction.exp()[None], self.constants[:, 6:]], 1).expand(count * steps, -1)
            start = Physical(q=poses[:, 1:-1].flatten(0, 1).flatten(1)[:, None, :-1], v=midpoint(velocity)[:, None, :-1], parameters=row)
            state, parameters = from_physical(start)
            after = planar.step(state, poses.new_zeros(count * steps, 2), parameters)
            return (after.pose - state.pose)[:, 0, :2].flatten()

        def midpoint(velocity):
            """The velocity at an instant: halfway between the mean velocities of the steps before and after it."""
            return ((velocity[:, :-1] + velocity[:, 1:]) / 2).flatten(0, 1).flatten(1)

        wanted, total = truth[:, :, 0, :2].flatten(), 12
        moving = (truth[:, :, 0, :2].norm(dim=-1, keepdim=True) > 0.005).expand(-1, -1, 2).flatten()
        for iteration in range(total):
            guess = self.log_friction.detach()
            residual = (motion(guess) - wanted)[moving]
            jacobian = torch.autograd.functional.jacobian(motion, guess)[moving]
            gram = jacobian.T @ jacobian
            step = torch.linalg.solve(gram + 1e-4 * gram.diagonal().mean() * torch.eye(2, dtype=gram.dtype), jacobian.T @ residual)
            self.log_friction.data = guess - step.clamp(-0.5, 0.5)
            yield Progress(iteration + 1, total, {"rms error (m)": float(residual.square().mean().sqrt())})

    def _physical(self, motion: Motion) -> Physical:
        q, v = (part.flatten(1)[:, None, :-1] for part in (motion.pose, motion.velocity))
        return Physical(q=q, v=v, parameters=self.parameters_of(len(motion.pose)).to(q.dtype))


def poses_of(xyz: Tensor) -> Tensor:
    """Points "B T 6 3" -> poses "B T 2 3": the disc's first point is its centre, its second lies along its own x; the pusher is last."""
    ahead = xyz[..., 1, :2] - xyz[..., 0, :2]
    disc = torch.cat([xyz[..., 0, :2], torch.atan2(ahead[..., 1], ahead[..., 0])[..., None]], -1)
    pusher = torch.cat([xyz[..., 5, :2], torch.zeros_like(disc[..., :1])], -1)
    return torch.stack([disc, pusher], -2)
