"""Serve a trained run to robots: load it, say where it is and what it takes, answer until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from wam.jobs.deciding import PRESET, Deciding, deciding_of, policy_of
from wam.recipes.runs import load
from wam.world import Slot

if TYPE_CHECKING:
    from wam.serve import Keys, Limits, PolicyServer


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    keys: "Keys | None" = None,
    limits: "Limits | None" = None,
    deciding: Deciding = PRESET,
    seed: int = 0,
    device: str = "cpu",
    console: Console | None = None,
) -> None:
    """Serve a run's policy over a WebSocket, until SIGTERM or Ctrl-C.

    `port` 0 takes a free one. `token`: needed where `host` can be reached from other machines. `keys`: which key of a message is
    which input, else openpi's habit. `deciding`: otherwise than its preset says. SpecError for what cannot be served, ImportError without the extra "serve".
    """
    from wam.serve import PolicyServer

    console, run = console or Console(), load(folder, device=device)
    policy, name = policy_of(run, deciding), f"{run.name}{deciding_of(run, deciding)}"
    server = PolicyServer(policy, name=name, host=host, port=port, token=token, keys=keys, limits=limits, seed=seed, device=device)

    def started(taken: int) -> None:
        for line in announcement(server, taken):
            console.print(line, soft_wrap=True)

    server.run_until_signal(started)
    console.print(f"[bold]stopped[/] {server.served} clients were served")


def announcement(server: "PolicyServer", port: int) -> list[str]:
    """What a person wants to know when the server is up, as rich markup."""
    from wam.serve.keys import GOAL

    spec, keys = server.policy.spec, server.keys
    rows, rate = spec.acts.per_step, spec.rate * spec.acts.per_step
    place = f"[{server.host}]" if ":" in server.host else server.host
    lines = [f"[bold]serving[/] {escape(server.name)} at ws://{escape(place)}:{port}   health: http://{escape(place)}:{port}/healthz"]
    for key, name in keys.cameras.items():
        camera = spec.observes.cameras[name]
        lines.append(f"  in   {escape(key)}: camera {escape(name)}, uint8 ({camera.height}, {camera.width}, 3), channels last")
    start = 0
    for key, count in keys.proprio.items():
        lines.append(f"  in   {escape(key)}: {escape(_named(spec.observes.proprio[start : start + count]))}")
        start += count
    if spec.instructed:
        lines.append(f"  in   {escape(keys.prompt)}: one of {len(spec.sentences)} instructions, e.g. {escape(repr(spec.sentences[0]))}")
    if spec.goal_conditioned:
        shown = ", ".join(escape(GOAL + key) for key in keys.cameras)
        lines.append(f"  goal {shown}: how it should look, like the camera's pictures, with the first message of an episode")
    lines.append(f"  out  actions ({spec.chunk * rows}, {len(spec.acts.low_level)}) at {rate:g} Hz, of which {spec.execute * rows} are to be executed")
    lines.append(f"       {escape(_named(spec.acts.low_level))}")
    limits, size = server.limits, f"{server.limits.message_bytes / 2**20:g} MiB"
    lines.append(f"  for  {limits.clients} robots at once; of each {limits.per_second} messages a second, with {limits.frames} instants in {size}")
    lines.append(f"       given up: an answer after {limits.infer_seconds:g} s, a robot after {limits.idle_seconds:g} s without a message")
    lines.append("  asked with a token" if server.token else "  open to this machine only, without a token")
    return [*lines, "  Ctrl-C ends it."]


def _named(slots: tuple[Slot, ...]) -> str:
    """Names, units, and what is a change."""
    return ", ".join(f"{slot.name}{f' [{slot.unit}]' if slot.unit else ''}{' (change)' if slot.relative else ''}" for slot in slots)
