"""Worlds, policies, planners and windows that are each wrong in one way, and the names of the checks that must say so."""

import dataclasses

import torch
from torch import nn

from tests.check.broken_models import marker
from tests.check.checkable_models import LIMIT
from tests.check.checkable_things import SEES, PointEnv, PointWindows, SmallSearch, SmoothPolicy
from wam.world import Noise, Observation, Physical, PhysicalSpec, Truth

BROKEN_ENVS, env_caught_by = marker()
BROKEN_POLICIES, policy_caught_by = marker()
BROKEN_PLANNERS, planner_caught_by = marker()
BROKEN_WINDOWS, windows_caught_by = marker()


# -- worlds ------------------------------------------------------------------------------------------------------------------------


@env_caught_by("reset_leaves_other_rows_alone")
class ResetsEveryRow(PointEnv):
    def reset(self, mask, seeds):
        return super().reset(torch.ones_like(mask), seeds)


@env_caught_by("reset_leaves_other_rows_alone")
class ResetShowsFreshFramesOnly(PointEnv):
    def reset(self, mask, seeds):
        _, task = super().reset(mask, seeds)
        return self.see(self.fresh(seeds).place[:, None]), task


@env_caught_by("restored_worlds_replay")
class ForgetsSpeedInSnapshots(PointEnv):
    def save(self):
        return dataclasses.replace(self.now, speed=torch.zeros_like(self.now.speed))


@env_caught_by("restored_worlds_replay")
class ForgetsChanceInSnapshots(PointEnv):
    def restore(self, snapshot):
        self.now = dataclasses.replace(snapshot, noise=self.now.noise)


@env_caught_by("seeds_determine_everything")
class ThrowsItsOwnDice(PointEnv):
    def reset(self, mask, seeds):
        _, task = super().reset(mask, seeds)
        self.now = dataclasses.replace(self.now, place=torch.where(mask[:, None], self.now.place + 0.01 * torch.randn(1), self.now.place))
        return self.see(self.now.place[:, None]), task


@env_caught_by("rows_follow_their_seeds")
class WindByPosition(PointEnv):
    def fresh(self, seeds):
        return dataclasses.replace(super().fresh(seeds), noise=Noise.of(range(len(seeds))))


@env_caught_by("rows_do_not_mix")
class RowsPushEachOther(PointEnv):
    def move(self, now, command):
        return super().move(now, command - 0.1 * command.mean(0))


@env_caught_by("seeds_matter")
class IgnoresSeeds(PointEnv):
    def fresh(self, seeds):
        return super().fresh(torch.zeros_like(seeds))


@env_caught_by("actions_matter")
class IgnoresActions(PointEnv):
    def move(self, now, command):
        return super().move(now, torch.zeros_like(command))


@env_caught_by("invalid_actions_are_not_executed")
class ExecutesInvalidActions(PointEnv):
    def commands(self, actions):
        return super().commands(dataclasses.replace(actions, valid=torch.ones_like(actions.valid)))


@env_caught_by("actions_are_clipped")
class DoesNotClip(PointEnv):
    def commands(self, actions):
        return torch.where(actions.valid[..., None], actions.low_level, 0)[:, :, 0]


@env_caught_by("actions_are_only_read")
class ClipsInPlace(PointEnv):
    def commands(self, actions):
        actions.low_level.clamp_(-LIMIT, LIMIT)
        return super().commands(actions)


@env_caught_by("actions_are_only_read")
class HandsOutItsBuffer(PointEnv):
    def __init__(self, batch=5):
        super().__init__(batch)
        self.buffer = torch.zeros(batch, self.spec.budget, 2)

    def step(self, actions):
        outcome = super().step(actions)
        shown = self.buffer[:, : actions.size("T")].copy_(outcome.observation.proprio)
        return dataclasses.replace(outcome, observation=self.see(shown))


@env_caught_by("one_call_equals_single_steps")
class WindOncePerCall(PointEnv):
    def step(self, actions):
        self.now = dataclasses.replace(self.now, speed=torch.where(self.over(self.now)[:, None], 0, 0.01) + self.now.speed)
        return super().step(actions)


@env_caught_by("episodes_end_and_stay_still")
class NeverEnds(PointEnv):
    def over(self, moment):
        return moment.clock < 0


@env_caught_by("episodes_end_and_stay_still")
class GoesOnAfterTheEnd(PointEnv):
    def step(self, actions):
        outcome = super().step(actions)
        drift = torch.where(self.over(self.now)[:, None], self.now.place + 0.1, self.now.place)
        self.now = dataclasses.replace(self.now, place=drift)
        return outcome


@env_caught_by("outcomes_fit_the_spec")
class ShowsTheTruth(PointEnv):
    def see(self, place):
        return Observation(proprio=place, state=Physical(q=place, v=place))


@env_caught_by("truth_fits_the_spec")
class UndeclaredTruth(PointEnv):
    def __init__(self, batch=5):
        super().__init__(batch)
        self.spec = dataclasses.replace(self.spec, physical=PhysicalSpec(q=SEES.proprio[:1], v=SEES.proprio))


@env_caught_by("only_chunks_are_accepted")
class AcceptsHalfChunks(PointEnv):
    def __init__(self, batch=5):
        super().__init__(batch, chunk=2)

    def step(self, actions):
        return super().step(actions.narrow("T", 0, actions.size("T") // 2 * 2))


@env_caught_by("calls_return_records")
class OldGymnasiumHabits(PointEnv):
    def step(self, actions):
        outcome = super().step(actions)
        return outcome.observation, outcome.reward, ~outcome.alive, {}


# -- policies ----------------------------------------------------------------------------------------------------------------------


@policy_caught_by("actions_stay_within_their_limits")
class ForgetsToScale(SmoothPolicy):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(())


@policy_caught_by("actions_fit_the_spec")
class ShortChunk(SmoothPolicy):
    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        return memory, actions.narrow("T", 0, 2)


@policy_caught_by("actions_fit_the_spec")
class DoubtsItsActions(SmoothPolicy):
    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        return memory, dataclasses.replace(actions, valid=torch.zeros_like(actions.valid))


@policy_caught_by("rows_do_not_mix", "rows_can_restart")
class CentresTheBatch(SmoothPolicy):
    def update(self, memory, since):
        memory = super().update(memory, since)
        return dataclasses.replace(memory, place=memory.place - memory.place.mean(0))


@policy_caught_by("same_noise_same_outputs")
class RollsDice(SmoothPolicy):
    def output(self, memory, noise):
        return super().output(memory, noise) + 0.1 * torch.randn(1).to(self.net.weight)


@policy_caught_by("nothing_hidden_between_calls")
class CountsItsCalls(SmoothPolicy):
    calls = 0

    def act(self, memory, since, *, noise=None):
        self.calls += 1
        return super().act(dataclasses.replace(memory, place=memory.place + 0.01 * self.calls), since, noise=noise)


@policy_caught_by("instruction_matters")
class DoesNotListen(SmoothPolicy):
    def begin(self, batch, task):
        return super().begin(batch, dataclasses.replace(task, instruction=torch.zeros_like(task.instruction)))


@policy_caught_by("sight_matters")
class DoesNotLook(SmoothPolicy):
    """Goes by the words and the noise alone."""

    def update(self, memory, since):
        return super().update(memory, since.map(lambda axes, leaf: torch.zeros_like(leaf)))


@policy_caught_by("rows_can_restart")
class StartsWithTheOthers(SmoothPolicy):
    """Every row starts where the batch has got to."""

    def update(self, memory, since):
        shared = memory.place.abs().sum(1, keepdim=True) == 0
        start = memory.place.abs().amax(0).expand_as(memory.place)
        return super().update(dataclasses.replace(memory, place=torch.where(shared, start, memory.place)), since)


@policy_caught_by("rows_can_restart")
class ForgetsAllWhenOneStarts(SmoothPolicy):
    """Looks at the batch, not at the row, to see that something begins."""

    def update(self, memory, since):
        begins = not bool(since.actions.valid[:, 0].any(-1).all())
        return super().update(dataclasses.replace(memory, place=torch.zeros_like(memory.place)) if begins else memory, since)


@policy_caught_by("losses_ignore_masked_steps")
class ClonesPadding(SmoothPolicy):
    def loss(self, window, *, noise):
        return super().loss(dataclasses.replace(window, valid=torch.ones_like(window.valid)), noise=noise)


@policy_caught_by("inputs_are_only_read")
class WritesToItsMemory(SmoothPolicy):
    def update(self, memory, since):
        memory.place.mul_(0.5).add_(0.5 * since.observation.proprio[:, -1])
        return dataclasses.replace(memory, place=memory.place.clone())


@policy_caught_by("spec_survives_json")
class ExecutesMoreThanItGives(SmoothPolicy):
    def __init__(self):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, execute=4)


@policy_caught_by("mode_does_not_matter")
class DropsOut(SmoothPolicy):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def output(self, memory, noise):
        return self.drop(super().output(memory, noise))


@policy_caught_by("calls_return_records")
class ReturnsATensor(SmoothPolicy):
    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        return memory, actions.low_level


# -- planners ----------------------------------------------------------------------------------------------------------------------


@planner_caught_by("plans_stay_within_the_limits", "plans_improve_on_the_middle", "candidates_that_cost_nan_are_avoided", "warm_start_is_used_where_valid")
class LimitsOfAnotherWorld(SmallSearch):
    def limit(self, problem, candidates):
        return candidates.clamp(-1, 1)


@planner_caught_by("plans_stay_within_the_limits")
class NoLimits(SmallSearch):
    def limit(self, problem, candidates):
        return candidates


@planner_caught_by("rows_do_not_mix")
class ComparesAcrossRows(SmallSearch):
    def choose(self, cost):
        return super().choose(cost + 0.1 * cost.nanmean(0))


@planner_caught_by("plans_improve_on_the_middle", "candidates_that_cost_nan_are_avoided", "warm_start_is_used_where_valid")
class GoesUphill(SmallSearch):
    def choose(self, cost):
        return cost.nan_to_num(nan=-torch.inf).argmax(1)


@planner_caught_by("same_noise_same_plan")
class OwnDice(SmallSearch):
    def draw(self, problem, noise, best, spread):
        return torch.cat([best[:, None], best[:, None] + torch.randn(len(best), 64, *best.shape[1:]) * spread * (problem.high - problem.low)], 1)


@planner_caught_by("rows_can_be_permuted")
class OneSetOfSamples(SmallSearch):
    def draw(self, problem, noise, best, spread):
        return super().draw(problem, noise.select(torch.zeros_like(noise.seed)), best, spread)


@planner_caught_by("candidates_that_cost_nan_are_avoided")
class FallsForNan(SmallSearch):
    def choose(self, cost):
        return cost.argmin(1)


@planner_caught_by("warm_start_is_used_where_valid")
class IgnoresWarm(SmallSearch):
    def start(self, problem, warm):
        return super().start(problem, None)


@planner_caught_by("warm_start_is_used_where_valid")
class WarmEverywhere(SmallSearch):
    def start(self, problem, warm):
        return super().start(problem, None if warm is None else dataclasses.replace(warm, valid=torch.ones_like(warm.valid)))


@planner_caught_by("problem_is_only_read")
class MovesTheLimits(SmallSearch):
    def limit(self, problem, candidates):
        return candidates.clamp(problem.low.mul_(1.0), problem.high)


@planner_caught_by("cost_is_that_of_the_plan")
class TellsAnotherCost(SmallSearch):
    def plan(self, problem, *, warm, noise):
        plan = super().plan(problem, warm=warm, noise=noise)
        return dataclasses.replace(plan, cost=0.5 * plan.cost)


@planner_caught_by("plan_fits_the_problem")
class FirstActionOnly(SmallSearch):
    def plan(self, problem, *, warm, noise):
        plan = super().plan(problem, warm=warm, noise=noise)
        return dataclasses.replace(plan, actions=plan.actions[:, :1])


# -- windows -----------------------------------------------------------------------------------------------------------------------


@windows_caught_by("overlapping_windows_agree")
class FutureShiftedByOne(PointWindows):
    """The action of a future step is the one that follows it."""

    def batch(self, indices):
        window = super().batch(indices)
        later = self.actions(indices // 8, self.steps(indices % 8) + 1).narrow("T", 2)
        return dataclasses.replace(window, actions=dataclasses.replace(later, valid=later.valid & window.valid[..., None]))


@windows_caught_by("actions_led_to_their_frames", "first_frames_have_no_action")
class EverythingShiftedByOne(PointWindows):
    """The action of an instant is the one that follows it, as on disk."""

    def __init__(self):
        super().__init__()
        self.pushes = torch.cat([self.pushes[:, 1:], self.pushes[:, -1:]], 1)
        self.valid = torch.ones_like(self.valid)

    def actions(self, episode, steps):
        actions = super().actions(episode, steps)
        return dataclasses.replace(actions, valid=actions.valid | (steps < 0)[..., None])


@windows_caught_by("first_frames_have_no_action")
class FirstActionsAreValid(PointWindows):
    def actions(self, episode, steps):
        actions = super().actions(episode, steps)
        return dataclasses.replace(actions, valid=actions.valid | (steps <= 0)[..., None])


@windows_caught_by("padding_before_the_start_is_marked")
class MaskIsNotPadded(PointWindows):
    def actions(self, episode, steps):
        actions = super().actions(episode, steps)
        return dataclasses.replace(actions, valid=actions.valid | (steps == 0)[..., None])


@windows_caught_by("masks_are_consistent")
class ActsBeyondTheEnd(PointWindows):
    def actions(self, episode, steps):
        actions = super().actions(episode, steps)
        return dataclasses.replace(actions, valid=actions.valid | (steps > 8)[..., None])


@windows_caught_by("masks_are_consistent")
class MaskShiftedByOne(PointWindows):
    def batch(self, indices):
        window = super().batch(indices)
        return dataclasses.replace(window, valid=window.valid.flip(1))


@windows_caught_by("windows_depend_on_their_number_only")
class Augments(PointWindows):
    def batch(self, indices):
        window = super().batch(indices)
        return dataclasses.replace(window, future=dataclasses.replace(window.future, reward=window.future.reward + torch.rand(1)))


@windows_caught_by("windows_depend_on_their_number_only")
class SortsItsIndices(PointWindows):
    def batch(self, indices):
        return super().batch(indices.sort().values)


@windows_caught_by("numbers_beyond_the_end_are_refused")
class WrapsAround(PointWindows):
    def batch(self, indices):
        return super().batch(indices % len(self))


@windows_caught_by("values_are_finite")
class HasGaps(PointWindows):
    def __init__(self):
        super().__init__()
        self.reward[3, 4] = float("nan")


@windows_caught_by("parts_fit_the_specs")
class NormalisesOnLoading(PointWindows):
    def __init__(self):
        super().__init__()
        self.pushes = self.pushes / LIMIT


@windows_caught_by("windows_are_records")
class GivesADict(PointWindows):
    def batch(self, indices):
        return dict(vars(super().batch(indices)))


@windows_caught_by("windows_are_records")
class TruthOfTheFutureOnly(PointWindows):
    def batch(self, indices):
        window = super().batch(indices)
        place = window.future.observation.proprio
        return dataclasses.replace(window, truth=Truth(physical=Physical(q=place, v=place)))
