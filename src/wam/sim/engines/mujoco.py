"""MuJoCo, without worlds: loading it, compiling models, contacts, differential inverse kinematics, pictures.

MuJoCo belongs to the extra `sim` and is imported on first use. On Linux without a display its pictures come from EGL, unless
the user chose a MUJOCO_GL; where the system has no EGL, physics works and asking for a picture says what to install. Pictures
need no meshes and no textures in the model: one graphics context then serves every model.

Units: m, rad, s, kg; quaternions w-x-y-z; cameras OpenCV, `world_T_camera`.
Does not know: arms, tables, tasks, batches.
"""

import atexit
import ctypes.util
import functools
import importlib
import math
import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OPENCV = np.diag([1.0, -1.0, -1.0])  # MuJoCo's cameras look along -z with y up, OpenCV's along +z with y down


@functools.cache
def library() -> Any:
    """The module `mujoco`. ImportError that names the extra where it is not installed."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl" if ctypes.util.find_library("EGL") else "disable")
    try:
        return importlib.import_module("mujoco")
    except ModuleNotFoundError as error:
        raise ImportError("this world needs MuJoCo, which is not installed: pip install 'wam[sim]'.") from error


def compiled(xml: str) -> Any:
    """An MjModel of an MJCF text."""
    return library().MjModel.from_xml_string(xml)


def refresh(model: Any, data: Any) -> None:
    """Bodies, cameras and contacts from the positions; the solver's warm start stays as it is."""
    library().mj_fwdPosition(model, data)


@dataclass(frozen=True)
class Touches:
    """Contacts of one instant."""

    bodies: NDArray[np.int64]  # "n 2"
    place: Array  # "n 3", m
    force: Array  # "n 3", N, world frame: of the first body on the second


def touches(model: Any, data: Any) -> Touches:
    """Where bodies touch, and the forces there under the present controls. `data` is refreshed; its positions, velocities and cameras stay."""
    mujoco = library()
    data.qacc_warmstart[:] = 0  # the forces then follow from the state alone
    for stage in (mujoco.mj_fwdVelocity, mujoco.mj_fwdActuation, mujoco.mj_fwdAcceleration, mujoco.mj_fwdConstraint):
        stage(model, data)
    frames, wrench = data.contact.frame.reshape(-1, 3, 3), np.zeros(6)
    force = np.zeros((len(frames), 3))
    for index, frame in enumerate(frames):
        mujoco.mj_contactForce(model, data, index, wrench)
        force[index] = frame.T @ wrench[:3]
    bodies = model.geom_bodyid[data.contact.geom].astype(np.int64).reshape(-1, 2)
    return Touches(bodies, data.contact.pos.reshape(-1, 3).copy(), force)


def angle_of(rotation: Array) -> Array:
    """The rotation vector (rad) of a rotation matrix, up to half a turn."""
    quaternion, vector = np.empty(4), np.empty(3)
    mujoco = library()
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).reshape(-1))
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector


class PictureError(OSError):
    """The machine gives no graphics context."""


class Reacher:
    """Differential inverse kinematics of a chain of hinges with limits, by damped least squares."""

    def __init__(self, model: Any, site: str, *, damping: float = 0.02, iterations: int = 4) -> None:
        """`model` holds the chain and nothing else that moves; `site` is what shall get somewhere."""
        mujoco = library()
        self.model, self.data = model, mujoco.MjData(model)
        self.site: int = model.site(site).id
        self.damping, self.iterations = damping, iterations
        self.low, self.high = model.jnt_range[:, 0].copy(), model.jnt_range[:, 1].copy()
        self._jacobian = np.zeros((6, model.nv))

    def pose(self, joints: Array) -> tuple[Array, Array]:
        """Place "3" and rotation "3 3" of the site."""
        mujoco = library()
        self.data.qpos[:] = joints
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        return self.data.site_xpos[self.site].copy(), self.data.site_xmat[self.site].reshape(3, 3).copy()

    def toward(self, joints: Array, place: Array, rotation: Array) -> Array:
        """Joint angles nearer to the wanted pose, within their limits."""
        found = joints.copy()
        for _ in range(self.iterations):
            here, turned = self.pose(found)
            error = np.concatenate([place - here, angle_of(rotation @ turned.T)])
            if np.abs(error).max() < 1e-6:
                break
            library().mj_jacSite(self.model, self.data, self._jacobian[:3], self._jacobian[3:], self.site)
            square = self._jacobian @ self._jacobian.T + self.damping**2 * np.eye(6)
            found = np.clip(found + self._jacobian.T @ np.linalg.solve(square, error), self.low, self.high)
        return found


@dataclass(frozen=True)
class Shot:
    """One picture."""

    rgb: NDArray[np.uint8]  # "h w 3"
    depth: NDArray[np.float32] | None  # "h w", m along the viewing direction, 0 = nothing there


class Painter:
    """Draws models of primitives at one size. No shadows, no reflections, no multisampling."""

    def __init__(self, model: Any, height: int, width: int) -> None:
        """`model` is any of those that will be drawn: it sets the sizes of buffers, not what they show."""
        mujoco = library()
        self.height, self.width = height, width
        self._window = _window(width, height)
        self._window.make_current()
        self._scene = mujoco.MjvScene(model, maxgeom=400)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION, mujoco.mjtRndFlag.mjRND_SKYBOX):
            self._scene.flags[flag] = False
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._options, self._camera, self._view = mujoco.MjvOption(), mujoco.MjvCamera(), mujoco.MjrRect(0, 0, width, height)
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._rgb = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)

    def shot(self, model: Any, data: Any, camera: int, *, depth: bool = False) -> Shot:
        """A picture from a camera of the model."""
        mujoco = library()
        self._draw(model, data, camera)
        mujoco.mjr_readPixels(self._rgb, self._depth if depth else None, self._view, self._context)
        return Shot(self._rgb[::-1].copy(), self._metres(model) if depth else None)

    def bodies(self, model: Any, data: Any, camera: int) -> NDArray[np.int32]:
        """The body that each pixel shows, "h w"; -1 where there is nothing."""
        mujoco = library()
        flags = mujoco.mjtRndFlag
        self._scene.flags[flags.mjRND_SEGMENT] = self._scene.flags[flags.mjRND_IDCOLOR] = True
        self._draw(model, data, camera)
        self._scene.flags[flags.mjRND_SEGMENT] = self._scene.flags[flags.mjRND_IDCOLOR] = False
        mujoco.mjr_readPixels(self._rgb, None, self._view, self._context)
        code = self._rgb[::-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        table = np.full(self._scene.ngeom + 1, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                table[geom.segid + 1] = model.geom_bodyid[geom.objid]
        return table[np.clip(code, 0, self._scene.ngeom)]

    def close(self) -> None:
        """Give the graphics context back; at the latest before the interpreter ends."""
        self._window.make_current()
        self._context.free()
        self._window.free()

    def _draw(self, model: Any, data: Any, camera: int) -> None:
        mujoco = library()
        self._window.make_current()
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(model, data, self._options, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(self._view, self._scene, self._context)

    def _metres(self, model: Any) -> NDArray[np.float32]:
        """From the depth buffer (0 = near plane, 1 = far plane) to metres."""
        near, far = model.vis.map.znear * model.stat.extent, model.vis.map.zfar * model.stat.extent
        buffer = self._depth[::-1].astype(np.float64)
        metres = near / (1 - buffer * (1 - near / far))
        return np.where(buffer < 1, metres, 0).astype(np.float32)


@functools.cache
def painter(height: int, width: int) -> Painter:
    """One painter per size and process: a graphics context is dear, and belongs to the thread that made it."""
    made = Painter(_blank(height, width), height, width)
    atexit.register(made.close)
    return made


def _window(width: int, height: int) -> Any:
    try:
        return library().GLContext(width, height)
    except Exception as error:  # each way of drawing fails with an exception of its own
        raise PictureError(
            f"MuJoCo can draw no pictures with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r}: {error}. Without a display it needs EGL "
            "(apt-get install libegl1 libgl1-mesa-dri) or MUJOCO_GL=osmesa. A world without cameras (cameras=()) needs no pictures."
        ) from error


def _blank(height: int, width: int) -> Any:
    return compiled(
        f'<mujoco><visual><global offheight="{height}" offwidth="{width}"/><quality offsamples="0" shadowsize="0"/></visual>'
        '<worldbody><geom type="sphere" size="1"/></worldbody></mujoco>'
    )


def camera_pose(data: Any, camera: int) -> Array:
    """world_T_camera "4 4", OpenCV."""
    pose = np.eye(4)
    pose[:3, :3] = data.cam_xmat[camera].reshape(3, 3) @ OPENCV
    pose[:3, 3] = data.cam_xpos[camera]
    return pose


def put_camera(data: Any, camera: int, pose: Array) -> None:
    """Move a camera of the state, not of the model, to world_T_camera "4 4", OpenCV; it stands there until bodies are computed anew."""
    data.cam_xpos[camera] = pose[:3, 3]
    data.cam_xmat[camera] = (pose[:3, :3] @ OPENCV).reshape(-1)


def intrinsics(field_of_view: float, height: int, width: int) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy (px, whole numbers at pixel centres) of a camera with square pixels and this vertical field of view (degrees)."""
    focal = height / 2 / math.tan(math.radians(field_of_view) / 2)
    return focal, focal, width / 2 - 0.5, height / 2 - 0.5
