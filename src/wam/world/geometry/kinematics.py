"""Serial arms: forward kinematics as a product of exponentials, Jacobian, damped-least-squares inverse kinematics with limits.

A `Chain` lists its joints from the base to the tool; joint values "... J" are rad for turning and m for sliding joints. Poses
are base_T_tool. Motions "... 6" are (m, rad) in the base frame: how far the tool's origin moves and how the tool turns about it.
Knows no dynamics, no collisions, no closed loops. Inverse kinematics after Nakamura and Hanafusa 1986 (damping) and Sugihara 2011 (its size).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wam.world.geometry import rotations, se3
from wam.world.spec import Spec

LIMIT_ROUNDS = 3  # how often the rest of a motion is handed on by joints that reached a limit


@dataclass(frozen=True, kw_only=True)
class Joint(Spec):
    """One joint and its place on the link before it."""

    name: str
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m, in the frame of the joint before
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)  # w x y z, any length but zero
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)  # of any length but zero, in the joint's own frame
    sliding: bool = False  # moves along its axis instead of turning about it
    low: float = -float("inf")  # rad or m
    high: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class Chain(Spec):
    """A serial arm. The tool's place is given in the frame of the last joint."""

    joints: tuple[Joint, ...]
    tool_position: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m
    tool_quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def limits(self, like: Tensor) -> tuple[Float[Tensor, "J"], Float[Tensor, "J"]]:
        """(low, high) with the dtype and device of `like`."""
        return like.new_tensor([joint.low for joint in self.joints]), like.new_tensor([joint.high for joint in self.joints])


def joint_poses(chain: Chain, values: Float[Tensor, "... J"]) -> Float[Tensor, "... J 4 4"]:
    """base_T_joint of every joint after its motion. ValueError where the number of values is not the number of joints."""
    if values.shape[-1] != len(chain.joints):
        raise ValueError(f"got {values.shape[-1]} joint values for a chain of {len(chain.joints)} joints. Is the gripper's opening among them?")
    rest = se3.pose_from_vector(values.new_tensor([(*joint.position, *joint.quaternion) for joint in chain.joints]))
    turning, sliding = _axes(chain, values)
    cross = rotations.hat(turning)
    sin, cos, value = (part[..., None] for part in (values.sin(), values.cos(), values))
    rotation = torch.eye(3, dtype=values.dtype, device=values.device) + sin[..., None] * cross + (1 - cos[..., None]) * (cross @ cross)
    steps = rest @ se3.make(rotation, value * sliding)
    poses = [steps[..., 0, :, :]]
    for index in range(1, len(chain.joints)):
        poses.append(poses[-1] @ steps[..., index, :, :])
    return torch.stack(poses, -3)


def _axes(chain: Chain, like: Tensor) -> tuple[Float[Tensor, "J 3"], Float[Tensor, "J 3"]]:
    """Unit axes in the joints' own frames: (of turning joints, of sliding joints), zero where a joint is of the other kind."""
    axis = torch.nn.functional.normalize(like.new_tensor([joint.axis for joint in chain.joints]), dim=-1)
    slides = torch.tensor([joint.sliding for joint in chain.joints], device=like.device)[:, None]
    return torch.where(slides, 0, axis), torch.where(slides, axis, 0)


def _tool(chain: Chain, last: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 4 4"]:
    return last @ se3.pose_from_vector(last.new_tensor((*chain.tool_position, *chain.tool_quaternion)))


def forward(chain: Chain, values: Float[Tensor, "... J"]) -> Float[Tensor, "... 4 4"]:
    """base_T_tool."""
    return _tool(chain, joint_poses(chain, values)[..., -1, :, :])


def jacobian(chain: Chain, values: Float[Tensor, "... J"]) -> Float[Tensor, "... 6 J"]:
    """Motion of the tool per unit of each joint, in the base frame."""
    return _jacobian(chain, joint_poses(chain, values))


def _jacobian(chain: Chain, poses: Float[Tensor, "... J 4 4"]) -> Float[Tensor, "... 6 J"]:
    rotation, origin = se3.split(poses)
    turning, sliding = ((rotation @ axis[..., None])[..., 0] for axis in _axes(chain, poses))
    _, tip = se3.split(_tool(chain, poses[..., -1, :, :]))
    return torch.cat([sliding + torch.linalg.cross(turning, tip[..., None, :] - origin), turning], -1).mT


def motion_between(first: Float[Tensor, "... 4 4"], second: Float[Tensor, "... 4 4"]) -> Float[Tensor, "... 6"]:
    """The motion (m, rad, base frame) that takes one tool pose to another, turn and shift side by side."""
    (turn, start), (turned, end) = se3.split(first), se3.split(second)
    return torch.cat([end - start, rotations.log(turned @ turn.mT)], -1)


def differential_inverse(chain: Chain, values: Float[Tensor, "... J"], motion: Float[Tensor, "... 6"], damping: float = 0.05) -> Float[Tensor, "... J"]:
    """The change of joint values that moves the tool about as asked and keeps every joint within its limits.

    Minimises |J d - motion|^2 + damping^2 |d|^2. A joint that would pass a limit stops there and the free ones take over the
    rest of its motion. `damping` > 0 (m or rad) keeps steps short near singular postures, where it costs accuracy.
    """
    return _differential_inverse(chain, jacobian(chain, values), values, motion, torch.full_like(motion[..., 0], damping**2))


def _differential_inverse(
    chain: Chain, columns: Float[Tensor, "... 6 J"], values: Float[Tensor, "... J"], motion: Float[Tensor, "... 6"], penalty: Float[Tensor, "..."]
) -> Float[Tensor, "... J"]:
    low, high = chain.limits(values)
    change, free = torch.zeros_like(values), torch.ones_like(values, dtype=torch.bool)
    damped = penalty[..., None, None] * torch.eye(6, dtype=values.dtype, device=values.device)
    for _ in range(LIMIT_ROUNDS):
        stopped = torch.where(free, 0, change)
        moving = torch.where(free[..., None, :], columns, 0)
        rest = motion[..., None] - columns @ stopped[..., None]
        asked = (moving.mT @ torch.linalg.solve(moving @ moving.mT + damped, rest))[..., 0] + stopped
        change = torch.minimum(torch.maximum(values + asked, low), high) - values
        free = free & (values + asked >= low) & (values + asked <= high)
    return change


def inverse(
    chain: Chain, target: Float[Tensor, "... 4 4"], start: Float[Tensor, "... J"], iterations: int = 30, damping: float = 1e-3
) -> tuple[Float[Tensor, "... J"], Float[Tensor, "... 6"]]:
    """Joint values that bring the tool to a target pose, searched from `start`, and the motion (m, rad) that is still missing.

    Levenberg-Marquardt: the squared damping is half the squared missing motion, plus damping^2, so that steps are short far from
    the target and quadratic convergence sets in close to it. A local search: a target out of reach, or behind a joint limit,
    leaves a large rest; look at it. All rows run all iterations.
    """
    values = start
    for _ in range(iterations):
        poses = joint_poses(chain, values)
        missing = motion_between(_tool(chain, poses[..., -1, :, :]), target)
        penalty = missing.square().sum(-1) / 2 + damping**2
        values = values + _differential_inverse(chain, _jacobian(chain, poses), values, missing, penalty)
    return values, motion_between(forward(chain, values), target)
