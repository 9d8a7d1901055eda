"""What a world is made of: observations, states, actions, tasks, and how they lie in time.

Time. `actions[t]` is what LED TO `observation[t]`; `reward[t]` and `alive[t]` came with it. A first frame has no action:
`actions.valid` is False there. A repeated frame whose action is not valid is padding and carries no news.

Units. Metres, radians, seconds; quaternions w-x-y-z; OpenCV cameras, `world_T_camera`. RGB is uint8 0..255 at rest and float
0..1 inside models (`images.to_float` accepts both). Depth is metres, 0 = missing. Gripper 0..1, 1 = open.
"""

from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from wam.world.record import Record, RecordError, Rename, concatenate, record

# -- what is seen --------------------------------------------------------------------------------------------------------


@record
class Points(Record):
    """A point cloud with a fixed number of points; `valid` masks the missing ones."""

    xyz: Float[Tensor, "B T N 3"]  # m, world frame
    feature: Float[Tensor, "B T N C"] | None = None
    group: Int[Tensor, "B T N"] | None = None  # object id, -1 = background
    valid: Bool[Tensor, "B T N"]


@record
class Latent(Record):
    """A learned state: one vector or a grid of tokens."""

    z: Float[Tensor, "B T ... D"]


@record
class Tracks(Record):
    """Points followed through time, in the plane (2) or in space (3)."""

    xyz: Float[Tensor, "B T N c"]  # m, or pixels / image width where the spec says so
    visible: Bool[Tensor, "B T N"]


@record
class Facts(Record):
    """Truth values of grounded atoms. As a goal, `known` says which atoms matter."""

    holds: Bool[Tensor, "B T F"]
    known: Bool[Tensor, "B T F"] | None = None
    atoms: tuple[str, ...]  # grounded, e.g. "in(red disc, green zone)"; the spec holds the lifted vocabulary


@record
class Physical(Record):
    """Generalised positions and velocities, and the constants of the system."""

    q: Float[Tensor, "B T Q"]
    v: Float[Tensor, "B T W"]
    parameters: Float[Tensor, "B M"] | None = None  # no time axis


@record
class Contacts(Record):
    """Bodies that touch, pair by pair; `valid` masks the pairs that do not. What a pair does at several points is summed up."""

    bodies: Int[Tensor, "B T K 2"]  # object ids; -1 = something fixed, or that has no id
    xyz: Float[Tensor, "B T K 3"]  # m, world frame: the middle of the pressure
    force: Float[Tensor, "B T K 3"]  # N, world frame: of the first body on the second
    valid: Bool[Tensor, "B T K"]


State = Latent | Tracks | Facts | Physical


@record
class Observation(Record):
    """What sensors see at T instants. Cameras are keyed by name."""

    rgb: dict[str, Shaped[Tensor, "B T 3 h w"]] | None = None  # uint8 0..255 or float 0..1
    depth: dict[str, Float[Tensor, "B T 1 h w"]] | None = None  # m, 0 = missing
    points: Points | None = None
    proprio: Float[Tensor, "B T P"] | None = None  # slots and units in the spec
    camera_pose: dict[str, Float[Tensor, "B T 4 4"]] | None = None  # world_T_camera
    state: State | None = None  # only in imagined worlds whose model predicts states


@record
class Truth(Record):
    """What only a simulator knows. Never part of an Observation."""

    pose: Float[Tensor, "B T N 7"] | None = None  # objects: x y z (m), quaternion w x y z
    tracks: Tracks | None = None
    segmentation: dict[str, Int[Tensor, "B T h w"]] | None = None  # object id per pixel, -1 = background
    facts: Facts | None = None
    physical: Physical | None = None
    scene_flow: dict[str, Float[Tensor, "B T 3 h w"]] | None = None  # m, world frame: how far what a pixel shows has moved since the last instant
    contacts: Contacts | None = None


# -- what is done --------------------------------------------------------------------------------------------------------


@record
class Actions(Record):
    """R actions per model step, in one or several parts. `valid` is False where nothing was done.

    `labelled` is False where something was done and nobody recorded what: video without actions. The parts are 0 there.
    """

    valid: Bool[Tensor, "B T R"]
    labelled: Bool[Tensor, "B T"] | None = None  # None = what was done is known everywhere
    low_level: Float[Tensor, "B T R A"] | None = None  # physical units, slots in the spec
    camera: Float[Tensor, "B T 4 4"] | None = None  # pose of the camera at each step, world_T_camera
    keys: Bool[Tensor, "B T C"] | None = None  # keys held down
    latent: Float[Tensor, "B T L"] | None = None
    language: Int[Tensor, "B T"] | None = None  # ids into the spec's sentences
    skill: Int[Tensor, "B T R"] | None = None  # ids into the spec's skills
    arguments: Float[Tensor, "B T R M"] | None = None  # of the skills: object ids or physical units, by the spec

    def known(self) -> Bool[Tensor, "B T R"]:
        """Where something was done that is known: what actions can be learned from."""
        return self.valid if self.labelled is None else self.valid & self.labelled[..., None]


@record
class Task(Record):
    """What is wanted: an instruction, an observation to reach, a state to reach, or nothing (reward only)."""

    instruction: Int[Tensor, "B"] | None = None  # ids into the spec's sentences, -1 = none
    goal: Annotated[Observation, Rename(T="G")] | None = None  # G goal frames, usually one
    goal_state: Annotated[State, Rename(T="G")] | None = None


# -- how it lies in time ---------------------------------------------------------------------------------------------------


@record
class Past(Record):
    """T >= 1 frames and the action that led to each."""

    observation: Observation
    actions: Actions


@record
class Future(Record):
    """What H actions lead to; step h is the outcome of action h. Only what the spec promises is present."""

    observation: Annotated[Observation, Rename(T="H")] | None = None
    state: Annotated[State, Rename(T="H")] | None = None
    reward: Float[Tensor, "B H"] | None = None
    alive: Float[Tensor, "B H"] | None = None  # probability that the episode goes on after this step, given that it went on before it


@record
class Window(Record):
    """A stretch of recorded time: T past frames, then H actions and what they led to. For training."""

    past: Past
    actions: Annotated[Actions, Rename(T="H")]
    future: Future
    valid: Bool[Tensor, "B H"]  # False beyond the end of a short episode
    task: Task
    truth: Annotated[Truth, Rename(T="E")] | None = None  # E = T + H instants

    def whole(self) -> tuple[Past, Bool[Tensor, "B E"]]:
        """Past and future frames as one stretch of E = T + H instants, and which of them are real."""
        if self.future.observation is None:
            raise RecordError("this window has no future frames; windows of recorded episodes have them.")
        frames = concatenate([self.past.observation, self.future.observation], "T")
        actions = concatenate([self.past.actions, self.actions], "T")
        past = torch.ones_like(self.past.actions.valid[..., 0])
        return Past(observation=frames, actions=actions), torch.cat([past, self.valid], 1)


@record
class Outcome(Record):
    """What a world answers to T steps of actions."""

    observation: Observation
    reward: Float[Tensor, "B T"]
    alive: Bool[Tensor, "B T"]  # False from the step on which the episode ended
    success: Bool[Tensor, "B T"]  # is the task solved at this instant


@record
class Episodes(Record):
    """B episodes of T instants: instant 0 is the reset, its action is not valid. Ended rows repeat their last frame."""

    observation: Observation
    actions: Actions
    alive: Bool[Tensor, "B T"]
    task: Task
    reward: Float[Tensor, "B T"] | None = None
    success: Bool[Tensor, "B T"] | None = None
    truth: Truth | None = None
    seed: Int[Tensor, "B"] | None = None
    decided: Bool[Tensor, "B T"] | None = None  # a new decision was made before this instant; of rollouts only
    seconds: Float[Tensor, "B T"] | None = None  # wall time of that decision, shared evenly by the rows of the batch
