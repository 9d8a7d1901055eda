"""An imagined data set is an ordinary one: it opens, says where it comes from, and a model learns from its windows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.evaluate.dots import SEES, DotModel, DotWorld, LatentDotModel, Seeker, Wanderer
from tests.use.test_judge import QUICK
from tests.use.test_policy_evaluation import Committed, dots
from wam import train
from wam.data import DataError, DataSpec, Recorder, WindowDataset, cached_frames, compute_statistics, cut, open_dataset
from wam.data.frames import frames_of
from wam.data.validation import check_dataset
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Look
from wam.nets.blocks.action_expert import ActionExpert
from wam.nets.generate.flow import Flow
from wam.nets.generate.generation import Denoising
from wam.nets.generate.laws import Uniform
from wam.plan.control.rollout import rollout
from wam.use.judge import Judge, fit_judge
from wam.use.starts import recorded_starts, world_starts
from wam.use.synthesis import Imagined, Imaginer, imagined_in, synthesise
from wam.world import Noise, SpecError, Statistics, Task

BY = Imaginer(run="dots-0", checkpoint="00-train-00000100", recipe="dots tiny", source="abc123")


def starts():
    return world_starts(DotWorld(4), range(10, 17))


def made(path: Path, model=None, **options) -> int:
    policies = {"seeks": Seeker(), "wanders": Wanderer()}
    return synthesise(model or DotModel(), policies, starts(), path, imaginer=BY, episodes=10, steps=6, batch=4, **options)


@pytest.fixture(scope="module")
def judge():
    return fit_judge(dots(24, 0), config=QUICK)


def test_it_is_an_ordinary_data_set(tmp_path):
    assert made(tmp_path / "set") == 20
    dataset = open_dataset(tmp_path / "set")
    assert {finding.kind for finding in check_dataset(dataset)} == {"constant"}  # who wanders keeps its direction
    assert len(dataset) == 20 and dataset.frames == 20 * 7
    episode = dataset.read(3)
    alone = rollout(DotWorld(1), Seeker(), 6, seeds=[13], noise=Noise.of([0]))  # what is imagined is what happens, so frames are those of the world
    apart = episode.observation.rgb["top"].int() - alone.observation.rgb["top"].int()
    assert episode.observation.rgb["top"].dtype == torch.uint8 and int(apart.abs().max()) <= 3
    assert episode.success is None and episode.reward is None  # nobody judged, nothing was predicted


def test_provenance_reads_back(tmp_path):
    made(tmp_path / "set", seed=100)
    dataset = open_dataset(tmp_path / "set")
    told = imagined_in(dataset)
    assert told == Imagined(model=BY, starts=starts().names, policies=("seeks", "wanders"), seed=100, tried=10, steps=6, only_solved=False)
    assert dataset.spec.embodiment == "imagined by DotModel"
    episode = dataset.read(12)
    assert episode.seed == 112 and episode.source == f"wanders, imagined from {starts().names[112 % 7]}"


@pytest.mark.parametrize("solved", (False, True))
def test_a_stopped_set_goes_on_as_if_it_had_not_been(tmp_path, judge, solved):
    options = {"judge": judge, "only_solved": True} if solved else {}

    def stop(done: int, total: int) -> None:
        if done > 6:
            raise KeyboardInterrupt

    whole = made(tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "set", progress=stop, **options)
    assert len(open_dataset(tmp_path / "set")) < whole and made(tmp_path / "set", resume=True, **options) == whole
    one, two = (open_dataset(tmp_path / name) for name in ("whole", "set"))
    for index in range(whole):
        mine, theirs = one.read(index), two.read(index)
        assert (mine.seed, mine.source) == (theirs.seed, theirs.source) and torch.equal(mine.observation.rgb["top"], theirs.observation.rgb["top"])
    with pytest.raises(DataError, match="recorded with another spec"):
        made(tmp_path / "set", resume=True, seed=50, **options)


def test_a_recorded_set_says_that_it_is_none(tmp_path):
    env = DotWorld(3)
    with Recorder(tmp_path / "real", DataSpec.of_world(env.spec, source="recorded")) as recorder:
        for episode in cut(rollout(env, Seeker(), 8, seeds=range(3), noise=Noise.of(range(3)))):
            recorder.write(episode)
    real = open_dataset(tmp_path / "real")
    assert imagined_in(real) is None
    windows = WindowDataset(frames_of(list(real), real.spec), past=2, horizon=1)
    some = recorded_starts(windows, torch.tensor([0, 9, 4]), "real")
    assert some.names[1] == f"real, episode {int(windows.episode_of(torch.tensor([9])))}, window 9" and len(some) == 3
    assert torch.equal(some.past.observation.rgb["top"], windows.batch(torch.tensor([0, 9, 4])).past.observation.rgb["top"])
    count = synthesise(LatentDotModel(), {"wanders": Free()}, some, tmp_path / "set", imaginer=BY, episodes=4, steps=3, batch=4)
    first = open_dataset(tmp_path / "set").read(1)
    assert count == 4 and torch.equal(first.observation.rgb["top"][0, 0], some.past.observation.rgb["top"][1, -1])


class Free(Wanderer):
    """Asks for no goal: recorded starts have none."""

    def begin(self, batch, task):
        return super().begin(batch, Task(goal=DotWorld(batch).reset(torch.ones(batch).bool(), torch.arange(batch))[1].goal))


def test_only_what_the_judge_calls_solved_is_kept(tmp_path, judge):
    kept = made(tmp_path / "solved", judge=judge, only_solved=True)
    everything = made(tmp_path / "all", judge=judge)
    solved = [bool(episode.success[0, -1]) for episode in open_dataset(tmp_path / "all")]
    assert everything == 20 and 0 < kept == sum(solved) < 20
    assert all(bool(episode.success[0, -1]) for episode in open_dataset(tmp_path / "solved"))


def test_episodes_end_within_what_a_model_predicts_at_once(tmp_path):
    model = DotModel()
    model.spec = replace(model.spec, chunk=4)
    count = synthesise(model, {"steady": Committed(0.25)}, starts(), tmp_path / "set", imaginer=BY, episodes=5, steps=6, batch=5)
    alone = rollout(DotWorld(1), Committed(0.25), 6, seeds=[12], noise=Noise.of([0]))
    episode = open_dataset(tmp_path / "set").read(2)
    apart = episode.observation.rgb["top"].int() - alone.observation.rgb["top"].int()
    assert count == 5 and episode.length == 7 and int(apart.abs().max()) <= 3


def test_a_policy_learns_from_its_windows(tmp_path):
    made(tmp_path / "set")
    frames = cached_frames(open_dataset(tmp_path / "set"))
    windows = WindowDataset(frames, past=2, horizon=3)
    statistics = compute_statistics(frames, windows.spec)
    torch.manual_seed(0)
    policy = ChunkPolicy(
        Look(SEES, statistics, 16, width=8), ActionExpert(2, 16, dim=16, depth=1, heads=2), Denoising(Flow(), Uniform(), steps=2),
        windows.spec.acts, statistics, condition=16, chunk=3, execute=1, rate=windows.spec.rate,
    )  # fmt: skip
    loss = policy.loss(windows.batch(torch.arange(8)), noise=Noise.of(range(8)))["actions"].mean()
    loss.backward()
    assert loss.isfinite() and any(bool(parameter.grad.any()) for parameter in policy.parameters() if parameter.grad is not None)


def test_evaluation_starts_are_refused(tmp_path):
    held_out = world_starts(DotWorld(2), [2_000_000, 2_000_001])
    with pytest.raises(ValueError, match="are for evaluation"):
        synthesise(DotModel(), {"seeks": Seeker()}, held_out, tmp_path / "set", imaginer=BY, episodes=2, steps=3)
    with pytest.raises(ValueError, match="are for evaluation"):
        made(tmp_path / "set", seed=1_999_990)
    with pytest.raises(ValueError, match="Pass a judge"):
        made(tmp_path / "set", only_solved=True)
    with pytest.raises(SpecError, match=r"\('go', 'stay'\)\.\.\. \(2\) to the judge and \(\)\.\.\. \(0\) to the tasks"):
        made(tmp_path / "set", judge=Judge(("top",), goal=False, sentences=("go", "stay")))
    with pytest.raises(ValueError, match="none of 20 imagined episodes solved"):
        made(tmp_path / "none", judge=fit_judge(replace(dots(8, 0), success=dots(8, 0).success.roll(1, 0)), config=replace(QUICK, steps=1)), only_solved=True)
    assert not (tmp_path / "set").exists()


def test_a_run_says_who_imagined(tmp_path):
    model = torch.nn.Linear(1, 1)
    spec = DotModel().spec
    train.save(tmp_path / "dots" / "checkpoints" / "00-all-00000007", model, train.Provenance(spec=spec, statistics=Statistics(acts=spec.consumes)))
    found = Imaginer.of_run(tmp_path / "dots")
    assert (found.run, found.checkpoint, found.recipe) == ("dots", "00-all-00000007", "") and len(found.source) == 12
