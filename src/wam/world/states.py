"""What kinds of state there are: learned, points followed over time, facts, physical coordinates. Each spec can be drawn from and checked."""

from dataclasses import dataclass

import torch

from wam.world.noise import Noise
from wam.world.records import Facts, Latent, Physical, State, Tracks
from wam.world.slots import Slot, ask_names, structure_problems
from wam.world.spec import Spec


@dataclass(frozen=True, kw_only=True)
class LatentSpec(Spec):
    """A learned state of the given shape, e.g. (192,) or (16, 32): tokens x features."""

    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TracksSpec(Spec):
    """N points in 2 or 3 dimensions."""

    points: int
    dimensions: int = 2
    unit: str = "m"


@dataclass(frozen=True, kw_only=True)
class Predicate(Spec):
    """A lifted predicate: `in(object, zone)` is Predicate(name="in", types=("object", "zone"))."""

    name: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FactsSpec(Spec):
    """The lifted vocabulary and the grounded atoms in the order of `Facts.holds`."""

    predicates: tuple[Predicate, ...]
    atoms: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PhysicalSpec(Spec):
    """Generalised coordinates, velocities and constants by name and unit."""

    q: tuple[Slot, ...]
    v: tuple[Slot, ...]
    parameters: tuple[Slot, ...] = ()

    def __post_init__(self) -> None:
        ask_names(self, "q", "v", "parameters")


StateSpec = LatentSpec | TracksSpec | FactsSpec | PhysicalSpec


def sample_state(spec: StateSpec, batch: int, steps: int, noise: Noise) -> State:
    """A random state that fits the spec."""
    noise = noise.fork("state")
    if isinstance(spec, LatentSpec):
        return Latent(z=noise.normal(steps, *spec.shape))
    if isinstance(spec, TracksSpec):
        visible = torch.ones(batch, steps, spec.points, dtype=torch.bool, device=noise.device)
        return Tracks(xyz=noise.normal(steps, spec.points, spec.dimensions) * 0.3, visible=visible)
    if isinstance(spec, FactsSpec):
        return Facts(holds=noise.uniform(steps, len(spec.atoms)) < 0.5, atoms=spec.atoms)
    parameters = noise.fork("parameters").uniform(1, len(spec.parameters))[:, 0] + 0.5 if spec.parameters else None
    return Physical(q=noise.normal(steps, len(spec.q)) * 0.2, v=noise.normal(steps, len(spec.v)) * 0.1, parameters=parameters)


def state_problems(spec: StateSpec, state: State) -> list[str]:
    """What does not fit; empty when all is well."""
    if found := structure_problems(state):
        return found
    if isinstance(spec, LatentSpec) and isinstance(state, Latent):
        ok, got, want = tuple(state.z.shape[2:]) == spec.shape, f"z of shape {tuple(state.z.shape[2:])}", f"{spec.shape}"
    elif isinstance(spec, TracksSpec) and isinstance(state, Tracks):
        ok, got, want = (
            tuple(state.xyz.shape[2:]) == (spec.points, spec.dimensions),
            f"points {tuple(state.xyz.shape[2:])}",
            f"({spec.points}, {spec.dimensions})",
        )
    elif isinstance(spec, FactsSpec) and isinstance(state, Facts):
        ok, got, want = state.atoms == spec.atoms, f"atoms {state.atoms[:3]}...", f"{spec.atoms[:3]}..."
    elif isinstance(spec, PhysicalSpec) and isinstance(state, Physical):
        sizes = (state.q.shape[-1], state.v.shape[-1], 0 if state.parameters is None else state.parameters.shape[-1])
        ok, got, want = (
            sizes == (len(spec.q), len(spec.v), len(spec.parameters)),
            f"(q, v, parameters) sizes {sizes}",
            f"{(len(spec.q), len(spec.v), len(spec.parameters))}",
        )
    else:
        ok, got, want = False, f"a {type(state).__name__}", type(spec).__name__.removesuffix("Spec")
    return [] if ok else [f"state has {got}, the spec says {want}."]
