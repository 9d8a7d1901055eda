"""Policies that draw chunks conform, whatever they see and whichever head they have, and learn to do as they are shown."""

from dataclasses import replace

import pytest
import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_policy
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Look
from wam.nets.blocks.action_expert import ActionExpert
from wam.nets.blocks.action_unet import ActionUNet
from wam.nets.generate.generation import generation
from wam.nets.perceive.text import WordEncoder
from wam.plan.control.chunks import Asynchronous, overlap
from wam.world import Actions, Future, Noise, Observation, Past, SpecError, Task, Window

WORDS = ("push the red disc to the green zone", "push the blue block to the red zone")
CHUNK, DIM = 4, 32


def make(head: str = "unet", law: str = "flow", words: bool = False, goal: bool = False, proprio: bool = True):
    torch.manual_seed(0)
    spec = data_spec()
    observes = spec.observes if proprio else replace(spec.observes, proprio=())
    known = statistics(spec).for_proprio(observes.proprio)
    look = Look(observes, known, DIM, width=8, words=WordEncoder(WORDS, width=16) if words else None, goal=goal)
    size, drawn = spec.acts.per_step * len(spec.acts.low_level), generation(law, 3)
    made = ActionUNet(size, DIM, width=16) if head == "unet" else ActionExpert(size, DIM, dim=16, depth=1, heads=2)
    policy = ChunkPolicy(look, made, drawn, spec.acts, known, condition=DIM, chunk=CHUNK, execute=2, rate=spec.rate)
    for parameter in policy.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return policy


@pytest.mark.parametrize("about", [{}, {"head": "expert"}, {"words": True}, {"proprio": False, "law": "edm"}], ids=["plain", "expert", "words", "edm"])
def test_conforms(about):
    check_policy(make(**about), make=lambda: make(**about)).require()


def test_conforms_with_goals():
    goal = data_spec().observes.sample(8, 1, Noise.of(range(100, 108)))
    check_policy(make(goal=True), make=lambda: make(goal=True), task=Task(goal=Observation(rgb=goal.rgb))).require()
    with pytest.raises(SpecError, match="the task has none"):
        make(goal=True).begin(2, Task())


@pytest.mark.parametrize("law", ["flow", "v", "edm"])
def test_continues_the_chunk_that_runs(law):
    """What is given stays to the bit, what is not given moves with it, and where no chunk runs it is the draw of `act`."""
    policy, shown, noise = make(law=law), window(3).past, Noise.of(range(3))
    memory = policy.begin(3, Task())
    _, alone = policy.act(memory, shown, noise=noise)
    planned, weight = alone.low_level + 0.01, overlap(CHUNK, frozen=1, left=3).expand(3, -1).clone()
    weight[2] = 0
    _, found = policy.act_on(memory, shown, planned, weight, noise=noise)
    assert torch.equal(found.low_level[:2, 0], planned[:2, 0]) and not torch.equal(found.low_level[:2, 3], alone.low_level[:2, 3])
    torch.testing.assert_close(found.low_level[2], alone.low_level[2], atol=1e-4, rtol=0)
    given = Asynchronous(policy, delay=1, execute=1, join="given")
    check_policy(given, make=lambda: Asynchronous(make(law=law), delay=1, execute=1, join="given")).require()


def window(rows: int) -> Window:
    """The action to take is half of where the pusher is said to be."""
    spec = data_spec()
    seen = spec.observes.sample(rows, 2 + CHUNK)
    place = (Noise.of(range(rows)).uniform(1, 2) - 0.5) * 0.1
    seen = replace(seen, rgb={name: frames * 0 for name, frames in seen.rgb.items()}, proprio=place.expand(-1, 2 + CHUNK, -1))
    low_level = (place[:, :, None] / 2).expand(-1, 2 + CHUNK, 3, -1)
    valid = torch.ones(rows, 2 + CHUNK, 3, dtype=torch.bool)
    valid[:, 0] = False
    actions = Actions(valid=valid, low_level=low_level)
    return Window(
        past=Past(observation=seen.narrow("T", 0, 2), actions=actions.narrow("T", 0, 2)),
        actions=actions.narrow("T", 2),
        future=Future(observation=seen.narrow("T", 2)),
        valid=torch.ones(rows, CHUNK, dtype=torch.bool),
        task=Task(),
    )


@pytest.mark.parametrize("law", ["flow", "v"])
def test_learns_to_do_as_shown(law):
    policy, shown = make(law=law), window(64)
    optimiser = torch.optim.AdamW(policy.parameters(), lr=6e-3)
    for step in range(150):
        loss = policy.loss(shown, noise=Noise.of(range(64)).advance(step))["actions"].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    policy.eval()
    _, acted = policy.act(policy.begin(64, Task()), shown.past, noise=Noise.of(range(64)))
    assert acted.low_level.shape == (64, CHUNK, 3, 2)
    error = (acted.low_level - shown.actions.low_level).square().mean()
    assert error < 0.5 * shown.actions.low_level.square().mean()


def test_padding_teaches_nothing_and_a_wrong_horizon_is_refused():
    policy, shown = make(), window(4)
    half = replace(shown, valid=torch.tensor([[True, True, False, False]]).expand(4, -1))
    odd = replace(half, actions=replace(half.actions, low_level=torch.cat([half.actions.low_level[:, :2], half.actions.low_level[:, 2:] + 5], 1)))
    noise = Noise.of(range(4))
    assert torch.equal(policy.loss(half, noise=noise)["actions"], policy.loss(odd, noise=noise)["actions"])
    with pytest.raises(SpecError, match="this policy draws 4"):
        policy.loss(replace(shown, actions=shown.actions.narrow("T", 0, 2)), noise=noise)
    with pytest.raises(SpecError, match="ChunkPolicy remembers 2 frames, and these windows show 1"):
        policy.loss(replace(shown, past=shown.past.narrow("T", 1)), noise=noise)
