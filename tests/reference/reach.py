"""A small task on the push world for every kind of model: bring the pusher to one of nine places.

Each task is given in every form at once: a sentence, a goal image, a goal state, and goal facts where a model asks for them.
A point-cloud sensor is added: the tracked points of the bodies, seen without noise.
"""

from dataclasses import replace

import torch

from tests.reference.sensing import SensedWorld
from wam.plan.control.rollout import rollout
from wam.sim.worlds.push import Play, PushConfig, Wander
from wam.world import EnvSpec, Episodes, Facts, FactsSpec, Future, Noise, Past, Predicate, Task, Truth, Window, concatenate

STEPS = 20
NEAR = 0.08  # m
NAMES = tuple(f"{up} {across}".strip() for up in ("bottom", "", "top") for across in ("left", "", "right"))
SENTENCES = tuple(f"go to the {name or 'middle'}" for name in NAMES)
PLACES = torch.tensor([[x, y] for y in (-0.3, 0.0, 0.3) for x in (-0.3, 0.0, 0.3)])
FACTS = FactsSpec(predicates=(Predicate(name="at", types=("place",)),), atoms=tuple(f"at({name or 'middle'})" for name in NAMES))


class ReachWorld:
    """`Env`: the push world in free play with one disc, and a place to go to."""

    def __init__(self, batch: int):
        self.sensed, self.batch = SensedWorld(batch, PushConfig(task="play", size=16, budget=STEPS)), batch
        self.world = self.sensed.world
        self.spec: EnvSpec = replace(self.sensed.spec, name="reach", sentences=SENTENCES, facts=FACTS)
        self.place = torch.zeros(batch, dtype=torch.int64)

    def reset(self, mask, seeds):
        observation, _ = self.sensed.reset(mask, seeds)
        self.place = torch.where(mask, Noise.of(seeds).fork("place").integers(1, len(PLACES))[:, 0], self.place)
        return observation, self._task()

    def step(self, actions):
        outcome = self.sensed.step(actions)
        apart = (outcome.observation.proprio - PLACES[self.place][:, None]).norm(dim=-1)
        return replace(outcome, reward=-apart, success=apart < NEAR)

    def truth(self) -> Truth:
        truth = self.world.truth()
        here = truth.pose[:, :, -1, :2]
        return replace(truth, facts=Facts(holds=facts_at(here), atoms=FACTS.atoms), tracks=None, segmentation=None)

    def save(self):
        return self.sensed.save(), self.place

    def restore(self, snapshot):
        self.sensed.restore(snapshot[0])
        self.place = snapshot[1]

    def _task(self) -> Task:
        """The disc stays where it is; the pusher is at the place."""
        pose = self.world.moment.state.pose.clone()
        pose[:, -1, :2] = PLACES[self.place]
        seen, state = self.sensed.shown_at(pose)
        return Task(instruction=self.place, goal=seen, goal_state=state)


def facts_at(place):
    """ "... 2" -> "... F"."""
    return (place[..., None, :] - PLACES).norm(dim=-1) < NEAR


def recorded(episodes: int = 400, seed: int = 0) -> Episodes:
    """Play and wandering, as in any data set of this world."""
    parts = []
    for index, policy in enumerate((Play, lambda world: Wander(world, memory=0.8))):
        env = ReachWorld(episodes // 2)
        seeds = range(seed + index * episodes, seed + index * episodes + episodes // 2)
        parts.append(rollout(env, policy(env.world), STEPS, seeds=seeds, noise=Noise.of(seeds), truth=True))
    return concatenate(parts, "B")


def windows(episodes: Episodes, past: int, horizon: int, count: int, seed: int) -> Window:
    """`count` windows cut at random places."""
    chance = torch.Generator().manual_seed(seed)
    rows, length = len(episodes.alive), episodes.alive.shape[1]
    row = torch.randint(rows, (count,), generator=chance)
    start = torch.randint(length - past - horizon + 1, (count, 1), generator=chance)
    time = start + torch.arange(past + horizon)
    cut = replace(episodes, task=Task(instruction=episodes.task.instruction), truth=None)
    cut = cut.map(lambda axes, leaf: leaf[row[:, None], time] if "T" in axes else leaf[row])
    before, after = cut.narrow("T", 0, past), cut.narrow("T", past)
    return Window(
        past=Past(observation=before.observation, actions=before.actions),
        actions=after.actions,
        future=Future(observation=after.observation, reward=after.reward, alive=after.alive.float()),
        valid=torch.ones(count, horizon, dtype=torch.bool),
        task=cut.task,
    )
