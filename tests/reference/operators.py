"""Kind 6: STRIPS-like operators over facts grounded by a learned classifier. One model step is one whole skill."""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp
from wam.world import (
    ActionSpec,
    EnvSpec,
    Exposes,
    Facts,
    Fits,
    Future,
    FutureSpec,
    Grounded,
    Observation,
    ObservationSpec,
    Operator,
    Operators,
    Progress,
    Record,
    Skill,
    WorldModelSpec,
    record,
)


@record
class Held(Record):
    holds: Bool[Tensor, "B F"]


class OperatorModel(nn.Module, Exposes, Operators, Fits):
    def __init__(self, world: EnvSpec, skills: tuple[Skill, ...], grounded: tuple[tuple[int, tuple[float, ...]], ...], *, points: int = 0, trials: int = 300):
        """grounded: (skill id, arguments) of every skill that can be asked for; points: of a cloud whose first one the facts are about (0: the pusher)."""
        super().__init__()
        sees = ObservationSpec(points=points) if points else ObservationSpec(proprio=world.observes.proprio)
        acts = ActionSpec(skills=skills)
        self.spec = WorldModelSpec(observes=sees, predicts=FutureSpec(state=world.facts), consumes=acts, rate=world.rate, differentiable=False)
        self.atoms, self.grounded, self.trials = world.facts.atoms, grounded, trials
        self.classifier = mlp(2, 64, len(self.atoms), layers=2)
        count = (len(grounded), len(self.atoms))
        for name in ("adds", "deletes", "needs"):
            self.register_buffer(name, torch.zeros(count, dtype=torch.bool))

    def begin(self, batch, task):
        held = Held(holds=torch.zeros(batch, len(self.atoms), dtype=torch.bool, device=self.adds.device))
        return Grounded(seen=held, now=held)

    def observe(self, carry, since, *, noise=None):
        held = Held(holds=self._ground(self._place(since.observation)[:, -1]))
        return Grounded(seen=held, now=held)

    def predict(self, carry, actions, *, noise=None):
        holds, path = carry.now.holds, []
        for t in range(actions.size("T")):
            index, known = self._which(actions.skill[:, t, 0], actions.arguments[:, t, 0])
            applies = known & actions.valid[:, t, 0] & (holds | ~self.needs[index]).all(1)
            after = (holds & ~self.deletes[index]) | self.adds[index]
            holds = torch.where(applies[:, None], after, holds)
            path.append(holds)
        return Grounded(seen=carry.seen, now=Held(holds=holds)), Future(state=Facts(holds=torch.stack(path, 1), atoms=self.atoms))

    def state(self, carry):
        return Facts(holds=carry.now.holds[:, None], atoms=self.atoms)

    def operators(self):
        sets = lambda rows, k: frozenset(rows[k].nonzero()[:, 0].tolist())  # noqa: E731
        return tuple(
            Operator(
                f"{self.spec.consumes.skills[skill].name}{arguments}",
                skill,
                arguments,
                sets(self.needs, k),
                frozenset(),
                sets(self.adds, k),
                sets(self.deletes, k),
            )
            for k, (skill, arguments) in enumerate(self.grounded)
        )

    def fit(self, episodes, *, noise):
        """Classifier by gradient; effects are what every execution brought about, preconditions what always held before."""
        places, holds = self._place(episodes.observation).flatten(0, 1), episodes.truth.facts.holds.flatten(0, 1)
        optimiser = torch.optim.Adam(self.classifier.parameters(), 1e-2)
        weight = (~holds).sum(0) / holds.sum(0).clamp_min(1)
        for trial in range(self.trials):
            loss = nn.functional.binary_cross_entropy_with_logits(self.classifier(4 * places), holds.float(), pos_weight=weight.clamp(max=20))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield Progress(trial + 1, self.trials, {"classifier": float(loss.detach())})
        before, after = (self._ground(self._place(episodes.observation)[:, t]) for t in (0, -1))
        index, known = self._which(episodes.actions.skill[:, -1, 0], episodes.actions.arguments[:, -1, 0])
        for k in range(len(self.grounded)):
            mine = known & (index == k)
            if mine.any():
                self.adds[k] = after[mine].float().mean(0) > 0.8
                self.deletes[k] = ~self.adds[k] & (after[mine].float().mean(0) < 0.2)
                self.needs[k] = before[mine].all(0)

    def _place(self, observation: Observation) -> Float[Tensor, "B T 2"]:
        """Where that is which the facts are about."""
        return observation.points.xyz[:, :, 0, :2] if self.spec.observes.points else observation.proprio

    def _ground(self, place: Float[Tensor, "B 2"]) -> Bool[Tensor, "B F"]:
        return self.classifier(4 * place.to(self.classifier[0].weight.dtype)) > 0

    def _which(self, skill, arguments):
        """Number of the grounded skill of each row, and whether there is one."""
        wanted = torch.tensor([[float(s), *a] for s, a in self.grounded], device=skill.device)
        came = torch.cat([skill[:, None].float(), arguments.float()], 1)
        apart = (came[:, None] - wanted).abs().amax(-1)
        return apart.argmin(1), apart.amin(1) < 1e-3


def skill_episodes(episodes, skill: int, arguments: Tensor):
    """First and last instants of episodes in each of which one skill ran: one model step. arguments "B M"."""
    ends = episodes.take("T", torch.tensor([0, episodes.alive.shape[1] - 1]))
    rows = len(arguments)
    valid = torch.tensor([False, True])[None, :, None].expand(rows, -1, -1)
    actions = dataclasses.replace(
        ends.actions, valid=valid, low_level=None, skill=torch.full((rows, 2, 1), skill), arguments=arguments[:, None, None].expand(-1, 2, 1, -1)
    )
    return dataclasses.replace(ends, actions=actions)
