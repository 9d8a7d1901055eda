"""The video model inside a policy, looked at by itself: what could happen after a real frame, as the instruction says, whatever is done.

It is the very module, at its own clock: one of its steps may be several of the policy's (SuSIE's sub-goal, VPP's frames that lie apart).
Knows: which of them are no world models.   Does not know: how the policy uses what is imagined.
"""

from wam.models.observation_space.video import VideoWorldModel
from wam.world import PolicySpec, SpecError


def video_alone(video: VideoWorldModel, policy: PolicySpec) -> VideoWorldModel:
    """The video model of a policy. SpecError for one that is told actions, or that looks back at another clock than it looks ahead."""
    if video.spec.consumes.told:
        raise SpecError("the video model of this policy is told actions, so it does not imagine whatever is done. Build it with acts none.")
    if video.context > 1 and video.spec.consumes.per_step != policy.acts.per_step:
        raise SpecError(
            f"the video model of this policy looks back at {video.context} frames of the policy's clock ({policy.rate:.3g} Hz) and ahead at its own "
            f"({video.spec.rate:.3g} Hz); a world model has one clock. Build it with context 1."
        )
    return video
