"""Constants follow their inputs: on the meta device any tensor made elsewhere would be an error."""

import torch

from wam.world.geometry import cameras, kinematics, rotations, se3
from wam.world.geometry.kinematics import Chain, Joint

ARM = Chain(joints=(Joint(name="turn", low=-1.0, high=1.0), Joint(name="slide", position=(0.1, 0.0, 0.0), sliding=True)))


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(2, *shape, device="meta", dtype=torch.float64)


def test_every_function_stays_on_the_device_and_dtype_of_its_input() -> None:
    matrix, pose, quaternion, vector = empty(3, 3), empty(4, 4), empty(4), empty(3)
    results = [
        *(function(vector) for function in (rotations.hat, rotations.exp, rotations.left_jacobian, rotations.left_jacobian_inverse)),
        *(function(vector) for function in (rotations.quaternion_from_vector, rotations.matrix_from_euler, se3.vector_from_planar)),
        *(function(matrix) for function in (rotations.log, rotations.quaternion_from_matrix, rotations.euler_from_matrix, rotations.six_from_matrix)),
        *(function(quaternion) for function in (rotations.matrix_from_quaternion, rotations.vector_from_quaternion, rotations.quaternion_conjugate)),
        rotations.angle_between(matrix, matrix),
        rotations.quaternion_multiply(quaternion, quaternion),
        rotations.quaternion_rotate(quaternion, vector),
        rotations.matrix_from_six(empty(6)),
        *(function(pose) for function in (se3.inverse, se3.log, se3.adjoint, se3.vector_from_pose)),
        *(function(empty(7)) for function in (se3.pose_from_vector, se3.planar_from_vector)),
        se3.exp(empty(6)),
        se3.relative(pose, pose),
        se3.transform(pose, empty(5, 3)),
        cameras.world_points(empty(6, 8), quaternion, pose),
        cameras.project_world(empty(5, 3), quaternion, pose)[0],
        cameras.optical_flow(empty(6, 8), quaternion, pose, pose)[0],
        kinematics.forward(ARM, empty(2)),
        kinematics.jacobian(ARM, empty(2)),
        kinematics.differential_inverse(ARM, empty(2), empty(6)),
        *kinematics.inverse(ARM, pose, empty(2), iterations=2),
    ]
    assert all(result.device.type == "meta" and result.dtype == torch.float64 for result in results)
