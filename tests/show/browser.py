"""A headless Chromium, driven over the DevTools protocol: open a page, press keys, evaluate, look.

Messages are JSON over one WebSocket; commands are answered by id, and events in between are dropped, but for exceptions in the page,
which fail the next call. Knows nothing of the page.
"""

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Backspace": 8, "Enter": 13, " ": 32}


def find_browser() -> str | None:
    """Path of a Chromium, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of `width` x `height` px. Use it in a `with`."""

    def __init__(self, program: str, *, width: int = 1180, height: int = 860, dark: bool = False) -> None:
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"]
        self.process = subprocess.Popen(
            [program, *options, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.stack.callback(self._end)
        self.numbers, self.session, self.exceptions = itertools.count(1), None, list[str]()
        try:
            self.socket = self.stack.enter_context(connect(self._address(), max_size=None, compression=None, open_timeout=20))
            page = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            self.call("Runtime.enable")
            self.call("Page.enable")
            self.call("Emulation.setFocusEmulationEnabled", enabled=True)  # keys that are down stay down, whatever a busy machine does with windows
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        except BaseException:
            self.close()
            raise

    def _address(self) -> str:
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                return found[1]
            said.append(line)
        raise RuntimeError(f"the browser did not start: {''.join(said)[-500:]}")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command; its result."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters, **({"sessionId": self.session} if self.session else {})}))
        while True:
            told = json.loads(self.socket.recv(timeout=30))
            if told.get("method") == "Runtime.exceptionThrown":
                self.exceptions.append(json.dumps(told["params"]["exceptionDetails"])[:800])
            if told.get("id") == number:
                assert not self.exceptions, f"the page threw: {self.exceptions}"
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script: str, seconds: float = 15) -> Any:
        """Until an expression is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.evaluate(script):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{script} did not come true within {seconds} s; the page says: {self.evaluate('document.body.innerText')[:600]}")

    def down(self, key: str) -> None:
        self._key("keyDown", key)

    def up(self, key: str) -> None:
        self._key("keyUp", key)

    def press(self, key: str) -> None:
        self.down(key)
        self.up(key)

    def _key(self, kind: str, key: str) -> None:
        number = CODES.get(key, ord(key[0].upper()))
        self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=number, nativeVirtualKeyCode=number)

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path

    def close(self) -> None:
        """End the browser."""
        self.stack.close()

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
