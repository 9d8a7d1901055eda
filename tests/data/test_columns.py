from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.data.toy import assert_same, toy_episode, toy_spec
from wam.data import DataError, DataSpec, Episode
from wam.data.columns import disk_columns, episode_from, features_of, led_to
from wam.world import Actions, Contacts, Facts, FactsSpec, Latent, Observation, Physical, Points, Tracks, Truth


def test_shift_by_hand() -> None:
    """Action t led to frame t in memory; on disk row t holds the action that follows frame t."""
    episode = Episode(
        observation=Observation(proprio=torch.tensor([[[0.0], [1.0], [3.0]]])),
        actions=Actions(valid=torch.tensor([[[False], [True], [True]]]), low_level=torch.tensor([[[[9.0]], [[1.0]], [[2.0]]]])),
        reward=torch.tensor([[9.0, 10.0, 20.0]]),
        alive=torch.tensor([[True, True, False]]),
    )
    columns = disk_columns(episode)
    assert columns["observation.state"][:, 0].tolist() == [0, 1, 3]
    assert columns["action"][:, 0].tolist() == [1, 2, 2]  # the last is a copy,
    assert columns["wam.actions.valid"][:, 0].tolist() == [True, True, False]  # and said not to be valid
    assert columns["next.reward"].tolist() == [10, 20, 20]
    assert columns["next.done"].tolist() == [False, True, True]


def test_last_action_of_a_foreign_set_leads_nowhere() -> None:
    columns = {"action": np.array([[1.0], [2.0], [3.0]]), "observation.state": np.zeros((3, 2))}
    episode = episode_from(columns, toy_spec(), 3)
    assert episode.actions.low_level is not None
    assert episode.actions.low_level[0, :, 0, 0].tolist() == [0, 1, 2]
    assert episode.actions.valid[0, :, 0].tolist() == [False, True, True]


def test_led_to() -> None:
    assert led_to(torch.tensor([1, 2, 3])).tolist() == [0, 1, 2]
    assert led_to(torch.tensor([False, True]), first=1).tolist() == [True, False]


def full_episode(spec: DataSpec) -> Episode:
    """Every field that a record can have, with R = 2."""
    rng, t = torch.Generator().manual_seed(0), 5

    def number(*shape: int) -> torch.Tensor:
        return torch.randn(1, t, *shape, generator=rng)

    base = toy_episode(spec, t)
    assert spec.facts is not None
    valid = torch.ones(1, t, 2, dtype=torch.bool)
    valid[:, 0], valid[:, 3, 1] = False, False
    return Episode(
        observation=Observation(
            rgb=base.observation.rgb,
            depth={"top": torch.randint(0, 5000, (1, t, 1, 8, 9), generator=rng) / 1000},
            points=Points(xyz=number(4, 3), feature=number(4, 2), group=torch.zeros(1, t, 4, dtype=torch.int64), valid=number(4) > 0),
            proprio=base.observation.proprio,
            camera_pose={"top": number(4, 4)},
        ),
        actions=Actions(
            valid=valid,
            low_level=number(2, 2),
            camera=number(4, 4),
            keys=number(3) > 0,
            latent=number(6),
            language=torch.arange(t)[None],
            skill=torch.ones(1, t, 2, dtype=torch.int64),
            arguments=number(2, 3),
        ),
        reward=base.reward,
        alive=base.alive,
        success=base.success,
        truth=Truth(
            pose=number(2, 7),
            tracks=Tracks(xyz=number(4, 2), visible=number(4) > 0),
            segmentation={"top": torch.randint(-1, 6, (1, t, 8, 9), generator=rng)},
            scene_flow={"top": (number(3, 8, 9) * 100).round() / 10_000},
            contacts=Contacts(bodies=torch.randint(-1, 2, (1, t, 3, 2), generator=rng), xyz=number(3, 3), force=number(3, 3), valid=number(3) > 0),
            facts=Facts(holds=number(3) > 0, atoms=spec.facts.atoms),
            physical=Physical(q=number(2), v=number(2), parameters=torch.tensor([[0.5, 2.0, 3.0]])),
        ),
        instruction="push",
        seed=0,
    )


def test_every_field_returns() -> None:
    spec = replace(toy_spec(per_step=2), facts=FactsSpec(predicates=(), atoms=("a", "b", "c")))
    episode = full_episode(spec).check()
    columns = disk_columns(episode)
    by_key = {feature.key: feature for feature in features_of(columns, spec, frozenset())}
    shaped = {key: array if array.ndim == 4 or array.dtype == np.uint16 else array.reshape(5, *by_key[key].shape) for key, array in columns.items()}
    back = replace(episode_from(shaped, spec, 5), instruction="push", seed=0).check()
    expected = episode.actions.valid.clone()
    assert torch.equal(back.actions.valid, expected)
    assert back.actions.camera is not None and back.actions.language is not None  # nothing led to the first frame: no motion, no sentence
    assert torch.equal(back.actions.camera[0, 0], torch.eye(4)) and back.actions.language[0, 0] == -1
    assert_same(back, episode)


def test_imagined_states_are_refused() -> None:
    episode = Episode(
        observation=Observation(state=Latent(z=torch.zeros(1, 2, 3))),
        actions=Actions(valid=torch.zeros(1, 2, 1, dtype=torch.bool)),
    )
    with pytest.raises(DataError, match="imagined states"):
        disk_columns(episode)


def test_inputs_are_not_written_to() -> None:
    episode = toy_episode(toy_spec(), 4)
    before = episode.clone()
    disk_columns(episode)
    assert_same(episode, before)
