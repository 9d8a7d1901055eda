"""The interfaces. A class implements one of them or is final; capabilities are declared, never guessed.

Shapes: B batch, T past steps, H future steps, R actions per model step, S planning candidates, A action size. Time is axis 1.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world.noise import Noise
from wam.world.record import Record, record
from wam.world.records import Actions, Episodes, Facts, Future, Observation, Outcome, Past, State, Task, Truth, Window
from wam.world.specs import EnvSpec, PolicySpec, WorldModelSpec

Carry = TypeVar("Carry", bound=Record)
Memory = TypeVar("Memory", bound=Record)


@runtime_checkable
class WorldModel(Protocol[Carry]):
    """p(future | past, actions)."""

    @property
    def spec(self) -> WorldModelSpec: ...

    def begin(self, batch: int, task: Task) -> Carry:
        """The carry before anything was seen."""
        ...

    def observe(self, carry: Carry, since: Past, *, noise: Noise | None = None) -> Carry:
        """Take in real frames and EXECUTED actions since the last call; predictions made in between are forgotten."""
        ...

    def predict(self, carry: Carry, actions: Actions, *, noise: Noise | None = None) -> tuple[Carry, Future]:
        """Continue H steps, a multiple of `spec.chunk`. Without noise a stochastic model gives its mode or mean."""
        ...


@runtime_checkable
class Policy(Protocol[Memory]):
    """Observations in, K actions out."""

    @property
    def spec(self) -> PolicySpec: ...

    def begin(self, batch: int, task: Task) -> Memory:
        """The memory before anything was seen."""
        ...

    def act(self, memory: Memory, since: Past, *, noise: Noise | None = None) -> tuple[Memory, Actions]:
        """Asked when the executed part of a chunk is spent; `since` holds all frames and executed actions since the last call."""
        ...


# -- how things learn ------------------------------------------------------------------------------------------------------


@runtime_checkable
class Trainable(Protocol):
    """Learns by gradient."""

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """Named losses, "B" each, or [] for a declared batch statistic. The names must equal the weights' names."""
        ...


@dataclass(frozen=True)
class Progress:
    """One line of a fit: how far, and figures to show."""

    done: int
    total: int
    figures: dict[str, float]


@runtime_checkable
class Fits(Protocol):
    """Learns by its own procedure: symbols from transitions, system identification, scene fitting."""

    def fit(self, episodes: Episodes, *, noise: Noise) -> Iterator[Progress]:
        """Runs as it is iterated; the object is fitted when the iterator ends."""
        ...


# -- declared capabilities: abstract bases, so that having one is a decision and not a coincidence of names -----------------


class Encodes(ABC):
    """Has a state of a single observation."""

    @abstractmethod
    def encode(self, observation: Observation) -> State:
        """The state of each frame on its own: T frames give T states, of the kind that `spec.predicts.state` says."""
        ...


class Decodes(ABC):
    """Can show a state."""

    @abstractmethod
    def decode(self, state: State) -> Observation:
        """What T states look like, T frames; pictures are float 0..1."""
        ...


class Exposes(ABC, Generic[Carry]):
    """Shows the state that it continues from, one step ("B 1 ...")."""

    @abstractmethod
    def state(self, carry: Carry) -> State:
        """The state that `predict` continues from, "B 1 ...", of the kind that `spec.predicts.state` says."""
        ...


class Scores(ABC, Generic[Carry]):
    """Has a density."""

    @abstractmethod
    def log_prob(self, carry: Carry, actions: Actions, future: Future) -> Float[Tensor, "B"]:
        """Log density (nats) of the H steps of `future` together, given what was seen and H actions. Differentiable."""
        ...


class Proposes(ABC, Generic[Carry]):
    """Has a habit: what it would do by itself, for planners to start from."""

    @abstractmethod
    def propose(self, carry: Carry, count: int, horizon: int, *, noise: Noise) -> Float[Tensor, "B S H R A"]:
        """`count` action sequences in physical units, within the limits of `spec.consumes`; the first is its mode."""
        ...


class Values(ABC):
    """Knows what a state is worth."""

    discount: float  # of a reward one model step later

    @abstractmethod
    def value(self, state: State) -> Float[Tensor, "B T"]:
        """Expected discounted return after each of T states, of the kind that `spec.predicts.state` says. Differentiable."""
        ...


class Reads(ABC):
    """Follows instructions, and can take their table from somewhere else: another world or data set says the same in another order."""

    @abstractmethod
    def read(self, sentences: tuple[str, ...]) -> None:
        """From now on instructions point into this table, and `spec.sentences` is it.

        ValueError for words that were never learned, SpecError where no instructions are read.
        """
        ...


class Views(ABC):
    """A model of actions and future together. It is a policy; as what else it can be used, its views say."""

    @abstractmethod
    def as_world_model(self) -> WorldModel[Any]:
        """What given actions lead to. SpecError where it cannot say that."""
        ...

    @abstractmethod
    def as_inverse(self) -> "Infers":
        """What was done between given frames. SpecError where it cannot say that."""
        ...


class Envisions(ABC):
    """A policy with a model of video inside, which can be looked at by itself."""

    @abstractmethod
    def as_video(self) -> WorldModel[Any]:
        """What could happen, whatever is done: a world model that is told no actions, at its own clock (`spec.rate`, `spec.consumes.per_step`).

        SpecError where it cannot say that.
        """
        ...


class Infers(ABC):
    """Inverse dynamics: the actions between consecutive frames; the first is not valid."""

    @abstractmethod
    def infer_actions(self, observation: Observation, *, noise: Noise | None = None) -> Actions:
        """T frames give T actions in physical units; action t led from frame t - 1 to frame t, so `valid` is False at t = 0."""
        ...


class Imagines(ABC, Generic[Memory]):
    """A policy that can show the future it acts for."""

    @abstractmethod
    def imagine(self, memory: Memory, since: Past, *, noise: Noise | None = None) -> Future:
        """The future that `act` of the same arguments acts for. The memory stays as it was."""
        ...


class Meters(ABC):
    """Has figures to log while it learns: collapse, use of actions. Called without gradients every so often."""

    @abstractmethod
    def meters(self, window: Window) -> dict[str, float]:
        """Figures by name, each one number for the whole batch. Nothing is learned from them."""
        ...


class Grounder(ABC):
    """Turns an imagined future into executable actions."""

    @abstractmethod
    def ground(self, past: Past, future: Future, task: Task, *, noise: Noise | None = None) -> Actions:
        """H actions in physical units that bring about the H imagined steps after `past`."""
        ...


@dataclass(frozen=True)
class Operator:
    """A grounded STRIPS operator. Indices point into the atoms of the spec."""

    name: str  # e.g. "push(red disc, green zone)"
    skill: int  # id into ActionSpec.skills
    arguments: tuple[float, ...]
    needs: frozenset[int]  # must hold
    forbids: frozenset[int]  # must not hold
    adds: frozenset[int]
    deletes: frozenset[int]
    cost: float = 1.0


class Operators(ABC):
    """A symbolic model's transition function, for search."""

    @abstractmethod
    def operators(self) -> tuple[Operator, ...]:
        """All grounded operators, in a fixed order; none before the model is fitted."""
        ...


# -- planning ----------------------------------------------------------------------------------------------------------------


@record
class Plan(Record):
    """The result of planning. `valid` marks the rows whose plan may warm-start the next one."""

    actions: Float[Tensor, "B H R A"]  # best found, physical units
    cost: Float[Tensor, "B"]
    spread: Float[Tensor, "B H R A"] | None = None  # the sampler's standard deviation at the end
    valid: Bool[Tensor, "B"]


@runtime_checkable
class PlanningProblem(Protocol):
    """What a continuous planner sees: limits, proposals, and a cost for candidate sequences."""

    @property
    def batch(self) -> int: ...

    @property
    def horizon(self) -> int: ...

    @property
    def per_step(self) -> int:
        """R."""
        ...

    @property
    def low(self) -> Float[Tensor, "A"]:
        """Lowest action, physical units; finite."""
        ...

    @property
    def high(self) -> Float[Tensor, "A"]:
        """Highest action, physical units; finite."""
        ...

    @property
    def proposals(self) -> Float[Tensor, "B S H R A"] | None:
        """Candidates to try, e.g. of a policy."""
        ...

    def cost(self, candidates: Float[Tensor, "B S H R A"]) -> Float[Tensor, "B S"]:
        """Lower is better. Differentiable where the model is."""
        ...


@runtime_checkable
class Planner(Protocol):
    """Searches continuous action sequences."""

    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """The best "B H R A" found, within the limits, each row on its own. `valid` is False in rows without a finite cost.

        warm: a plan to start from, of the same shape, in the rows where it is valid. noise: one row per row of the problem.
        """
        ...


@dataclass(frozen=True)
class SkillPlan:
    """Operators to run in order; `solved` is False where the search found none."""

    operators: tuple[Operator, ...]
    cost: float
    solved: bool


@runtime_checkable
class SkillPlanner(Protocol):
    """Searches sequences of skills for one row of facts."""

    def plan(self, operators: tuple[Operator, ...], facts: Facts, goal: Facts) -> SkillPlan:
        """Operators that lead from the last instant of `facts` to that of `goal`, its known atoms; both have B = 1.

        SpecError where their atoms differ or there are several rows. Not finding a way is no error: `solved` is False.
        """
        ...


# -- worlds and data ---------------------------------------------------------------------------------------------------------


@runtime_checkable
class Env(Protocol):
    """A batch of worlds, real or imagined. Rows are independent; a row whose episode ended stays still until it is reset."""

    @property
    def spec(self) -> EnvSpec: ...

    @property
    def batch(self) -> int: ...

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows. Returns the first frame (T = 1) and task of ALL rows."""
        ...

    def step(self, actions: Actions) -> Outcome:
        """T steps, a multiple of `spec.chunk`. Actions are clipped to their limits; invalid ones are not executed."""
        ...

    def truth(self) -> Truth:
        """What only a simulator knows, of the current instant (T = 1)."""
        ...

    def save(self) -> Any:
        """A snapshot of everything, for counterfactual branches."""
        ...

    def restore(self, snapshot: Any) -> None:
        """Back to the snapshot; the same actions then give the same outcomes, bit for bit."""
        ...


@runtime_checkable
class Windows(Protocol):
    """Training windows of recorded episodes."""

    def __len__(self) -> int: ...

    def batch(self, indices: Int[Tensor, "B"]) -> Window:
        """The windows with these numbers."""
        ...
