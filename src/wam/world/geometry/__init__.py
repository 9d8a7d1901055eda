"""Rigid motions, cameras and serial arms in batched torch.

Every function takes any number of leading dimensions, keeps dtype and device, and has finite gradients at zero angle.
Lengths in metres, angles in radians, quaternions w-x-y-z, poses 4x4 with `a_T_b` taking points of frame b to frame a.
"""

from wam.world.geometry import cameras as cameras
from wam.world.geometry import kinematics as kinematics
from wam.world.geometry import rotations as rotations
from wam.world.geometry import se3 as se3
