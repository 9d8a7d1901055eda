"""The library's own records: how time is named in each, and what binds."""

import dataclasses

import pytest
import torch
from torch import Tensor

from wam.world import (
    Actions,
    Episodes,
    Facts,
    Future,
    Latent,
    Observation,
    Outcome,
    Past,
    Physical,
    Points,
    RecordError,
    State,
    Task,
    Tracks,
    Truth,
    Window,
    concatenate,
)

B, T, H, R = 2, 3, 4, 2


def ones(*shape: int) -> Tensor:
    return torch.ones(*shape, dtype=torch.bool)


def observation(steps: int = T, state: State | None = None) -> Observation:
    return Observation(
        rgb={"front": torch.zeros(B, steps, 3, 8, 8).byte(), "wrist": torch.zeros(B, steps, 3, 4, 6)},
        depth={"front": torch.ones(B, steps, 1, 8, 8)},
        points=Points(xyz=torch.zeros(B, steps, 5, 3), group=torch.zeros(B, steps, 5).long(), valid=ones(B, steps, 5)),
        proprio=torch.zeros(B, steps, 7),
        camera_pose={"wrist": torch.eye(4).repeat(B, steps, 1, 1)},
        state=state,
    )


def actions(steps: int) -> Actions:
    return Actions(
        valid=ones(B, steps, R),
        low_level=torch.zeros(B, steps, R, 7),
        camera=torch.eye(4).repeat(B, steps, 1, 1),
        keys=ones(B, steps, 3),
        latent=torch.zeros(B, steps, 9),
        language=torch.zeros(B, steps).long(),
        skill=torch.zeros(B, steps, R).long(),
        arguments=torch.zeros(B, steps, R, 2),
    )


def states(steps: int) -> dict[str, State]:
    return {
        "latent": Latent(z=torch.zeros(B, steps, 16, 32)),
        "one vector": Latent(z=torch.zeros(B, steps, 32)),
        "tracks": Tracks(xyz=torch.zeros(B, steps, 5, 2), visible=ones(B, steps, 5)),
        "facts": Facts(holds=ones(B, steps, 6), atoms=tuple("abcdef")),
        "physical": Physical(q=torch.zeros(B, steps, 3), v=torch.zeros(B, steps, 2), parameters=torch.zeros(B, 5)),
    }


def truth(steps: int) -> Truth:
    found = states(steps)
    tracks, facts, physical = found["tracks"], found["facts"], found["physical"]
    assert isinstance(tracks, Tracks) and isinstance(facts, Facts) and isinstance(physical, Physical)
    segmentation = {"front": torch.zeros(B, steps, 8, 8).long()}
    return Truth(pose=torch.zeros(B, steps, 2, 7), tracks=tracks, segmentation=segmentation, facts=facts, physical=physical)


def window() -> Window:
    return Window(
        past=Past(observation=observation(), actions=actions(T)),
        actions=actions(H),
        future=Future(observation=observation(H), state=states(H)["latent"], reward=torch.zeros(B, H), alive=torch.ones(B, H)),
        valid=ones(B, H),
        task=Task(instruction=torch.zeros(B).long(), goal=observation(1), goal_state=states(1)["physical"]),
        truth=truth(T + H),
    )


def test_a_full_window_fits() -> None:
    made = window().check()
    assert (made.size("B"), made.size("T"), made.size("H"), made.size("R"), made.size("G"), made.size("E")) == (B, T, H, R, 1, T + H)


def test_an_outcome_and_episodes_fit() -> None:
    flags = {"reward": torch.zeros(B, T), "alive": ones(B, T), "success": ones(B, T)}
    Outcome(observation=observation(), **flags).check()
    more = {"seed": torch.arange(B), "decided": ones(B, T), "seconds": torch.zeros(B, T)}
    Episodes(observation=observation(), actions=actions(T), task=Task(), truth=truth(T), **flags, **more).check()


@pytest.mark.parametrize("name", ["latent", "one vector", "tracks", "facts", "physical"])
def test_every_state_serves_as_observation_future_and_goal(name: str) -> None:
    observation(state=states(T)[name]).check()
    Future(state=states(H)[name], reward=torch.zeros(B, H)).check()
    Task(goal_state=states(1)[name]).check()
    with pytest.raises(RecordError, match="has T = 4"):
        observation(state=states(H)[name]).check()


def test_the_future_counts_h_and_the_past_t() -> None:
    shorter = window().narrow("H", 0, 2)
    assert (shorter.size("T"), shorter.size("H"), shorter.size("E")) == (T, 2, T + H)
    assert shorter.past.actions.valid.shape[1] == T and shorter.actions.valid.shape[1] == 2
    later = window().narrow("T", -1)
    assert (later.past.size("T"), later.size("H"), later.task.goal.size("T") if later.task.goal else 0) == (1, H, 1)
    future = window().future
    assert future.size("H") == H
    assert concatenate([future, future], "H").size("H") == 2 * H


def test_parts_taken_out_count_t_again() -> None:
    """A goal is an Observation: alone, its time is T."""
    goal = window().task.goal
    assert goal is not None and goal.size("T") == 1


def test_time_must_agree_inside_a_window() -> None:
    made = window()
    with pytest.raises(RecordError, match=r"Window\.actions\.\w+ has H = 3"):
        dataclasses.replace(made, actions=actions(3)).check()
    with pytest.raises(RecordError, match=r"Window\.valid has H = 5"):
        dataclasses.replace(made, valid=ones(B, 5)).check()
    with pytest.raises(RecordError, match=r"Window\.past\.actions\.\w+ has T = 1"):
        dataclasses.replace(made, past=Past(observation=observation(), actions=actions(1))).check()
    with pytest.raises(RecordError, match=r"Window\.task\.goal_state\.q has G = 2"):
        dataclasses.replace(made, task=dataclasses.replace(made.task, goal_state=states(2)["physical"])).check()
    with pytest.raises(RecordError, match=r"Window\.truth\.tracks\.xyz has E = 2, but Window\.truth\.pose has E = 7"):
        dataclasses.replace(made, truth=dataclasses.replace(truth(T + H), tracks=states(2)["tracks"])).check()


def test_constants_have_no_time() -> None:
    state = states(T)["physical"]
    assert isinstance(state, Physical) and state.parameters is not None
    shorter = state.narrow("T", 0, 1)
    assert isinstance(shorter, Physical) and torch.equal(shorter.parameters, state.parameters)  # type: ignore[arg-type]
    assert state.repeat(2).size("M") == 5


def test_facts_of_two_vocabularies_are_not_joined() -> None:
    one = Facts(holds=ones(B, T, 2), atoms=("a", "b"))
    with pytest.raises(RecordError, match="word tables and vocabularies must agree"):
        concatenate([one, dataclasses.replace(one, atoms=("a", "c"))], "T")


def test_r_binds_between_parts_of_an_action() -> None:
    with pytest.raises(RecordError, match=r"Actions\.low_level has R = 1, but Actions\.valid has R = 2"):
        dataclasses.replace(actions(T), low_level=torch.zeros(B, T, 1, 7)).check()
