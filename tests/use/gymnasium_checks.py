"""What Gymnasium checks of a single environment, where it can be asked of a vector environment: it has no checker for those of its own.

The others are asked by comparing with its SyncVectorEnv (`test_gymnasium`).
"""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

env_checker = pytest.importorskip("gymnasium.utils.env_checker", reason='needs the extra "gym"')


def check_vector(envs: Any, steps: int = 12) -> None:
    """Spaces, seeds, types, determinism, and that what was given out is the caller's own."""
    env_checker.check_action_space(envs.single_action_space)
    env_checker.check_observation_space(envs.single_observation_space)
    env_checker.check_reset_return_type(envs)
    env_checker.check_reset_seed_determinism(envs)
    env_checker.check_reset_options(envs)
    assert np.isfinite(envs.action_space.low).all() and np.isfinite(envs.action_space.high).all()
    once, again = (played(envs, steps) for _ in range(2))
    assert env_checker.data_equivalence(once, again, exact=True)
    for one, other in combinations(once, 2):
        assert not env_checker.data_shares_objects(one[0], other[0]) and not env_checker.data_shares_objects(one[-1], other[-1])


def played(envs: Any, steps: int) -> list[Any]:
    """What a vector environment answers to the same actions from the same seeds, each answer of the right type."""
    envs.action_space.seed(1)
    told: list[Any] = [envs.reset(seed=1)]
    for _ in range(steps):
        seen, reward, terminated, truncated, info = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(seen)
        for values, kind in ((reward, np.float64), (terminated, np.bool_), (truncated, np.bool_)):
            assert isinstance(values, np.ndarray) and values.shape == (envs.num_envs,) and values.dtype == kind
        assert np.isfinite(reward).all() and not (terminated & truncated).any() and isinstance(info, dict)
        told.append((seen, reward, terminated, truncated, info))
    return told
