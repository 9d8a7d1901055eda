"""Video models of every make conform, learn to say what actions do, and keep their promises about what they are not told."""

from dataclasses import replace

import pytest
import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_world_model
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.world import Actions, Future, Noise, Past, SpecError, Task, Window

SMALL = VideoConfig(width=8, levels=2, condition=16, codec=8, dim=16, depth=2, heads=2, steps=2, dropped_frames=0.2, context_noise=0.3)
MAKES = {
    "flow U-Net": {},
    "regression": {"law": "regression", "residual": True},
    "frames as channels": {"chunk": 2, "stacked": True},
    "the first frame too": {"anchor": True},
    "it and frames as channels": {"anchor": True, "chunk": 2, "stacked": True},
    "one vector per clip": {"chunk": 2, "time": "causal", "acts": "clip"},
    "guided EDM in latents": {"law": "edm", "latent": 4, "fold": 1, "guidance": 2.0, "dropped_actions": 0.1},
    "transformer": {"backbone": "transformer", "time": "full", "patch": 8, "chunk": 2, "law": "v"},
    "transformer, each frame sees those before it": {"backbone": "transformer", "time": "causal", "patch": 8, "chunk": 2, "law": "v"},
}


def seen(cameras: int = 1):
    """As `push` shows it, in 16 px."""
    spec = data_spec(cameras)
    small = {name: replace(camera, height=16, width=16) for name, camera in spec.observes.cameras.items()}
    return replace(spec, observes=replace(spec.observes, cameras=small))


def make(change=None, cameras: int = 1, sentences: tuple[str, ...] = ()):
    torch.manual_seed(0)
    spec = seen(cameras)
    model = video_model(replace(SMALL, **(change or {})), replace(spec.observes, proprio=()), spec.acts, statistics(spec).for_proprio(()), spec.rate, sentences)
    for parameter in model.parameters():  # open what starts closed
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    if model.codec.autoencoder is not None:
        model.codec.fit(model.codec.latents(model.codec.observes.sample(4, 1))[:, 0])
    return model


@pytest.mark.parametrize("change", MAKES.values(), ids=MAKES.keys())
def test_conforms(change):
    check_world_model(make(change, 2), make=lambda: make(change, 2)).require()


SEES = {"full": torch.ones(3, 3), "causal": torch.ones(3, 3).tril(), "none": torch.eye(3)}  # frames of a chunk, row by row


@pytest.mark.parametrize("time", SEES)
@pytest.mark.parametrize("backbone", [{"backbone": "unet"}, {"backbone": "transformer", "patch": 8}], ids=["U-Net", "transformer"])
def test_the_frames_of_a_chunk_see_each_other_as_time_says(backbone, time):
    """By gradient, frame after frame; all of them see what is remembered."""
    model = make({**backbone, "time": time, "chunk": 3})
    clean, noisy, told = torch.rand(1, 2, 3, 16, 16), torch.rand(1, 3, 3, 16, 16, requires_grad=True), torch.rand(1, 5, 16)
    memory = model.backbone.remember(model.backbone.empty(1), clean.requires_grad_(), told[:, :2], torch.tensor([[False, True]]))
    answer = model.backbone(memory, noisy, told[:, 2:], None)
    reaches = [torch.autograd.grad(answer[:, frame].square().sum(), (noisy, clean), retain_graph=True) for frame in range(3)]
    found = torch.stack([chunk.abs().sum((0, 2, 3, 4)) > 0 for chunk, _ in reaches])
    assert torch.equal(found.float(), SEES[time]) and all(bool((remembered != 0).any()) for _, remembered in reaches)


def test_stacking_a_single_frame_changes_nothing():
    each, stacked = make(), make({"stacked": True})
    stacked.load_state_dict(each.state_dict(), strict=False)
    torch.nn.init.eye_(stacked.backbone.told.weight)
    torch.nn.init.zeros_(stacked.backbone.told.bias)
    shown, noise = window(3, 2, 2), Noise.of(range(3))
    futures = [m.predict(m.observe(m.begin(3, Task()), shown.past), shown.actions, noise=noise)[1].observation.rgb for m in (each, stacked)]
    torch.testing.assert_close(*futures)


def test_reads_instructions():
    change, sentences = {"reads": True, "dropped_words": 0.1}, ("push the red disc", "push the green block")
    check_world_model(make(change, 1, sentences), make=lambda: make(change, 1, sentences)).require()


def window(rows: int, past: int, horizon: int) -> Window:
    """A bright square that goes where actions send it."""
    spec, steps = seen(), past + horizon
    low_level = (Noise.of(range(rows)).uniform(steps, 3, 2) * 2 - 1) * 0.06
    moved = (low_level.sum(2)[:, 1:] * 40).cumsum(1).round()
    place = torch.cat([torch.zeros_like(moved[:, :1]), moved], 1).clamp(-6, 6).long() + 6
    axis = torch.arange(16)
    across, down = ((axis >= corner[..., None]) & (axis < corner[..., None] + 4) for corner in place.unbind(-1))
    square = (down[..., :, None] & across[..., None, :]).to(torch.uint8) * 255
    shown = spec.observes.sample(rows, steps)
    shown = replace(shown, rgb={name: square[:, :, None].expand(-1, -1, 3, -1, -1) for name in shown.rgb})
    valid = torch.ones(rows, steps, 3, dtype=torch.bool)
    valid[:, 0] = False
    actions = Actions(valid=valid, low_level=low_level)
    return Window(
        past=Past(observation=shown.narrow("T", 0, past), actions=actions.narrow("T", 0, past)),
        actions=actions.narrow("T", past),
        future=Future(observation=shown.narrow("T", past)),
        valid=torch.ones(rows, horizon, dtype=torch.bool),
        task=Task(),
    )


@pytest.mark.parametrize("law", [{"law": "regression"}, {"law": "flow", "clean": True}], ids=["regression", "flow"])
def test_learns_what_actions_do(law):
    """A flow too, if it is asked for frames: asked for their velocity, it has learned nothing of actions by then."""
    change = {**law, "residual": True, "width": 16, "moving": 5.0, "dropped_frames": 0.0, "context_noise": 0.0}
    model, shown = make(change), window(32, 2, 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(100):
        loss = model.loss(shown, noise=Noise.of(range(32)).advance(step))["video"].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        carry = model.observe(model.begin(32, Task()), shown.past)
    truth = next(iter(shown.future.observation.rgb.values())).float() / 255

    def error(actions: Actions) -> float:
        with torch.no_grad():
            future = model.predict(carry, actions, noise=Noise.of(range(32)))[1]
        return float((next(iter(future.observation.rgb.values())) - truth).square().mean())

    copied = float((next(iter(shown.past.observation.rgb.values()))[:, -1:].float() / 255 - truth).square().mean())
    assert error(shown.actions) < 0.7 * copied
    assert error(shown.actions) < 0.7 * error(shown.actions.select(torch.arange(32).roll(1)))


@pytest.mark.parametrize("own", [0.0, 1.0])
def test_where_it_remembers_its_own_frames_true_ones_do_not_matter(own):
    model, noise = make({"law": "regression", "residual": True, "dropped_frames": 0.0, "context_noise": 0.0, "own": own}), Noise.of(range(3))
    shown = window(3, 2, 2)
    last = replace(shown, valid=shown.valid & torch.tensor([False, True]))  # the first frame that follows is no target
    (name, frames), *_ = last.future.observation.rgb.items()
    other = replace(last, future=Future(observation=replace(last.future.observation, rgb={name: torch.cat([255 - frames[:, :1], frames[:, 1:]], 1)})))
    one, two = (model.loss(each, noise=noise)["video"] for each in (last, other))
    assert torch.equal(one, two) == bool(own)


def told_levels(model) -> list[torch.Tensor]:
    """The noise levels that the model is told of what it remembers, as they come."""
    levels: list[torch.Tensor] = []
    model.context_level.register_forward_pre_hook(lambda _, told: levels.append(told[0].detach()))
    return levels


def remembered_by(model) -> list[torch.Tensor]:
    """The frames that the model remembers, as they come."""
    frames, remember = [], model.backbone.remember

    def noted(memory, z, *rest):
        frames.append(z.detach())
        return remember(memory, z, *rest)

    model.backbone.remember = noted
    return frames


def test_what_is_remembered_is_as_noisy_as_the_model_is_told():
    """(1 - s) z + s eps, eps standard normal, one s per row, uniform up to `context_noise`; in use s = 0."""
    rows, most = 200, 0.4
    model, shown = make({"law": "regression", "context_noise": most}), window(rows, 2, 2)
    levels, remembered = told_levels(model), remembered_by(model)
    model.loss(shown, noise=Noise.of(range(rows)))
    (s, *others), z = levels, model.codec.encode(shown.whole()[0].observation)[:, :3]
    assert s.shape == (rows, 1) and all(torch.equal(s, other) for other in others)
    assert 0 < s.min() < 0.05 * most and 0.95 * most < s.max() < most
    assert abs(float(s.mean()) - most / 2) < 0.1 * most and abs(float(s.std()) - most / 12**0.5) < 0.05 * most
    worn, level = torch.cat(remembered, 1), s[:, :, None, None, None]
    eps = (worn - (1 - level) * z) / level
    assert worn.shape == z.shape and float(eps.mean().abs()) < 0.01
    assert torch.allclose(eps.flatten(2).std(-1), torch.ones(rows, 3), atol=0.2)  # of each frame of each row
    assert abs(float((eps[:, 0] * eps[:, 1]).mean())) < 0.01  # each frame has noise of its own
    assert abs(float((eps[:-1] * eps[1:]).mean())) < 0.01  # and each row

    levels.clear()
    remembered.clear()
    with torch.no_grad():
        model.predict(model.observe(model.begin(rows, Task()), shown.past), shown.actions)
    assert torch.equal(remembered[0], z[:, :2]) and len(levels) == 2 and not torch.cat(levels).any()


def test_a_model_without_context_noise_remembers_frames_as_they_are():
    model, shown = make({"law": "regression", "context_noise": 0.0}), window(3, 2, 2)
    remembered = remembered_by(model)
    model.loss(shown, noise=Noise.of(range(3)))
    assert torch.equal(torch.cat(remembered, 1), model.codec.encode(shown.whole()[0].observation)[:, :3]) and model.context_level is None


def test_rows_that_remember_what_they_draw_get_no_noise_beside_it():
    rows = 64
    model, shown = make({"law": "regression", "context_noise": 0.4, "own": 0.5, "dropped_frames": 0.0}), window(rows, 2, 2)
    levels, remembered = told_levels(model), remembered_by(model)
    with torch.no_grad():
        model.loss(shown, noise=Noise.of(range(rows)))
        s, (past, first) = levels[0][:, 0], remembered
        drawn = model._drawn(model.observe(model.begin(rows, Task()), shown.past).now, shown.actions.narrow("T", 0, 1), None)
    own = torch.isclose(first, drawn, atol=1e-5).flatten(1).all(1)
    clean = (past == model.codec.encode(shown.past.observation)).flatten(1).all(1)
    assert torch.equal(own, s == 0) and torch.equal(clean, s == 0) and 0.3 < own.float().mean() < 0.7


def test_what_is_told_of_the_noise_of_what_is_remembered_counts():
    model, shown, noise = make({"law": "regression", "context_noise": 0.4}), window(8, 2, 1), Noise.of(range(8))
    asked = []
    model.backbone.register_forward_pre_hook(lambda _, given: asked.append(given[2].detach()))
    level, tell = told_levels(model), model.context_level.forward
    loss = model.loss(shown, noise=noise)["video"]
    model.context_level.forward = lambda told: tell(torch.zeros_like(told))
    other = model.loss(shown, noise=noise)["video"]
    assert (loss != other).all()
    torch.testing.assert_close(asked[0] - asked[1], tell(level[0]) - tell(torch.zeros_like(level[0])))


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("change", [{}, {"anchor": True}, {"backbone": "transformer", "patch": 8, "time": "full"}], ids=["U-Net", "anchor", "transformer"])
def test_dropped_frames_leave_the_memory_of_the_last_few(change, chance):
    """Each number of frames from none to all but one as likely: as if no more had been seen."""
    rows, context = 300, 3
    model, shown = make({**change, "context": context, "dropped_frames": chance, "context_noise": 0.0}), window(rows, context, 1)
    given = []
    model.backbone.register_forward_pre_hook(lambda _, asked: given.append(asked))
    with torch.no_grad():
        model.loss(shown, noise=Noise.of(range(rows)))
        (memory, noisy, condition, words), *_ = given
        found, matches = model.backbone(memory, noisy, condition, words), []
        for count in range(context + 1):
            carry = model.begin(rows, Task())
            carry = model.observe(carry, shown.past.narrow("T", context - count)) if count else carry
            answer = model.backbone(carry.now.memory, noisy, condition, words)
            matches.append(torch.isclose(found, answer, atol=1e-5).flatten(1).all(1))
    assert (torch.stack(matches).sum(0) == 1).all()
    for share, expected in zip(torch.stack(matches).float().mean(1), [chance / context] * context + [1 - chance], strict=True):
        assert abs(float(share) - expected) < 0.1 if 0 < expected < 1 else share == expected


def test_frames_that_are_dropped_count_nowhere():
    """Neither the last of them, to which a residual model adds, nor in the eye: of W = 2, half of the rows see one and the others none."""
    model, shown, noise = make({"residual": True, "eye": 8, "dropped_frames": 1.0, "context_noise": 0.0}), window(64, 2, 1), Noise.of(range(64))

    def unchanged(frame: int) -> torch.Tensor:
        rgb = {name: frames.index_copy(1, torch.tensor([frame]), 255 - frames[:, [frame]]) for name, frames in shown.past.observation.rgb.items()}
        other = replace(shown, past=replace(shown.past, observation=replace(shown.past.observation, rgb=rgb)))
        return model.loss(shown, noise=noise)["video"] == model.loss(other, noise=noise)["video"]

    with torch.no_grad():
        assert unchanged(0).all() and 0.3 < unchanged(1).float().mean() < 0.7


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_words_that_are_dropped_are_not_read(chance):
    """By chance and row, and other rows than those that drop their actions; where they are dropped, as if nothing had been said."""
    rows, sentences = 64, ("push the red disc", "push the green block")
    model, shown, noise = make({"reads": True, "dropped_words": chance, "dropped_actions": 0.5}, 1, sentences), window(rows, 2, 1), Noise.of(range(rows))

    def loss(window: Window, *told: int) -> torch.Tensor:
        task = Task(instruction=torch.tensor(told).expand(rows)) if told else Task()
        return model.loss(replace(window, task=task), noise=noise)["video"]

    with torch.no_grad():
        one, two, none = loss(shown, 0), loss(shown, 1), loss(shown)
        deaf = one == two
        assert torch.equal(deaf, one == none) and torch.equal(deaf, two == none)
        turned = loss(replace(shown, actions=replace(shown.actions, low_level=-shown.actions.low_level)), 0) == one
    assert abs(float(deaf.float().mean()) - chance) < 0.2 if chance == 0.5 else (deaf == bool(chance)).all()
    if chance == 0.5:
        assert all(0.1 < both.float().mean() < 0.4 for both in (deaf & turned, deaf & ~turned, turned & ~deaf, ~deaf & ~turned))


def test_what_is_dropped_is_not_seen():
    model, shown = make({"dropped_actions": 1.0, "dropped_frames": 0.0}), window(4, 2, 1)
    turned = replace(shown, actions=replace(shown.actions, low_level=-shown.actions.low_level))
    noise = Noise.of(range(4))
    assert torch.equal(model.loss(shown, noise=noise)["video"], model.loss(turned, noise=noise)["video"])


def test_frames_that_no_action_led_to_stay_as_they_are():
    model, shown = make({"chunk": 2, "time": "full"}), window(3, 2, 2)
    carry = model.observe(model.begin(3, Task()), shown.past)
    nothing = replace(shown.actions, valid=torch.zeros_like(shown.actions.valid))
    future = model.predict(carry, nothing, noise=Noise.of(range(3)))[1]
    for name, frames in future.observation.rgb.items():
        assert torch.allclose(frames, shown.past.observation.rgb[name][:, -1:].float().div(255).expand_as(frames), atol=1e-6)


def test_it_starts_from_nothing_one_frame_or_two():
    model, shown = make(), window(2, 2, 1)
    fresh = model.begin(2, Task())
    one = model.observe(fresh, shown.past.narrow("T", 1))
    two = model.observe(fresh, shown.past)
    futures = [model.predict(carry, shown.actions, noise=Noise.of(range(2)))[1].observation.rgb for carry in (fresh, one, two)]
    pictures = [next(iter(rgb.values())) for rgb in futures]
    assert all(picture.isfinite().all() for picture in pictures)
    assert not torch.allclose(pictures[0], pictures[1]) and not torch.allclose(pictures[1], pictures[2])


@pytest.mark.parametrize("anchor", [False, True])
def test_a_frame_long_ago_matters_where_it_is_an_anchor(anchor):
    model, shown = make({"law": "regression", "anchor": anchor}), window(3, 5, 1)
    (name, frames), *_ = shown.past.observation.rgb.items()

    def imagined(frames):
        past = replace(shown.past, observation=replace(shown.past.observation, rgb={name: frames}))
        return model.predict(model.observe(model.begin(3, Task()), past), shown.actions)[1].observation.rgb[name]

    first, second = frames.clone(), frames.clone()
    first[:, 0], second[:, 1] = 255 - first[:, 0], 255 - second[:, 1]
    assert torch.equal(imagined(frames), imagined(second))
    assert torch.equal(imagined(frames), imagined(first)) != anchor


def test_what_was_imagined_from_nothing_is_gone_on_from():
    """Two chunks are as one that was seen to begin with: a residual model adds its second frame to its first."""
    model = make(MAKES["regression"])
    acts = model.spec.consumes.sample(2, 2)
    with torch.no_grad():
        carry, _ = model.predict(model.begin(2, Task()), acts.narrow("T", 0, 1))
        begun = replace(carry.now, started=torch.ones(2, dtype=torch.bool))
        expected = model._drawn(begun, acts.narrow("T", 1, 2), None)
        _, both = model.predict(model.begin(2, Task()), acts)
    assert carry.now.started.all() and not carry.seen.started.any()
    (shown,), (wanted,) = both.observation.rgb.values(), model.codec.decode(expected).rgb.values()
    torch.testing.assert_close(shown[:, 1:], wanted)


def test_latents_are_learned_in_only_after_their_autoencoder():
    model, shown, noise = make({"latent": 4, "fold": 1}), window(3, 2, 1), Noise.of(range(3))
    model.codec.fitted.fill_(False)
    with pytest.raises(SpecError, match=r"never fitted.* latent = 0"):
        model.loss(shown, noise=noise)
    assert model.codec.loss(shown, noise=noise).keys() == {"reconstruction", "kl"}  # its own stage comes before
    model.codec.fit(model.codec.latents(shown.past.observation)[:, 0])
    assert model.loss(shown, noise=noise)["video"].isfinite().all() and bool(model.state_dict()["codec.fitted"])
    pixels = make()
    assert "codec.fitted" not in pixels.state_dict()
    with pytest.raises(SpecError, match="the codec of pixels has nothing to learn"):
        pixels.codec.loss(shown, noise=noise)


@pytest.mark.parametrize("per_frame", [False, True])
def test_frames_learn_at_levels_of_their_own_where_asked(per_frame):
    model, told = make({"chunk": 3, "time": "causal", "per_frame": per_frame}), []
    model.backbone.register_forward_pre_hook(lambda _, asked: told.append(asked[2]))  # the condition of the frames that are learned
    model.actions.forward = lambda actions, told=None: model.zero.new_zeros(1, 1, 1)  # that levels alone tell frames apart
    model.place = None
    model.loss(window(4, 2, 3), noise=Noise.of(range(4)))
    (levels,) = told
    assert [bool((levels[:, 0] != levels[:, frame]).any(-1).all()) for frame in (1, 2)] == [per_frame, per_frame]
    with torch.no_grad():  # a draw has one level for all
        model.predict(model.observe(model.begin(4, Task()), window(4, 2, 3).past), window(4, 2, 3).actions, noise=Noise.of(range(4)))
    assert all(torch.equal(levels[:, 0], levels[:, 1]) for levels in told[1:]) and len(told) == 3


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"law": "regression"}, "per_frame is of noise levels, and a regression goes through none"),
        ({"chunk": 2, "stacked": True}, "per_frame gives every frame a noise level of its own, and stacked frames are one picture"),
    ],
)
def test_one_picture_has_one_level(change, match):
    with pytest.raises(ValueError, match=match):
        make({**change, "per_frame": True})


def test_guidance_takes_more_of_what_an_instruction_adds():
    """Of one network evaluation, a draw is linear in the answers: o0 + w (o1 - o0)."""
    words = ("push the red disc", "push the green block")
    model, shown, noise = make({"acts": "none", "reads": True, "dropped_words": 0.1, "steps": 1}, sentences=words).eval(), window(3, 2, 1), Noise.of(range(3))

    def drawn(told: int, weight: float) -> torch.Tensor:
        model.guidance = weight
        carry = model.observe(model.begin(3, Task(instruction=torch.full((3,), told))), shown.past)
        return model._drawn(carry.now, shown.actions, noise)

    with torch.no_grad():
        nothing, plain, guided = drawn(-1, 1.0), drawn(1, 1.0), drawn(1, 3.0)
        assert not torch.allclose(nothing, plain, atol=1e-3) and not torch.allclose(plain, guided, atol=1e-3)
        torch.testing.assert_close(guided, nothing + 3 * (plain - nothing), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("reads", [False, True])
def test_guidance_takes_more_of_what_actions_add_and_with_words_of_both(reads):
    """What it is compared with is told neither; the weight counts once for both."""
    change = {"steps": 1, "dropped_actions": 0.1, "reads": reads, "dropped_words": 0.1}
    model, shown, noise = make(change, sentences=("push the red disc", "push the green block")).eval(), window(3, 2, 1), Noise.of(range(3))
    acted, unknown = shown.actions, replace(shown.actions, labelled=torch.zeros(3, 1, dtype=torch.bool))

    def drawn(actions: Actions, told: int, weight: float) -> torch.Tensor:
        model.guidance = weight
        carry = model.observe(model.begin(3, Task(instruction=torch.full((3,), told) if reads else None)), shown.past)
        return model._drawn(carry.now, actions, noise)

    with torch.no_grad():
        nothing, plain, guided = drawn(unknown, -1, 1.0), drawn(acted, 1, 1.0), drawn(acted, 1, 3.0)
        assert not torch.allclose(nothing, plain, atol=1e-3) and not torch.allclose(plain, guided, atol=1e-3)
        torch.testing.assert_close(guided, nothing + 3 * (plain - nothing), atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_refused():
    with pytest.raises(SpecError, match="names what reads the instruction, and the model reads none"):
        make({"text": "t5-small"})
    with pytest.raises(SpecError, match="makes 2 at once"):
        make({"chunk": 2, "time": "full"}).loss(window(2, 2, 3), noise=Noise.of(range(2)))
    with pytest.raises(SpecError, match=r"remembers 2 frames, and these windows show 1 .* set the learner's past to 2"):
        make().loss(window(2, 1, 1), noise=Noise.of(range(2)))
    with pytest.raises(SpecError, match="it must learn that"):
        make({"guidance": 2.0})
    with pytest.raises(SpecError, match="anchor is of the U-Net"):
        make({"backbone": "transformer", "patch": 8, "anchor": True})
    with pytest.raises(SpecError, match="time='full'"):
        make({"stacked": True, "chunk": 2, "time": "full"})
