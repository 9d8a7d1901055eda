"""Playing: keys, sessions against a world whose truth is known, messages, the server, and the page under real key presses."""

import dataclasses
import http.client
import json
import math
import struct

import pytest
import torch
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import connect

from tests.show.browser import Browser, find_browser
from tests.show.toys import SEES, SIZE, Decoded, DotModel, DotWorld, Drifting, found, recorded, running, session, starts
from wam.show.play import CommandError, Look, PlaySession, Reset, SetChance, Step, levers
from wam.show.play.keys import PAIRS, SHARE
from wam.show.play.server import PlayServer
from wam.show.play.session import REMEMBERED
from wam.show.play.shown import drifted
from wam.show.play.wire import frame_bytes, read_command, welcome
from wam.world import ActionSpec, Camera, FutureSpec, ObservationSpec, Slot, SpecError, Task

RIGHT, LEFT, UP = (Step(frozenset({key})) for key in ("ArrowRight", "ArrowLeft", "ArrowUp"))

# -- keys ------------------------------------------------------------------------------------------------------------------------

NOTHING = frozenset[str]()


def test_a_relative_slot_goes_at_its_limit_while_a_key_is_held() -> None:
    (lever,) = levers([Slot(name="x", relative=True, low=-0.06, high=0.05)])
    assert lever.rest(0.03) == 0.0
    assert lever.pull(0.0, frozenset({"ArrowRight"}), NOTHING) == 0.05
    assert lever.pull(0.05, frozenset({"ArrowLeft"}), NOTHING) == -0.06
    assert lever.pull(0.05, NOTHING, NOTHING) == 0.0
    assert lever.pull(0.05, frozenset({"ArrowLeft", "ArrowRight"}), NOTHING) == 0.0


def test_an_absolute_slot_moves_by_a_share_of_its_range_and_stays() -> None:
    (lever,) = levers([Slot(name="angle", unit="rad", low=-1.0, high=3.0)])
    assert lever.rest(None) == 1.0 and lever.rest(0.5) == 0.5 and lever.rest(9.0) == 3.0
    assert lever.pull(0.5, frozenset({"ArrowRight"}), NOTHING) == pytest.approx(0.5 + 4 * SHARE)
    assert lever.pull(0.5, NOTHING, NOTHING) == 0.5
    assert lever.pull(-0.99, frozenset({"ArrowLeft"}), NOTHING) == -1.0


def test_a_gripper_opens_and_closes_once_per_press() -> None:
    x, grip, y = levers([Slot(name="x", low=0, high=1), Slot(name="Gripper", low=0, high=1), Slot(name="y", low=0, high=1)])
    assert (x.keys, grip.keys, y.keys) == ({"ArrowLeft", "ArrowRight"}, {"1"}, {"ArrowDown", "ArrowUp"})
    assert grip.pull(0.3, frozenset({"1"}), NOTHING) == 1
    assert grip.pull(1.0, frozenset({"1"}), frozenset({"1"})) == 1.0  # still down
    assert grip.pull(1.0, frozenset({"1"}), NOTHING) == 0
    (moved,) = levers([Slot(name="gripper", relative=True, low=-1, high=1)])
    assert moved.keys == {"ArrowLeft", "ArrowRight"}


def test_slots_beyond_the_table_rest_and_unlimited_ones_are_refused() -> None:
    made = levers([Slot(name=f"joint {index}", low=0, high=1) for index in range(len(PAIRS) + 1)])
    assert made[-1].keys == NOTHING and made[-1].pull(0.2, frozenset({"ArrowUp"}), NOTHING) == 0.2
    used = [key for lever in made for key in lever.keys]
    assert len(used) == len(set(used)) and not {" ", ".", "Enter", "Backspace"} & set(used)
    with pytest.raises(SpecError, match=r"'speed' has the limits 0 .. inf, expected finite"):
        levers([Slot(name="speed", low=0)])


# -- a session ---------------------------------------------------------------------------------------------------------------------


def test_keys_move_imagination_and_truth_alike() -> None:
    play = session()
    first = play.frame
    assert (first.step, first.drift, found(first.imagined["top"])) == (0, None, (4, 8)) and first.truth is not None
    for asked, place in ((RIGHT, (5, 8)), (RIGHT, (6, 8)), (UP, (6, 9)), (Step(), (6, 9)), (LEFT, (5, 9))):
        frame = play.answer(asked)
        assert frame.truth is not None
        assert found(frame.imagined["top"]) == found(frame.truth["top"]) == place
        assert frame.imagined["top"].dtype == torch.uint8 and frame.drift == pytest.approx(100)
    assert frame.step == frame.clock == 5 and frame.action == (-1.0, 0.0) and frame.milliseconds > 0 and frame.rate > 0


def test_drift_is_the_error_of_moving_pixels() -> None:
    """The model goes twice as far: of the pixels around the old place of the dot and both new ones, one is wrongly white and one wrongly black."""
    play = session(DotModel(gain=2.0))
    frame = play.answer(RIGHT)
    moving = {(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1, 2, 3)}  # dot and its neighbours, before and after, true and imagined
    wrong = 2  # where the truth put it, and where the model did
    assert frame.drift == pytest.approx(-10 * math.log10(wrong / len(moving)), abs=1e-3)
    assert session().answer(Step()).drift is None  # nothing has moved


def test_drift_pools_cameras() -> None:
    black, white = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.full((3, 4, 4), 255, dtype=torch.uint8)
    seen, truth = {"a": black, "b": black}, {"a": white, "b": white}
    assert drifted(truth, truth, seen) == pytest.approx(100)
    assert drifted({"a": white, "b": black}, truth, seen) == pytest.approx(-10 * math.log10(0.5), abs=1e-4)
    assert drifted(seen, seen, seen) is None and drifted(truth, seen, seen) == pytest.approx(0)  # imagined alone counts


def test_all_actions_of_a_step_are_the_same() -> None:
    play = session(DotModel(per_step=3))
    play.answer(RIGHT)
    assert play.world is not None and play.world.did[0].tolist() == [[[[1.0, 0.0]] * 3]]  # type: ignore[attr-defined]


def test_a_decoded_state_is_shown() -> None:
    assert found(session(Decoded()).answer(UP).imagined["top"]) == (4, 9)


def test_reset_goes_back_to_a_real_frame_and_another_start_can_be_chosen() -> None:
    play = session()
    before = [play.answer(RIGHT) for _ in range(3)]
    assert found(play.answer(Reset()).imagined["top"]) == (4, 8)
    after = [play.answer(RIGHT) for _ in range(3)]
    assert all(torch.equal(one.imagined["top"], other.imagined["top"]) and one.step == other.step for one, other in zip(before, after, strict=True))
    frame = play.answer(Reset(start=2))
    assert (frame.start, frame.clock, found(frame.imagined["top"])) == (2, 0, (6, 8))
    with pytest.raises(CommandError, match="start 3 was chosen, there are 0 to 2"):
        play.answer(Reset(start=3))
    assert play.answer(RIGHT).start == 2


def test_looking_grounds_the_model_again() -> None:
    model = DotModel(gain=3.0)
    play = session(model)
    for _ in range(3):
        frame = play.answer(RIGHT)
    assert found(frame.imagined["top"]) == (13, 8)
    frame = play.answer(Look())
    assert (found(frame.imagined["top"]), frame.step, frame.clock, frame.drift) == ((7, 8), 0, 3, None)
    shown = model.shown[-1]
    assert shown.size("T") == 4 and shown.actions.valid[0, :, 0].tolist() == [False, True, True, True]
    assert found(play.answer(RIGHT).imagined["top"]) == (10, 8)
    blind = PlaySession(DotModel(), starts())
    with pytest.raises(CommandError, match="no true frame"):
        blind.answer(Look())


def test_chunks_come_frame_by_frame_with_the_keys_of_their_moment() -> None:
    play = PlaySession(DotModel(chunk=2), starts(), world=DotWorld())
    places = [found(play.answer(asked).imagined["top"]) for asked in (RIGHT, UP, UP, RIGHT, RIGHT)]
    assert places == [(5, 8), (6, 8), (6, 9), (6, 10), (7, 10)]
    frame = play.answer(Look())  # the truth is at the end of the chunk
    assert (found(frame.imagined["top"]), frame.clock) == ((8, 10), 6)
    with pytest.raises(SpecError, match="moves 2 at once"):
        PlaySession(DotModel(chunk=3), starts(), world=DotWorld(chunk=2))


def test_a_model_that_needs_more_frames_gets_the_first_one_repeated() -> None:
    model = DotModel(context=(3, 5))
    PlaySession(model, starts())
    (shown,) = model.shown
    assert shown.size("T") == 3 and not shown.actions.valid.any()


def test_chance_can_be_switched_off() -> None:
    def path(play: PlaySession) -> list[tuple[int, int]]:
        play.answer(Reset())
        return [found(play.answer(RIGHT).imagined["top"]) for _ in range(6)]

    play, again = session(DotModel(chance=2.0)), session(DotModel(chance=2.0))
    assert play.frame.chance
    one, two = path(play), path(play)
    assert one != two and (one, two) == (path(again), path(again))  # every try its own, all from the seed
    assert not play.answer(SetChance(False)).chance
    assert path(play) == [(5 + index, 8) for index in range(6)]
    with pytest.raises(CommandError, match="no chance"):
        session().answer(SetChance(True))


def test_what_was_recorded_can_be_replayed() -> None:
    play = PlaySession(DotModel(), [recorded([(1, 0), (0, 1), (0.5, 0)]), *starts(1)])
    assert play.frame.truth is None and play.answer(RIGHT).truth is None and play.frame.drift is None
    frame = play.answer(Reset(replay=True))
    assert frame.replaying and frame.truth is not None
    told = [play.answer(UP) for _ in range(4)]  # keys are not heard
    assert [frame.action for frame in told] == [(1, 0), (0, 1), (0.5, 0), (0.5, 0)]
    assert [frame.over for frame in told] == [False, False, True, True] and told[3].clock == 3
    assert told[1].truth is not None and found(told[1].imagined["top"]) == found(told[1].truth["top"]) == (5, 9) and told[2].drift == pytest.approx(100)
    assert not play.answer(Reset()).replaying
    with pytest.raises(CommandError, match="nothing was recorded after the start 'start 0'"):
        play.answer(Reset(start=1, replay=True))


def test_a_true_episode_may_end_while_imagination_goes_on() -> None:
    play = session(budget=2)
    told = [play.answer(RIGHT) for _ in range(4)]
    assert [frame.over for frame in told] == [False, True, True, True]
    assert [frame.drift is None for frame in told] == [False, False, True, True]
    assert found(told[3].imagined["top"]) == (8, 8) and told[3].truth is not None and found(told[3].truth["top"]) == (6, 8)
    with pytest.raises(CommandError, match="it has ended"):
        play.answer(Look())


def test_nothing_grows() -> None:
    play = session(DotModel(context=(1, 1000)))
    for _ in range(40):
        play.answer(RIGHT)
    assert play.past.size("T") == REMEMBERED and not play.waiting


def test_what_cannot_be_played_is_refused() -> None:
    blind, latent, wrong, larger = DotModel(), DotModel(), DotModel(per_step=2), DotModel()
    blind.spec = dataclasses.replace(blind.spec, predicts=FutureSpec(reward=True))
    with pytest.raises(SpecError, match="shows no pictures"):
        PlaySession(blind, starts())
    latent.spec = dataclasses.replace(latent.spec, consumes=ActionSpec(latent=4))
    with pytest.raises(SpecError, match=r"takes the action parts \['latent'\]"):
        PlaySession(latent, starts())
    with pytest.raises(SpecError, match=r"takes 2 x \['dot x', 'dot y'\]"):
        PlaySession(wrong, starts(), world=DotWorld())
    large = ObservationSpec(cameras={"top": Camera(height=32, width=32)})
    larger.spec = dataclasses.replace(larger.spec, observes=large, predicts=FutureSpec(observation=large))
    with pytest.raises(SpecError, match="16x16, the spec says 32x32"):
        PlaySession(larger, starts())
    larger.spec = dataclasses.replace(larger.spec, observes=SEES, predicts=FutureSpec(observation=ObservationSpec(cameras={"hand": Camera(height=8, width=8)})))
    with pytest.raises(SpecError, match=r"predicts the cameras \['hand'\], which it never sees"):
        PlaySession(larger, starts())
    with pytest.raises(SpecError, match="no start"):
        PlaySession(DotModel(), [])


# -- messages ------------------------------------------------------------------------------------------------------------------------


def test_commands_are_read() -> None:
    assert read_command('{"do": "step", "keys": ["ArrowUp", "w"]}') == Step(frozenset({"ArrowUp", "w"}))
    assert read_command('{"do": "reset"}') == Reset() and read_command('{"do": "reset", "start": 3, "replay": true}') == Reset(3, True)
    assert read_command('{"do": "look"}') == Look() and read_command('{"do": "chance", "on": false}') == SetChance(False)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"\x00\x01", "binary data came"),
        ("fly", "'fly' is no JSON"),
        ("[" * 3000, "is no JSON"),
        ("[1]", "expected an object whose 'do' is one of step, reset, look, chance"),
        ('{"do": ["step"]}', "expected an object whose 'do'"),
        ('{"do": "jump"}', "expected an object whose 'do'"),
        ('{"do": "step"}', r"'step' came without \['keys'\]"),
        ('{"do": "step", "keys": [], "speed": 2}', r"'step' came with \['speed'\], expected \['keys'\]"),
        ('{"do": "look", "at": 2}', "expected nothing more"),
        ('{"do": "step", "keys": "w"}', "keys = 'w', expected list"),
        ('{"do": "step", "keys": [1]}', r"keys are \[1\], expected at most 32 names"),
        ('{"do": "reset", "start": true}', "start = True, expected int"),
        ('{"do": "reset", "start": 1.5}', "start = 1.5, expected int"),
        ('{"do": "chance", "on": 1}', "on = 1, expected bool"),
        (json.dumps({"do": "step", "keys": ["w"] * 33}), "at most 32"),
    ],
)
def test_commands_that_do_not_fit_are_told_so(message: str | bytes, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        read_command(message)


def unpacked(data: bytes) -> tuple[dict, list[torch.Tensor]]:
    """Header and pictures "h w 3" of a frame message."""
    (size,) = struct.unpack_from("<I", data)
    header, rest, shown = json.loads(data[4 : 4 + size]), data[4 + size :], []
    for _, height, width in header["cameras"] * (1 + header["truth"]):
        shown.append(torch.frombuffer(bytearray(rest[: 3 * height * width]), dtype=torch.uint8).view(height, width, 3))
        rest = rest[3 * height * width :]
    assert not rest
    return header, shown


def test_a_frame_survives_the_wire() -> None:
    play = session(DotModel(gain=2.0))
    frame = play.answer(RIGHT)
    header, (imagined, truth) = unpacked(frame_bytes(frame))
    assert frame.truth is not None
    assert torch.equal(imagined.permute(2, 0, 1), frame.imagined["top"]) and torch.equal(truth.permute(2, 0, 1), frame.truth["top"])
    assert header["cameras"] == [["top", SIZE, SIZE]] and header["step"] == 1 and header["action"] == [1.0, 0.0] and header["drift"] == pytest.approx(8.75)
    header, shown = unpacked(frame_bytes(PlaySession(DotModel(), starts()).frame))
    assert not header["truth"] and header["drift"] is None and len(shown) == 1


def test_the_welcome_says_keys_units_and_starts() -> None:
    model = DotModel()
    model.spec = dataclasses.replace(model.spec, instructed=True, sentences=("go left", "go right"))
    begun = [dataclasses.replace(start, task=Task(instruction=torch.tensor([index - 1]))) for index, start in enumerate(starts())]
    told = json.loads(welcome(PlaySession(model, begun), "dot"))
    assert told["title"] == "dot" and told["rate"] == 50 and not told["truth"] and not told["stochastic"]
    assert [(lever["slot"]["name"], lever["slot"]["unit"], lever["less"], lever["more"]) for lever in told["levers"]] == [
        ("dot x", "px", "ArrowLeft", "ArrowRight"),
        ("dot y", "px", "ArrowDown", "ArrowUp"),
    ]
    assert [start["instruction"] for start in told["starts"]] == ["", "go left", "go right"] and told["starts"][0]["height"] == SIZE


# -- the server ------------------------------------------------------------------------------------------------------------------------


def asked(port: int, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    told = response.status, response.read().decode(), dict(response.getheaders())
    connection.close()
    return told


def test_the_page_and_its_script_are_served_and_nothing_else() -> None:
    with running(PlayServer(session, title="dot", port=0)) as port:
        status, page, headers = asked(port, "/")
        assert (
            status == 200
            and "<canvas" in page
            and headers["Content-Type"] == "text/html; charset=utf-8"
            and "default-src 'none'" in headers["Content-Security-Policy"]
        )
        status, script, headers = asked(port, "/page.js")
        assert status == 200 and "WebSocket" in script and headers["Content-Type"].startswith("text/javascript")
        assert "http://" not in page + script and "https://" not in page + script  # nothing from elsewhere
        assert asked(port, "/session.py")[0] == 404 and asked(port, "/../server.py")[0] == 404
        assert asked(port, "/", Host="evil.example")[0] == 403


def test_pages_have_sessions_of_their_own_and_errors_end_nothing() -> None:
    server = PlayServer(session, title="dot", port=0, sessions=2)
    with running(server) as port, connect(f"ws://127.0.0.1:{port}/play") as one, connect(f"ws://127.0.0.1:{port}/play") as two:
        for page in (one, two):
            assert json.loads(page.recv())["title"] == "dot"
            assert unpacked(page.recv())[0]["step"] == 0
        step = json.dumps({"do": "step", "keys": ["ArrowRight"]})
        for count in (1, 2):
            one.send(step)
            assert unpacked(one.recv())[0]["step"] == count
        one.send("fly")
        assert "no JSON" in json.loads(one.recv())["error"]
        two.send(step)
        assert unpacked(two.recv())[0]["step"] == 1
        with connect(f"ws://127.0.0.1:{port}/play") as three:
            assert "2 pages are playing" in json.loads(three.recv())["error"]
            with pytest.raises(ConnectionClosed):
                three.recv()
        one.send(step)
        assert unpacked(one.recv())[0]["step"] == 3
    assert server.played == 2


def test_a_token_is_needed_where_others_can_come() -> None:
    with pytest.raises(SpecError, match="Pass a token"):
        PlayServer(session, title="dot", host="0.0.0.0")
    server = PlayServer(session, title="dot", port=0, token="a&b")
    assert server.address(7) == "http://127.0.0.1:7/?token=a%26b"
    with running(server) as port:
        assert asked(port, "/")[0] == asked(port, "/?token=a")[0] == 401 and asked(port, "/?token=a%26b")[0] == 200
        with pytest.raises(InvalidStatus, match="401"):
            connect(f"ws://127.0.0.1:{port}/play?token=b")
        with connect(f"ws://127.0.0.1:{port}/play?token=a%26b") as page:
            assert json.loads(page.recv())["title"] == "dot"


def test_pages_of_other_sites_stay_out() -> None:
    with running(PlayServer(session, title="dot", port=0)) as port:
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{port}/play", origin="http://evil.example")  # type: ignore[arg-type]
        with connect(f"ws://127.0.0.1:{port}/play", origin=f"http://127.0.0.1:{port}") as page:  # type: ignore[arg-type]
            page.recv()


def test_a_model_that_fails_is_told_to_the_page(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(DotModel):
        def predict(self, carry, actions, *, noise=None):
            raise FloatingPointError("NaN in the sky")

    with running(PlayServer(lambda: session(Failing()), title="dot", port=0)) as port, connect(f"ws://127.0.0.1:{port}/play") as page:
        page.recv(), page.recv()
        page.send('{"do": "step", "keys": []}')
        assert "FloatingPointError: NaN in the sky" in json.loads(page.recv())["error"]
        with pytest.raises(ConnectionClosed):
            page.recv()
    assert "playing failed" in caplog.text


def test_a_dead_line_keeps_no_place_during_the_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> PlaySession:
        raise FloatingPointError("NaN in the sky")

    server, taken = PlayServer(broken, title="dot", port=0), list[int]()

    async def last_words(connection: ServerConnection, code: CloseCode, words: str) -> None:
        taken.append(server.playing)
        await connection.close(code)

    monkeypatch.setattr("wam.show.play.server.farewell", last_words)
    with running(server) as port, connect(f"ws://127.0.0.1:{port}/play") as page, pytest.raises(ConnectionClosed):
        page.recv()
    assert taken == [0]


# -- the page ----------------------------------------------------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(find_browser() is None, reason="there is no Chromium on this machine")
READY = "document.querySelector('#steps')?.textContent === '0'"
DOT = """(() => { const canvas = document.getElementById("imagined-top"), data = canvas.getContext("2d").getImageData(0, 0, 16, 16).data;
for (let at = 0; at < 256; at++) if (data[4 * at] > 128) return [at % 16, 15 - Math.floor(at / 16)]; })()"""


def text(name: str) -> str:
    return f"document.getElementById('{name}').textContent"


@needs_browser
def test_real_key_presses_drive_the_page() -> None:
    with running(PlayServer(lambda: session(DotModel(gain=0.5)), title="dot", port=0)) as port, Browser(find_browser() or "") as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait(READY)
        assert browser.evaluate(DOT) == [4, 8] and browser.evaluate(text("title")) == "dot" and "waiting" in browser.evaluate(text("status"))
        browser.down("ArrowRight")
        browser.wait(f"Number({text('steps')}) >= 6")
        lit = browser.evaluate("[...document.querySelectorAll('.cap[aria-pressed=true]')].map((cap) => cap.textContent)")
        browser.up("ArrowRight")
        browser.press(" ")
        browser.wait(f"{text('status')} === 'paused'")
        x, y = browser.evaluate(DOT)
        assert lit == ["→"] and x >= 6 and y == 8
        assert "dB" in browser.evaluate(text("drift")) and "ms" in browser.evaluate(text("milliseconds")) and float(browser.evaluate(text("rate"))) > 0
        browser.wait("!busy")
        steps = int(browser.evaluate(text("steps")))
        browser.down("ArrowUp")
        for _ in range(2):  # by hand, while time stands still
            browser.press(".")
            steps += 1
            browser.wait(f"{text('steps')} === '{steps}'")
        browser.up("ArrowUp")
        assert browser.evaluate(DOT) == [browser.evaluate(DOT)[0], 9]
        browser.press("Enter")  # look
        browser.wait(READY)
        assert browser.evaluate(DOT)[1] == 10  # the truth went twice as far
        browser.press("Backspace")  # reset
        browser.wait(f"{READY} && frame.clock === 0")
        assert browser.evaluate(DOT) == [4, 8]
        browser.evaluate("document.querySelectorAll('#starts button')[2].click()")
        browser.wait("frame.start === 2")
        assert browser.evaluate(DOT) == [6, 8] and browser.evaluate("document.querySelectorAll('#starts [aria-pressed=true]').length") == 1


@needs_browser
def test_no_step_comes_after_a_pause() -> None:
    with running(PlayServer(lambda: session(DotModel()), title="dot", port=0)) as port, Browser(find_browser() or "") as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait(READY)
        browser.evaluate("about.rate = 1")  # the second step is a second away
        browser.down("ArrowRight")
        browser.wait(f"{text('steps')} === '1'")
        browser.press(" ")
        browser.evaluate("new Promise((done) => setTimeout(done, 1200))")
        assert browser.evaluate(text("steps")) == "1" and browser.evaluate(text("status")) == "paused"


@needs_browser
def test_a_replay_runs_to_its_end_and_a_server_that_goes_is_told() -> None:
    with Browser(find_browser() or "") as browser:
        play = [recorded([(1, 0)] * 4)]
        with running(PlayServer(lambda: PlaySession(DotModel(chance=0.1), play), title="dot", port=0, token="t")) as port:
            browser.open(f"http://127.0.0.1:{port}/?token=t")
            browser.wait(READY)
            assert browser.evaluate("document.getElementById('truth-top').parentElement.hidden && document.getElementById('drifting').hidden")
            browser.evaluate("document.getElementById('chance').click()")
            browser.wait("frame.chance === false")
            browser.evaluate("document.getElementById('replay').click()")
            browser.wait(f"{text('status')}.includes('recording is over')")
            assert browser.evaluate(text("steps")) == "4" and browser.evaluate(DOT) == [8, 8]
            assert not browser.evaluate("document.getElementById('truth-top').parentElement.hidden")
        browser.wait(f"{text('status')} === 'not connected'")
        browser.evaluate("document.querySelector('#starts button').click()")
        browser.press("ArrowRight")
        assert browser.evaluate(text("status")) == "not connected" and "The server is gone" in browser.evaluate(text("trouble"))
        assert not browser.evaluate("document.getElementById('trouble').hidden")


@needs_browser
def test_the_page_of_a_model_that_is_told_no_actions_says_so() -> None:
    with running(PlayServer(lambda: PlaySession(Drifting(), starts()), title="drifts", port=0)) as port, Browser(find_browser() or "") as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait(READY)
        assert "press Space" in browser.evaluate(text("status")) and "imagines on by itself" in browser.evaluate(text("lead"))
        assert "no key changes what it imagines" in browser.evaluate(text("levers")) and "the same action" not in browser.evaluate(text("clock"))
        browser.press("ArrowUp")
        assert browser.evaluate(text("steps")) == "0" and "press Space" in browser.evaluate(text("status"))
        browser.press(".")
        browser.wait(f"{text('steps')} === '1'")
        assert browser.evaluate(DOT) == [5, 8]
