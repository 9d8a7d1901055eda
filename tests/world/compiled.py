"""Run by test_compile in a process of its own: records, noise and kinematics compile into one graph and give the same numbers."""

import torch

from wam.world import Actions, Future, Grounded, Latent, Noise, Observation, concatenate
from wam.world.geometry import kinematics, se3
from wam.world.geometry.kinematics import Chain, Joint

torch.set_num_threads(1)
Carry = Grounded[Latent, Latent]


def predict(carry: Carry, actions: Actions, noise: Noise) -> tuple[Carry, Future, Noise]:
    """A model in miniature: every operation on records that a model may use."""
    assert actions.low_level is not None
    steps, forked = actions.size("T"), noise.fork("model")
    push = actions.low_level.mean(2).cumsum(1)
    now = carry.now.repeat(2).narrow("B", 0, actions.size("B")).map(lambda axes, leaf: leaf * 2)
    z = now.z + push[..., :1] + forked.normal(steps, 4) + forked.advance(steps).uniform(steps, 4) + forked.integers(steps, 3, 4)
    mixed = Latent(z=z).where(noise.seed > 1, Latent(z=-z)).detach()
    joined = concatenate([mixed, mixed.take("T", torch.tensor([0]))], "T").narrow("T", 0, steps)
    reward = noise.spread(2).normal(steps).view(-1, 2, steps).sum(1)
    carry = Grounded(seen=carry.seen, now=joined.narrow("T", -1))
    return carry, Future(state=joined, reward=reward, observation=Observation(proprio=z.to(torch.float64).float())), noise.advance(steps)


def reach(values: torch.Tensor) -> torch.Tensor:
    arm = Chain(joints=(Joint(name="a"), Joint(name="b", position=(0.5, 0.0, 0.0), axis=(0.0, 1.0, 0.0), low=-1.0, high=1.0)), tool_position=(0.4, 0.0, 0.1))
    pose = kinematics.forward(arm, values)
    return kinematics.differential_inverse(arm, values, 0.1 * se3.log(pose))


def same(one: object, two: object) -> None:
    leaves = zip(torch.utils._pytree.tree_leaves(one), torch.utils._pytree.tree_leaves(two), strict=True)
    assert all(torch.equal(a, b) for a, b in leaves)


compiled = torch.compile(predict, backend="eager", fullgraph=True)
for rows, name in ((3, "a"), (4, "b")):  # other streams and sizes
    latent, noise = Latent(z=torch.ones(rows, 1, 4)), Noise.of(range(rows)).fork(name)
    actions = Actions(valid=torch.ones(rows, 5, 2, dtype=torch.bool), low_level=noise.normal(5, 2, 3))
    inputs = (Grounded(seen=latent, now=latent), actions, noise)
    same(compiled(*inputs), predict(*inputs))
joints = torch.tensor([[0.3, 0.9], [0.0, 0.0]], dtype=torch.float64)
torch.testing.assert_close(torch.compile(reach, backend="eager", fullgraph=True)(joints), reach(joints))
print("compiled")
