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
LEARNS, SCORED = 1_700_000, 1_800_000  # first seeds, below those of evaluation


def judge_of(
    place: Place,
    *,
    episodes: int = EPISODES,
    config: JudgeConfig = USUAL,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Judge, JudgeScore]:
    """A judge of the world's task and its own error. ValueError for a world without named teachers, or in which they never or always succeed."""
    teachers, sentences = named(place.world).teachers, place.make(1).spec.sentences
    known = acted(place, teachers, episodes, LEARNS)
    judge = fit_judge(known, sentences=sentences, config=config)
    if progress is not None:
        progress(1, 2)
    score = score_judge(judge, acted(place, teachers, max(1, episodes // 2), SCORED))
    if progress is not None:
        progress(2, 2)
    return judge, score


def acted(place: Place, teachers: tuple[str, ...], episodes: int, seed: int) -> Episodes:
    """So many episodes of each teacher, every one with a seed of its own, at the world's own clock."""
    found = []
    for number, teacher in enumerate(teachers):
        env = place.make(episodes)
        seeds = range(seed + number * episodes, seed + (number + 1) * episodes)
        found.append(rollout(env, place.module.POLICIES[teacher](env), env.spec.budget, seeds=seeds, noise=Noise.of(seeds, place.device).fork("teach")))
    return concatenate(found, "B")
