"""Record a world as a LeRobot data set: policies act, episodes are written one by one.

Knows: worlds and their policies by module name (`wam.sim.worlds.NAME` with `make(batch, **options)` and `POLICIES`).
Does not know: models, the command line.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import wam.sim.worlds
from wam.data import DataSpec, Recorder, cut
from wam.plan.control.rollout import rollout
from wam.world import Env, Noise, Truth

BATCH = 250  # episodes recorded together
TRUTH = tuple(field.name for field in fields(Truth))


def load_world(name: str) -> ModuleType:
    """The world's module; ValueError that suggests what was meant."""
    names = [found.name for found in pkgutil.iter_modules(wam.sim.worlds.__path__)]
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise ValueError(f"there is no world {name!r}. {f'Did you mean {near[0]!r}?' if near else f'There are {names}.'}")
    return importlib.import_module(f"wam.sim.worlds.{name}")


def record_world(
    name: str,
    path: Path,
    *,
    episodes: int,
    policies: Mapping[str, float],
    seed: int = 0,
    resume: bool = False,
    truth: Sequence[str] = TRUTH,
    options: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write `episodes` episodes; `policies` are names of the world's policies and their shares.

    `truth` says what of the simulator's knowledge is kept. Episode e has seed `seed` + e, so a set can be continued (`resume`) and never repeats itself.
    ValueError for unknown names.
    """
    world = load_world(name)
    if unknown := policies.keys() - world.POLICIES.keys():
        raise ValueError(f"the world {name!r} has no policies {sorted(unknown)}; it has {sorted(world.POLICIES)}.")
    probe: Env = world.make(1, **(options or {}))
    with Recorder(path, DataSpec.of_world(probe.spec, source=f"recorded in the {name} world of wam"), resume=resume) as recorder:
        while recorder.episodes < episodes:
            chosen, count = _next(policies, recorder.episodes, episodes)
            env: Env = world.make(count, **(options or {}))
            seeds = range(seed + recorder.episodes, seed + recorder.episodes + count)
            done = rollout(env, world.POLICIES[chosen](env), env.spec.budget, seeds=seeds, noise=Noise.of(seeds).fork("record"), truth=bool(truth))
            dropped = {part: None for part in TRUTH if part not in truth}
            kept = replace(done, truth=replace(done.truth, **dropped) if done.truth is not None and truth else None)
            for episode in cut(kept, env.spec.sentences, source=chosen):
                recorder.write(episode)
                if progress is not None:
                    progress(recorder.episodes, episodes)
    return path


def _next(policies: Mapping[str, float], done: int, episodes: int) -> tuple[str, int]:
    """Which policy records the next batch, and how many episodes: shares are blocks of the numbers 0 .. episodes."""
    total, start = sum(policies.values()), 0.0
    for name, share in policies.items():
        start += share / total * episodes
        if done < round(start):
            return name, min(BATCH, round(start) - done)
    raise AssertionError("the shares cover all episodes")
