"""How far a predicted state is from a wanted one. Lower is better, 0 is there.

Latent: mean squared difference over all features. Tracks: mean squared distance over the points that the goal shows, in the
spec's unit squared. Facts: number of wrong atoms among those that the goal knows. Physical: sum of squared differences over
the chosen slots, angles (unit "rad") the short way round.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.world import Facts, Latent, Physical, PhysicalSpec, Record, SpecError, State, Tracks, WorldModelSpec, record


@record
class StateGoal(Record):
    """A wanted state (T = 1) and, for physical states, which numbers of (q, v) matter and which are angles."""

    state: State
    matters: Bool[Tensor, "B K"] | None = None
    turns: Bool[Tensor, "B K"] | None = None


def state_goal(spec: WorldModelSpec, wanted: Record, slots: tuple[str, ...] = ()) -> StateGoal:
    """Take the last instant of a wanted state. `slots` names the physical slots that matter; empty = all of q."""
    kind = spec.predicts.state
    if kind is None or f"{type(wanted).__name__}Spec" != type(kind).__name__:
        raise SpecError(
            f"the goal is a {type(wanted).__name__}, but the model predicts {'no state' if kind is None else type(kind).__name__.removesuffix('Spec')}. "
            "Give a goal of the kind that the model predicts, or use an objective on what it does predict."
        )
    state: State = wanted.narrow("T", -1)  # type: ignore[assignment]
    if not isinstance(state, Physical) or not isinstance(kind, PhysicalSpec):
        return StateGoal(state=state)
    everything = (*kind.q, *kind.v)
    if unknown := set(slots) - {slot.name for slot in everything}:
        raise SpecError(f"no slot is called {sorted(unknown)}. The model predicts {[slot.name for slot in everything]}.")
    matters = [slot.name in slots if slots else index < len(kind.q) for index, slot in enumerate(everything)]
    turns = [slot.unit == "rad" and index < len(kind.q) for index, slot in enumerate(everything)]
    rows = (state.q.shape[0], len(everything))
    return StateGoal(
        state=state,
        matters=torch.tensor(matters, device=state.q.device).expand(rows),
        turns=torch.tensor(turns, device=state.q.device).expand(rows),
    )


def distance(goal: StateGoal, state: State) -> Float[Tensor, "B T"]:
    """How far each step of `state` is from the goal. SpecError for a goal that was not prepared, or of another kind."""
    if not isinstance(goal, StateGoal):
        raise SpecError(f"the goal is a {type(goal).__name__}, expected what the objective made of the task: goal=objective.prepare(model, task).")
    wanted = goal.state
    if isinstance(wanted, Latent) and isinstance(state, Latent):
        return (state.z - wanted.z).square().flatten(2).mean(-1)
    if isinstance(wanted, Tracks) and isinstance(state, Tracks):
        apart = (state.xyz - wanted.xyz).square().sum(-1) * wanted.visible
        return apart.sum(-1) / wanted.visible.sum(-1).clamp(min=1)
    if isinstance(wanted, Facts) and isinstance(state, Facts):
        wrong = state.holds != wanted.holds
        return (wrong if wanted.known is None else wrong & wanted.known).sum(-1).float()
    if isinstance(wanted, Physical) and isinstance(state, Physical) and goal.matters is not None and goal.turns is not None:
        apart = torch.cat([state.q - wanted.q, state.v - wanted.v], -1)
        apart = torch.where(goal.turns[:, None], torch.atan2(apart.sin(), apart.cos()), apart)
        return (apart.square() * goal.matters[:, None]).sum(-1)
    raise SpecError(f"the goal is a {type(wanted).__name__}, the predicted state a {type(state).__name__}. The model breaks its own spec.")
