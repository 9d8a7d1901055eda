"""What a policy is told for what a client sends: by example against a policy that is asked directly."""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch

from tests.serve.mocks import ACTS, SEES, SENTENCES, Summing, message, observation
from wam.serve import Keys, Limits, RequestError, Session
from wam.world import ActionSpec, Camera, Noise, Observation, ObservationSpec, Past, PolicySpec, SpecError, Task, concatenate
from wam.world.slots import Slot
from wam.world.states import LatentSpec


class Told(Summing):
    """Keeps what it was told."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.tasks, self.pasts, self.noises = list[Task](), list[Past](), list[Noise]()
        self.change = lambda actions: actions

    def begin(self, batch, task):
        self.tasks.append(task)
        return super().begin(batch, task)

    def act(self, memory, since, *, noise=None):
        SEES.require(since.observation, "the session")
        self.spec.acts.require(dataclasses.replace(since.actions, valid=torch.ones_like(since.actions.valid)), "the session")
        since.check()
        self.pasts.append(since), self.noises.append(noise)
        memory, actions = super().act(memory, since, noise=noise)
        return memory, self.change(actions)


def session(**settings) -> tuple[Session, Told]:
    policy = Told(**settings)
    return Session(policy, Keys.of(SEES), Limits()), policy


def same(one: Observation, two: Observation) -> bool:
    return all(torch.equal(a, b) for (_, _, a), (_, _, b) in zip(one.leaves(), two.leaves(), strict=True))


def test_the_default_table_is_openpis_habit() -> None:
    keys = Keys.of(SEES)
    assert keys.cameras == {"observation/image": "front", "observation/wrist_image": "wrist"} and keys.proprio == {"observation/state": 2}
    assert Keys.from_json(keys.to_json()) == keys


def test_a_first_message_is_a_first_frame() -> None:
    talk, policy = session()
    reply = talk.answer(message())
    assert reply["actions"].shape == (3, 2) and reply["actions"].dtype == np.float32 and reply["valid"].tolist() == [True] * 3
    assert same(policy.pasts[0].observation, observation()) and not policy.pasts[0].actions.valid.any()


def test_without_a_word_the_first_n_of_the_last_answer_were_executed_and_the_last_frame_was_held() -> None:
    talk, policy = session(chunk=3, execute=2, per_step=2)
    given = talk.answer(message(0))["actions"]
    talk.answer(message(1))
    since = policy.pasts[1]
    assert np.array_equal(since.actions.low_level[0].flatten(0, 1).numpy(), given[:4]) and since.actions.valid.all()
    assert same(since.observation, concatenate([observation(0), observation(1)], "T"))


def test_what_is_assumed_was_within_the_limits() -> None:
    talk, policy = session()
    policy.spec = talk.spec = dataclasses.replace(
        policy.spec, acts=ActionSpec(low_level=(dataclasses.replace(ACTS.low_level[0], low=-0.01, high=0.01), ACTS.low_level[1]))
    )
    talk.answer(message(0))
    talk.answer(message(1))
    assert policy.pasts[1].actions.low_level[0, :, 0, 0].tolist() == pytest.approx([0.01, 0.01])


def test_a_client_may_say_what_it_executed_and_show_every_frame() -> None:
    talk, policy = session()
    talk.answer(message(0))
    executed = np.array([[1.0, 2], [3, 4], [5, 6]])
    frames = {key: np.stack([message(number)[key] for number in (1, 2, 3)]) for key in Keys.of(SEES).inputs(SEES)}
    talk.answer({**frames, "executed": executed, "executed_valid": np.array([True, False, True])})
    since = policy.pasts[1]
    assert since.actions.low_level[0, :, 0].tolist() == executed.tolist() and since.actions.valid.flatten().tolist() == [True, False, True]
    assert same(since.observation, concatenate([observation(number) for number in (1, 2, 3)], "T"))
    talk.answer({**message(4), "executed": executed})  # the last frame alone: the one before is held
    assert same(policy.pasts[2].observation, concatenate([observation(number) for number in (3, 3, 4)], "T"))
    talk.answer({**message(5), "executed": np.zeros((0, 2))})  # nothing was done: a new stretch
    assert policy.pasts[3].actions.valid.tolist() == [[[False]]]


def test_a_reset_another_prompt_and_nothing_else_begin_anew() -> None:
    talk, policy = session(instructed=True)
    talk.answer(message(0)), talk.answer(message(1))
    assert len(policy.tasks) == 1 and policy.tasks[0].instruction.tolist() == [0]
    first = talk.answer({**message(0), "reset": True})
    assert len(policy.tasks) == 2 and not policy.pasts[-1].actions.valid.any()
    other = session(instructed=True)[0].answer({**message(0), "noise": {"seed": 0, "step": 3, "stream": 0}})
    assert np.array_equal(first["actions"], other["actions"])  # nothing of before is left but the chance, which goes on
    talk.answer({**message(1), "prompt": SENTENCES[1] + " "})
    assert policy.tasks[-1].instruction.tolist() == [1] and not policy.pasts[-1].actions.valid.any()
    assert talk.answer({"reset": True, "sequence": 7}) == {"reset": True, "sequence": 7}
    talk.answer({**message(1), "prompt": ""})
    assert policy.tasks[-1].instruction.tolist() == [-1]


def test_a_beginning_without_pictures_is_no_acknowledged_reset() -> None:
    """A key that nobody knows, beside a reset: the answer has no actions, so it must not look like one."""
    talk, policy = session(instructed=True)
    with pytest.raises(RequestError, match=r"none of the inputs .*only \['image', 'reset'\]"):
        talk.answer({"image": np.zeros((4, 4, 3), np.uint8), "reset": True})
    assert not policy.tasks


@pytest.mark.parametrize("done", [True, False])
def test_executed_actions_in_another_unit_are_refused(done) -> None:
    """What was not executed is not looked at."""
    talk, policy = session()
    talk.spec = dataclasses.replace(talk.spec, acts=ActionSpec(low_level=(Slot(name="target", unit="m", low=-1, high=1), ACTS.low_level[1])))
    talk.answer(message(0))
    told = {**message(1), "executed": np.array([[5000.0, 0.0]]), "executed_valid": np.array([done])}
    with pytest.raises(RequestError, match=r"'executed' has .*convert it before sending") if done else contextlib.nullcontext():
        talk.answer(told)
    assert len(policy.pasts) == (1 if done else 2)


def test_what_was_not_executed_may_be_no_number() -> None:
    """As in an answer, where a policy that wants nothing done may say so with numbers that are none."""
    talk, policy = session()
    talk.answer(message(0))
    told = {**message(1), "executed": np.array([[np.nan, np.inf]]), "executed_valid": np.array([False])}
    talk.answer(told)
    assert not policy.pasts[-1].actions.valid.any()
    with pytest.raises(RequestError, match="'executed' has numbers that are not finite"):
        talk.answer({**told, "executed_valid": np.array([True])})


def test_a_client_that_shows_every_frame_may_begin_anew_with_the_last_one() -> None:
    talk, policy = session(instructed=True)
    frames = {key: np.stack([message(number)[key] for number in (1, 2)]) for key in Keys.of(SEES).inputs(SEES)}
    told = {**message(0), **frames}
    talk.answer(message(0)), talk.answer(told)
    assert same(policy.pasts[-1].observation, concatenate([observation(1), observation(2)], "T"))
    for beginning in ({"prompt": SENTENCES[1]}, {"prompt": SENTENCES[1], "reset": True}):
        talk.answer({**told, **beginning})
        assert same(policy.pasts[-1].observation, observation(2)) and policy.pasts[-1].actions.valid.tolist() == [[[False]]]
    assert len(policy.tasks) == 3


def test_a_goal_comes_with_the_beginning() -> None:
    talk, policy = session(goal_conditioned=True)
    goal = {f"goal/{key}": value for key, value in message(9).items()}
    talk.answer({**message(0), **goal})
    assert same(policy.tasks[0].goal, observation(9))
    with pytest.raises(RequestError, match="goal came in the middle"):
        talk.answer({**message(1), **goal})
    del goal["goal/observation/state"]
    with pytest.raises(RequestError, match="the goal has none of the inputs"):
        talk.answer({**message(1), "goal/place": goal["goal/observation/image"], "reset": True})
    policy.begin = lambda batch, task: policy.tasks.append(task) or Summing.begin(policy, batch, Task(goal=observation(9)))
    talk.answer({**message(1), **goal, "reset": True})
    assert policy.tasks[-1].goal.proprio is None and torch.equal(policy.tasks[-1].goal.rgb["wrist"], observation(9).rgb["wrist"])


def test_chance_is_the_clients_or_counts_the_steps_that_went_by() -> None:
    """As `rollout` counts them: a robot that holds, or begins anew, must not meet the chance of before again."""
    talk, policy = session(instructed=True)
    talk.answer(message(0)), talk.answer(message(1))
    for number in (2, 3):  # holding
        talk.answer({**message(number), "executed": np.zeros((1, 2)), "executed_valid": np.array([False])})
    talk.answer({**message(4), "executed": np.zeros((0, 2))})
    talk.answer({**message(0), "reset": True})
    talk.answer({**message(1), "prompt": SENTENCES[1]})
    assert [int(noise.step) for noise in policy.noises] == [0, 2, 3, 4, 5, 6, 7]
    mine = Noise.of([-5]).advance(3).fork("rollout")
    talk.answer({**message(2), "noise": {"seed": -5, "step": 3, "stream": mine.stream}})
    assert torch.equal(policy.noises[-1].normal(2, 3), mine.normal(2, 3))
    with pytest.raises(RequestError, match="'noise' is"):
        talk.answer({**message(2), "noise": {"seed": 2**70, "step": 0, "stream": 0}})


def test_what_is_not_valid_stands_still_for_clients_that_read_no_mask() -> None:
    talk, policy = session(chunk=2, execute=1)
    talk.answer(message(0))
    policy.change = lambda actions: dataclasses.replace(actions, valid=torch.tensor([[[True], [False]]]))
    reply = talk.answer(message(1))
    assert reply["valid"].tolist() == [True, False] and reply["actions"][1].tolist() == [float(reply["actions"][0, 0]), 0.0]
    policy.change = lambda actions: dataclasses.replace(actions, valid=torch.zeros_like(actions.valid))
    before = talk.given.low_level[0, 0, 0]
    for number in (2, 3):  # again and again: what stood still was executed
        reply = talk.answer(message(number))
        assert reply["actions"].tolist() == [[float(before[0]), 0.0]] * 2 and talk.given.valid.all()
    fresh, quiet = session()
    quiet.change = lambda actions: dataclasses.replace(actions, valid=torch.zeros_like(actions.valid))
    with pytest.raises(RequestError, match="wants nothing done, nothing was executed"):
        fresh.answer(message(0))
    masked = fresh.answer({**message(0), "executed": np.zeros((1, 2)), "executed_valid": np.array([False])})
    assert not masked["valid"].any()


def test_a_policy_that_diverged_is_not_let_through() -> None:
    talk, policy = session()
    policy.change = lambda actions: dataclasses.replace(actions, low_level=actions.low_level * torch.nan)
    with pytest.raises(FloatingPointError, match="not finite, so they were not sent"):
        talk.answer(message())


PICTURE = message()["observation/image"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation/image": None}, r"has no 'observation/image', only \['executed"),
        ({"observation/image": PICTURE.tolist()}, "is a list, expected a NumPy array"),
        ({"observation/image": PICTURE / np.float32(255)}, "float32, expected uint8.*Multiply"),
        ({"observation/image": PICTURE.transpose(2, 0, 1)}, r"\(3, 4, 6\), channels first"),
        ({"observation/image": np.zeros((224, 224, 3), np.uint8)}, r"\(224, 224, 3\), expected \(4, 6, 3\). The server does not resize"),
        ({"observation/image": np.zeros((4, 6, 4), np.uint8)}, "expected"),
        ({"observation/image": PICTURE[None].repeat(3, 0)}, "unequal numbers of instants"),
        ({"observation/state": np.zeros(3)}, r"\(3,\), expected \(2,\)"),
        ({"observation/state": np.array(["a", "b"])}, "expected numbers"),
        ({"observation/state": np.array([0.0, np.nan])}, "not finite"),
        ({"observation/state": np.array([0.0, 1e300])}, "not finite"),
        ({"executed": np.zeros((2, 3))}, r"float64 \(2, 3\), expected numbers of shape \(E\*1, 2\)"),
        ({"executed": [[0.0, 0.0]]}, "'executed' is a list"),
        ({"executed": np.array([[np.inf, 0.0]])}, "'executed' has numbers that are not finite"),
        ({"executed": np.zeros((65, 2))}, "65 steps, expected at most 64"),
        ({"executed_valid": np.ones(2, bool)}, "executed_valid"),
        ({"prompt": "push the red disk"}, r"Near ones: \['push the red disc'"),
        ({"prompt": 3}, "has 3 under 'prompt'"),
        ({"noise": 3}, "'noise' is 3"),
        ({"reset": np.ones(2)}, "'reset' is array"),
        ({"sequence": "first"}, "'sequence' is 'first'"),
    ],
)
def test_a_message_that_does_not_fit_says_what_came_and_what_was_expected(changes, words) -> None:
    talk, _ = session(instructed=True)
    asked = {**message(), "executed": np.zeros((1, 2)), **changes}
    with pytest.raises(RequestError, match=words):
        talk.answer({key: value for key, value in asked.items() if value is not None})


@pytest.mark.parametrize(("asked", "words"), [([1], "is a list"), ({}, "none of the inputs"), ({"x": 1}, "none of the inputs")])
def test_a_message_that_is_none(asked, words) -> None:
    with pytest.raises(RequestError, match=words):
        session()[0].answer(asked)


def test_too_many_instants_and_too_few() -> None:
    many = {key: np.stack([value] * 65) for key, value in message().items() if key != "prompt"}
    with pytest.raises(RequestError, match="65 instants, expected 1 to 64"):
        session()[0].answer(many)
    with pytest.raises(RequestError, match="0 instants"):
        session()[0].answer({key: value[:0] for key, value in many.items()})
    with pytest.raises(RequestError, match="2 instants for 1 executed steps"):
        session()[0].answer({**{key: value[:2] for key, value in many.items()}, "executed": np.zeros((1, 2))})


@pytest.mark.parametrize(
    ("observes", "acts", "words"),
    [
        (SEES, ActionSpec(latent=3), "low-level actions alone"),
        (ObservationSpec(cameras={"front": Camera(height=4, width=6, depth=True)}), ACTS, "depth"),
        (ObservationSpec(state=LatentSpec(shape=(2,)), proprio=(Slot(name="x"),)), ACTS, "states"),
        (ObservationSpec(), ACTS, "it sees nothing"),
    ],
)
def test_a_policy_that_the_format_cannot_carry_is_refused(observes, acts, words) -> None:
    with pytest.raises(SpecError, match=words):
        Keys.of(observes).require_fit(PolicySpec(observes=observes, acts=acts))


def test_a_table_of_ones_own_must_cover_the_policy() -> None:
    policy = Summing()
    keys = Keys(cameras={"exterior": "front", "hand": "wrist"}, proprio={"joints": 1, "gripper": 1}, prompt="task")
    keys.require_fit(policy.spec)
    told = message()
    reply = Session(policy, keys, Limits()).answer(
        {
            "exterior": told["observation/image"],
            "hand": told["observation/wrist_image"],
            "joints": told["observation/state"][:1],
            "gripper": told["observation/state"][1:],
        }
    )
    assert np.array_equal(reply["actions"], session()[0].answer({**message(), "noise": {"seed": 0, "step": 0, "stream": 0}})["actions"])
    with pytest.raises(SpecError, match=r"cameras \['front'\], the policy sees .*1 readings, the policy sees 2"):
        Keys(cameras={"exterior": "front"}, proprio={"joints": 1}).require_fit(policy.spec)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"proprio": {"joints": 3, "gripper": -1}}, r"keys \['gripper'\] of the table hold no reading"),
        ({"proprio": {"front": 2}}, r"keys \['front'\] mean something else in a message as well"),
        ({"proprio": {"executed": 2}}, r"keys \['executed'\] mean something else"),
        ({"prompt": "goal/task"}, r"keys \['goal/task'\] mean something else .* without 'goal/' before it"),
    ],
)
def test_a_table_whose_keys_mean_two_things_is_refused(table, words) -> None:
    usual = {"cameras": {"front": "front", "wrist": "wrist"}, "proprio": {"joints": 2}, "prompt": "task"}
    Keys(**usual).require_fit(Summing(instructed=True).spec)
    with pytest.raises(SpecError, match=words):
        Keys(**{**usual, **table}).require_fit(Summing(instructed=True).spec)


def test_a_reading_in_another_unit_is_refused_and_one_a_little_beyond_its_limits_is_not() -> None:
    elbow, free = Slot(name="elbow", unit="rad", low=-1.5, high=1.5), Slot(name="free", low=-3.4e38, high=3.4e38)
    joints = ObservationSpec(proprio=(elbow, free, Slot(name="fixed", low=0.0, high=0.0)))
    keys = Keys.of(joints)
    for angle in (-4.4, 0.0, 4.4):
        keys.observation({"observation/state": np.array([angle, 1e6, 0.1])}, joints, most=1)
    for angle in (-90.0, 90.0):
        with pytest.raises(RequestError, match=rf"'observation/state' has {angle:g} for 'elbow', expected -1.5 to 1.5 rad.* degrees for radians"):
            keys.observation({"observation/state": np.array([[0.0, 0.0, 0.0], [angle, 0.0, 0.0]])}, joints, most=2)


def test_the_way_there_and_back() -> None:
    keys, seen = Keys.of(SEES), SEES.sample(1, 3, Noise.of([4]))
    assert same(keys.observation(keys.told(seen), SEES, most=3), seen)
