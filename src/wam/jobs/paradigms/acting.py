"""How an arm acts: its trained model, its grounder with another future, or a policy of the world."""

from typing import Any

from torch import nn

from wam.jobs.paradigms.arm import Arm
from wam.jobs.paradigms.setting import Asked, policy_of_world
from wam.jobs.practise import as_shown
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Perception
from wam.models.world_action.grounding import ByGoal, ByInverseDynamics
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.models.world_action.joint import JointModel
from wam.models.world_action.joint_views import JointPolicy
from wam.models.world_action.video_features import VideoFeatures
from wam.recipes.runs import Run
from wam.use.futures import Foresees, GroundedFuture, OracleFuture, ZeroFuture
from wam.world import Env, Grounder, Policy, SpecError


def acting(arm: Arm, run: Run | None, asked: Asked, world: Any, shadow: Any) -> tuple[Env, Policy[Any]]:
    """The world as the arm sees it, and the policy. `shadow`: another world of as many rows, which the oracle tries things in."""
    if run is None:
        return world, policy_of_world(arm.acts, asked, world)
    live, model = as_shown(world, run.preset, asked.device), run.model
    if isinstance(model, JointModel):
        model.read(world.spec.sentences)
        return live, model.as_policy()
    run.read(world.spec.sentences)
    if arm.acts == "model":
        return live, run.policy()
    if not isinstance(model, ImagineThenExecute):
        raise SpecError(f"{arm.name} grounds another future, and {run.name} has no grounder apart from what it imagines. Choose a system that has one.")
    spec = model.spec
    foresees: Foresees = ZeroFuture(steps=spec.chunk, execute=spec.execute)
    if arm.acts == "oracle future":
        foresees = OracleFuture(live, shadow, policy_of_world("expert", asked, shadow), steps=spec.chunk, execute=spec.execute)
    return live, GroundedFuture(foresees, model.grounder, observes=spec.observes, acts=spec.acts, rate=spec.rate)


def counted(policy: Policy[Any]) -> tuple[nn.Module | None, nn.Module | None]:
    """The modules that are called once per evaluation of what makes (or expects) pictures, and of what makes actions."""
    if isinstance(policy, JointPolicy):
        return policy.model.network.tokens["video"], policy.model.network.tokens["actions"]
    if isinstance(policy, ImagineThenExecute):
        return entrance(policy.video), grounding(policy.grounder)
    if isinstance(policy, GroundedFuture):
        return None, grounding(policy.grounder)
    if isinstance(policy, ChunkPolicy):
        seen: Perception = policy.perception
        return entrance(seen.video) if isinstance(seen, VideoFeatures) else None, head_of(policy)
    return None, None


def entrance(video: nn.Module) -> nn.Module:
    """What every pass of a U-Net goes through first, whether a frame is drawn or only features are taken."""
    found: nn.Module | None = dict(video.named_modules()).get("backbone.net.enter")
    if found is None:
        raise SpecError(f"the backbone of {type(video).__name__} is no U-Net; say in `counted` which module each of its passes calls once.")
    return found


def grounding(grounder: Grounder) -> nn.Module | None:
    """The network that reads actions off frames, or goes to one; None for a grounder that has none."""
    if isinstance(grounder, ByGoal):
        return head_of(grounder.policy)
    return grounder.inverse.head if isinstance(grounder, ByInverseDynamics) else None


def head_of(policy: ChunkPolicy) -> nn.Module:
    """What denoises its actions."""
    head = policy.head
    assert isinstance(head, nn.Module)  # every head is one
    return head
