"""Record a world as a LeRobot data set: policies act, episodes are written one by one.

Knows: worlds and their policies by module name (`wam.sim.worlds.NAME` with `make(batch, **options)` and `POLICIES`).
Does not know: models, the command line.
"""

import importlib
import math
import pkgutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import torch

import wam.sim.worlds
from wam.data import DataSpec, Recorder, cut, open_dataset
from wam.plan.control.rollout import rollout
from wam.world import Env, Noise, Truth
from wam.world.names import suggestion

BATCH = 250  # episodes recorded together
TRUTH = tuple(field.name for field in fields(Truth))
ALL = ("all",)  # whatever the world knows


def load_world(name: str) -> ModuleType:
    """The world's module; ValueError that suggests what was meant."""
    names = [found.name for found in pkgutil.iter_modules(wam.sim.worlds.__path__)]
    if name not in names:
        raise ValueError(f"there is no world {name!r}. {suggestion(name, names)}")
    return importlib.import_module(f"wam.sim.worlds.{name}")


def record_world(
    name: str,
    path: Path,
    *,
    episodes: int,
    policies: Mapping[str, float] | None = None,
    seed: int = 0,
    resume: bool = False,
    truth: Sequence[str] | None = None,
    options: Mapping[str, object] | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write episodes until the set holds `episodes`; `policies` are names of the world's policies and their shares, by default its own MIXTURE.

    `truth` says what of the simulator's knowledge is kept: by default poses where the world knows them; ("all",) keeps everything.
    Episode e has seed `seed` + e, so a set can be continued (`resume`) and never repeats itself.
    The world and its policies compute on `device`. ValueError for unknown names, for shares that are not above 0, and for truth that the world lacks.
    """
    world = load_world(name)
    policies = world.MIXTURE if policies is None else policies
    if unknown := [asked for asked in policies if asked not in world.POLICIES]:
        raise ValueError(f"the world {name!r} has no policies {unknown}; it has {', '.join(world.POLICIES)}. Name those in the shares.")
    if odd := {asked: share for asked, share in policies.items() if not 0 < share < math.inf}:
        raise ValueError(f"the shares of policies are {odd}, expected numbers above 0. Leave out a policy that shall not act.")
    if unknown := [asked for asked in truth or () if asked not in TRUTH and tuple(truth or ()) != ALL]:
        raise ValueError(f"no truth is called {unknown[0]!r}. {suggestion(unknown[0], sorted(TRUTH))}")
    probe: Env = world.make(1, device=device, **(options or {}))
    truth = kept_truth(probe, truth)
    with Recorder(path, DataSpec.of_world(probe.spec, source=f"recorded in the {name} world of wam"), resume=resume) as recorder:
        there = Counter(entry.source or "" for entry in open_dataset(path).episodes) if recorder.episodes else Counter[str]()
        while recorder.episodes < episodes:
            chosen, count = _next(policies, there, episodes)
            env: Env = world.make(count, device=device, **(options or {}))
            seeds = range(seed + recorder.episodes, seed + recorder.episodes + count)
            done = rollout(env, world.POLICIES[chosen](env), env.spec.budget, seeds=seeds, noise=Noise.of(seeds, device).fork("record"), truth=bool(truth))
            dropped = {part: None for part in TRUTH if part not in truth}
            kept = replace(done, truth=replace(done.truth, **dropped) if done.truth is not None and truth else None)
            for episode in cut(kept.to("cpu"), env.spec.sentences, source=chosen):
                recorder.write(episode)
                there[chosen] += 1
                if progress is not None:
                    progress(recorder.episodes, episodes)
    return path


def held(path: Path) -> int:
    """Episodes in a data set; 0 where there is none yet."""
    return len(open_dataset(path)) if path.is_dir() and any(path.iterdir()) else 0


def kept_truth(env: Env, truth: Sequence[str] | None) -> tuple[str, ...]:
    """The parts of the truth to keep; None = poses, where there are any. ValueError where the world does not know what was asked for."""
    if truth is not None and not truth:
        return ()
    env.reset(torch.ones(env.batch, dtype=torch.bool), torch.zeros(env.batch, dtype=torch.int64))
    found = env.truth()
    known = [part for part in TRUTH if getattr(found, part) is not None]
    if truth is None:
        return ("pose",) if "pose" in known else ()
    if tuple(truth) == ALL:
        return tuple(known)
    if lacking := [part for part in truth if part not in known]:
        knows = f"It knows {', '.join(known)}: ask for those, or none." if known else "It knows none: leave it out."
        raise ValueError(f"the world {env.spec.name!r} does not know the truth {lacking}. {knows}")
    return tuple(truth)


def _next(policies: Mapping[str, float], there: Mapping[str, int], episodes: int) -> tuple[str, int]:
    """Which policy records the next batch, and how many episodes: the first that has fewer than its share of all, one after the other."""
    total, start, left = sum(policies.values()), 0.0, episodes - sum(there.values())
    for name, share in policies.items():
        before, start = round(start), start + share / total * episodes
        if there.get(name, 0) < round(start) - before:
            return name, min(BATCH, round(start) - before - there.get(name, 0), left)
    return name, min(BATCH, left)  # others acted in more than their shares before
