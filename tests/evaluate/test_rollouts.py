"""The rollout card of models whose errors are known."""

import dataclasses

import pytest
import torch

from tests.evaluate.dots import DotModel, DotWorld, LatentDotModel, Wanderer, windows
from wam.evaluate import RolloutCard, branch, evaluation_seeds, positions_of_objects, rollout_card
from wam.evaluate.branches import judge_branches
from wam.evaluate.card import Measure
from wam.evaluate.imagine import AT_ONCE, imagine, others
from wam.world import Encodes, SpecError, concatenate

DOT = positions_of_objects(("dot",))
PSNR = Measure(name="PSNR", of="top", where="whole image", unit="dB", higher_is_better=True)
MOVING = dataclasses.replace(PSNR, where="moving pixels")
BY_PICTURE = Measure(name="position error", of="dot", where="pictures", unit="m")
BY_LATENT = dataclasses.replace(BY_PICTURE, where="latents")


@pytest.fixture(scope="module")
def data():
    return windows(40), windows(120, seed=1000)


def card_of(model, data, **more):
    return rollout_card(model, data[0], training=data[1], positions=DOT, **more)


def test_an_exact_model(data):
    card = card_of(DotModel(), data)
    assert min(card.arms(PSNR)["model"].values) > 45  # bytes round
    assert max(card.arms(PSNR)["copy"].values) < 30
    assert card.arms(MOVING)["background"].values[0] < card.arms(MOVING)["model"].values[0]
    assert all(contrast.better for contrast in card.contrasts)
    assert {contrast.against for contrast in card.action_use()} == {"shuffled"} and len(card.action_use()) == len(card.learning())
    floor, model = card.arms(BY_PICTURE)["true frames"].values, card.arms(BY_PICTURE)["model"].values
    assert model == pytest.approx(floor, abs=0.02)


def test_a_model_that_ignores_its_actions(data):
    """It equals the copy baseline, and shuffled actions change nothing."""
    card = card_of(DotModel(listens=False), data)
    assert card.arms(PSNR)["model"].values == pytest.approx(card.arms(PSNR)["copy"].values, abs=0.1)
    for contrast in card.action_use():
        assert contrast.ratio.value == pytest.approx(1) and not contrast.better


def test_curves_equal_a_direct_computation(data):
    window = data[0]
    card = card_of(DotModel(listens=False), data)
    frames, last = window.future.observation.rgb["top"] / 255, window.past.observation.rgb["top"][:, -1:] / 255
    expected = -10 * ((frames - last) ** 2).mean((0, 2, 3, 4)).log10()
    assert card.arms(PSNR)["copy"].values == pytest.approx(expected.tolist(), abs=1e-4)


def test_latents_are_read_by_the_probe(data):
    card = card_of(LatentDotModel(), data)
    assert card.arms(BY_LATENT).keys() == {"model", "shuffled", "copy", "true frames"}
    assert max(card.arms(BY_LATENT)["model"].values) < 0.05 < min(card.arms(BY_LATENT)["copy"].values)
    assert PSNR in card.measures()  # decoded
    assert {score.reads for score in card.probes} == {"pictures", "latents"} and min(score.r2 for score in card.probes) > 0.99


def test_steps_beyond_an_episode_do_not_count(data):
    window = data[0]
    valid = window.valid.clone()
    valid[:, 3:] = False
    torn = torch.where(valid[..., None, None, None], window.future.observation.rgb["top"], 255)
    cut = dataclasses.replace(
        window, valid=valid, future=dataclasses.replace(window.future, observation=dataclasses.replace(window.future.observation, rgb={"top": torn}))
    )
    card, whole = (rollout_card(DotModel(), some, training=data[1]) for some in (cut, window))
    for arm in ("model", "copy"):
        assert card.arms(PSNR)[arm].values[3:] == (None, None)
        assert card.arms(PSNR)[arm].values[:3] == pytest.approx(whole.arms(PSNR)[arm].values[:3])


def test_card_prints_as_json(data):
    card = card_of(LatentDotModel(), data, episodes=torch.arange(40) // 4, name="dots")
    assert card.episodes == 10 and card.model == "dots" and RolloutCard.from_json(card.to_json()) == card


def test_branches_tell_models_apart(data):
    world = DotWorld(12, budget=40)
    tried = branch(world, Wanderer(), seeds=torch.tensor(evaluation_seeds(12)), past=2, horizon=4, branches=3)
    assert tried.check().size("B") == 36 and tried.truth.pose.shape[1] == 6
    frames = tried.past.observation.rgb["top"].unflatten(0, (12, 3))
    assert torch.equal(frames[:, 0], frames[:, 1])  # one past, ...
    assert not torch.equal(tried.actions.low_level[0], tried.actions.low_level[1])  # ... several futures
    good = {figure.reads: figure for figure in card_of(DotModel(), data, branches=tried, branches_per_start=3).branches}
    assert good["pictures"].identified.value > 0.95 and good["pictures"].unexplained.value < 0.02
    deaf = {figure.reads: figure for figure in card_of(DotModel(listens=False), data, branches=tried, branches_per_start=3).branches}
    assert deaf["pictures"].identified.value == pytest.approx(1 / 3) and deaf["pictures"].unexplained.value == pytest.approx(1)


def test_branches_are_what_the_world_would_do():
    """Replaying the actions of a branch in a fresh world gives its frames."""
    seeds = torch.tensor(evaluation_seeds(5))
    tried = branch(DotWorld(5, budget=40), Wanderer(), seeds=seeds, past=9, horizon=3, branches=2)
    world = DotWorld(5, budget=40)
    observation, _ = world.reset(torch.ones(5, dtype=torch.bool), seeds)
    second = tried.select(torch.arange(5) * 2 + 1)
    assert torch.equal(second.past.observation.rgb["top"][:, 0], observation.rgb["top"][:, 0])
    world.step(second.past.actions.narrow("T", 1))
    outcome = world.step(second.actions)
    assert torch.equal(outcome.observation.rgb["top"], second.future.observation.rgb["top"])


def test_a_policy_is_shown_all_that_happened_since_it_decided():
    class Watching(Wanderer):
        def __init__(self):
            super().__init__()
            self.spec, self.shown = dataclasses.replace(self.spec, chunk=2, execute=2), []

        def act(self, memory, since, *, noise=None):
            self.shown.append(since.observation.size("T"))
            memory, one = super().act(memory, since.narrow("T", -1), noise=noise)
            return memory, concatenate([one.narrow("T", 0, 1)] * 2, "T")

    policy = Watching()
    branch(DotWorld(2, budget=40), policy, seeds=torch.tensor(evaluation_seeds(2)), past=2, horizon=4, branches=2)
    assert policy.shown == [1, 2, 2, 2, 1, 2, 1, 2]  # eight steps that lead there, then four in each of two branches


def test_branches_that_do_not_differ_say_nothing():
    same = torch.ones(4, 3, 2)
    assert judge_branches(torch.rand(4, 3, 2), same, "pictures") is None


def test_others_is_a_permutation_without_fixed_points():
    for count in (2, 3, 50):
        found = others(count, seed=count)
        assert sorted(found.tolist()) == list(range(count)) and not (found == torch.arange(count)).any()


def test_errors_explain(data):
    model = DotModel()
    model.spec = dataclasses.replace(model.spec, chunk=2)
    with pytest.raises(SpecError, match="predicts 2 at once"):
        card_of(model, data)
    model.spec = dataclasses.replace(model.spec, chunk=1, context=(3, 5))
    with pytest.raises(SpecError, match="shows 2 past frames, the model needs 3"):
        card_of(model, data)
    latent_only = type("LatentOnly", (DotModel, Encodes), {"encode": LatentDotModel.encode, "_future": LatentDotModel._future, "turn": LatentDotModel.turn})()
    latent_only.spec = LatentDotModel().spec
    with pytest.raises(SpecError, match=r"inherit wam\.world\.Decodes.* nor by positions"):
        rollout_card(latent_only, data[0], training=data[1])
    assert card_of(latent_only, data).measures() == (BY_LATENT,)
    with pytest.raises(ValueError, match="1 came: two at least"):
        rollout_card(DotModel(), data[0].narrow("B", 0, 1), training=data[1])


def test_chance_follows_the_row_and_not_the_batch():
    """A stochastic model imagines the same for a row wherever it stands; blocks of rows do not show."""

    class Shaky(DotModel):
        def predict(self, carry, actions, *, noise=None):
            kicks = 0.5 * noise.normal(actions.size("T"), 1, 2)
            return super().predict(carry, dataclasses.replace(actions, low_level=actions.low_level + kicks))

    model, many = Shaky(), windows(AT_ONCE + 6)
    model.spec = dataclasses.replace(model.spec, stochastic=True)
    whole, first = imagine(model, many), imagine(model, many.narrow("B", 0, 5))
    assert torch.equal(whole.pictures["top"][:5], first.pictures["top"])
    last = imagine(model, many.narrow("B", AT_ONCE, None), seeds=torch.arange(AT_ONCE, AT_ONCE + 6))
    assert torch.equal(whole.pictures["top"][AT_ONCE:], last.pictures["top"])
    assert not torch.equal(whole.pictures["top"][:5], imagine(DotModel(), many).pictures["top"][:5])


def test_nothing_is_done_in_a_branch_once_its_episode_has_ended():
    tried = branch(DotWorld(5, budget=10), Wanderer(), seeds=torch.tensor(evaluation_seeds(5)), past=2, horizon=6, branches=2)
    assert tried.valid.tolist() == [[True, True, False, False, False, False]] * 10  # eight steps lead there
    assert torch.equal(tried.actions.valid.any(-1), tried.valid)
