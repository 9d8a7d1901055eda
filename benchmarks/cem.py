"""CEM with a transformer world model: cached context against a plain loop. Prints JSON; all ratios come from one run.

python benchmarks/cem.py [--samples 300] [--iterations 10] [--horizon 5] [--width 128] [--layers 3] [--context 3]
                         [--rows 1] [--repeats 5] [--threads 1] [--device cpu]
                         [--result results/speed_cem.json]

The plain model runs the whole growing context through the network at every imagined step, as most published code does. The
cached one keeps keys and values, and the candidates share one copy of the context's. Same weights, same planner, same noise.
The bars: at least 2 x in one precision, at least 4 x with bfloat16 against the plain loop in float32, same costs.
Time on a CPU is processor time of all threads, so that other jobs on the machine matter less. Use several threads on a quiet
machine only: where they wait for each other they spin, and the spinning is counted.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from publish import Figure, publish
from torch import Tensor, nn

from wam.plan import CEM, GoalState, Problem
from wam.world import Actions, ActionSpec, Future, FutureSpec, Latent, LatentSpec, Noise, ObservationSpec, Record, Slot, Task, WorldModelSpec, record

LATENT, ACTION, HEADS = 64, 2, 4
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}  # largest relative difference of a candidate's cost from the plain loop in float32


@dataclass(frozen=True)
class Size:
    """What is measured."""

    samples: int  # S
    iterations: int
    horizon: int  # H
    width: int  # of the transformer
    layers: int
    context: int  # frames seen
    rows: int  # B, environments planned for at once


class Block(nn.Module):
    """One causal layer, as a plain function of queries, keys and values."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def heads(self, x: Float[Tensor, "... E"]) -> list[Tensor]:
        """Queries, keys and values, "... heads e" each."""
        return [part.unflatten(-1, (HEADS, -1)) for part in self.qkv(self.first(x)).chunk(3, -1)]

    def finish(self, x: Float[Tensor, "... E"], mixed: Float[Tensor, "... h e"]) -> Float[Tensor, "... E"]:
        """The rest of the layer after attention."""
        x = x + self.out(mixed.flatten(-2))
        return x + self.mlp(self.second(x))


class Predictor(nn.Module):
    """Token t is (z_t, the action that follows); its output is the change to z_t+1."""

    def __init__(self, size: Size):
        super().__init__()
        self.token = nn.Linear(LATENT + ACTION, size.width)
        self.place = nn.Parameter(torch.randn(size.context + size.horizon, size.width) * 0.02)
        self.blocks = nn.ModuleList([Block(size.width) for _ in range(size.layers)])
        self.norm, self.change = nn.LayerNorm(size.width), nn.Linear(size.width, LATENT)

    def all_tokens(self, z: Float[Tensor, "N T D"], actions: Float[Tensor, "N T A"]) -> tuple[Float[Tensor, "N T D"], list[tuple[Tensor, Tensor]]]:
        """The next latent of every token, and each layer's keys and values "N T heads e"."""
        steps, kept = z.shape[1], []
        x = self.token(torch.cat([z, actions], -1)) + self.place[:steps]
        future = torch.ones(steps, steps, dtype=torch.bool, device=z.device).triu(1)
        for block in self.blocks:
            query, key, value = block.heads(x)
            q, k, v = (part.transpose(1, 2) for part in (query, key, value))
            scores = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(future, float("-inf"))
            x = block.finish(x, (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2))
            kept.append((key, value))
        return z + self.change(self.norm(x)), kept


@record
class Context(Record):
    """C frames, and the C - 1 actions between them."""

    z: Float[Tensor, "B C D"]
    actions: Float[Tensor, "B W A"]


@record
class Cache(Record):
    """The newest frame, and keys and values of the tokens before it."""

    z: Float[Tensor, "B D"]
    key: Float[Tensor, "B L W h e"]
    value: Float[Tensor, "B L W h e"]


class Plain:
    """Recomputes the growing context at each step."""

    shares_context = False

    def __init__(self, net: Predictor, spec: WorldModelSpec):
        self.net, self.spec = net, spec

    def start(self, z: Tensor, actions: Tensor) -> Context:
        return Context(z=z, actions=actions)

    def predict(self, carry: Context, actions: Actions, *, noise: Noise | None = None) -> tuple[Context, Future]:
        z, done = carry.z, carry.actions
        for action in actions.low_level[:, :, 0].unbind(1):
            done = torch.cat([done, action[:, None]], 1)
            z = torch.cat([z, self.net.all_tokens(z, done)[0][:, -1:]], 1)
        return Context(z=z, actions=done), Future(state=Latent(z=z[:, carry.z.shape[1] :]))


class Cached:
    """One new token per step; the candidates of a row read one copy of its context."""

    shares_context = True

    def __init__(self, net: Predictor, spec: WorldModelSpec):
        self.net, self.spec = net, spec

    def start(self, z: Tensor, actions: Tensor) -> Cache:
        _, kept = self.net.all_tokens(z[:, :-1], actions)
        keys, values = (torch.stack(part, 1) for part in zip(*kept, strict=True))
        return Cache(z=z[:, -1], key=keys, value=values)

    def predict(self, carry: Cache, actions: Actions, *, noise: Noise | None = None) -> tuple[Cache, Future]:
        net, batch, seen, path = self.net, carry.z.shape[0], carry.key.shape[2], []
        z = carry.z.repeat_interleave(len(actions.valid) // batch, 0)
        own: list[list[tuple[Tensor, Tensor]]] = [[] for _ in net.blocks]
        shared = [(carry.key[:, layer].permute(0, 2, 3, 1), carry.value[:, layer].transpose(1, 2)) for layer in range(len(own))]
        for step, action in enumerate(actions.low_level[:, :, 0].unbind(1)):
            x = net.token(torch.cat([z, action], -1)) + net.place[seen + step]
            for layer, block in enumerate(net.blocks):
                query, key, value = block.heads(x)
                own[layer].append((key, value))
                x = block.finish(x, _attend(query, shared[layer], own[layer]))
            z = z + net.change(net.norm(x))
            path.append(z)
        return carry, Future(state=Latent(z=torch.stack(path, 1)))


def _attend(query: Float[Tensor, "N h e"], shared: tuple[Tensor, Tensor], own: list[tuple[Tensor, Tensor]]) -> Float[Tensor, "N h e"]:
    """One query per candidate over its row's context ("B h e W", "B h W e") and its own imagined tokens."""
    batch, width = shared[0].shape[0], shared[0].shape[-1]
    query = query / query.shape[-1] ** 0.5
    grouped = query.unflatten(0, (batch, -1)).transpose(1, 2)  # B h S e
    seen = (grouped @ shared[0].to(query.dtype)).transpose(1, 2).flatten(0, 1)
    imagined = torch.stack([(query * key).sum(-1) for key, _ in own], -1)
    weights = torch.cat([seen, imagined], -1).softmax(-1).to(query.dtype)
    from_seen = weights[..., :width].unflatten(0, (batch, -1)).transpose(1, 2) @ shared[1].to(query.dtype)
    mixed = from_seen.transpose(1, 2).flatten(0, 1)
    for place, (_, value) in enumerate(own):
        mixed = torch.addcmul(mixed, weights[..., width + place, None], value)
    return mixed


def clock(device: str) -> float:
    """Seconds: processor time on a CPU, wall time on a GPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(run: Callable[[], Any], device: str) -> float:
    """How long one run takes."""
    begin = clock(device)
    run()
    return clock(device) - begin


def matrix_rate(dtype: torch.dtype, device: str) -> float:
    """Floating-point operations per second of a square matrix product, the best of several."""
    side = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / min(seconds(lambda: a @ b, device) for _ in range(12))


def measure(size: Size, repeats: int, device: str) -> dict[str, Any]:
    """Times, ratios and agreement."""
    torch.manual_seed(0)
    net = Predictor(size).to(device).eval()
    slots = tuple(Slot(name=f"a{index}", low=-1.0, high=1.0) for index in range(ACTION))
    z, actions = torch.randn(size.rows, size.context, LATENT, device=device), torch.randn(size.rows, size.context - 1, ACTION, device=device)
    task = Task(goal_state=Latent(z=torch.randn(size.rows, 1, LATENT, device=device)))
    planner, noise = CEM(samples=size.samples, iterations=size.iterations, elites=size.samples // 10), Noise.of(range(size.rows), device)

    def problem(kind: type[Plain] | type[Cached]) -> Problem:
        spec = WorldModelSpec(
            observes=ObservationSpec(),
            predicts=FutureSpec(state=LatentSpec(shape=(LATENT,))),
            consumes=ActionSpec(low_level=slots),
            shares_context=kind.shares_context,
        )
        model, objective = kind(net, spec), GoalState()
        return Problem(model=model, carry=model.start(z, actions), objective=objective, goal=objective.prepare(model, task), horizon=size.horizon)

    def plan(kind: type[Plain] | type[Cached], half: bool) -> Any:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            return planner.plan(problem(kind), warm=None, noise=noise)

    def cost(kind: type[Plain] | type[Cached], half: bool) -> Tensor:
        candidates = noise.uniform(1, size.samples, size.horizon, 1, ACTION)[:, 0] * 2 - 1
        with torch.autocast(device, torch.bfloat16, enabled=half):
            return problem(kind).cost(candidates)

    variants = {"plain fp32": (Plain, False), "cached fp32": (Cached, False), "plain bf16": (Plain, True), "cached bf16": (Cached, True)}
    times: dict[str, list[float]] = {name: [] for name in variants}
    with torch.no_grad():
        reference = cost(Plain, False)
        error = {name: float(((cost(*which) - reference).abs() / reference).max()) for name, which in variants.items()}
        order = {name: float(torch.corrcoef(torch.stack([cost(*which)[0], reference[0]]))[0, 1]) for name, which in variants.items()}
        for round_ in range(repeats + 1):  # the first round warms up
            for name, which in variants.items():
                took = seconds(lambda which=which: plan(*which), device)
                times[name] += [took] if round_ else []
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    tokens = size.rows * size.samples * size.iterations * size.horizon
    work = 2 * tokens * (12 * size.layers * size.width**2 + size.width * (2 * LATENT + ACTION))
    rate = {"fp32": matrix_rate(torch.float32, device), "bf16": matrix_rate(torch.bfloat16, device)}
    same = all(error[name] <= TOLERANCE[name.split()[1]] for name in variants)
    return {
        "bars": {
            "2 x in one precision": middle["plain fp32"] >= 2 * middle["cached fp32"],
            "4 x with bf16 against fp32": middle["plain fp32"] >= 4 * middle["cached bf16"],
            f"same costs within {TOLERANCE}": same,
        },
        "milliseconds": {name: round(1e3 * value, 1) for name, value in middle.items()},
        "milliseconds per row": {name: round(1e3 * value / size.rows, 2) for name, value in middle.items()},
        "cached against plain, fp32": round(middle["plain fp32"] / middle["cached fp32"], 2),
        "cached against plain, bf16": round(middle["plain bf16"] / middle["cached bf16"], 2),
        "cached bf16 against plain fp32": round(middle["plain fp32"] / middle["cached bf16"], 2),
        "largest relative difference of a cost": {name: float(f"{value:.2g}") for name, value in error.items()},
        "correlation of the costs": {name: round(value, 6) for name, value in order.items()},
        "matrix rate, GFLOP/s": {name: round(value / 1e9, 1) for name, value in rate.items()},
        "share of the matrix rate": {name: round(work / middle[f"cached {name}"] / rate[name], 3) for name in rate},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("samples", 300), ("iterations", 10), ("horizon", 5), ("width", 128), ("layers", 3), ("context", 3), ("rows", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = vars(parser.parse_args())
    repeats, threads, device, result = (options.pop(name) for name in ("repeats", "threads", "device", "result"))
    torch.set_num_threads(threads)
    about = {"torch": torch.__version__, "device": device if device == "cpu" else torch.cuda.get_device_name(), "threads": threads, **options}
    found = measure(Size(**options), repeats, device)
    print(json.dumps({**about, **found}, indent=2))
    if result:
        share, error, rate = (found[name] for name in ("share of the matrix rate", "largest relative difference of a cost", "milliseconds per row"))
        figures = [
            Figure(what="cached against plain, fp32", value=found["cached against plain, fp32"], unit="x", bar=2.0),
            Figure(what="cached bf16 against plain fp32", value=found["cached bf16 against plain fp32"], unit="x", bar=4.0),
            Figure(what="cached fp32: largest relative difference of a cost", value=error["cached fp32"], unit="", bar=TOLERANCE["fp32"], at_most=True),
            Figure(what="cached bf16: largest relative difference of a cost", value=error["cached bf16"], unit="", bar=TOLERANCE["bf16"], at_most=True),
            Figure(what="one plan, cached bf16", value=rate["cached bf16"], unit="ms of processor time"),
            Figure(what="share of the machine's matrix rate, cached fp32", value=100 * share["fp32"], unit="%"),
            Figure(what="share of the machine's matrix rate, cached bf16", value=100 * share["bf16"], unit="%"),
        ]
        size = Size(**options)
        protocol = (
            f"CEM {size.samples} x {size.iterations} x {size.horizon}, width {size.width}, {size.layers} layers, {size.context} context frames, "
            f"{size.rows} environment(s), {threads} thread(s), median of {repeats}; plain = the growing context computed again at each step."
        )
        publish(result, "CEM with a transformer", figures, protocol=protocol, sources=("wam.plan",), device=device)


if __name__ == "__main__":
    main()
