"""The `push` world: B tables seen from above, each with a pusher that shoves coloured discs and blocks about.

Time: 10 steps per second. Action: displacement of the pusher in one step (m, world frame), tried by a servo of limited force.
Sees: one camera "top" (uint8) and the pusher's place, or the true state (`sees`, `state.py`). Asks for: a goal image, an instruction, or nothing (free play).
Success: every object within half its radius of its place in the goal image, wherever the pusher is; or the centre of the
object that the instruction names in the zone that it names. It is judged at each instant and does not end an episode.
Reward: minus the mean distance (m) of what must move from where it must go; 0 in free play.

Rows are independent and follow from their seeds. A row stays still where its action is not valid and after its budget.
"""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from wam.sim.engines import planar
from wam.sim.engines.planar import PlanarSolver, PlanarState
from wam.sim.worlds.push import picture, truth
from wam.sim.worlds.push.config import PushConfig
from wam.sim.worlds.push.draw import draw, largest_reach
from wam.sim.worlds.push.physical import physical_spec, to_physical
from wam.sim.worlds.push.scene import PUSHER_LIMIT, Scene, length
from wam.sim.worlds.push.state import at_rest, place_slots, state_of, state_slots
from wam.sim.worlds.push.words import FACTS, SENTENCES
from wam.world import Actions, ActionSpec, Camera, EnvSpec, Observation, ObservationSpec, Outcome, Record, Slot, SpecError, Task, Truth, concatenate, record

CAMERA = "top"
SOLVER = PlanarSolver()
ROWS_AT_ONCE = 256  # the intermediate results of so many pictures stay in the cache


@record
class Moment(Record):
    """Everything about B tables at one instant: what `save` returns."""

    scene: Scene
    state: PlanarState
    clock: Int[Tensor, "B"]  # steps since the reset
    base: UInt8[Tensor, "B 3 h w"]  # the picture without bodies
    colours: Float[Tensor, "B M 3"]  # of the bodies, 0..255
    goal: UInt8[Tensor, "B 3 h w"]  # the goal image


class PushWorld:
    """An `Env`. `moment` is the privileged view that experts use; models never see it."""

    def __init__(self, batch: int, config: PushConfig | None = None, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.config = config or PushConfig()
        self.batch, self.device, self.dtype = batch, torch.device(device), dtype
        self.brush = picture.Brush(self.config.size, largest_reach(self.config))
        self.spec = push_spec(self.config)
        self._moment: Moment | None = None

    @property
    def moment(self) -> Moment:
        """The current instant. RuntimeError before the first reset."""
        if self._moment is None:
            raise RuntimeError("the push world was used before its first reset: call reset(mask, seeds) with a mask of all rows.")
        return self._moment

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows. First frame (T = 1) and task of all rows. The first reset must cover all rows."""
        mask, seeds = mask.to(self.device), seeds.to(self.device)
        if mask.shape != (self.batch,) or seeds.shape != (self.batch,):
            raise SpecError(f"push was made for {self.batch} rows; got a mask of shape {tuple(mask.shape)} and seeds of shape {tuple(seeds.shape)}.")
        if self._moment is None and not bool(mask.all()):
            raise RuntimeError("the first reset must restart every row: pass a mask that is True everywhere.")
        if bool(mask.any()):
            fresh = self._begin(seeds[mask])
            if self._moment is not None:
                rows = mask.nonzero()[:, 0]
                fresh = self._moment.map(lambda axes, old, new: old.index_copy(0, rows, new), fresh)
            self._moment = fresh
        return self._observe(self.moment.state), self._task()

    def step(self, actions: Actions) -> Outcome:
        """T steps. Actions are clipped to +-0.06 m per axis. Rows that are over, or whose action is not valid, stay still and are given no reward."""
        push = self._pushes(actions)
        seen, rewards, alive, success = [], [], [], []
        for step in range(push.shape[1]):
            now = self.moment
            moves = actions.valid[:, step, 0].to(self.device) & (now.clock < self.config.budget)
            ahead = planar.step(now.state, push[:, step], now.scene.parameters, SOLVER)
            state, clock = ahead.where(moves, now.state), now.clock + moves.long()
            self._moment = now = dataclasses.replace(now, state=state, clock=clock)
            seen.append(self._observe(state))
            rewards.append(-remaining(now.scene, state, self.config).float() * moves)
            success.append(solved(now.scene, state, self.config))
            alive.append(clock < self.config.budget)
        return Outcome(observation=concatenate(seen, "T"), reward=torch.stack(rewards, 1), alive=torch.stack(alive, 1), success=torch.stack(success, 1))

    def truth(self) -> Truth:
        """Poses, tracks, segmentation, facts and the full physical state of the current instant. Bodies as in `spec.objects`."""
        scene, state = self.moment.scene, self.moment.state
        return Truth(
            pose=truth.poses(state),
            tracks=truth.tracks(scene, state),
            segmentation={CAMERA: truth.segmentation(self.brush, scene, state)} if self.config.sees == "pixels" else None,
            facts=truth.facts(scene, state),
            physical=to_physical(state, scene.parameters),
        )

    def save(self) -> Moment:
        """A snapshot. It shares memory with the world, which never writes into it."""
        return self.moment

    def restore(self, snapshot: Moment) -> None:
        """Back to a snapshot of this world, or of one with as many rows and the same configuration."""
        if snapshot.size("B") != self.batch:
            raise SpecError(f"the snapshot has {snapshot.size('B')} rows, this world {self.batch}. Use snapshot.select(rows) or snapshot.repeat(count).")
        self._moment = snapshot

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _begin(self, seeds: Tensor) -> Moment:
        scene = draw(self.config, seeds, self.dtype)
        base, colours = picture.backdrop(scene, self.config.size), picture.body_colours(scene)
        state = at_rest(scene.start)
        goal = picture.picture(self.brush, base, scene.goal, scene, colours)
        return Moment(scene=scene, state=state, clock=torch.zeros_like(seeds), base=base, colours=colours, goal=goal)

    def _pushes(self, actions: Actions) -> Tensor:
        """The low-level part "B T 2" on the device, clipped."""
        if actions.low_level is None or tuple(actions.low_level.shape[2:]) != (1, 2) or actions.low_level.shape[0] != self.batch:
            got = None if actions.low_level is None else tuple(actions.low_level.shape)
            raise SpecError(f"push takes low-level actions of shape ({self.batch}, T, 1, 2), got {got}.")
        push = torch.where(actions.valid, actions.low_level[:, :, 0], 0)
        if not bool(push.isfinite().all()):
            raise SpecError("push got an action that is NaN or infinite. A policy or planner diverged; check its last cost or loss.")
        return push.clamp(-PUSHER_LIMIT, PUSHER_LIMIT).to(self.device, self.dtype)

    def _frames(self, state: PlanarState) -> Tensor:
        """Pictures "B 3 h w"."""
        now, parts = self.moment, []
        for start in range(0, self.batch, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            scene = now.scene.narrow("B", start, start + ROWS_AT_ONCE)
            parts.append(picture.picture(self.brush, now.base[rows], state.pose[rows], scene, now.colours[rows]))
        return torch.cat(parts)

    def _observe(self, state: PlanarState) -> Observation:
        """One instant (T = 1)."""
        if self.config.sees == "state":
            return Observation(proprio=state_of(state, self.moment.scene, self.config)[:, None])
        return Observation(rgb={CAMERA: self._frames(state)[:, None]}, proprio=state.pose[:, None, -1, :2])

    def _task(self) -> Task:
        now = self.moment
        if self.config.task == "goal_image":
            if self.config.sees == "state":
                return Task(goal=Observation(proprio=state_of(at_rest(now.scene.goal), now.scene, self.config)[:, None]))
            return Task(goal=Observation(rgb={CAMERA: now.goal[:, None]}, proprio=now.scene.goal[:, None, -1, :2]))
        if self.config.task == "instruction":
            return Task(instruction=now.scene.instruction)
        return Task()


def remaining(scene: Scene, state: PlanarState, config: PushConfig) -> Float[Tensor, "B"]:
    """Mean distance (m) of what the task is about from where it must go; 0 in free play."""
    if config.task == "goal_image":
        first, *others = length(state.pose[:, :-1, :2] - scene.goal[:, :-1, :2]).unbind(1)
        return sum(others, first) / config.objects
    if config.task == "instruction":
        here, zone = _errand(scene, state)
        return length(here - zone[:, :2])
    return torch.zeros_like(state.pose[:, 0, 0])


def solved(scene: Scene, state: PlanarState, config: PushConfig) -> Bool[Tensor, "B"]:
    """Is the task solved at this instant? Never in free play."""
    if config.task == "goal_image":
        return (length(state.pose[:, :-1, :2] - scene.goal[:, :-1, :2]) < scene.radius / 2).all(1)
    if config.task == "instruction":
        here, zone = _errand(scene, state)
        return (here - zone[:, :2]).abs().amax(1) < zone[:, 2]
    return torch.zeros(len(state.pose), dtype=torch.bool, device=state.pose.device)


def _errand(scene: Scene, state: PlanarState) -> tuple[Tensor, Tensor]:
    """Place "B 2" of the object that the instruction names, and its zone "B 3"."""
    rows = torch.arange(len(state.pose), device=state.pose.device)
    return state.pose[rows, scene.target, :2], scene.zones[rows, scene.target_zone]


def push_spec(config: PushConfig) -> EnvSpec:
    """What the world shows, accepts and knows."""
    axes = [Slot(name=f"pusher {axis}", unit="m", meaning=f"displacement along {axis}", relative=True, low=-PUSHER_LIMIT, high=PUSHER_LIMIT) for axis in "xy"]
    pixels = ObservationSpec(cameras={CAMERA: Camera(height=config.size, width=config.size)}, proprio=place_slots("pusher"))
    return EnvSpec(
        name="push",
        observes=pixels if config.sees == "pixels" else ObservationSpec(proprio=state_slots(config)),
        acts=ActionSpec(low_level=tuple(axes)),
        rate=1 / SOLVER.period,
        budget=config.budget,
        sentences=SENTENCES,
        facts=FACTS,
        physical=physical_spec(config),
        objects=(*(f"object {index + 1}" for index in range(config.objects)), "pusher"),
    )
