"""Seeds, rows and snapshots: what must be the same again, and what must not touch what."""

import torch

from wam.check.compare import difference, rows
from wam.check.env.subject import EnvSubject
from wam.check.runner import CheckFailed


def seeds_determine_everything(subject: EnvSubject) -> None:
    """The same seeds and actions give the same episode bit for bit, whatever happened before and whatever torch's global generator says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = subject.episode()
        torch.manual_seed(2)
        subject.episode(seed=5, acts=6)
        two = subject.episode()
    if found := difference(one, two, exact=True):
        raise CheckFailed(
            f"two runs differ: {found}",
            "Random numbers from a generator of the world's own or torch's, or something that reset does not restart.",
            "Draw from Noise.of(seeds), and restart everything of the masked rows in reset.",
        )


def seeds_matter(subject: EnvSubject) -> None:
    """Other seeds give other first frames, tasks or truths somewhere."""
    starts = []
    for seed in (1, 2, 3):
        observation, task = subject.reset(seed)
        starts.append([("the first frame", observation), ("the task", task), ("the truth", subject.env.truth())])
    if all(difference(starts[0], other, exact=True) is None for other in starts[1:]):
        raise CheckFailed("three sets of seeds gave the same start", "reset does not use its seeds.", "Draw the start from Noise.of(seeds).")


def rows_follow_their_seeds(subject: EnvSubject) -> None:
    """Rows with swapped seeds and actions swap their episodes: nothing depends on where a row stands."""
    subject.need_rows()
    order = torch.arange(subject.batch).flip(0)
    straight = subject.episode()
    actions, again = subject.actions(1).select(order), subject.actions(101).select(order)
    observation, task = subject.reset(seeds=subject.seeds(1)[order])
    turned = [("the first frame", observation), ("the task", task), ("step", subject.step(actions)), ("the second step", subject.step(again))]
    turned.append(("the truth", subject.env.truth()))
    if found := difference(rows(straight, order), turned, exact=False):
        raise CheckFailed(
            f"with seeds and actions in reverse order, {found}",
            "Something is drawn per position in the batch, or once for the whole batch.",
            "Draw everything of a row from its own seed.",
        )


def rows_do_not_mix(subject: EnvSubject) -> None:
    """Another action in row 0 leaves the other rows bit-identical."""
    subject.need_rows()
    actions, other = subject.actions(1), subject.actions(2)
    first, rest = torch.arange(subject.batch, device=actions.device) == 0, torch.arange(1, subject.batch)
    outcomes = []
    for chosen in (actions, other.where(first, actions)):
        subject.reset()
        outcomes.append(rows([("step", subject.step(chosen)), ("the truth", subject.env.truth())], rest))
    if found := difference(*outcomes, exact=True):
        raise CheckFailed(f"(row numbers without row 0) {found}", "Rows share a body, a contact list or a batch statistic.", "Keep rows apart.")


def reset_leaves_other_rows_alone(subject: EnvSubject) -> None:
    """reset restarts the masked rows only; the others show their current frame and go on as if nothing had happened."""
    subject.need_rows()
    mask = torch.arange(subject.batch) == 0
    kept = torch.arange(1, subject.batch)
    actions, again = subject.actions(1), subject.actions(2)
    subject.reset()
    before = subject.step(actions)
    undisturbed = subject.step(again)
    subject.reset()
    subject.step(actions)
    shown, _ = subject.env.reset(mask, subject.seeds(4))
    after = subject.step(again)
    fresh, _ = subject.reset(4)
    last = before.observation.narrow("T", subject.steps - 1)
    for name, one, two, chosen in (
        ("the frame that reset shows of a row that it does not restart", last, shown, kept),
        ("what such a row does next", undisturbed, after, kept),
        ("the first frame of a restarted row, against a full reset with the same seed", fresh, shown, torch.tensor([0])),
    ):
        if found := difference([("", one.select(chosen))], [("", two.select(chosen))], exact=False):
            raise CheckFailed(
                f"{name}{found}", "reset ignores its mask, or redraws for all rows.", "Restart with where(mask, fresh, current), seeds of masked rows only."
            )


def restored_worlds_replay(subject: EnvSubject) -> None:
    """After restore, the same actions give the same outcomes and truth, bit for bit; a snapshot can be used again and again."""
    actions, again, other = subject.actions(1), subject.actions(2), subject.actions(3)
    subject.reset()
    subject.step(actions)
    snapshot = subject.env.save()
    replays = []
    for detour in (False, True, True):
        if detour:
            subject.step(other)
            subject.reset(3)
            subject.env.restore(snapshot)
        replays.append([("the truth", subject.env.truth()), ("step", subject.step(again)), ("the second step", subject.step(other))])
    for count, replay in enumerate(replays[1:], 1):
        if found := difference(replays[0], replay, exact=True):
            raise CheckFailed(
                f"after restore number {count}, {found}",
                "The snapshot lacks something (velocities, clocks, the task, the state of a generator), or shares memory that step writes to.",
                "Save everything that step or reset changes, as copies.",
            )
