"""What a world, a model and a policy promise: action slots, cameras, states, and how they are clocked.

`ActionSpec` and `ObservationSpec` draw a random record that fits (`sample`) and list what does not fit (`problems`); a
`FutureSpec` lists problems, a `WorldModelSpec` draws tasks. A spec that
makes no sense of its own (no actions per step, limits the wrong way round) cannot be made. Limits are physical:
normalisation is a model's private matter.
"""

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

import torch

from wam.world.noise import Noise
from wam.world.record import Record
from wam.world.records import Actions, Future, Observation, Points, Task
from wam.world.slots import Slot, ask_names, outside, structure_problems
from wam.world.spec import Spec, SpecError, expect
from wam.world.states import FactsSpec, PhysicalSpec, StateSpec, sample_state, state_problems


@dataclass(frozen=True, kw_only=True)
class Skill(Spec):
    """A parameterised skill: its name and what its arguments mean."""

    name: str
    parameters: tuple[Slot, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ActionSpec(Spec):
    """The parts of an `Actions` record that are present, and `per_step` = R."""

    low_level: tuple[Slot, ...] = ()
    camera: bool = False
    keys: tuple[str, ...] = ()
    latent: int = 0  # dimensions
    sentences: tuple[str, ...] = ()  # the table that language ids point into
    skills: tuple[Skill, ...] = ()
    per_step: int = 1  # R, actions per model step

    def __post_init__(self) -> None:
        expect(self, "per_step", self.per_step >= 1, "at least 1 action per model step")
        ask_names(self, "low_level")

    @property
    def told(self) -> bool:
        """Is there any part: is anything said of what is done?"""
        return self != ActionSpec(per_step=self.per_step)

    @property
    def low_level_alone(self) -> bool:
        """Is it low-level slots that say what is done, and no other part?"""
        return self.told and self == ActionSpec(low_level=self.low_level, per_step=self.per_step)

    @property
    def arguments(self) -> int:
        """Columns of `Actions.arguments`: the most that any skill takes."""
        return max((len(skill.parameters) for skill in self.skills), default=0)

    def limits(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
        """(low "A", high "A") of the low-level part."""
        low, high = [slot.low for slot in self.low_level], [slot.high for slot in self.low_level]
        return torch.tensor(low, device=device, dtype=dtype), torch.tensor(high, device=device, dtype=dtype)

    def low_level_of(self, actions: Actions, who: str) -> torch.Tensor:
        """The low-level part "B T R A". SpecError where shapes would be broadcast silently; values are not looked at, planning is too hot for it."""
        wanted = (*actions.valid.shape[:2], self.per_step, len(self.low_level))
        got = None if actions.low_level is None else tuple(actions.low_level.shape)
        if actions.low_level is None or got != wanted or actions.valid.shape[2] != wanted[2]:
            raise SpecError(
                f"{who} got low-level actions of shape {got} with valid of shape {tuple(actions.valid.shape)}, expected (B, T, R, A) = {wanted} with valid "
                f"(B, T, R). Actions of another spec are the usual cause: give R = {wanted[2]} actions per model step (a world runs at that clock through "
                f"sim.adapters.Skip) with the {wanted[3]} slots of the model's actions."
            )
        return actions.low_level

    def nothing(self, batch: int, steps: int, device: torch.device | str = "cpu") -> Actions:
        """Actions of the right shape that were not executed (valid = False): what leads to a first frame."""
        made = self.sample(batch, steps, Noise.of(range(batch), device))
        blank = made.map(lambda axes, leaf: torch.zeros_like(leaf))
        still = None if made.camera is None else torch.eye(4, device=device).repeat(batch, steps, 1, 1)  # a zero matrix is no pose
        return dataclasses.replace(blank, camera=still)

    def sample(self, batch: int, steps: int, noise: Noise | None = None) -> Actions:
        """Uniform within the limits, normal where there are none, half normal from a single one; all valid. Device follows the noise."""
        noise = (noise or Noise.of(range(batch))).fork("action")
        rate, device = self.per_step, noise.device
        parts: dict[str, torch.Tensor] = {}
        if self.low_level:
            low, high = self.limits(device)
            below, above = low.isfinite(), high.isfinite()
            both, free = below & above, noise.fork("free").normal(steps, rate, len(low))
            inside = torch.where(both, low, 0) + noise.uniform(steps, rate, len(low)) * torch.where(both, high - low, 0)
            beside = torch.where(below, low + free.abs(), torch.where(above, high - free.abs(), free))
            parts["low_level"] = torch.where(both, inside, beside)
        if self.camera:
            parts["camera"] = torch.eye(4, device=device).repeat(batch, steps, 1, 1)
            parts["camera"][..., :3, 3] = noise.fork("camera").normal(steps, 3) * 0.05
        if self.keys:
            parts["keys"] = noise.fork("keys").uniform(steps, len(self.keys)) < 0.3
        if self.latent:
            parts["latent"] = noise.fork("latent").normal(steps, self.latent)
        if self.sentences:
            parts["language"] = noise.fork("language").integers(1, len(self.sentences)).expand(batch, steps)
        if self.skills:
            parts["skill"] = noise.fork("skill").integers(steps, len(self.skills), rate)
        if self.arguments:
            parts["arguments"] = noise.fork("arguments").integers(steps, 2, rate, self.arguments).float()
        return Actions(valid=torch.ones(batch, steps, rate, dtype=torch.bool, device=device), **parts)

    def problems(self, actions: Actions) -> list[str]:
        """What does not fit; empty when all is well."""
        if found := structure_problems(actions):
            return found
        wanted = {"low_level": len(self.low_level), "keys": len(self.keys), "latent": self.latent, "arguments": self.arguments}
        found = _presence(actions, {**wanted, "camera": self.camera, "language": self.sentences, "skill": self.skills})
        found += [
            f"actions.{name} has {got.shape[-1]} columns, the spec has {size}."
            for name, size in wanted.items()
            if size and (got := getattr(actions, name)) is not None and got.shape[-1] != size
        ]
        if actions.valid.shape[2] != self.per_step:
            found.append(f"actions come {actions.valid.shape[2]} per step, the spec says per_step = {self.per_step}.")
        if not found and actions.low_level is not None:
            found += outside("action", self.low_level, actions.low_level, actions.known())
        return found

    def contains(self, actions: Actions) -> bool:
        """Does the record fit?"""
        return not self.problems(actions)

    def require(self, actions: Actions, who: str) -> Actions:
        """Return the actions, or raise SpecError that lists every problem."""
        return _require(self.problems(actions), actions, who)


@dataclass(frozen=True, kw_only=True)
class Camera(Spec):
    """One camera."""

    height: int
    width: int
    depth: bool = False
    pose: bool = False  # is world_T_camera part of the observation
    intrinsics: tuple[float, ...] = ()  # fx, fy, cx, cy in pixels, OpenCV; empty = unknown

    def __post_init__(self) -> None:
        for side in ("height", "width"):
            expect(self, side, getattr(self, side) >= 1, "at least 1 pixel")


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class ObservationSpec(Spec):
    """Cameras by name, proprioception slots, number of cloud points, and the state where an imagined world shows one."""

    cameras: dict[str, Camera] = dataclasses.field(default_factory=dict)
    proprio: tuple[Slot, ...] = ()
    points: int = 0
    point_features: int = 0
    state: StateSpec | None = None

    def __post_init__(self) -> None:
        ask_names(self, "proprio")

    def sample(self, batch: int, steps: int, noise: Noise | None = None) -> Observation:
        """Random frames (uint8) and readings. Device follows the noise."""
        noise = (noise or Noise.of(range(batch))).fork("observation")
        device = noise.device
        rgb, depth, pose = {}, {}, {}
        for name, camera in self.cameras.items():
            own = noise.fork(name)
            rgb[name] = own.integers(steps, 256, 3, camera.height, camera.width).to(torch.uint8)
            if camera.depth:
                depth[name] = own.fork("depth").uniform(steps, 1, camera.height, camera.width) + 0.5
            if camera.pose:
                pose[name] = torch.eye(4, device=device).repeat(batch, steps, 1, 1)
        points = None
        if self.points:
            points = Points(
                xyz=noise.fork("points").normal(steps, self.points, 3) * 0.3,
                feature=noise.fork("feature").uniform(steps, self.points, self.point_features) if self.point_features else None,
                valid=torch.ones(batch, steps, self.points, dtype=torch.bool, device=device),
            )
        proprio = noise.fork("proprio").normal(steps, len(self.proprio)) if self.proprio else None
        state = sample_state(self.state, batch, steps, noise) if self.state is not None else None
        return Observation(rgb=rgb or None, depth=depth or None, points=points, proprio=proprio, camera_pose=pose or None, state=state)

    def problems(self, observation: Observation) -> list[str]:
        """What does not fit; empty when all is well. More than asked for is no problem: a model may use a subset."""
        if found := structure_problems(observation):
            return found
        for name, camera in self.cameras.items():
            rgb = (observation.rgb or {}).get(name)
            if rgb is None:
                found.append(f"camera {name!r} is missing, the observation has {sorted(observation.rgb or {})}.")
            elif tuple(rgb.shape[-2:]) != (camera.height, camera.width):
                found.append(f"camera {name!r} is {rgb.shape[-2]}x{rgb.shape[-1]}, the spec says {camera.height}x{camera.width}. Resize on loading.")
            if camera.depth and name not in (observation.depth or {}):
                found.append(f"camera {name!r} has no depth, the spec asks for it.")
            if camera.pose and name not in (observation.camera_pose or {}):
                found.append(f"camera {name!r} has no pose, the spec asks for it.")
        for part, size, got in (
            ("proprio", len(self.proprio), 0 if observation.proprio is None else observation.proprio.shape[-1]),
            ("points", self.points, 0 if observation.points is None else observation.points.xyz.shape[2]),
        ):
            if size and size != got:
                found.append(f"{part} has size {got}, the spec says {size}.")
        if self.state is not None:
            found += ["the observation has no state."] if observation.state is None else state_problems(self.state, observation.state)
        return found

    def contains(self, observation: Observation) -> bool:
        """Does the record fit?"""
        return not self.problems(observation)

    def require(self, observation: Observation, who: str) -> Observation:
        """Return the observation, or raise SpecError that lists every problem."""
        return _require(self.problems(observation), observation, who)


@dataclass(frozen=True, kw_only=True)
class FutureSpec(Spec):
    """What a model predicts. At least one part is present."""

    observation: ObservationSpec | None = None
    state: StateSpec | None = None
    reward: bool = False
    alive: bool = False

    def __post_init__(self) -> None:
        if self.observation is None and self.state is None and not self.reward and not self.alive:
            raise SpecError("FutureSpec() promises nothing, expected at least one of observation, state, reward, alive. Say what the model predicts.")

    def problems(self, future: Future, steps: int) -> list[str]:
        """What does not fit; empty when all is well."""
        if found := structure_problems(future):
            return found
        found = _presence(future, {"observation": self.observation, "state": self.state, "reward": self.reward, "alive": self.alive})
        if self.observation is not None and future.observation is not None:
            found += self.observation.problems(future.observation)
        if self.state is not None and future.state is not None:
            found += state_problems(self.state, future.state)
        if not found and not future.leaves():
            found.append("Future holds no numbers at all, the spec promises some. An ObservationSpec without any part is the usual cause.")
        if not found and future.size("H") != steps:
            found.append(f"{future.size('H')} future steps for {steps} actions; step h is what action h leads to.")
        return found


@dataclass(frozen=True, kw_only=True)
class WorldModelSpec(Spec):
    """What a world model sees, predicts and consumes, and how it is clocked."""

    observes: ObservationSpec
    predicts: FutureSpec
    consumes: ActionSpec
    context: tuple[int, int] = (1, 1)  # fewest and most past frames that it uses
    chunk: int = 1  # steps predicted at once; predict takes multiples of it
    rate: float = 10.0  # model steps per second
    stochastic: bool = False  # does noise change the future
    differentiable: bool = True  # do gradients reach the actions
    shares_context: bool = False  # predict takes B carry rows with B*S action rows
    instructed: bool = False  # does it read Task.instruction, ids into `sentences`
    sentences: tuple[str, ...] = ()
    embodiment: str = ""

    def __post_init__(self) -> None:
        fewest, most = self.context
        expect(self, "context", 1 <= fewest <= most, "(fewest, most) past frames, at least 1 and in this order")
        _ask_clock(self, self.chunk, self.rate)

    def sample_task(self, batch: int, noise: Noise | None = None) -> Task:
        """A task that fits: an instruction where the model reads one."""
        return Task(instruction=(noise or Noise.of(range(batch))).fork("task").integers(1, len(self.sentences))[:, 0] if self.instructed else None)


@dataclass(frozen=True, kw_only=True)
class PolicySpec(Spec):
    """What a policy sees and how many actions it returns at once."""

    observes: ObservationSpec
    acts: ActionSpec
    chunk: int = 1  # K, actions per decision
    execute: int = 1  # n <= K, executed before the next decision
    rate: float = 10.0
    instructed: bool = False
    sentences: tuple[str, ...] = ()
    goal_conditioned: bool = False  # does `begin` need the task's goal; where not, a goal means nothing to it

    def __post_init__(self) -> None:
        _ask_clock(self, self.chunk, self.rate)


@dataclass(frozen=True, kw_only=True)
class EnvSpec(Spec):
    """What a world shows, accepts and knows."""

    name: str
    observes: ObservationSpec
    acts: ActionSpec
    rate: float = 10.0
    chunk: int = 1  # step takes multiples of it
    budget: int = 100  # steps after which an episode is over
    sentences: tuple[str, ...] = ()  # instructions
    facts: FactsSpec | None = None
    physical: PhysicalSpec | None = None
    objects: tuple[str, ...] = ()  # names in the order of Truth.pose
    judged: bool = True  # does it say what is solved; where not, Outcome.success is False throughout and means nothing

    def __post_init__(self) -> None:
        _ask_clock(self, self.chunk, self.rate)
        expect(self, "budget", self.budget >= 1, "at least 1 step per episode")


def _ask_clock(spec: Spec, chunk: int, rate: float) -> None:
    expect(spec, "chunk", chunk >= 1, "at least 1 step at once")
    expect(spec, "rate", 0 < rate < float("inf"), "steps per second, above 0")


def _presence(value: Record, wanted: dict[str, object]) -> list[str]:
    found = []
    for name, want in wanted.items():
        present = getattr(value, name) is not None
        if present != bool(want):
            found.append(f"{type(value).__name__}.{name} is {'present' if present else 'absent'}, the spec promises it {'present' if want else 'absent'}.")
    return found


def _require(problems: list[str], value: R, who: str) -> R:
    if problems:
        raise SpecError(f"{who}: " + " ".join(problems))
    return value
