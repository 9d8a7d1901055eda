"""What different actions lead to from the same starts, in the world that a run's data came from: what counterfactual branches are judged on.

Does not know: how they are judged (`evaluate.branches`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from wam.data import DataSpec
from wam.evaluate.branches import branch
from wam.evaluate.success import evaluation_seeds
from wam.jobs.place import Place
from wam.jobs.practise import as_shown, described
from wam.jobs.windowing import in_words_of, past_of, skip_of
from wam.recipes.runs import Run
from wam.sim.adapters.skip import Held
from wam.world import Window

EXPLORERS = ("play", "random")  # who tries: the first of them that a world has
BRANCHES = 4  # action sequences tried from each start
FIRST = 10_000  # of the evaluation seeds: others than those that policies are judged on


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Where branches are tried, and from how many starts."""

    world: str
    options: Mapping[str, object] = field(default_factory=dict)
    starts: int = 64

    def __str__(self) -> str:
        return f"{BRANCHES} action sequences from each of {self.starts} starts in the world {described(self.world, self.options)}"


def branches_of(run: Run, tried: Tried, *, horizon: int) -> Window:
    """Windows of what `BRANCHES` action sequences lead to: row s * BRANCHES + k is branch k of start s, instructions as ids into the run's table.

    ValueError for a world of another robot, or that asks for what is not in the run's table.
    """
    place = Place(tried.world, tried.options).sized_for(run)
    plain, policies = place.make(tried.starts), place.module.POLICIES
    env = as_shown(plain, run.preset)
    skip_of(run, DataSpec.of_world(env.spec), f"the world {tried.world!r}")
    explorer: Any = next(policies[name] for name in EXPLORERS if name in policies)(plain)
    seeds = torch.tensor(evaluation_seeds(tried.starts, start=FIRST))
    found = branch(env, Held(explorer, run.preset.skip), seeds=seeds, past=past_of(run), horizon=horizon, branches=BRANCHES)
    spec = run.imagining.spec
    if spec.instructed and (missing := sorted(set(env.spec.sentences) - set(spec.sentences))):
        raise ValueError(f"the world {tried.world!r} asks for {missing[0]!r} ({len(missing)} such), which is not in the table of {run.name}.")
    return replace(found, task=in_words_of(spec, found.task, env.spec.sentences))
