"""Playing a trained run: the released checkpoint beside its world and from recorded frames, and what a person is told."""

import dataclasses
import io
import os
import re
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from websockets.sync.client import connect

import wam.jobs.play as job
from wam.jobs.record import record_world
from wam.jobs.windowing import FRAMES
from wam.recipes.runs import Run, load
from wam.show.play import PlaySession, Reset, Step
from wam.show.play.messages import Pictures
from wam.world import EVALUATION_SEEDS, Moments, Slot, SpecError, Task

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "lewm-push"


@pytest.fixture(scope="module")
def run() -> Run:
    return load(CHECKPOINT)


def pusher(pictures: Pictures) -> torch.Tensor:
    """Where the dark pusher is, (right, up) in pixels: mean of the darkest pixels between the walls."""
    inside = pictures["top"][0, 2:-2, 2:-2].float()  # in the red channel the disc is bright
    rows, columns = torch.nonzero(inside <= inside.flatten().kthvalue(4).values, as_tuple=True)
    return torch.stack([columns.float().mean(), -rows.float().mean()])


def driven(play: PlaySession, key: str, steps: int) -> PlaySession:
    for _ in range(steps):
        play.answer(Step(frozenset({key})))
    return play


@pytest.mark.parametrize(("key", "way"), [("ArrowLeft", (-1, 0)), ("ArrowRight", (1, 0)), ("ArrowDown", (0, -1)), ("ArrowUp", (0, 1))])
def test_each_key_moves_the_imagined_pusher_its_way(run: Run, key: str, way: tuple[int, int]) -> None:
    """As in the true world beside it: a sign or an axis the wrong way round shows here."""
    make, about = job.sessions(run, world="push", options={"pusher": "anywhere"})
    play = make()
    start = next(
        index for index, start in enumerate(play.starts) if (pusher({"top": start.past.observation.rgb["top"][0, -1]}) - torch.tensor([14.0, -14.0])).norm() < 8
    )
    before = play.answer(Reset(start))
    after = driven(play, key, 2).frame
    assert about == "beside the world push pusher=anywhere" and after.truth is not None
    for moved in (pusher(after.imagined) - pusher(before.imagined), pusher(after.truth) - pusher(before.imagined)):
        assert float(moved @ torch.tensor(way).float()) > 2
    assert after.drift is not None and after.action == tuple(pytest.approx(0.06 * part) for part in way)


def test_the_true_world_does_not_end_and_sessions_are_apart(run: Run) -> None:
    make, _ = job.sessions(run, world="push", options={})
    one, two = make(), make()
    assert [start.seed for start in one.starts] == list(range(EVALUATION_SEEDS, EVALUATION_SEEDS + job.STARTS))
    driven(one, "ArrowUp", 20)  # 60 steps of the world, whose task lasts 42
    assert not one.frame.over and one.frame.clock == 20 and two.frame.clock == 0
    assert two.world is not None and torch.equal(one.answer(Reset()).imagined["top"], two.frame.imagined["top"])
    short = job.sessions(run, world="push", options={"budget": 6})[0]()
    assert driven(short, "ArrowUp", 3).frame.over


def test_recorded_frames_are_starts_and_can_be_replayed(run: Run, tmp_path: Path) -> None:
    data = record_world("push", tmp_path / "data", episodes=3)
    make, about = job.sessions(run, data=data, options={})
    play = make()
    assert about == "from frames of data" and [start.name for start in play.starts] == ["episode 0", "episode 1", "episode 2"]
    assert play.frame.truth is None and driven(play, "ArrowUp", 1).frame.truth is None
    start = play.starts[1]
    assert start.past.size("T") == FRAMES and start.recorded is not None and start.recorded.size("T") == 14 - FRAMES + 1
    assert start.past.actions.valid[0, :, 0].tolist() == [False, True, True, True]
    frame = play.answer(Reset(1, replay=True))
    while not frame.over:
        frame = play.answer(Step())
    assert frame.clock == start.recorded.size("T") and frame.truth is not None
    assert torch.equal(frame.truth["top"], start.recorded.observation.rgb["top"][0, -1])
    assert frame.action == tuple(start.recorded.actions.low_level[0, -1, -1].tolist())


def test_it_must_be_said_where_to_start(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.trained_on.data == "data"  # an exported run keeps the bare name
    with pytest.raises(ValueError, match="learned from is not here"):
        job.sessions(run, options={})
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match="learned from is not here"):
        job.sessions(run, options={})
    record_world("push", tmp_path / "data", episodes=1)
    with pytest.raises(ValueError, match="learned from is not here"):
        job.sessions(run, options={})
    with pytest.raises(ValueError, match="name one of the two"):
        job.sessions(run, world="push", data=tmp_path, options={})
    with pytest.raises(ValueError, match=r"^--option pusher is of a world: name it with --world\.$"):
        job.sessions(run, data=tmp_path, options={"pusher": "anywhere"})
    with pytest.raises(ValueError, match=r"no world 'pish'\. Did you mean"):
        job.sessions(run, world="pish", options={})
    with pytest.raises(SpecError, match="nothing can be imagined"):
        job.sessions(dataclasses.replace(run, model=SimpleNamespace(spec=None)), options={})
    with pytest.raises(SpecError, match="trained on pictures of 32 px, the option size=64 asks for others"):
        job.sessions(run, world="push", options={"size": 64})[0]()


def test_instructions_are_told_in_the_ids_of_the_model(run: Run) -> None:
    spec = dataclasses.replace(run.model.spec, instructed=True, sentences=("go left", "go right"))
    told = [job.in_words_of(spec, Task(instruction=torch.tensor([asked])), ("go up", "go right")).instruction for asked in (0, 1, -1)]
    assert [int(one) for one in told if one is not None] == [-1, 1, -1]
    assert job.in_words_of(run.model.spec, Task(instruction=torch.tensor([0])), ("go up",)).instruction is None


def test_slots_without_limits_take_what_was_recorded() -> None:
    moments = Moments(count=9, mean=(0, 0), std=(1, 1), low=(-9, -9), high=(9, 9), q01=(-3, -4), q99=(3, 4))
    slots = (Slot(name="x", low=-1, high=1), Slot(name="y", low=-2))
    assert job.reachable(slots, moments) == (slots[0], dataclasses.replace(slots[1], high=4))
    with pytest.raises(SpecError, match="'y' has no finite limits"):
        job.reachable(slots, None)


def test_it_says_where_and_plays_until_ctrl_c() -> None:
    written, failures, announced = io.StringIO(), [], threading.Event()
    console, over = Console(file=written, width=200), threading.Event()

    def person() -> None:
        try:
            assert announced.wait(20)
            with connect(re.search(r"http(://\S+)", written.getvalue())[1].join(["ws", "play"])) as page:
                assert '"title": "lewm tiny, beside the world push"' in page.recv() and isinstance(page.recv(), bytes)
        except BaseException as error:
            failures.append(error)
        finally:
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)

    printing = console.print

    def told(line: str, **settings) -> None:
        printing(line, **settings)
        if "Ctrl-C" in line:
            announced.set()

    console.print = told
    people = threading.Thread(target=person)
    people.start()
    try:
        job.play(CHECKPOINT, world="push", port=0, console=console)
    finally:
        over.set()  # where it failed, nobody is interrupted
    people.join()
    assert not failures
    for words in ("playing lewm tiny, beside the world push", "open http://127.0.0.1:", "open to this machine only; Ctrl-C ends it", "stopped 1 page was"):
        assert words in written.getvalue(), words
    with pytest.raises(SpecError, match="Pass a token"):
        job.play(CHECKPOINT, world="push", host="0.0.0.0")
