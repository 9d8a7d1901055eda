"""A judge for a world by name: fitted on fresh rollouts in it, scored on others.

The world's own policies act there, as `wam.jobs.use.policies` names them; they may read the simulator, because this is the true
world. Goals are not kept on disk, so a judge learns from rollouts and not from a data set.
"""

from collections.abc import Callable

from wam.jobs.place import Place
from wam.jobs.use.policies import named
from wam.plan.control.rollout import rollout
from wam.use.judge import Judge, JudgeConfig, JudgeScore, fit_judge, score_judge
from wam.world import Episodes, Noise, concatenate

USUAL = JudgeConfig()
EPISODES = 60  # of each teacher, to learn from; half as many to be scored on
ROLLOUT = 50  # steps of fitting that the episodes of one teacher count as, in the bar
LEARNS, SCORED = 1_700_000, 1_800_000  # first seeds, below those of evaluation


def judge_of(
    place: Place,
    *,
    episodes: int = EPISODES,
    config: JudgeConfig = USUAL,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Judge, JudgeScore]:
    """A judge of the world's task and its own error. ValueError for a world without named teachers, or in which they never or always succeed.

    `progress`: (done, all), of rollouts and steps of fitting together.
    """
    teachers, sentences = named(place.world).teachers, place.make(1).spec.sentences
    total = 2 * len(teachers) * ROLLOUT + config.steps

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, total)

    tell(0)
    known = acted(place, teachers, episodes, LEARNS, lambda count: tell(count * ROLLOUT))
    judge = fit_judge(known, sentences=sentences, config=config, progress=lambda step, _: tell(len(teachers) * ROLLOUT + step))
    others = acted(place, teachers, max(1, episodes // 2), SCORED, lambda count: tell(total - (len(teachers) - count) * ROLLOUT))
    return judge, score_judge(judge, others)


def acted(place: Place, teachers: tuple[str, ...], episodes: int, seed: int, tell: Callable[[int], None] = lambda count: None) -> Episodes:
    """So many episodes of each teacher, every one with a seed of its own, at the world's own clock. `tell`: how many teachers have acted."""
    found = []
    for number, teacher in enumerate(teachers):
        env = place.make(episodes)
        seeds = range(seed + number * episodes, seed + (number + 1) * episodes)
        found.append(rollout(env, place.module.POLICIES[teacher](env), env.spec.budget, seeds=seeds, noise=Noise.of(seeds, place.device).fork("teach")))
        tell(number + 1)
    return concatenate(found, "B")
