"""Poses of the free camera (world_T_camera "4 4", OpenCV): where it looks at a target from, and going round one."""

import math

import numpy as np

from wam.sim.worlds.tabletop.row import Numbers

LOWEST, HIGHEST = 0.25, 1.45  # rad above the table's plane, between which the camera goes round


def looking(place: Numbers, target: Numbers) -> Numbers:
    """Upright where it can be."""
    ahead = (target - place) / np.linalg.norm(target - place)
    up = np.array([0.0, 0.0, 1.0]) if abs(ahead[2]) < 0.999 else np.array([1.0, 0.0, 0.0])
    right = np.cross(ahead, up)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.stack([right, np.cross(ahead, right), ahead], 1), place
    return pose


def gone_round(pose: Numbers, target: Numbers, turn: float, lift: float) -> Numbers:
    """The pose after going round a target by `turn` and up by `lift` (rad), at the same distance, still looking at it."""
    away = pose[:3, 3] - target
    distance = float(np.linalg.norm(away))
    azimuth = math.atan2(away[1], away[0]) + turn
    height = float(np.clip(math.asin(away[2] / distance) + lift, LOWEST, HIGHEST))
    flat = math.cos(height)
    return looking(target + distance * np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(height)]), target)


def is_rigid(pose: Numbers) -> bool:
    """Is it a rotation and a place?"""
    rotation = pose[:3, :3]
    straight = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3 and np.linalg.det(rotation) > 0
    return bool(straight and np.isfinite(pose).all() and np.abs(pose[3] - [0, 0, 0, 1]).max() < 1e-6)
