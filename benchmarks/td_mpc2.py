"""TD-MPC2 against torchrl on the same networks: one planning step, and what an update takes. All ratios come from one run.

.venv-suite/bin/python benchmarks/td_mpc2.py [--latent 128] [--hidden 384] [--samples 512] [--iterations 6] [--elites 64]
    [--horizon 3] [--batch 256] [--rows 1] [--repeats 15] [--result results/speed_td_mpc2.json]

torchrl 0.14 has no TD-MPC2: no loss, no planner of that name. What it has is `MPPIPlanner` over a `ModelBasedEnvBase`, scored
by an advantage module. That allows an equal planning step: same weights, as many candidates, iterations, elites and steps
ahead, from latent to action, no proposals of the policy, reward plus value at the end. It is measured twice: scored by a
module that asks for the value of the last state only ("lean", as our objective does), and by `TDLambdaEstimator`, as
torchrl's documentation shows, which asks for the value of every state. The bar is against the lean one. Their planner judges
its candidates alone, ours also the final mean. An update has no counterpart: ours is timed for what it is.

Needs torchrl 0.14 beside this package. Time is processor time of one thread.
"""

import argparse
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

from wam.models.state_space.latent.td_mpc2 import TDMPC2, Code, TDMPC2Config
from wam.plan import MPPI, Problem, Return
from wam.recipes.td_mpc2 import SMALL
from wam.world import ActionSpec, Future, Grounded, Latent, Noise, Observation, ObservationSpec, Past, Slot, Task, Window

FELT, ACTIONS = 17, 6  # a cheetah's
TOLERANCE = 1e-4  # largest relative difference of a candidate's worth

Plan = Callable[[Float[Tensor, "B D"]], Tensor]


@dataclass(frozen=True)
class Size:
    """What is measured."""

    latent: int  # D
    hidden: int  # of every network
    samples: int  # S
    iterations: int
    elites: int
    horizon: int  # H
    batch: int  # windows of an update
    rows: int  # B, environments planned for at once


def model_of(size: Size) -> TDMPC2:
    """Networks of these sizes at their start, but for a reward that is not zero everywhere."""
    torch.manual_seed(0)
    observes = ObservationSpec(proprio=tuple(Slot(name=f"o{index}") for index in range(FELT)))
    acts = ActionSpec(low_level=tuple(Slot(name=f"a{index}", low=-1.0, high=1.0) for index in range(ACTIONS)))
    model = TDMPC2(TDMPC2Config(latent=size.latent, hidden=size.hidden, bins=SMALL.config.bins), observes, acts, rate=50.0)
    for head in (model.reward[-1], *model.value_heads.parameters()):
        weights = head.weight if isinstance(head, nn.Linear) else head
        if weights.ndim > 1:
            nn.init.normal_(weights, std=0.02)
    return model


# -- torchrl -------------------------------------------------------------------------------------------------------------


class ReturnAndValue(nn.Module):
    """torchrl's `advantage` as our objective has it: discounted rewards, and the value of the last state alone."""

    def __init__(self, model: TDMPC2) -> None:
        super().__init__()
        self.model = model

    def forward(self, imagined: Any) -> Any:
        """A TensorDict "B S H" with rewards and latents gets `advantage` "B S H 1", the same at every step."""
        reward, last = imagined["next", "reward"][..., 0], imagined["next", "latent"][..., -1:, :]
        fading = self.model.discount ** torch.arange(reward.shape[-1] + 1)
        value = self.model.value(Latent(z=last.flatten(0, 1))).view(reward.shape[:-1])
        worth = (reward * fading[:-1]).sum(-1) + fading[-1] * value
        imagined["advantage"] = worth[..., None, None].expand(*reward.shape, 1)
        return imagined


def torchrl_world(model: TDMPC2) -> Any:
    """The same dynamics and reward networks as a torchrl environment whose observation is the latent."""
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.data import Bounded, Composite, Unbounded
    from torchrl.envs.model_based import ModelBasedEnvBase

    def advance(z: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([z, action], -1)
        return model.dynamics(both), model.two_hot.decode(model.reward(both))[..., None] * model.config.unit

    class Imagined(ModelBasedEnvBase):  # type: ignore[misc, no-any-unimported]
        def __init__(self) -> None:
            super().__init__(TensorDictModule(advance, in_keys=["latent", "action"], out_keys=["latent", "reward"]))
            self.observation_spec = Composite(latent=Unbounded((model.config.latent,)))
            self.state_spec = Composite(latent=Unbounded((model.config.latent,)))
            self.action_spec = Bounded(-1.0, 1.0, (ACTIONS,))
            self.reward_spec = Unbounded((1,))

        def _reset(self, tensordict: Any, **kwargs: Any) -> Any:
            return TensorDict(self.state_spec.zero(), batch_size=self.batch_size)

    return Imagined()


def torchrl_planning_step(model: TDMPC2, size: Size, *, lean: bool) -> Plan:
    """latent "B D" -> first action "B A", by torchrl's `MPPIPlanner`; `lean` = scored by `ReturnAndValue`, else by `TDLambdaEstimator`."""
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.modules import MPPIPlanner
    from torchrl.objectives.value import TDLambdaEstimator

    def value(z: Tensor) -> Tensor:
        return model.value(Latent(z=z.flatten(0, -2)[:, None])).view(*z.shape[:-1], 1)

    network = TensorDictModule(value, in_keys=["latent"], out_keys=["state_value"])
    scored = ReturnAndValue(model) if lean else TDLambdaEstimator(gamma=model.discount, lmbda=0.95, value_network=network)
    planner = MPPIPlanner(
        torchrl_world(model),
        scored,
        temperature=SMALL.planner.temperature,
        planning_horizon=size.horizon,
        optim_steps=size.iterations,
        num_candidates=size.samples,
        top_k=size.elites,
    )

    def plan(latent: Tensor) -> Tensor:
        action: Tensor = planner(TensorDict({"latent": latent}, batch_size=latent.shape[:1]))["action"]
        return action

    return plan


def torchrl_worth(model: TDMPC2, latent: Float[Tensor, "B D"], candidates: Float[Tensor, "B S H A"]) -> Float[Tensor, "B S"]:
    """What torchrl's roll-out and `ReturnAndValue` give for candidates."""
    from tensordict import TensorDict

    steps = iter(candidates.unbind(2))
    start = TensorDict({"latent": latent[:, None].repeat(1, candidates.shape[1], 1)}, batch_size=candidates.shape[:2])
    imagined = torchrl_world(model).rollout(
        candidates.shape[2], policy=lambda tensordict: tensordict.set("action", next(steps)), auto_reset=False, tensordict=start, break_when_any_done=False
    )
    worth: Tensor = ReturnAndValue(model)(imagined)["advantage"][..., 0, 0]
    return worth


# -- ours ----------------------------------------------------------------------------------------------------------------


def problem(model: TDMPC2, size: Size, latent: Float[Tensor, "B D"]) -> Problem:
    """Reward and value from a latent on."""
    code, objective = Code(z=latent), Return()
    carry = Grounded(seen=code, now=code)
    return Problem(model=model, carry=carry, objective=objective, goal=objective.prepare(model, Task()), horizon=size.horizon)


def our_planning_step(model: TDMPC2, size: Size) -> Plan:
    """The same with our planner."""
    planner, noise = MPPI(samples=size.samples, iterations=size.iterations, elites=size.elites, temperature=0.5, spread=1.0), Noise.of(range(size.rows))

    def plan(latent: Tensor) -> Tensor:
        return planner.plan(problem(model, size, latent), warm=None, noise=noise).actions[:, 0, 0]

    return plan


def our_update(model: TDMPC2, size: Size) -> Callable[[], None]:
    """One optimiser step of the recipe on random windows: losses, gradients, clipping, AdamW."""
    learner = SMALL.stages[0].learner.learner
    noise, acts, observes = Noise.of(range(size.batch)), model.spec.consumes, model.spec.observes
    frames = observes.sample(size.batch, 1 + size.horizon, noise)
    window = Window(
        past=Past(observation=frames.narrow("T", 0, 1), actions=acts.nothing(size.batch, 1)),
        actions=acts.sample(size.batch, size.horizon, noise),
        future=Future(observation=frames.narrow("T", 1), reward=noise.uniform(1, size.horizon)[:, 0], alive=torch.ones(size.batch, size.horizon)),
        valid=torch.ones(size.batch, size.horizon, dtype=torch.bool),
        task=Task(),
    )
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learner.learning_rate, fused=True)

    def update() -> None:
        losses = model.loss(window, noise=noise)
        optimiser.zero_grad()
        torch.stack([learner.weights[name] * loss.mean() for name, loss in losses.items()]).sum().backward()
        nn.utils.clip_grad_norm_(parameters, learner.clip)
        optimiser.step()

    return update


def measure(size: Size, repeats: int) -> tuple[dict[str, float], float]:
    """Median seconds of each, in turns; and the largest relative difference of a candidate's worth."""
    model, noise = model_of(size), Noise.of(range(size.rows))
    with torch.no_grad():
        latent = model.encode(Observation(proprio=noise.normal(1, FELT))).z[:, 0]
        candidates = noise.uniform(1, size.samples, size.horizon, ACTIONS)[:, 0] * 2 - 1
        theirs, ours = torchrl_worth(model, latent, candidates), -problem(model, size, latent).cost(candidates[:, :, :, None])
        plans = {
            "ours": our_planning_step(model.eval(), size),
            "torchrl, lean": torchrl_planning_step(model, size, lean=True),
            "torchrl, documented": torchrl_planning_step(model, size, lean=False),
        }
        times = {name: list[float]() for name in plans}
        for round_ in range(repeats + 1):  # the first round warms up
            for name, plan in plans.items():
                begin = time.process_time()
                plan(latent)
                times[name] += [time.process_time() - begin] if round_ else []
    update, taken = our_update(model.train(), size), []
    for _ in range(repeats + 1):
        begin = time.process_time()
        update()
        taken.append(time.process_time() - begin)
    middle = {name: statistics.median(found) for name, found in times.items()}
    return {**middle, "update": statistics.median(taken[1:])}, float(((theirs - ours).abs() / ours.abs().max()).max())


def main() -> None:
    """Measure, print, publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = (("latent", 128), ("hidden", 384), ("samples", 512), ("iterations", 6), ("elites", 64), ("horizon", 3), ("batch", 256), ("rows", 1))
    for name, default in sizes:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--result", type=Path, help="publish the figures here")
    options = vars(parser.parse_args())
    repeats, result = options.pop("repeats"), options.pop("result")
    torch.set_num_threads(1)
    size = Size(**options)
    seconds, apart = measure(size, repeats)
    figures = [
        Figure(what="planning step: torchrl's MPPIPlanner, lean, against ours", value=seconds["torchrl, lean"] / seconds["ours"], unit="x", bar=1.0),
        Figure(what="planning step: torchrl's MPPIPlanner as documented against ours", value=seconds["torchrl, documented"] / seconds["ours"], unit="x"),
        Figure(what="largest relative difference of a candidate's worth", value=apart, unit="", bar=TOLERANCE, at_most=True),
        Figure(what="our planning step", value=1e3 * seconds["ours"], unit="ms of processor time"),
        Figure(what="our update; torchrl 0.14 has none of TD-MPC2", value=1e3 * seconds["update"], unit="ms of processor time"),
    ]
    print("\n".join(map(str, figures)))
    if result:
        protocol = (
            f"Latent {size.latent}, networks {size.hidden}, {size.samples} candidates x {size.iterations} iterations x {size.horizon} steps, "
            f"{size.elites} elites, {size.rows} environment(s), update of {size.batch} windows, one thread, median of {repeats}; same weights, no proposals."
        )
        publish(result, "TD-MPC2 beside torchrl", figures, protocol=protocol, sources=("wam.recipes.td_mpc2",))


if __name__ == "__main__":
    main()
