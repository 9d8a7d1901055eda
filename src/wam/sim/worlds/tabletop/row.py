"""One row of the `tabletop` world: a MuJoCo model and its state, moved by displacements of the fingers' tips.

An action is (dx, dy, dz in m along the world's axes, turn in rad about the vertical, opening 0..1, 1 = open). It moves the place that
the tips are sent to; differential inverse kinematics turns that into joint angles within their limits, which servos of limited
force follow. The hand always points down. Where the arm is held up, the place stays within LEAD of the tips.

After each step all coordinates are rounded to float32, and the solver starts each step anew: what a record of float32 numbers holds
(`Coordinates`) is all that the next step depends on, so a recorded state goes on exactly as the original did.

Knows: physics of one row.   Does not know: batches, tasks, records.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import mjcf
from wam.sim.worlds.tabletop.config import TabletopConfig
from wam.sim.worlds.tabletop.scene import BOUNDS, CABINET, DRAWER_HALF, FLOOR, STORED, WIDEST, Gripper, Scene

Numbers = NDArray[np.float64]

PERIOD = 0.1  # s, one control step
PIECES = 5  # of a control step, for each of which the servos get a new place
LEAD = 0.04  # m, how far the place may be ahead of the tips
LOW, HIGH = np.array([-0.05, -0.05, -0.05, -0.3, 0.0]), np.array([0.05, 0.05, 0.05, 0.3, 1.0])  # of an action
DOWN = np.diag([-1.0, 1.0, -1.0])  # the hand's axes when its yaw is zero: the fingers close along y
START = np.array([0.0, 0.04, 2.0, 0.0, 1.1, 0.0])  # rad, near the home pose
SQUEEZE = -0.008  # m, where a closed finger is sent: past the middle, so that it presses


@dataclass(frozen=True)
class Coordinates:
    """All that the next step depends on, in float32 numbers."""

    q: Numbers  # MuJoCo's positions
    v: Numbers  # MuJoCo's velocities
    servos: Numbers  # rad "6", where the joints are sent, and m "1", where the left finger is
    place: Numbers  # x, y, z (m) and yaw (rad) "4", where the tips are sent


@dataclass(frozen=True)
class Frames:
    """Where the bodies of a model are."""

    place: Numbers  # "bodies 3", m
    rotation: Numbers  # "bodies 3 3"


@dataclass(frozen=True)
class RowState:
    """Everything that changes in a row."""

    coordinates: Coordinates
    before: Frames  # where bodies were one step ago
    free_camera: Numbers | None  # world_T_camera "4 4" of the free camera where an action moved it


@functools.cache
def reacher(gripper: Gripper) -> engine.Reacher:
    """Inverse kinematics of the arm with these fingers."""
    return engine.Reacher(engine.compiled(mjcf.arm_model(gripper)), "tip")


def turned(yaw: float) -> Numbers:
    """The rotation of the hand."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ DOWN


def _rounded(numbers: Numbers) -> Numbers:
    """The nearest float32 numbers."""
    return numbers.astype(np.float32).astype(np.float64)


class Row:
    """A model with its state."""

    def __init__(self, scene: Scene, config: TabletopConfig, model: Any = None) -> None:
        """`model` is that of another row with the same scene, which can be shared: nothing writes into it."""
        self.scene, self.config = scene, config
        self.model: Any = model if model is not None else engine.compiled(mjcf.table_model(scene, config))
        self.data: Any = engine.library().MjData(self.model)
        address = self.model.jnt_qposadr
        index = {self.model.joint(joint).name: int(address[joint]) for joint in range(self.model.njnt)}
        self.arm = np.array([index[name] for name in mjcf.JOINTS])
        self.fingers, self.drawer_at = np.array([index["left"], index["right"]]), index["drawer"]
        self.bodies = np.array([self.model.body(f"thing{number}").id for number in range(len(scene.things))], dtype=int)
        self.pads = {self.model.body("left finger").id: 0, self.model.body("right finger").id: 1}
        self.table: int = self.model.body("table").id
        self.slide: int = self.model.body("drawer").id
        self.tip_site: int = self.model.site("tip").id
        self.objects = np.full(self.model.nbody + 1, -1)  # body -> place in `spec.objects`; the last entry is for "no body"
        self.objects[self.bodies] = np.arange(len(self.bodies))
        self.objects[self.slide] = len(self.bodies)
        self.objects[[*self.pads, self.model.body("palm").id]] = len(self.bodies) + 1
        self.free_camera: Numbers | None = None
        self.place, self.joints = np.array([*scene.tip, 0.0]), START
        self.data.qpos[self.fingers], self.data.qpos[self.drawer_at] = WIDEST, scene.drawer
        self.data.ctrl[6] = WIDEST
        if scene.stored >= 0:
            start, height = self.thing_at(scene.stored), FLOOR + scene.things[scene.stored].half[2]
            self.data.qpos[start : start + 3] = CABINET[0] - scene.drawer - DRAWER_HALF[0] + STORED, CABINET[1], height
        self.stand_at(np.array(scene.tip))
        self.before = self.frames()

    def step(self, action: Numbers) -> None:
        """One control step of 0.1 s; `action` "5" is within its limits."""
        here = self.tip
        wanted = self.place[:3] + action[:3]
        wanted = np.clip(here + np.clip(wanted - here, -LEAD - np.abs(action[:3]), LEAD + np.abs(action[:3])), *np.array(BOUNDS).T)
        self.place = np.array([*wanted, np.clip(self.place[3] + action[3], -math.pi / 2 - 0.3, math.pi / 2 + 0.3)])
        self.before, before = self.frames(), self.joints
        self.joints = reacher(self.scene.gripper).toward(before, self.place[:3], turned(float(self.place[3])))
        self.data.ctrl[6] = SQUEEZE + (WIDEST - SQUEEZE) * action[4]
        self.data.qacc_warmstart[:] = 0
        substeps = round(PERIOD / mjcf.SUBSTEP / PIECES)
        for piece in range(1, PIECES + 1):
            self.data.ctrl[:6] = before + (self.joints - before) * (piece / PIECES)
            engine.library().mj_step(self.model, self.data, substeps)
        self.put(self.coordinates())

    def stand_at(self, tips: Numbers, yaw: float = 0.0) -> None:
        """Put the arm where the tips are at a place "3" (m), the hand turned so, without any motion."""
        self.place = np.array([*tips, yaw])
        self.joints = START
        for _ in range(10):
            self.joints = reacher(self.scene.gripper).toward(self.joints, tips, turned(yaw))
        self.data.qpos[self.arm] = self.data.ctrl[:6] = self.joints
        self.put(self.coordinates())

    def coordinates(self) -> Coordinates:
        """A copy of all that the next step depends on."""
        return Coordinates(self.data.qpos.copy(), self.data.qvel.copy(), self.data.ctrl.copy(), self.place)

    def put(self, coordinates: Coordinates) -> None:
        """Bodies, cameras and contacts as the coordinates, rounded to float32, say."""
        self.data.qpos[:], self.data.qvel[:] = _rounded(coordinates.q), _rounded(coordinates.v)
        self.data.ctrl[:], self.place = _rounded(coordinates.servos), _rounded(coordinates.place)
        self.joints = self.data.ctrl[:6].copy()
        self.refresh()

    def save(self) -> RowState:
        """A copy of the state."""
        return RowState(self.coordinates(), self.before, self.free_camera)

    def restore(self, state: RowState) -> None:
        """Back to a state of a row with the same scene."""
        self.before, self.free_camera = state.before, state.free_camera
        self.put(state.coordinates)

    def refresh(self) -> None:
        """Bodies, cameras and contacts from the positions, after they were changed by hand."""
        engine.refresh(self.model, self.data)
        if self.free_camera is not None:
            engine.put_camera(self.data, self.model.camera("free").id, self.free_camera)

    def frames(self) -> Frames:
        """Where the bodies are now."""
        return Frames(self.data.xpos.copy(), self.data.xmat.reshape(-1, 3, 3).copy())

    def thing_at(self, thing: int) -> int:
        """Where a thing's seven coordinates start in `data.qpos`."""
        return int(self.model.jnt_qposadr[self.model.body_jntadr[self.bodies[thing]]])

    # -- what is where ---------------------------------------------------------------------------------------------------------

    @property
    def tip(self) -> Numbers:
        """The point between the fingers "3", m."""
        here: Numbers = self.data.site_xpos[self.tip_site].copy()
        return here

    @property
    def yaw(self) -> float:
        """The hand's turn about the vertical, rad."""
        across = self.data.site_xmat[self.tip_site].reshape(3, 3)[:, 1]
        return math.atan2(-across[0], across[1])

    @property
    def opening(self) -> float:
        """How far the gripper is open, 0..1."""
        return float(np.clip(self.data.qpos[self.fingers].mean() / WIDEST, 0, 1))

    @property
    def drawer(self) -> float:
        """How far the drawer is out, m."""
        return float(self.data.qpos[self.drawer_at])

    def position(self, thing: int) -> Numbers:
        """The middle of a thing "3", m."""
        here: Numbers = self.data.xpos[self.bodies[thing]].copy()
        return here

    def rotation(self, thing: int) -> Numbers:
        """Its rotation matrix "3 3"."""
        here: Numbers = self.data.xmat[self.bodies[thing]].reshape(3, 3).copy()
        return here

    def contacts(self) -> set[tuple[int, int]]:
        """Pairs of bodies (ids, the smaller first) that touch."""
        contact, owner = self.data.contact, self.model.geom_bodyid
        pairs = owner[contact.geom] if self.data.ncon else np.empty((0, 2), int)
        return {(int(min(pair)), int(max(pair))) for pair in pairs[contact.dist < 0.001]} if self.data.ncon else set()

    def held(self) -> set[int]:
        """Things that both fingers press on."""
        touched: tuple[set[int], set[int]] = (set(), set())
        for pair in self.contacts():
            for one, two in (pair, pair[::-1]):
                if one in self.pads:
                    touched[self.pads[one]].add(two)
        both = touched[0] & touched[1]
        return {thing for thing, body in enumerate(self.bodies) if int(body) in both}
