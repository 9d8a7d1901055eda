"""The `tabletop` world: B tables, each with an arm, blocks, dishes, a drawer and a sink. Physics and pictures by MuJoCo.

Time: 10 steps per second. Action: displacement of the fingers' tips (m, world frame), turn of the hand about the vertical (rad), and
how far the gripper shall open (0..1, 1 = open); on request also where the free camera stands. Friction alone holds things.
Sees: cameras (uint8; metric depth and poses on request), joint angles, the tips' place and turn, the gripper's opening.
Asks for: an instruction, a goal image, both, or nothing. Success (see `tasks`) is judged at each instant and does not end an episode.
Reward: minus the mean distance (m) of what the task is about from where the goal shows it.

Rows are independent and follow from their seeds. A row stays still where its action is not valid and after its budget.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import tasks, truth
from wam.sim.worlds.tabletop.camera import is_rigid
from wam.sim.worlds.tabletop.config import TabletopConfig
from wam.sim.worlds.tabletop.draw import draw
from wam.sim.worlds.tabletop.path import ahead
from wam.sim.worlds.tabletop.physical import coordinates_of, scene_of, to_physical
from wam.sim.worlds.tabletop.row import HIGH, LOW, Row, RowState
from wam.sim.worlds.tabletop.spec import tabletop_spec
from wam.sim.worlds.tabletop.words import ATOMS
from wam.world import Actions, Contacts, Facts, Observation, Outcome, Physical, SpecError, Task, Tracks, Truth
from wam.world.geometry import cameras
from wam.world.states import state_problems


@dataclass(frozen=True)
class Moment:
    """Everything about B tables at one instant: what `save` returns. Rows share their models with the world."""

    rows: tuple[Row, ...]  # for their scenes and models; their states are those below
    states: tuple[RowState, ...]
    clock: Int[Tensor, "B"]  # steps since the reset
    goal: Observation | None  # the goal frames "B 1 ..."

    def select(self, rows: Int[Tensor, "K"]) -> "Moment":
        """Some rows, in this order."""
        kept = [int(index) for index in rows]
        goal = None if self.goal is None else self.goal.select(rows)
        return Moment(tuple(self.rows[index] for index in kept), tuple(self.states[index] for index in kept), self.clock[rows], goal)

    def repeat(self, count: int) -> "Moment":
        """Each row `count` times: rows 0, 0, ..., 1, 1, ..."""
        return self.select(torch.arange(len(self.rows)).repeat_interleave(count))


class TabletopWorld:
    """An `Env`. `rows` is the privileged view that experts use; models never see it."""

    def __init__(self, batch: int, config: TabletopConfig | None = None) -> None:
        self.config = config or TabletopConfig()
        self.batch = batch
        self.spec = tabletop_spec(self.config)
        self._rows: list[Row] = []
        self._seen: list[Observation] = []  # of each row, "1 1 ..."
        self._clock = torch.zeros(batch, dtype=torch.int64)
        self._goal: Observation | None = None

    @property
    def rows(self) -> list[Row]:
        """The rows. RuntimeError before the first reset."""
        if not self._rows:
            raise RuntimeError("the tabletop world was used before its first reset: call reset(mask, seeds) with a mask of all rows.")
        return self._rows

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows. First frame (T = 1) and task of all rows. The first reset must cover all rows."""
        if mask.shape != (self.batch,) or seeds.shape != (self.batch,):
            raise SpecError(f"tabletop was made for {self.batch} rows; got a mask of shape {tuple(mask.shape)} and seeds of shape {tuple(seeds.shape)}.")
        if not self._rows and not bool(mask.all()):
            raise RuntimeError("the first reset must restart every row: pass a mask that is True everywhere.")
        fresh = {index: self._begun(int(seeds[index])) for index in mask.nonzero()[:, 0].tolist()}
        self._rows = [fresh[index][0] if index in fresh else self._rows[index] for index in range(self.batch)]
        self._seen = [self._look(row) if index in fresh else self._seen[index] for index, row in enumerate(self._rows)]
        self._clock = torch.where(mask.cpu(), 0, self._clock)
        if self.config.ask in ("goal_image", "both"):
            goals = [self._look_at_goal(*fresh[index]) if index in fresh else self._goal_of(index) for index in range(self.batch)]
            self._goal = joined(goals)
        return joined(self._seen), self._task()

    def step(self, actions: Actions) -> Outcome:
        """T steps. Actions are clipped to their limits. Rows that are over, or whose action is not valid, stay still and are given no reward."""
        moves, cameras_at = self._moves(actions), self._cameras_at(actions)
        frames, rewards, alive, success = [], [], [], []
        for step in range(moves.shape[1]):
            going = actions.valid[:, step, 0].cpu() & (self._clock < self.config.steps)
            for index, row in enumerate(self.rows):
                if going[index]:
                    row.free_camera = None if cameras_at is None else cameras_at[index, step]
                    row.step(moves[index, step])
                    self._clock[index] += 1
                    self._seen[index] = self._look(row)
            frames.append(joined(self._seen))
            wanted = self.config.ask != "nothing"
            rewards.append(torch.tensor([-tasks.remaining(row) if wanted and going[index] else 0.0 for index, row in enumerate(self.rows)]))
            success.append(torch.tensor([wanted and tasks.solved(row) for row in self.rows]))
            alive.append(self._clock < self.config.steps)
        observation = frames[0].map(lambda axes, *leaves: torch.cat(leaves, 1), *frames[1:])
        return Outcome(observation=observation, reward=torch.stack(rewards, 1), alive=torch.stack(alive, 1), success=torch.stack(success, 1))

    def truth(self) -> Truth:
        """Poses, tracks, segmentation, scene flow, contacts, facts and physical coordinates of the current instant. Bodies as in `spec.objects`."""
        seen = [truth.tracks(row, (*self.config.cameras, "front")[0]) for row in self.rows]
        maps = {name: self._maps(name) for name in self.config.cameras if self.config.segmentation}
        return Truth(
            pose=_stacked([truth.poses(row) for row in self.rows]),
            tracks=Tracks(xyz=_stacked([places for places, _ in seen]), visible=torch.from_numpy(np.stack([visible for _, visible in seen]))[:, None]),
            segmentation={name: labels for name, (labels, _) in maps.items()} or None,
            scene_flow={name: flow for name, (_, flow) in maps.items() if flow is not None} or None,
            contacts=self._contacts(),
            facts=Facts(holds=torch.from_numpy(np.stack([truth.facts(row) for row in self.rows]))[:, None], atoms=ATOMS),
            physical=to_physical(self.rows),
        )

    def save(self) -> Moment:
        """A snapshot; it shares no changing memory with the world."""
        return Moment(tuple(self.rows), tuple(row.save() for row in self.rows), self._clock.clone(), self._goal)

    def restore(self, snapshot: Moment) -> None:
        """Back to a snapshot of this world, or of one with as many rows and the same configuration."""
        if len(snapshot.rows) != self.batch:
            raise SpecError(f"the snapshot has {len(snapshot.rows)} rows, this world {self.batch}. Use snapshot.select(rows) or snapshot.repeat(count).")
        mine = [self._rows[index] if self._rows else None for index in range(self.batch)]
        self._rows = [
            own if own is not None and own.model is row.model else Row(row.scene, self.config, row.model) for own, row in zip(mine, snapshot.rows, strict=True)
        ]
        for row, state in zip(self._rows, snapshot.states, strict=True):
            row.restore(state)
        self._clock, self._goal = snapshot.clock.clone(), snapshot.goal
        self._seen = [self._look(row) for row in self._rows]

    def free_cameras(self) -> Float[Tensor, "B 4 4"]:
        """Where the free camera stands, world_T_camera."""
        return torch.stack([_tensor(engine.camera_pose(row.data, row.model.camera("free").id)) for row in self.rows])

    def at(self, physical: Physical) -> Moment:
        """This moment with other coordinates and constants: the last instant of a record of `truth().physical`, whose rows have these scenes.

        Actions go on from there exactly as they did when it was recorded. Models are compiled anew where masses or friction differ.
        SpecError where the record does not fit.
        """
        assert self.spec.physical is not None
        if found := state_problems(self.spec.physical, physical):
            raise SpecError(" ".join(found))
        if physical.q.shape[0] != self.batch:
            raise SpecError(f"the record has {physical.q.shape[0]} rows, this world {self.batch}. Reset as many, with the seeds of the recorded episodes.")
        rows = []
        for index, row in enumerate(self.rows):
            scene = scene_of(row.scene, physical, index)
            made = Row(scene, self.config, row.model if scene is row.scene else None)
            made.put(coordinates_of(physical, index))
            made.before = made.frames()
            rows.append(made)
        return Moment(tuple(rows), tuple(row.save() for row in rows), self._clock.clone(), self._goal)

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _moves(self, actions: Actions) -> np.ndarray:
        """The low-level part "B T 5", clipped."""
        low_level = actions.low_level
        if low_level is None or tuple(low_level.shape[2:]) != (1, len(LOW)) or low_level.shape[0] != self.batch:
            got = None if low_level is None else tuple(low_level.shape)
            raise SpecError(f"tabletop takes low-level actions of shape ({self.batch}, T, 1, {len(LOW)}), got {got}.")
        moves = torch.where(actions.valid, low_level[:, :, 0], 0).double().cpu().numpy()
        if not np.isfinite(moves).all():
            raise SpecError("tabletop got an action that is NaN or infinite. A policy or planner diverged; check its last cost or loss.")
        clipped: np.ndarray = np.clip(moves, LOW, HIGH)
        return clipped

    def _cameras_at(self, actions: Actions) -> np.ndarray | None:
        """Where the free camera stands at each step, "B T 4 4"."""
        if not self.config.steered_camera:
            return None
        if actions.camera is None or tuple(actions.camera.shape) != (*actions.valid.shape[:2], 4, 4):
            got = None if actions.camera is None else tuple(actions.camera.shape)
            raise SpecError(f"tabletop with steered_camera takes actions.camera of shape {(*actions.valid.shape[:2], 4, 4)}, got {got}.")
        poses = actions.camera.double().cpu().numpy()
        done = actions.valid[..., 0].cpu().numpy()
        if not all(is_rigid(pose) for pose in poses[done]):
            raise SpecError("tabletop got a camera pose that is no rotation and place (m): world_T_camera, the last row 0 0 0 1. Was it scaled or transposed?")
        return poses

    def _look(self, row: Row) -> Observation:
        """What the sensors of a row see now, "1 1 ..."."""
        config = self.config
        rgb, depth, pose = {}, {}, {}
        for name in config.cameras:
            camera = row.model.camera(name).id
            shot = engine.painter(config.size, config.size).shot(row.model, row.data, camera, depth=config.depth)
            rgb[name] = torch.from_numpy(shot.rgb).permute(2, 0, 1)[None, None].contiguous()
            if shot.depth is not None:
                depth[name] = torch.from_numpy(shot.depth)[None, None, None]
            if self.spec.observes.cameras[name].pose:
                pose[name] = _tensor(engine.camera_pose(row.data, camera))[None, None]
        proprio = np.concatenate([row.data.qpos[row.arm], row.tip, [row.yaw, row.opening]])
        return Observation(rgb=rgb or None, depth=depth or None, camera_pose=pose or None, proprio=_tensor(proprio)[None, None])

    def _begun(self, seed: int) -> tuple[Row, RowState | None]:
        """A row at its start, and the state that its goal image shows; None = things put at their goal."""
        return ahead(self.config, seed) if self.config.offset else (Row(draw(self.config, seed), self.config), None)

    def _look_at_goal(self, row: Row, goal: RowState | None) -> Observation:
        now = row.save()
        if goal is None:
            tasks.show_goal(row)
        else:
            row.restore(goal)
        seen = self._look(row)
        row.restore(now)
        return seen

    def _goal_of(self, index: int) -> Observation:
        assert self._goal is not None, "the first reset covers all rows"
        return self._goal.select(torch.tensor([index]))

    def _task(self) -> Task:
        ask = self.config.ask
        instruction = torch.tensor([tasks.sentence(row.scene) for row in self.rows]) if ask in ("instruction", "both") else None
        return Task(instruction=instruction, goal=self._goal)

    def _maps(self, name: str) -> tuple[Int[Tensor, "B 1 h w"], Float[Tensor, "B 1 3 h w"] | None]:
        """Places in `spec.objects` (palm and fingers are the gripper, everything else is background), and scene flow where there is depth."""
        painter, labels, flows = engine.painter(self.config.size, self.config.size), [], []
        lens = torch.tensor(self.spec.observes.cameras[name].intrinsics)
        for row, seen in zip(self.rows, self._seen, strict=True):
            camera = row.model.camera(name).id
            shown = painter.bodies(row.model, row.data, camera)
            labels.append(torch.from_numpy(row.objects[shown]))
            if seen.depth is not None:
                pose = _tensor(engine.camera_pose(row.data, camera))
                points = cameras.world_points(seen.depth[name][0, 0, 0], lens, pose).double().numpy()
                flows.append(_tensor(truth.scene_flow(row, shown, points)))
        return torch.stack(labels)[:, None], torch.stack(flows)[:, None] if flows else None

    def _contacts(self) -> Contacts:
        """Every pair that can touch has its fixed place."""
        found = [truth.contacts(row) for row in self.rows]
        bodies = torch.tensor(truth.pairs(len(self.spec.objects))).expand(self.batch, 1, -1, 2)
        touching = torch.from_numpy(np.stack([one.touching for one in found]))[:, None]
        return Contacts(bodies=bodies, xyz=_stacked([one.place for one in found]), force=_stacked([one.force for one in found]), valid=touching)


def joined(seen: list[Observation]) -> Observation:
    """Rows "1 ..." as one batch."""
    first, *rest = seen
    return first.map(lambda axes, *leaves: torch.cat(leaves), *rest)


def _tensor(numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(numbers)).float()


def _stacked(rows: list[np.ndarray]) -> Tensor:
    """ "B 1 ..." float32."""
    return _tensor(np.stack(rows))[:, None]
