"""docs/pictures/play.png: the page as a person sees it, driven with real keys in a headless Chromium.

python -m tests.show.play_picture
"""

from pathlib import Path

from tests.show.browser import Browser, find_browser
from tests.show.test_play import READY, running, text
from wam.jobs.play import sessions
from wam.recipes.runs import load
from wam.show.play.server import PlayServer

ROOT = Path(__file__).parent.parent.parent
PICTURE = ROOT / "docs" / "pictures" / "play.png"


def main() -> None:
    """Five steps to the left, a look at the truth, four more."""
    run = load(ROOT / "checkpoints" / "lewm-push")
    make, about = sessions(run, world="push", options={})
    with running(PlayServer(make, title=f"{run.name}, {about}", port=0)) as port, Browser(find_browser() or "") as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=1180, height=945, deviceScaleFactor=1, mobile=False)
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait(READY)
        for steps, last in ((5, "Enter"), (4, "")):
            browser.down("ArrowLeft")
            browser.wait(f"Number({text('steps')}) >= {steps}")
            if last:
                browser.press(last)
                browser.wait(f"Number({text('steps')}) < {steps}")
        browser.screenshot(PICTURE)
        browser.up("ArrowLeft")


if __name__ == "__main__":
    main()
