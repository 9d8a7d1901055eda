"""The push world with a point-cloud sensor: the tracked points of its bodies, seen without noise, pusher last."""

from dataclasses import replace

import torch

from wam.sim.worlds.push import PushConfig, PushWorld, to_physical, truth
from wam.world import EnvSpec, Observation, Physical, Points, concatenate

POINTS = 6  # five on the disc (its centre, then one along its own x, ...), and the pusher


class SensedWorld:
    """`Env`: one disc. `world` is the bare push world, for experts and skills."""

    def __init__(self, batch: int, config: PushConfig):
        self.world, self.batch = PushWorld(batch, config), batch
        spec = self.world.spec
        self.spec: EnvSpec = replace(spec, observes=replace(spec.observes, points=POINTS))

    def reset(self, mask, seeds):
        observation, task = self.world.reset(mask, seeds)
        return self.sensed(observation), task

    def step(self, actions):
        outcomes = []
        for step in range(actions.size("T")):
            outcome = self.world.step(actions.narrow("T", step, step + 1))
            outcomes.append(replace(outcome, observation=self.sensed(outcome.observation)))
        return concatenate(outcomes, "T")

    def truth(self):
        return self.world.truth()

    def save(self):
        return self.world.save()

    def restore(self, snapshot):
        self.world.restore(snapshot)

    def sensed(self, observation: Observation) -> Observation:
        """The same instant with points."""
        moment = self.world.moment
        tracks = truth.tracks(moment.scene, moment.state)
        xyz = torch.cat([tracks.xyz, torch.zeros_like(tracks.xyz[..., :1])], -1)
        group = (torch.arange(POINTS) == POINTS - 1).long().expand(self.batch, 1, POINTS)
        return replace(observation, points=Points(xyz=xyz, group=group, valid=torch.ones_like(group, dtype=torch.bool)))

    def shown_at(self, pose: torch.Tensor) -> tuple[Observation, Physical]:
        """What would be seen, and the state at rest, with the bodies at `pose` "B 2 3"; nothing moves."""
        here = self.world.save()
        self.world.restore(replace(here, state=replace(here.state, pose=pose, velocity=torch.zeros_like(pose))))
        state = self.world.moment.state
        rgb = self.world._frames(state)[:, None]
        seen = self.sensed(Observation(rgb={next(iter(self.spec.observes.cameras)): rgb}, proprio=pose[:, None, -1, :2]))
        physical = to_physical(state, here.scene.parameters)
        self.world.restore(here)
        return seen, physical
