"""Joint models conform in every view, keep what is unknown unknown, and go through the levels that their programs say."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.models.observation_space.test_video import seen as shown_by
from tests.models.observation_space.test_video import window
from tests.recipes.test_lewm import statistics
from wam.check import check_inverse, check_policy, check_world_model
from wam.models.world_action.joint import JointModel
from wam.models.world_action.joint_assembly import JointConfig, joint_model
from wam.models.world_action.joint_lessons import Lessons
from wam.models.world_action.joint_network import JointNetwork
from wam.models.world_action.joint_programs import Lesson
from wam.models.world_action.joint_situation import Given, Taught
from wam.models.world_action.joint_tokens import ActionTokens, FrameTokens, PictureTokens
from wam.nets.blocks.masks import EVERY, Rule
from wam.nets.generate.generation import ACTION_LAW
from wam.nets.generate.laws import Fixed, Levels
from wam.plan.control.chunks import Asynchronous
from wam.plan.control.continues import Continues
from wam.recipes import fast_wam, uwm
from wam.world import Actions, Imagines, Noise, Observation, SpecError, Task

CONFIG = JointConfig(latent=0, patch=8, dim=16, depth=2, heads=2, condition=16, words=16, context=2, chunk=2, execute=1, steps=2)
WORDS = ("push the red disc", "push the green block")
K, ROWS = CONFIG.chunk, 4


def make(arm: str = "uwm", sentences: tuple[str, ...] = (), cameras: int = 1, *, opened: bool = True, **changed: Any) -> JointModel:
    """A small one, all of whose gates are open unless it shall be fresh."""
    torch.manual_seed(0)
    spec = shown_by(cameras)
    config, rules, lessons, program = replace(CONFIG, **{"leads": arm == "uwm", **changed}), uwm.RULES, uwm.lessons(uwm.UWMConfig(together=0.5)), "policy"
    if arm != "uwm":
        config, rules, lessons, program = replace(config, narrow=8), fast_wam.rules(arm), fast_wam.lessons(arm), fast_wam.PROGRAMS[arm]
    observes, known = replace(spec.observes, proprio=()), statistics(spec).for_proprio(())
    model = joint_model(config, observes, spec.acts, known, spec.rate, sentences, rules=rules, lessons=lessons, program=program)
    for parameter in model.parameters():
        if opened and parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def test_conforms_as_a_policy_that_imagines():
    assert isinstance(make("imagine_first").as_policy(), Imagines) and not isinstance(make("fast").as_policy(), Imagines)
    check_policy(make("imagine_first", WORDS).as_policy(), make=lambda: make("imagine_first", WORDS).as_policy()).require()


def test_conforms_as_a_world_model():
    check_world_model(make("uwm", WORDS, 2).as_world_model(), make=lambda: make("uwm", WORDS, 2).as_world_model()).require()


def test_conforms_where_frames_are_drawn_as_differences():
    check_world_model(make("uwm", WORDS, 2, residual=True).as_world_model(), make=lambda: make("uwm", WORDS, 2, residual=True).as_world_model()).require()
    check_policy(make("imagine_first", residual=True).as_policy(), make=lambda: make("imagine_first", residual=True).as_policy()).require()


def test_conforms_where_pictures_lie_between_convolutions():
    changed = {"clean": True, "fine": 8}
    check_world_model(make("uwm", WORDS, 2, **changed).as_world_model(), make=lambda: make("uwm", WORDS, 2, **changed).as_world_model()).require()
    check_policy(make("imagine_first", **changed).as_policy(), make=lambda: make("imagine_first", **changed).as_policy()).require()


def test_a_fresh_model_of_differences_leaves_the_last_frame_as_it_is():
    """Its heads answer 0: no change. Where frames themselves are asked for, that is a grey picture."""
    shown, noise = window(3, CONFIG.context, 2 * K), Noise.of(range(3))
    ((name, frames),) = shown.past.observation.rgb.items()
    last = frames[:, -1:].float() / 255
    for residual in (True, False):
        model = make("uwm", opened=False, residual=residual, clean=True).as_world_model()
        carry = model.observe(model.begin(3, Task()), shown.past)
        _, future = model.predict(carry, shown.actions, noise=noise)
        imagined = future.observation.rgb[name]
        assert torch.allclose(imagined, last.expand_as(imagined), atol=1e-4) == residual


def test_given_frames_mean_the_same_to_a_model_of_differences():
    """A known video comes back as it was given."""
    model = make("uwm", residual=True)
    known, _ = situation(model)
    video = torch.rand(ROWS, K, *model.codec.shape)
    given = {"video": Given(video, torch.ones(ROWS, K, dtype=torch.bool))}
    torch.testing.assert_close(model.draw(known, "inverse", noise=Noise.of(range(ROWS)), given=given)["video"], video)


def test_conforms_as_a_video_model_that_is_told_no_actions():
    check_world_model(make("fast").as_video(), make=lambda: make("fast").as_video()).require()


@pytest.mark.parametrize("arm", ["uwm", "fast", "joint", "imagine_first"])
def test_continues_the_chunk_that_runs(arm):
    """What is given stays to the bit, what is not given moves with it, and where no chunk runs it is the draw of `act`."""
    model, shown, noise = make(arm), window(3, 1, K).past, Noise.of(range(3))
    assert isinstance(model, Continues)
    memory = model.begin(3, Task())
    _, alone = model.act(memory, shown, noise=noise)
    planned, weight = alone.low_level * 0.9, torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.0, 0.0]])
    _, found = model.act_on(memory, shown, planned, weight, noise=noise)
    assert torch.equal(found.low_level[:2, 0], planned[:2, 0]) and not torch.equal(found.low_level[:2, 1], alone.low_level[:2, 1])
    torch.testing.assert_close(found.low_level[2], alone.low_level[2], atol=1e-4, rtol=0)


def test_conforms_where_answers_come_late():
    check_policy(
        Asynchronous(make("uwm"), delay=1, execute=1, join="given"), make=lambda: Asynchronous(make("uwm"), delay=1, execute=1, join="given")
    ).require()


def states(model: JointModel, rows: int = ROWS) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Noisy video and actions, and their levels."""
    noise = Noise.of(range(rows))
    x = {kind: noise.fork(kind).normal(K, *model.network.shape(kind)).requires_grad_() for kind in model.network.kinds}
    return x, {kind: noise.fork(kind).fork("level").uniform(K) for kind in x}


def situation(model: JointModel, rows: int = ROWS):
    shown = window(rows, CONFIG.context, K)
    return model.after(model.begin(rows, Task()), shown.past), shown


SEEN = {"uwm": (True, True), "fast": (False, False), "no_video": (False, False), "imagine_first": (True, False), "joint": (True, True)}


@pytest.mark.parametrize("fine", [0, 8])
@pytest.mark.parametrize("arm", SEEN)
def test_no_gradient_flows_where_no_rule_lets_it(arm, fine):
    model = make(arm, fine=fine, clean=bool(fine))
    here, _ = situation(model)
    here = replace(here, frames=replace(here.frames, values=here.frames.values.requires_grad_()))
    x, level = states(model)
    both = ("video", "actions")
    outputs = dict(zip(both, model.network.answering(model.network.see(here.frames, None), both, both, None)(x, level), strict=True))
    actions_see_video, video_sees_actions = SEEN[arm]
    for who, whom, sees in (("actions", "video", actions_see_video), ("video", "actions", video_sees_actions)):
        seen, own, observed = torch.autograd.grad(outputs[who].square().sum(), [x[whom], x[who], here.frames.values], retain_graph=True, allow_unused=True)
        assert own.any() and observed.any()
        assert (seen is not None and bool(seen.any())) == sees == model.network.sees(who, whom)


def test_a_frame_is_told_the_actions_that_lead_there_and_no_others():
    """From the last frame observed on, beside what attention finds, and as far as they are known; nothing of them in a model where they do not lead."""
    model = make("uwm")
    here, _ = situation(model)
    x, level = states(model)
    prefix = model.network.see(here.frames, None)
    told = model.network._told(prefix, x, level)["video"]
    other = {**x, "actions": x["actions"] + torch.tensor([0.0, 1.0])[:, None]}  # of the second step
    assert (model.network._told(prefix, other, level)["video"] != told).any(-1)[0].tolist() == [False, True]
    other = {**x, "actions": x["actions"] + torch.tensor([1.0, 0.0])[:, None]}  # of the first, which led to the second too
    assert (model.network._told(prefix, other, level)["video"] != told).any(-1)[0].tolist() == [True, True]
    unknown = {**level, "actions": torch.tensor([[1.0, 0.3]]).expand(ROWS, -1)}  # noise stands in the place of the first
    silent = model.network._told(prefix, x, unknown)["video"]
    torch.testing.assert_close(model.network._told(prefix, other, unknown)["video"], silent)
    alone = model.network._told(prefix, {"video": x["video"]}, level)["video"]
    assert (alone != told).any() and make("joint").network.done is None
    with pytest.raises(ValueError, match="only where rules let 'video' and 'actions' see each other"):
        make("fast", leads=True)


def test_between_frames_what_was_done_is_learned_without_the_instruction():
    """As the inverse view asks for it. What to do is learned with it; where all is, there is no such view."""
    inverse, policy = (lesson for lesson in uwm.lessons(uwm.UWMConfig()) if lesson.learns == ("actions",))
    for lesson, heard in ((replace(inverse, share=1.0), False), (policy, True)):
        model, shown = make("uwm", WORDS), window(ROWS, CONFIG.context, K)
        model.lessons = (lesson,)
        asked = [model.loss(replace(shown, task=Task(instruction=torch.full((ROWS,), which))), noise=Noise.of(range(ROWS)))["actions"] for which in (0, 1)]
        assert torch.equal(*asked) != heard
    with pytest.raises(SpecError, match="only learned its actions with the instruction"):
        make("imagine_first", WORDS).as_inverse()


def test_what_a_program_leaves_out_some_lesson_leaves_out():
    """No view meets streams, or their absence, that nothing was learned in."""
    learned = {(lesson.learns, lesson.absent) for lesson in uwm.lessons(uwm.UWMConfig())}
    assert learned == {(("video", "actions"), ()), (("video",), ()), (("video",), ("actions",)), (("actions",), ()), (("actions",), ("video",))}


def test_copies_of_the_last_frame_are_moved_where_actions_lead():
    moves = {arm: make(arm, fine=8, clean=True).network.tokens["video"].shifts is not None for arm in SEEN}
    assert moves == {arm: arm == "uwm" for arm in SEEN}


def test_cameras_move_each_for_themselves():
    """One may stand still where the other moves, and a pixel of one may be kept where that of the other is drawn."""
    torch.manual_seed(0)
    frames = PictureTokens((6, 32, 32), 16, patch=8, channels=8, condition=4, moved=1, cameras=2)
    assert frames.shifts is not None
    with torch.no_grad():
        frames.shifts.where.weight.zero_()
        frames.shifts.where.bias.copy_(torch.tensor([1.0, 0.0, -30.0, 0.0, 0.0, -30.0]))  # the first camera 4 px down; both sharp
    last = torch.rand(1, 6, 32, 32)
    copy = frames.shifts(last, torch.zeros(1, 1, 4))[0, 0, 0]
    torch.testing.assert_close(copy[3:], last[0, 3:], atol=0.02, rtol=0)
    torch.testing.assert_close(copy[:3, 4:], last[0, :3, :-4], atol=0.02, rtol=0)
    with torch.no_grad():
        frames.draw[-2].bias[24:].view(2, 2, 4)[0, 1] = 30.0  # the second camera keeps the last frame
    read = frames.read(torch.zeros(1, 16, 16), torch.zeros(1, 1, 6, 32, 32), last, torch.zeros(1, 1, 4))[0, 0]
    torch.testing.assert_close(read[3:], last[0, 3:])
    assert (read[:3] - last[0, :3]).abs().max() > 0.1


@pytest.mark.parametrize("arm", ["fast", "uwm"])
def test_observed_frames_computed_once_are_those_computed_along(arm):
    model = make(arm)
    here, _ = situation(model)
    x, level = states(model)
    network, kinds = model.network, ("observed", "video", "actions")
    layout = network._layout(None, kinds)
    prefix = network.see(here.frames, None)
    told = network._told(prefix, x, level) | {"observed": network.observed.expand(ROWS, CONFIG.context, -1) + prefix.gist}
    along = network._trace(None, layout, {**x, "observed": here.frames.shown}, told, None).tokens
    alone = ("actions",) if arm == "fast" else ("video", "actions")
    (once,) = network.answering(prefix, alone, ("actions",), None)(x, level)
    last = along[-1][:, -K:]
    assert network.parts(("actions",), x) == ((), alone)
    assert torch.allclose(once, network.tokens["actions"].read(last, x["actions"], prefix.last, told["actions"]), atol=1e-5)


def test_a_video_that_stays_is_computed_once():
    model = make("imagine_first")
    network, (x, level) = model.network, states(model)
    prefix = network.see(situation(model)[0].frames, None)
    assert network.parts(("actions",), x) == (("video",), ("actions",)) and network.parts(("video",), x) == ((), ("video",))
    (along,) = network.answering(prefix, ("video", "actions"), ("actions",), None)(x, level)
    longer = network.extend(prefix, {"video": x["video"]}, level, None)
    (once,) = network.answering(longer, ("actions",), ("actions",), None)(x, level)
    assert torch.allclose(once, along, atol=1e-5)


TOLD = {  # levels of video and actions at each evaluation; None = left out
    ("uwm", "policy"): [(None, 1), (None, 0.5)],
    ("uwm", "forward"): [(1, 0), (0.5, 0)],
    ("uwm", "inverse"): [(0, 1), (0, 0.5)],
    ("uwm", "video"): [(1, None), (0.5, None)],
    ("uwm", "joint"): [(1, 1), (0.5, 0.5)],
    ("uwm", "imagine first"): [(1, None), (0.5, None), (0, 1), (0, 0.5)],
    ("fast", "policy"): [(None, 1), (None, 0.5)],
    ("imagine_first", "imagine first"): [(1, None), (0.5, None), (None, 1), (None, 0.5)],
}


@pytest.mark.parametrize(("arm", "program"), TOLD)
def test_the_network_is_told_the_levels_of_the_program(arm, program, monkeypatch):
    model, told = make(arm), []

    def answering(prefix, kinds, wanted, words, apart):
        def answer(x, levels):
            told.append(tuple(levels[kind].unique().item() if kind in x else None for kind in ("video", "actions")))
            return tuple(torch.zeros_like(x[kind]) for kind in wanted)

        return answer

    monkeypatch.setattr(model.network, "answering", answering)
    here, shown = situation(model)
    everything = torch.ones(ROWS, K, dtype=torch.bool)
    z, actions = model.codec.encode(shown.future.observation), model.scaled(shown.actions)
    given = {"forward": {"actions": Given(actions, everything)}, "inverse": {"video": Given(z, everything)}}.get(program, {})
    drawn = model.draw(here, program, noise=Noise.of(range(ROWS)), given=given)
    assert told == TOLD[arm, program]
    assert all(torch.equal(drawn[kind], part.x) for kind, part in given.items())


def test_what_nobody_recorded_is_unknown_and_teaches_no_action():
    model = make("uwm")
    model.lessons = (Lesson(Levels((uwm.LAW, uwm.LAW))),)
    shown, heads = window(ROWS, CONFIG.context, K), []
    labelled = torch.tensor([True, False, True, False])[:, None]
    past = replace(shown.past, actions=replace(shown.past.actions, labelled=labelled.expand(-1, CONFIG.context)))
    marked = replace(shown, past=past, actions=replace(shown.actions, labelled=labelled.expand(-1, K)))
    odd = replace(marked, actions=replace(marked.actions, low_level=torch.where(labelled[..., None, None], shown.actions.low_level, 9.0)))
    model.network.tokens["actions"].leave.register_forward_hook(lambda module, given, out: heads.append(out))
    noise = Noise.of(range(ROWS))
    losses = model.loss(marked, noise=noise)
    (gradient,) = torch.autograd.grad(sum(value.sum() for value in losses.values()), heads[:1], retain_graph=True)
    assert not gradient[~labelled[:, 0]].any() and gradient[labelled[:, 0]].flatten(1).any(1).all()
    assert not losses["actions"][~labelled[:, 0]].any() and losses["video"].all()
    again = model.loss(odd, noise=noise)
    assert all(torch.equal(value, again[name]) for name, value in losses.items())


def test_a_row_counts_the_same_in_every_lesson():
    model, shown, noise = make("uwm"), window(ROWS, CONFIG.context, K), Noise.of(range(ROWS))
    many, few = (Lesson(Levels((uwm.LAW, uwm.LAW)), share=share) for share in (1.0, 0.5))
    model.lessons = (many, few)
    both = model.loss(shown, noise=noise)["actions"]
    model.lessons = (many,)
    alone = model.loss(shown, noise=noise)["actions"]
    torch.testing.assert_close(both[ROWS // 2 :] * 1.5, alone[ROWS // 2 :])  # they are in one lesson of 1.5
    assert (both[: ROWS // 2] * 1.5 > alone[: ROWS // 2]).all()


def lessons_of(model):
    return Lessons(model.lessons, model.denoiser, model.words)


def test_lessons_of_one_pass_are_as_each_alone():
    """Streams of other levels, left out, unheard: no row notices the others."""
    model, noise = make("uwm", WORDS), Noise.of(range(ROWS))
    (here, shown), known = situation(model), torch.ones(ROWS, K, dtype=torch.bool)
    given = {"video": Given(model.codec.encode(shown.future.observation), known), "actions": Given(model.scaled(shown.actions), known)}
    told = torch.arange(ROWS) % len(model.sentences)
    words, lessons = model.words(torch.cat([told, torch.full_like(told, -1)])), lessons_of(model)
    prefix = model.network.see(here.frames.select(torch.arange(ROWS).repeat(2)), words)
    taught = [lessons._taught(index, given, noise) for index, lesson in enumerate(model.lessons) if lesson.draws == 1]
    assert len(taught) == 4 and any(one.lesson.absent for one in taught) and not all(one.lesson.heard for one in taught)
    together = lessons._at_once(taught, prefix, words)
    for one, found in zip(taught, together, strict=True):
        (alone,) = lessons._at_once([one], prefix, words)
        assert found.keys() == alone.keys() == set(one.lesson.learns)
        assert all(found[kind].abs().sum() > 0 for kind in found)
        torch.testing.assert_close(found, alone)


def test_a_stream_that_stays_is_masked_in_the_rows_that_leave_it_out():
    """The video is seen and does not change (a clean one, beside which actions are learned); in other rows there is none."""
    model, noise = make("imagine_first"), Noise.of(range(ROWS))
    (here, shown), known = situation(model), torch.ones(ROWS, K, dtype=torch.bool)
    model.lessons = tuple(Lesson(Levels((Fixed(level), ACTION_LAW)), learns=("actions",)) for level in (0.0, 1.0))
    given = {"video": Given(model.codec.encode(shown.future.observation), known), "actions": Given(model.scaled(shown.actions), known)}
    lessons, prefix = lessons_of(model), model.network.see(here.frames, None)
    taught = [lessons._taught(index, given, noise) for index in range(2)]
    together = lessons._at_once(taught, prefix, None)
    for one, found in zip(taught, together, strict=True):
        torch.testing.assert_close(found, *lessons._at_once([one], prefix, None))


def test_what_stays_is_computed_once_for_all_draws(monkeypatch):
    """Of a video that is clean, every draw of its own would be the same."""
    model, rows = make("imagine_first"), []
    extend, noise = model.network.extend, Noise.of(range(ROWS))
    monkeypatch.setattr(model.network, "extend", lambda prefix, shown, *rest: rows.append(len(shown["video"])) or extend(prefix, shown, *rest))
    (here, shown), everything = situation(model), torch.ones(ROWS, K, dtype=torch.bool)
    parts = {"video": model.codec.encode(shown.future.observation), "actions": model.scaled(shown.actions)}
    lesson, prefix = Lesson(Levels((Fixed(0.0), ACTION_LAW)), learns=("actions",), draws=3), model.network.see(here.frames, None)
    taught = Taught(lesson, torch.arange(ROWS), {kind: Given(x, everything) for kind, x in parts.items()}, noise)
    lessons = lessons_of(model)
    once = lessons._drawn(taught, prefix, None)["actions"]
    again = torch.arange(ROWS).repeat_interleave(3)
    apart = Taught(replace(lesson, draws=1), again, {kind: part.select(again) for kind, part in taught.given.items()}, noise.spread(3))
    (each,) = (found["actions"] for found in lessons._at_once([apart], prefix, None))
    torch.testing.assert_close(once, each.unflatten(0, (-1, 3)).mean(1))
    assert rows == [ROWS, 3 * ROWS]


def test_frames_that_are_not_known_are_not_seen():
    model = make("fast")
    here, _ = situation(model)
    lone = replace(here.frames, known=torch.tensor([[False, True]]).expand(ROWS, -1))
    other = replace(lone, values=torch.cat([lone.values[:, :1] + 5, lone.values[:, 1:]], 1))
    x, level = states(model)
    answers = [model.network.answering(model.network.see(frames, None), ("actions",), ("actions",), None)(x, level)[0] for frames in (lone, other, here.frames)]
    assert torch.equal(answers[0], answers[1]) and not torch.allclose(answers[0], answers[2])


def test_inverse_dynamics_read_actions_off_frames():
    inverse = make("imagine_first").as_inverse()
    check_inverse(inverse, shown_by().observes, shown_by().acts).require()
    observation = shown_by().observes.sample(3, 4)
    noise = Noise.of(range(3))
    found = inverse.infer_actions(observation, noise=noise)
    assert found.valid[:, 1:].all() and not found.valid[:, 0].any() and not shown_by().acts.problems(found)
    earlier = inverse.infer_actions(observation.narrow("T", 0, 3), noise=noise)  # a whole chunk; a fourth frame comes after it
    assert torch.equal(earlier.low_level, found.low_level[:, :3])
    name, frames = next(iter(observation.rgb.items()))
    changed = inverse.infer_actions(Observation(rgb={name: torch.cat([frames[:, :3], 255 - frames[:, 3:]], 1)}), noise=noise)
    assert torch.equal(changed.low_level[:, :3], found.low_level[:, :3]) and not torch.equal(changed.low_level, found.low_level)
    assert inverse.infer_actions(observation.narrow("T", 0, 1)).valid.shape == (3, 1, 3)


def test_fewer_frames_and_no_words_by_chance():
    model = make("fast", WORDS)
    model.dropped_frames, model.dropped_words, rows = 0.5, 0.5, 64
    shown = replace(window(rows, CONFIG.context, K), task=Task(instruction=torch.ones(rows, dtype=torch.int64)))
    z = model.codec.encode(shown.past.observation)
    counts = model._observed(z, torch.ones(rows, CONFIG.context, dtype=torch.bool), Noise.of(range(rows))).known.sum(1)
    assert set(counts.tolist()) == {0, 1, 2} and 20 < int((counts == 2).sum()) < 44
    assert 20 < int((model._told(shown, Noise.of(range(rows))) == -1).sum()) < 44
    assert all(value.isfinite().all() for value in model.loss(shown, noise=Noise.of(range(rows))).values())


def test_what_a_model_cannot_do_is_refused():
    fast, blind = make("fast"), make("no_video")
    with pytest.raises(SpecError, match="the video does not see the actions"):
        fast.as_world_model()
    with pytest.raises(SpecError, match="actions do not see the video"):
        fast.as_inverse()
    with pytest.raises(SpecError, match="would not follow"):
        fast.as_policy("joint")
    with pytest.raises(SpecError, match="not trained on its video"):
        blind.as_video()
    with pytest.raises(SpecError, match="does not draw actions"):
        make("uwm").as_policy("forward")
    with pytest.raises(SpecError, match="this model draws 2"):
        fast.loss(window(2, 2, 1), noise=Noise.of(range(2)))
    with pytest.raises(SpecError, match="JointModel remembers 2 frames, and these windows show 1"):
        fast.loss(window(2, 1, 2), noise=Noise.of(range(2)))
    with pytest.raises(SpecError, match="reads no instructions"):
        fast.read(WORDS)
    with pytest.raises(SpecError, match="JointModel got low-level actions of shape"):
        fast.scaled(Actions(valid=torch.ones(1, 1, 3, dtype=torch.bool)))


def test_a_network_that_cannot_be_is_refused():
    net, tokens = make("fast").network.net, {"video": FrameTokens((3, 16, 16), 16, patch=8), "actions": ActionTokens(6, 8)}
    with pytest.raises(ValueError, match="observed frames are computed once"):
        JointNetwork(net, tokens, (Rule(EVERY, EVERY),), steps=K, context=1, condition=16)
    with pytest.raises(ValueError, match="2 widths for the streams"):
        JointNetwork(net, {"video": tokens["video"]}, (Rule(EVERY, "observed"),), steps=K, context=1, condition=16)
    with pytest.raises(ValueError, match="cannot be cut into patches of 5"):
        FrameTokens((3, 16, 16), 16, patch=5)
    with pytest.raises(ValueError, match="patch is 1, expected a multiple of 2"):
        PictureTokens((3, 16, 16), 16, patch=1, channels=8, condition=8, moved=0)
    with pytest.raises(ValueError, match=r"12.* channels, expected multiples of 8"):
        PictureTokens((3, 16, 16), 16, patch=4, channels=12, condition=8, moved=0)
    for wrong in ({"clean": False}, {"residual": True}, {"latent": 4}):
        with pytest.raises(ValueError, match="fine draws frames of pixels over the last one"):
            make("uwm", **{"fine": 8, "clean": True, **wrong})


def test_tokens_lie_where_their_numbers_are():
    frames = FrameTokens((1, 4, 4), 6, patch=2)
    x = torch.zeros(1, 2, 1, 4, 4)
    x[0, 1, 0, 3, 0] = 1.0  # second frame, bottom left
    changed = (frames(x) - frames(torch.zeros_like(x)))[0].abs().sum(-1) > 0
    assert frames.places([5, 6])[changed].tolist() == [[6, 1, 0]]
    torch.nn.init.normal_(frames.leave[-1].weight)
    tokens = torch.zeros(1, 8, 6)
    tokens[0, 6, 0] = 1.0
    seen = x, x[:, 0], torch.zeros(1, 2, 4)
    shown = (frames.read(tokens, *seen) - frames.read(torch.zeros_like(tokens), *seen)).abs()[0] > 0
    assert shown[1, 0, 2:, :2].any() and not shown[0].any() and not shown[1, 0, :2].any() and not shown[1, 0, :, 2:].any()
    assert ActionTokens(3, 4).places([1, 2]).tolist() == [[1, 0, 0], [2, 0, 0]]


def test_pictures_are_drawn_from_what_tokens_say_of_them_and_from_what_is_seen_near():
    """Each frame by its own tokens, from its own noise and from the last frame observed; convolutions look a few pixels over the edge of a patch."""
    torch.manual_seed(0)
    frames = PictureTokens((1, 32, 32), 16, patch=8, channels=8, condition=4, moved=2)
    x, last, tokens, told = torch.rand(1, 2, 1, 32, 32), torch.rand(1, 1, 32, 32), torch.rand(1, 32, 16), torch.rand(1, 2, 4)
    still = PictureTokens((1, 32, 32), 16, patch=8, channels=8, condition=4, moved=0)
    assert torch.allclose(still.read(tokens, x, last, told), last[:, None] * torch.tensor(1.0).sigmoid())  # nothing was learned
    white = frames.read(tokens, x, torch.ones_like(last), told)
    assert torch.allclose(white, (torch.e + 2) / (torch.e + torch.tensor(3.0)))  # of a frame in which nothing can be seen to move
    torch.nn.init.normal_(frames.draw[-2].weight)
    assert frames(x).shape == tokens.shape and frames.places([1, 2]).tolist()[16] == [2, 0, 0]
    other = tokens.clone()
    other[0, 16, 0] += 1  # second frame, top left
    moved = (frames.read(other, x, last, told) - frames.read(tokens, x, last, told)).abs()[0, :, 0]
    assert not moved[0].any() and moved[1, :8, :8].mean() > 5 * moved[1, 16:].mean()  # there, groups of channels are normalised differently
    second = torch.eye(2)[1]
    changed = ((x + second.view(1, 2, 1, 1, 1), last, told, [False, True]), (x, last + 1, told, [True, True]), (x, last, told + second[:, None], [False, True]))
    for noisy, before, done, where in changed:
        assert (frames.read(tokens, noisy, before, done) - frames.read(tokens, x, last, told)).abs().amax((0, 2, 3, 4)).gt(1e-6).tolist() == where
