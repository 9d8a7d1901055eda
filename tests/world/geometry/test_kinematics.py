"""Arms against closed forms of planar arms, finite differences, stacked least squares, and a real Franka arm's own readings."""

import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.world.geometry import real_data
from wam.world.geometry import kinematics, rotations, se3
from wam.world.geometry.kinematics import Chain, Joint

X = (1.0, 0.0, 0.0)
PLANAR = Chain(
    joints=(
        Joint(name="shoulder", low=-3.0, high=3.0),
        Joint(name="elbow", position=(0.5, 0.0, 0.0), low=-2.5, high=2.5),
        Joint(name="wrist", position=(0.4, 0.0, 0.0), low=-2.0, high=2.0),
    ),
    tool_position=(0.3, 0.0, 0.0),
)


def spatial_arm(seed: int = 0, joints: int = 7) -> Chain:
    """An arm of no particular shape, with one sliding joint and one axis that is not a unit vector."""
    draw = torch.randn(joints, 10, generator=torch.Generator().manual_seed(seed)).tolist()
    links = tuple(
        Joint(name=str(i), position=tuple(0.3 * x for x in row[:3]), quaternion=tuple(row[3:7]), axis=tuple(row[7:]), sliding=i == 3, low=-2.0, high=2.0)
        for i, row in enumerate(draw)
    )
    return Chain(joints=links, tool_position=(0.1, 0.2, 0.3), tool_quaternion=(0.5, 0.1, -0.7, 0.2))


def joint_values(count: int, joints: int, seed: int = 0, spread: float = 1.0) -> Tensor:
    return (torch.rand(count, joints, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


def close(a: Tensor, b: Tensor, atol: float = 1e-10) -> None:
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


def planar_tip(values: Tensor) -> Tensor:
    """x, y and heading of the planar arm, by hand."""
    angle = values.cumsum(-1)
    length = torch.tensor([0.5, 0.4, 0.3], dtype=values.dtype)
    return torch.stack([(length * angle.cos()).sum(-1), (length * angle.sin()).sum(-1), angle[..., -1]], -1)


# -- forward -------------------------------------------------------------------------------------------------------------------


def test_planar_arm_has_its_closed_form() -> None:
    values = joint_values(50, 3)
    close(kinematics.forward(PLANAR, values), se3.pose_from_vector(se3.vector_from_planar(planar_tip(values))))


def test_sliding_joint_moves_along_its_axis() -> None:
    chain = Chain(joints=(Joint(name="turn"), Joint(name="slide", axis=(2.0, 0.0, 0.0), sliding=True)))
    tip = kinematics.forward(chain, torch.tensor([math.pi / 2, 0.7], dtype=torch.float64))
    close(tip[:3, 3], torch.tensor([0.0, 0.7, 0.0], dtype=torch.float64))


def test_forward_is_a_product_of_matrix_exponentials() -> None:
    chain, values = spatial_arm(), joint_values(10, 7)
    pose = torch.eye(4, dtype=torch.float64)
    for index, joint in enumerate(chain.joints):
        axis = torch.nn.functional.normalize(torch.tensor(joint.axis, dtype=torch.float64), dim=0)
        generator = torch.zeros(4, 4, dtype=torch.float64)
        if joint.sliding:
            generator[:3, 3] = axis
        else:
            generator[:3, :3] = rotations.hat(axis)
        rest = se3.pose_from_vector(torch.tensor([*joint.position, *joint.quaternion], dtype=torch.float64))
        pose = pose @ rest @ torch.linalg.matrix_exp(generator * values[:, index, None, None])
        close(kinematics.joint_poses(chain, values)[:, index], pose)
    tool = se3.pose_from_vector(torch.tensor([*chain.tool_position, *chain.tool_quaternion], dtype=torch.float64))
    close(kinematics.forward(chain, values), pose @ tool)


def test_leading_dimensions_and_dtype() -> None:
    chain, values = spatial_arm(), joint_values(6, 7).view(2, 3, 7)
    assert kinematics.forward(chain, values).shape == (2, 3, 4, 4)
    assert kinematics.jacobian(chain, values).shape == (2, 3, 6, 7)
    close(kinematics.forward(chain, values)[1, 2], kinematics.forward(chain, values[1, 2]))
    single = kinematics.forward(chain, values.float())
    assert single.dtype == torch.float32
    close(single.double(), kinematics.forward(chain, values), 1e-5)


def test_wrong_number_of_values_says_so() -> None:
    with pytest.raises(ValueError, match="got 8 joint values for a chain of 7 joints"):
        kinematics.forward(spatial_arm(), torch.zeros(8))


def test_chain_is_written_as_json_and_read_back() -> None:
    assert Chain.from_json(spatial_arm().to_json()) == spatial_arm()


# -- Jacobian ------------------------------------------------------------------------------------------------------------------


def test_jacobian_agrees_with_finite_differences() -> None:
    chain, values, step = spatial_arm(), joint_values(10, 7), 1e-5
    around = values[:, None] + torch.cat([torch.eye(7), -torch.eye(7)]).double() * step
    plus, minus = kinematics.forward(chain, around).split(7, 1)
    numeric = kinematics.motion_between(minus, plus) / (2 * step)
    close(kinematics.jacobian(chain, values), numeric.mT, 1e-8)


def test_jacobian_agrees_with_autograd() -> None:
    chain, values = spatial_arm(), joint_values(1, 7)[0]
    position = torch.autograd.functional.jacobian(lambda q: kinematics.forward(chain, q)[:3, 3], values)
    close(kinematics.jacobian(chain, values)[:3], position)


def test_forward_is_differentiable() -> None:
    values = torch.zeros(2, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda q: kinematics.forward(spatial_arm(), q), (values,))
    assert torch.autograd.gradcheck(lambda q: kinematics.jacobian(spatial_arm(), q), (values,))


def test_motion_between_is_what_it_says() -> None:
    first, motion = se3.exp(joint_values(10, 6)), joint_values(10, 6, seed=1)
    rotation, shift = se3.split(first)
    second = se3.make(rotations.exp(motion[:, 3:]) @ rotation, shift + motion[:, :3])
    close(kinematics.motion_between(first, second), motion)


# -- inverse -------------------------------------------------------------------------------------------------------------------


def test_one_step_is_damped_least_squares() -> None:
    """The same minimum from the stacked system [J; damping 1] d = [motion; 0], which knows no normal equations."""
    chain, values, motion = spatial_arm(), joint_values(10, 7, spread=0.5), joint_values(10, 6, seed=1, spread=0.05)
    damping = 0.2
    stacked = torch.cat([kinematics.jacobian(chain, values), damping * torch.eye(7, dtype=torch.float64).expand(10, 7, 7)], -2)
    wanted = torch.cat([motion, torch.zeros(10, 7, dtype=torch.float64)], -1)
    expected = torch.linalg.lstsq(stacked, wanted[..., None]).solution[..., 0]
    close(kinematics.differential_inverse(chain, values, motion, damping), expected)


def test_small_motions_are_carried_out() -> None:
    chain, values = spatial_arm(), joint_values(20, 7, spread=0.5)
    motion = joint_values(20, 6, seed=1, spread=1e-4)
    moved = values + kinematics.differential_inverse(chain, values, motion, damping=1e-4)
    done = kinematics.motion_between(kinematics.forward(chain, values), kinematics.forward(chain, moved))
    assert (done - motion).norm(dim=-1).max() < 2e-2 * motion.norm(dim=-1).min()


def test_steps_stay_bounded_at_a_singular_posture() -> None:
    stretched = torch.zeros(3, dtype=torch.float64)
    pull = torch.tensor([0.1, 0, 0, 0, 0, 0], dtype=torch.float64)  # along the stretched arm: no joint can do it
    assert kinematics.differential_inverse(PLANAR, stretched, pull).abs().max() < 1e-12


def test_joints_never_pass_their_limits() -> None:
    chain = spatial_arm()
    low, high = chain.limits(torch.zeros(1, dtype=torch.float64))
    values, motion = joint_values(200, 7, spread=2.0), joint_values(200, 6, seed=1, spread=3.0)
    moved = values + kinematics.differential_inverse(chain, values, motion, damping=1e-2)
    assert (moved >= low - 1e-12).all() and (moved <= high + 1e-12).all()
    outside = kinematics.differential_inverse(chain, values + 5, motion) + values + 5
    assert (outside >= low - 1e-12).all() and (outside <= high + 1e-12).all()


def test_free_joints_take_over_from_a_joint_at_its_limit() -> None:
    """Without the shoulder the arm's elbow and wrist still reach: the step is the least-squares step of the two."""
    chain = Chain(joints=(Joint(name="shoulder", low=0.0, high=0.0), *PLANAR.joints[1:]), tool_position=PLANAR.tool_position)
    values = torch.tensor([0.0, 0.8, -0.5], dtype=torch.float64)
    motion = torch.tensor([0.01, -0.02, 0, 0, 0, 0], dtype=torch.float64)
    change = kinematics.differential_inverse(chain, values, motion, damping=1e-3)
    two = kinematics.jacobian(chain, values)[:, 1:]
    stacked = torch.cat([two, 1e-3 * torch.eye(2, dtype=torch.float64)])
    expected = torch.linalg.lstsq(stacked, torch.cat([motion, torch.zeros(2, dtype=torch.float64)])[:, None]).solution[:, 0]
    assert change[0] == 0
    close(change[1:], expected)


def test_inverse_finds_reachable_poses() -> None:
    chain = spatial_arm()
    goal = joint_values(100, 7, spread=1.5)
    target = kinematics.forward(chain, goal)
    found, missing = kinematics.inverse(chain, target, (goal + joint_values(100, 7, seed=1, spread=0.3)).clamp(-2, 2))
    close(missing, kinematics.motion_between(kinematics.forward(chain, found), target))
    assert (missing.norm(dim=-1) < 1e-9).double().mean() > 0.95
    assert (found.abs() <= 2 + 1e-12).all()


def test_inverse_of_a_planar_arm_without_a_wrist_is_the_law_of_cosines() -> None:
    chain = Chain(joints=(Joint(name="shoulder"), Joint(name="elbow", position=(0.5, 0.0, 0.0))), tool_position=(0.4, 0.0, 0.0))
    elbow = torch.linspace(0.5, 2.0, 7, dtype=torch.float64)
    reach = (0.5**2 + 0.4**2 + 2 * 0.5 * 0.4 * elbow.cos()).sqrt()
    target = kinematics.forward(chain, torch.stack([torch.full_like(elbow, 0.3), elbow], -1))
    close(target[:, :3, 3].norm(dim=-1), reach)
    found, missing = kinematics.inverse(chain, target, torch.tensor([0.0, 1.0], dtype=torch.float64).expand(7, 2))
    close(found[:, 1], elbow, 1e-6)
    assert missing.abs().max() < 1e-6


def test_inverse_reports_a_target_out_of_reach() -> None:
    target = se3.make(torch.eye(3, dtype=torch.float64), torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64))
    found, missing = kinematics.inverse(PLANAR, target, torch.tensor([0.2, 0.2, 0.2], dtype=torch.float64))
    assert found.isfinite().all()
    close(missing[:3].norm(), torch.tensor(0.8, dtype=torch.float64), 1e-3)


def test_inverse_is_differentiable_in_the_target() -> None:
    """At a solution the joints follow the target by the inverse Jacobian (implicit function theorem)."""
    chain, goal = spatial_arm(joints=6), joint_values(1, 6, spread=0.5)[0]

    def solve(twist: Tensor) -> Tensor:
        return kinematics.inverse(chain, se3.exp(twist) @ kinematics.forward(chain, goal), goal, iterations=8)[0]

    zero = torch.zeros(6, dtype=torch.float64)
    followed = torch.autograd.functional.jacobian(solve, zero)
    tip = kinematics.forward(chain, goal)[:3, 3]
    lever = torch.eye(6, dtype=torch.float64)
    lever[:3, 3:] = -rotations.hat(tip)  # a twist about the base moves the tool's origin by w x tip
    close(followed, torch.linalg.solve(kinematics.jacobian(chain, goal), lever), 1e-4)


# -- a real arm ----------------------------------------------------------------------------------------------------------------


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split())


def franka(path: Path) -> Chain:
    """The few numbers of the MJCF that make a serial chain: one body inside the other, joints about z, a site at the end."""
    root = ElementTree.parse(path).getroot()
    usual = root.find("default/default[@class='panda']/joint")
    body = root.find("worldbody/body/body")
    joints, tool = [], torch.eye(4, dtype=torch.float64)
    assert usual is not None
    while body is not None:
        position, quaternion = numbers(body.get("pos", "0 0 0")), numbers(body.get("quat", "1 0 0 0"))
        joint, site = body.find("joint"), body.find("site")
        if joint is None:
            tool = tool @ se3.pose_from_vector(torch.tensor([*position, *quaternion], dtype=torch.float64))
        else:
            low, high = numbers(joint.get("range", usual.get("range", "")))
            joints.append(Joint(name=joint.get("name", ""), position=position, quaternion=quaternion, low=low, high=high))
        if site is not None:
            tool = tool @ se3.pose_from_vector(torch.tensor([0, 0, 0, *numbers(site.get("quat", "1 0 0 0"))], dtype=torch.float64))
        body = body.find("body")
    place = se3.vector_from_pose(tool).tolist()
    return Chain(joints=tuple(joints), tool_position=tuple(place[:3]), tool_quaternion=tuple(place[3:]))


def test_a_real_franka_arm_is_where_it_says() -> None:
    """DROID's cartesian position is the site `attachment_site`; its orientation is the site's, turned by 45 degrees about its own z."""
    chain = franka(real_data.folder("panda_mjcf") / "panda_nohand.xml")
    eighth = rotations.exp(torch.tensor([0.0, 0.0, math.pi / 4], dtype=torch.float64))
    files = sorted((real_data.folder("droid_ctrlworld") / "droid_subset" / "annotation").glob("*/*.json"))
    assert len(chain.joints) == 7 and len(files) == 5
    for file in files:
        episode = json.loads(file.read_text())
        values = torch.tensor(episode["observation.state.joint_position"], dtype=torch.float64)
        recorded = torch.tensor(episode["observation.state.cartesian_position"], dtype=torch.float64)
        rotation, position = se3.split(kinematics.forward(chain, values))
        assert (position - recorded[:, :3]).norm(dim=-1).max() < 1e-6, file.name
        assert rotations.angle_between(rotation @ eighth, rotations.matrix_from_euler(recorded[:, 3:])).max() < 1e-5, file.name


def test_inverse_kinematics_of_a_real_franka_arm() -> None:
    """From 0.2 rad away the joints of a recorded posture's pose are found, within the arm's limits."""
    chain = franka(real_data.folder("panda_mjcf") / "panda_nohand.xml")
    file = real_data.folder("droid_ctrlworld") / "droid_subset" / "annotation" / "val" / "899.json"
    goal = torch.tensor(json.loads(file.read_text())["observation.state.joint_position"], dtype=torch.float64)[::20]
    low, high = chain.limits(goal)
    start = (goal + joint_values(len(goal), 7, spread=0.2)).clamp(low, high)
    found, missing = kinematics.inverse(chain, kinematics.forward(chain, goal), start, iterations=30)
    assert missing.norm(dim=-1).max() < 1e-6
    assert (found >= low - 1e-12).all() and (found <= high + 1e-12).all()
