"""Specs of worlds, models and policies: random ones survive JSON, contain their own samples, and name every fault."""

import dataclasses
import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wam.world import (
    Actions,
    ActionSpec,
    Camera,
    EnvSpec,
    Facts,
    FactsSpec,
    Future,
    FutureSpec,
    Latent,
    LatentSpec,
    Noise,
    Observation,
    ObservationSpec,
    Physical,
    PhysicalSpec,
    PolicySpec,
    Predicate,
    Record,
    Skill,
    Slot,
    Spec,
    SpecError,
    State,
    Tracks,
    TracksSpec,
    WorldModelSpec,
)
from wam.world.states import StateSpec, sample_state, state_problems

RANDOM = range(40)


# -- random specs --------------------------------------------------------------------------------------------------------------


def slots(rng: random.Random, least: int = 0, most: int = 4) -> tuple[Slot, ...]:
    def one(index: int) -> Slot:
        low, high = sorted((rng.uniform(-3, 3), rng.uniform(-3, 3)))
        limits = rng.choice([{}, {"low": low}, {"high": high}, {"low": low, "high": high}])
        return Slot(name=f"s{index}", unit=rng.choice(["m", "rad", ""]), relative=rng.random() < 0.5, derived=rng.random() < 0.2, **limits)

    return tuple(one(index) for index in range(rng.randint(least, most)))


def action_spec(rng: random.Random) -> ActionSpec:
    return ActionSpec(
        low_level=slots(rng),
        camera=rng.random() < 0.3,
        keys=tuple("wasd"[: rng.randint(0, 4)]),
        latent=rng.randint(0, 3),
        sentences=tuple(f"do {index}" for index in range(rng.randint(0, 3))),
        skills=tuple(Skill(name=f"skill {index}", parameters=slots(rng, 0, 2)) for index in range(rng.randint(0, 3))),
        per_step=rng.randint(1, 3),
    )


def state_spec(rng: random.Random) -> StateSpec:
    return rng.choice(
        [
            LatentSpec(shape=tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 3)))),
            TracksSpec(points=rng.randint(1, 5), dimensions=rng.choice([2, 3])),
            FactsSpec(predicates=(Predicate(name="in", types=("object", "zone")),), atoms=tuple("abc"[: rng.randint(1, 3)])),
            PhysicalSpec(q=slots(rng, 1), v=slots(rng, 1), parameters=slots(rng)),
        ]
    )


def observation_spec(rng: random.Random) -> ObservationSpec:
    def camera() -> Camera:
        intrinsics = rng.choice([(), (50.0, 50.0, 4.0, 4.0)])
        return Camera(height=rng.randint(2, 6), width=rng.randint(2, 6), depth=rng.random() < 0.5, pose=rng.random() < 0.5, intrinsics=intrinsics)

    points = rng.choice([0, 5])
    return ObservationSpec(
        cameras={name: camera() for name in ("front", "wrist", "depth")[: rng.randint(0, 3)]},
        proprio=slots(rng),
        points=points,
        point_features=rng.choice([0, 2]) if points else 0,
        state=state_spec(rng) if rng.random() < 0.5 else None,
    )


def whole_specs(rng: random.Random) -> list[Spec]:
    observes, acts = observation_spec(rng), action_spec(rng)
    predicts = FutureSpec(observation=observes, state=state_spec(rng), reward=rng.random() < 0.5, alive=rng.random() < 0.5)
    facts = FactsSpec(predicates=(Predicate(name="near"),), atoms=("near",))
    physical = PhysicalSpec(q=slots(rng), v=slots(rng))
    return [
        WorldModelSpec(observes=observes, predicts=predicts, consumes=acts, context=(1, rng.randint(1, 9)), rate=rng.uniform(1, 20), sentences=("go",)),
        PolicySpec(observes=observes, acts=acts, chunk=4, execute=2),
        EnvSpec(name="table", observes=observes, acts=acts, facts=facts, physical=physical, objects=("disc",)),
    ]


@pytest.mark.parametrize("seed", RANDOM)
def test_random_specs_survive_json(seed: int) -> None:
    for spec in whole_specs(random.Random(seed)):
        assert type(spec).from_json(spec.to_json()) == spec


@pytest.mark.parametrize("seed", RANDOM)
def test_specs_contain_their_samples(seed: int) -> None:
    rng = random.Random(seed)
    acts, observes, state = action_spec(rng), observation_spec(rng), state_spec(rng)
    noise = Noise.of(range(seed, seed + 3))
    assert acts.problems(acts.sample(3, 4, noise)) == []
    assert acts.contains(acts.nothing(3, 4))
    assert observes.problems(observes.sample(3, 4, noise)) == []
    assert state_problems(state, sample_state(state, 3, 4, noise)) == []
    assert acts.contains(acts.sample(2, 1)) and observes.contains(observes.sample(2, 1))


@pytest.mark.parametrize("seed", RANDOM)
def test_a_sampled_row_depends_on_its_own_noise_only(seed: int) -> None:
    rng = random.Random(seed)
    acts, observes = action_spec(rng), observation_spec(rng)
    noise, rows = Noise.of([3, 1, 4]), torch.tensor([2, 0])
    for whole, part in (
        (acts.sample(3, 2, noise), acts.sample(2, 2, noise.select(rows))),
        (observes.sample(3, 2, noise), observes.sample(2, 2, noise.select(rows))),
    ):
        expected = whole.select(rows)
        for (path, _, got), (_, _, wanted) in zip(part.leaves(), expected.leaves(), strict=True):
            assert torch.equal(got, wanted), path


def test_samples_lie_on_the_device_of_their_noise() -> None:
    noise = Noise.of(range(3), "meta")
    for seed in range(10):
        rng = random.Random(seed)
        for drawn in (action_spec(rng).sample(3, 2, noise), observation_spec(rng).sample(3, 2, noise), sample_state(state_spec(rng), 3, 2, noise)):
            assert all(leaf.device.type == "meta" for _, _, leaf in drawn.leaves())


# -- actions -------------------------------------------------------------------------------------------------------------------

ARM = ActionSpec(
    low_level=(Slot(name="x", unit="m", low=-0.1, high=0.1), Slot(name="gripper", low=0.0, high=1.0)),
    camera=True,
    keys=("w", "s"),
    latent=3,
    sentences=("push", "pull"),
    skills=(Skill(name="push", parameters=(Slot(name="object"), Slot(name="zone"))), Skill(name="rest")),
    per_step=2,
)


def test_samples_fill_their_limits() -> None:
    free = Slot(name="free")
    spec = ActionSpec(low_level=(*ARM.low_level, free, Slot(name="above", low=2.0), Slot(name="below", high=-2.0)))
    drawn = spec.sample(400, 10).low_level
    assert drawn is not None
    columns = drawn.flatten(0, 2).unbind(-1)
    for column, (low, high) in zip(columns, [(-0.1, 0.1), (0.0, 1.0)], strict=False):
        assert low <= column.min() < low + 0.01 * (high - low) and high - 0.01 * (high - low) < column.max() <= high
    assert abs(columns[2].mean()) < 0.1 and abs(columns[2].std() - 1) < 0.1
    assert columns[3].min() >= 2 and columns[4].max() <= -2
    joint = torch.corrcoef(torch.stack([column.abs() for column in columns]))
    assert (joint - torch.eye(5)).abs().max() < 0.08  # 4000 draws: a slot tells nothing about another


def test_limits() -> None:
    low, high = ARM.limits(dtype=torch.float64)
    assert low.tolist() == [-0.1, 0.0] and high.tolist() == [0.1, 1.0] and low.dtype == torch.float64
    assert [limit.shape for limit in ActionSpec(keys=("w",)).limits()] == [(0,), (0,)]


def test_skills_without_parameters_have_no_arguments() -> None:
    spec = ActionSpec(skills=(Skill(name="rest"),))
    assert spec.arguments == 0 and spec.sample(2, 3).arguments is None
    assert spec.contains(spec.sample(2, 3))
    assert ARM.arguments == 2


def test_nothing_is_not_executed_and_has_no_news() -> None:
    blank = ARM.nothing(3, 2)
    assert not blank.valid.any()
    assert blank.low_level is not None and not blank.low_level.any()
    assert blank.camera is not None and torch.equal(blank.camera, torch.eye(4).expand(3, 2, 4, 4))


def spoiled(**parts: object) -> Actions:
    return dataclasses.replace(ARM.sample(2, 3), **parts)  # type: ignore[arg-type]


def pushed(column: int, value: float) -> Actions:
    drawn = ARM.sample(2, 3)
    assert drawn.low_level is not None
    changed = drawn.low_level.clone()
    changed[0, 1, 0, column] = value
    return dataclasses.replace(drawn, low_level=changed)


ACTION_FAULTS: dict[str, tuple[Callable[[], Actions], str]] = {
    "part absent": (lambda: spoiled(keys=None), "Actions.keys is absent, the spec promises it present."),
    "arguments absent": (lambda: spoiled(arguments=None), "Actions.arguments is absent, the spec promises it present."),
    "camera absent": (lambda: spoiled(camera=None), "Actions.camera is absent, the spec promises it present."),
    "language absent": (lambda: spoiled(language=None), "Actions.language is absent, the spec promises it present."),
    "columns": (lambda: spoiled(low_level=torch.zeros(2, 3, 2, 7)), "actions.low_level has 7 columns, the spec has 2."),
    "keys": (lambda: spoiled(keys=torch.zeros(2, 3, 5).bool()), "actions.keys has 5 columns, the spec has 2."),
    "latent": (lambda: spoiled(latent=torch.zeros(2, 3, 1)), "actions.latent has 1 columns, the spec has 3."),
    "arguments": (lambda: spoiled(arguments=torch.zeros(2, 3, 2, 1)), "actions.arguments has 1 columns, the spec has 2."),
    "per step": (lambda: ARM.sample(2, 3).narrow("R", 0, 1), "actions come 1 per step, the spec says per_step = 2."),
    "too high": (lambda: pushed(1, 1.5), "action 'gripper' spans"),
    "too low": (lambda: pushed(0, -0.2), "its limits are -0.1 .. 0.1. NaN, a wrong unit or a normalised action are the usual causes."),
    "NaN": (lambda: pushed(0, float("nan")), "action 'x' spans nan .. nan m"),
    "infinite": (lambda: pushed(0, float("inf")), "action 'x' spans"),
    "structure": (lambda: spoiled(low_level=torch.zeros(2, 4, 2, 2)), "Actions.low_level has T = 4, but Actions.valid has T = 3."),
}


@pytest.mark.parametrize("fault", ACTION_FAULTS)
def test_action_faults_are_named(fault: str) -> None:
    make, message = ACTION_FAULTS[fault]
    actions = make()
    assert message in " ".join(ARM.problems(actions))
    assert not ARM.contains(actions)
    with pytest.raises(SpecError, match=r"^the planner: "):
        ARM.require(actions, "the planner")


def test_unpromised_parts_are_named() -> None:
    spec = ActionSpec(low_level=ARM.low_level, per_step=2)
    assert spec.problems(ARM.sample(2, 3)) == [
        f"Actions.{name} is present, the spec promises it absent." for name in ("keys", "latent", "arguments", "camera", "language", "skill")
    ]


def test_values_that_were_not_executed_do_not_matter() -> None:
    wild = pushed(0, float("nan"))
    valid = wild.valid.clone()
    valid[0, 1, 0] = False
    assert ARM.contains(dataclasses.replace(wild, valid=valid))


@pytest.mark.parametrize(
    ("limits", "value", "fits"), [({"high": 1.0}, 5.0, False), ({"high": 1.0}, -5.0, True), ({"low": 1.0}, 0.0, False), ({"low": 1.0}, 9.0, True)]
)
def test_a_single_limit_counts(limits: dict[str, float], value: float, fits: bool) -> None:
    spec = ActionSpec(low_level=(Slot(name="x", **limits),))  # type: ignore[arg-type]
    assert spec.contains(Actions(valid=torch.ones(1, 1, 1).bool(), low_level=torch.full((1, 1, 1, 1), value))) == fits


def test_limits_allow_for_float32() -> None:
    spec = ActionSpec(low_level=(Slot(name="x", low=-0.1, high=0.1),))
    edge = torch.full((1, 1, 1, 1), 0.1) * (1 + 1e-6)
    assert spec.contains(Actions(valid=torch.ones(1, 1, 1).bool(), low_level=edge))


def test_require_returns_what_fits() -> None:
    actions = ARM.sample(2, 3)
    assert ARM.require(actions, "a test") is actions


# -- states --------------------------------------------------------------------------------------------------------------------

STATE_FAULTS: dict[str, tuple[StateSpec, State, str]] = {
    "latent": (LatentSpec(shape=(4, 8)), Latent(z=torch.zeros(1, 1, 8)), "state has z of shape (8,), the spec says (4, 8)."),
    "tracks": (TracksSpec(points=3), Tracks(xyz=torch.zeros(1, 1, 3, 3), visible=torch.ones(1, 1, 3).bool()), "state has points (3, 3), the spec says (3, 2)."),
    "facts": (FactsSpec(predicates=(), atoms=("a", "b")), Facts(holds=torch.ones(1, 1, 2).bool(), atoms=("a", "c")), "state has atoms ('a', 'c')"),
    "physical": (
        PhysicalSpec(q=(Slot(name="x"),), v=(Slot(name="v"),), parameters=(Slot(name="m"),)),
        Physical(q=torch.zeros(1, 1, 1), v=torch.zeros(1, 1, 1)),
        "state has (q, v, parameters) sizes (1, 1, 0), the spec says (1, 1, 1).",
    ),
    "another kind": (LatentSpec(shape=(2,)), Facts(holds=torch.ones(1, 1, 2).bool(), atoms=("a", "b")), "state has a Facts, the spec says Latent."),
    "structure": (TracksSpec(points=3), Tracks(xyz=torch.zeros(1, 1, 3, 2), visible=torch.ones(1, 1, 2).bool()), "Tracks.visible has N = 2"),
}


@pytest.mark.parametrize("fault", STATE_FAULTS)
def test_state_faults_are_named(fault: str) -> None:
    spec, state, message = STATE_FAULTS[fault]
    (problem,) = state_problems(spec, state)
    assert message in problem


# -- observations --------------------------------------------------------------------------------------------------------------

SIGHT = ObservationSpec(
    cameras={"front": Camera(height=4, width=6, depth=True, pose=True), "wrist": Camera(height=2, width=2)},
    proprio=(Slot(name="x"), Slot(name="y")),
    points=5,
    state=LatentSpec(shape=(3,)),
)


def unseen(**parts: object) -> Observation:
    return dataclasses.replace(SIGHT.sample(2, 3), **parts)  # type: ignore[arg-type]


def frames(height: int, width: int) -> dict[str, Tensor]:
    return {"front": torch.zeros(2, 3, 3, height, width), "wrist": torch.zeros(2, 3, 3, 2, 2)}


OBSERVATION_FAULTS: dict[str, tuple[Callable[[], Observation], str]] = {
    "no cameras": (lambda: unseen(rgb={}), "camera 'front' is missing, the observation has []."),
    "a camera": (lambda: unseen(rgb={"wrist": torch.zeros(2, 3, 3, 2, 2)}), "camera 'front' is missing, the observation has ['wrist']."),
    "size": (lambda: unseen(rgb=frames(6, 4)), "camera 'front' is 6x4, the spec says 4x6. Resize on loading."),
    "depth": (lambda: unseen(depth=None), "camera 'front' has no depth, the spec asks for it."),
    "pose": (lambda: unseen(camera_pose=None), "camera 'front' has no pose, the spec asks for it."),
    "proprioception": (lambda: unseen(proprio=torch.zeros(2, 3, 7)), "proprio has size 7, the spec says 2."),
    "no proprioception": (lambda: unseen(proprio=None), "proprio has size 0, the spec says 2."),
    "points": (lambda: unseen(points=None), "points has size 0, the spec says 5."),
    "state": (lambda: unseen(state=None), "the observation has no state."),
    "kind of state": (lambda: unseen(state=Latent(z=torch.zeros(2, 3, 4))), "state has z of shape (4,), the spec says (3,)."),
    "structure": (lambda: unseen(proprio=torch.zeros(2, 4, 2)), "has T = 4"),
}


@pytest.mark.parametrize("fault", OBSERVATION_FAULTS)
def test_observation_faults_are_named(fault: str) -> None:
    make, message = OBSERVATION_FAULTS[fault]
    observation = make()
    assert message in SIGHT.problems(observation)[0]
    assert not SIGHT.contains(observation)
    with pytest.raises(SpecError, match=r"^the model: "):
        SIGHT.require(observation, "the model")


def test_every_fault_is_listed_and_more_than_asked_for_is_none() -> None:
    observation = SIGHT.sample(2, 3)
    assert len(SIGHT.problems(dataclasses.replace(observation, rgb=None, proprio=None, state=None))) == 4
    assert ObservationSpec().contains(observation)
    assert ObservationSpec(proprio=SIGHT.proprio).require(observation, "a test") is observation


def test_sampled_frames_look_random() -> None:
    rgb = SIGHT.sample(50, 10).rgb
    assert rgb is not None and rgb["front"].dtype == torch.uint8
    assert rgb["front"].min() == 0 and rgb["front"].max() == 255
    assert abs(rgb["front"].float().mean() - 127.5) < 2
    pair = torch.stack([rgb["front"][..., :2, :2].flatten(), rgb["wrist"].flatten()]).float()
    assert abs(torch.corrcoef(pair)[0, 1]) < 0.06


# -- futures and tasks ---------------------------------------------------------------------------------------------------------

PROMISE = FutureSpec(state=LatentSpec(shape=(3,)), observation=ObservationSpec(proprio=(Slot(name="x"),)), reward=True)
KEPT = Future(state=Latent(z=torch.zeros(2, 4, 3)), observation=Observation(proprio=torch.zeros(2, 4, 1)), reward=torch.zeros(2, 4))

FUTURE_FAULTS: dict[str, tuple[dict[str, Record | Tensor | None], str]] = {
    "reward": ({"reward": None}, "Future.reward is absent, the spec promises it present."),
    "alive": ({"alive": torch.ones(2, 4)}, "Future.alive is present, the spec promises it absent."),
    "state": ({"state": Latent(z=torch.zeros(2, 4, 5))}, "state has z of shape (5,), the spec says (3,)."),
    "observation": ({"observation": Observation(proprio=torch.zeros(2, 4, 2))}, "proprio has size 2, the spec says 1."),
    "structure": ({"reward": torch.zeros(2, 3)}, "Future.reward has H = 3"),
}


@pytest.mark.parametrize("fault", FUTURE_FAULTS)
def test_future_faults_are_named(fault: str) -> None:
    parts, message = FUTURE_FAULTS[fault]
    (problem,) = PROMISE.problems(dataclasses.replace(KEPT, **parts), steps=4)  # type: ignore[arg-type]
    assert message in problem


def test_future_steps_are_counted() -> None:
    assert PROMISE.problems(KEPT, steps=4) == []
    assert PROMISE.problems(KEPT, steps=5) == ["4 future steps for 5 actions; step h is what action h leads to."]


def test_sampled_tasks() -> None:
    plain = WorldModelSpec(observes=SIGHT, predicts=PROMISE, consumes=ARM)
    assert plain.sample_task(3).instruction is None
    told = dataclasses.replace(plain, instructed=True, sentences=("a", "b", "c"))
    instruction = told.sample_task(60).instruction
    assert instruction is not None and set(instruction.tolist()) == {0, 1, 2}


# -- specs that make no sense --------------------------------------------------------------------------------------------------

X, MODEL = Slot(name="x"), {"observes": SIGHT, "predicts": PROMISE, "consumes": ARM}
NONSENSE: dict[str, tuple[Callable[[], Spec], str]] = {
    "limits": (lambda: Slot(name="x", low=1.0, high=-1.0), r"Slot\.low is 1\.0, expected at most high = -1\.0; .*'x' .*wrong way round"),
    "per step": (lambda: ActionSpec(per_step=0), r"ActionSpec\.per_step is 0, expected at least 1"),
    "actions": (lambda: ActionSpec(low_level=(X, X)), r"ActionSpec\.low_level has the slots \['x', 'x'\], expected every name once\. Rename"),
    "proprioception": (lambda: ObservationSpec(proprio=(X, X)), r"ObservationSpec\.proprio .*Rename the repeated \['x'\]"),
    "coordinates": (lambda: PhysicalSpec(q=(X,), v=(X, X)), r"PhysicalSpec\.v .*every name once"),
    "an empty promise": (lambda: FutureSpec(), r"promises nothing, expected at least one of .*Say what the model predicts"),
    "context": (lambda: WorldModelSpec(context=(3, 1), **MODEL), r"context is \(3, 1\), expected \(fewest, most\) .* in this order"),
    "no context": (lambda: WorldModelSpec(context=(0, 1), **MODEL), r"context is \(0, 1\), expected .* at least 1"),
    "chunk of a model": (lambda: WorldModelSpec(chunk=0, **MODEL), r"WorldModelSpec\.chunk is 0, expected at least 1"),
    "chunk of a policy": (lambda: PolicySpec(observes=SIGHT, acts=ARM, chunk=0), r"PolicySpec\.chunk is 0, expected at least 1"),
    "rate of a model": (lambda: WorldModelSpec(rate=0.0, **MODEL), r"WorldModelSpec\.rate is 0\.0, expected steps per second, above 0"),
    "rate of a world": (lambda: EnvSpec(name="w", observes=SIGHT, acts=ARM, rate=float("nan")), r"EnvSpec\.rate is nan, expected .*above 0"),
    "budget": (lambda: EnvSpec(name="w", observes=SIGHT, acts=ARM, budget=0), r"EnvSpec\.budget is 0, expected at least 1 step"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_specs_that_make_no_sense_cannot_be_made(what: str) -> None:
    make, message = NONSENSE[what]
    with pytest.raises(SpecError, match=message):
        make()


def test_an_equal_pair_of_limits_and_one_name_in_place_and_speed_are_fine() -> None:
    assert Slot(name="fixed", low=1.0, high=1.0).low == 1.0
    assert PhysicalSpec(q=(X,), v=(X,)).v == (X,)


def test_a_future_without_numbers_is_a_problem_not_an_error() -> None:
    (problem,) = FutureSpec(observation=ObservationSpec()).problems(Future(observation=Observation()), steps=3)
    assert "no numbers at all" in problem


@pytest.mark.parametrize("side", ["height", "width"])
def test_a_camera_has_pixels(side):
    with pytest.raises(SpecError, match=f"Camera.{side} is 0, expected at least 1 pixel"):
        Camera(**{"height": 8, "width": 8, side: 0})
