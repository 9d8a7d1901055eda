"""The physics of the table against closed forms, conservation laws and finite differences."""

import math
from dataclasses import replace

import pytest
import torch

from tests.sim.engines.tables import BLOCK, DISC, at, moving, still, table
from wam.sim.engines import contacts, planar
from wam.sim.engines.planar import FRICTION_ARM, GRAVITY, PlanarState, step


def run(state: PlanarState, action: torch.Tensor, parameters: planar.PlanarParameters, steps: int) -> PlanarState:
    for _ in range(steps):
        state = step(state, action, parameters)
    return state


# -- shapes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [DISC, BLOCK, (0.06, 0.06, 0.03)])
def test_area_inertia_and_friction_arm_match_integration(body: tuple[float, float, float]) -> None:
    half, radius = torch.tensor(body[:2], dtype=torch.float64), torch.tensor(body[2], dtype=torch.float64)
    line = (torch.arange(1000, dtype=torch.float64) + 0.5) * 0.000233 - 0.1165
    x, y = torch.meshgrid(line, line, indexing="ij")
    inside = ((x.abs() - half[0]).clamp(min=0) ** 2 + (y.abs() - half[1]).clamp(min=0) ** 2).sqrt() <= radius
    cell, square = float(line[1] - line[0]) ** 2, (x**2 + y**2)[inside]
    mass = torch.tensor(0.7, dtype=torch.float64)
    assert float(planar.area(half, radius)) == pytest.approx(float(inside.sum()) * cell, rel=2e-3)
    assert float(planar.inertia(half, radius, mass)) == pytest.approx(0.7 * float(square.mean()), rel=2e-3)
    assert float(square.sqrt().mean() / square.mean().sqrt()) == pytest.approx(FRICTION_ARM, rel=0.01)


# -- sliding ---------------------------------------------------------------------------------------------------------------


def slide(speed: float, friction: float, damping: float, mass: float, time: float) -> tuple[float, float]:
    """Distance and speed after `time`: m v' = -friction m g - damping v until it stops."""
    rate, brake = damping / mass, friction * GRAVITY
    if rate == 0:
        stop = speed / brake if brake else math.inf
        now = min(time, stop)
        return speed * now - brake * now**2 / 2, speed - brake * now
    stop = math.log(1 + rate * speed / brake) / rate if brake else math.inf
    now = min(time, stop)
    final = (speed + brake / rate) * math.exp(-rate * now)
    return (speed + brake / rate - final) / rate - brake / rate * now, final - brake / rate


@pytest.mark.parametrize(("friction", "damping"), [(0.4, 0.5), (0.2, 0.0), (0.0, 0.8), (0.7, 2.0)])
def test_sliding_disc_matches_the_closed_form(friction: float, damping: float) -> None:
    parameters = table([DISC], friction=friction, damping=damping)
    state = moving(at([(-0.35, 0.0, 0.0)]), 0, (0.6, 0.0, 0.0))
    for count in range(1, 7):
        state = step(state, still(), parameters)
        distance, speed = slide(0.6, friction, damping, 0.5, 0.1 * count)
        assert float(state.pose[0, 0, 0]) + 0.35 == pytest.approx(distance, abs=5e-4)  # m
        assert float(state.velocity[0, 0, 0]) == pytest.approx(speed, abs=2e-3)  # m/s


def test_spinning_block_slows_down_like_the_limit_surface_says() -> None:
    parameters = table([BLOCK], damping=0.0)
    gyration = float((planar.inertia(parameters.half, parameters.radius, parameters.mass) / parameters.mass).sqrt()[0, 0])
    state = run(moving(at([(0.0, 0.0, 0.0)]), 0, (0.0, 0.0, 20.0)), still(), parameters, 2)
    expected = 20 - FRICTION_ARM * 0.4 * GRAVITY / gyration * 0.2
    assert float(state.velocity[0, 0, 2]) == pytest.approx(expected, rel=1e-6)
    assert state.velocity[0, 0, :2].abs().max() == 0


def test_a_sliding_body_comes_to_rest_exactly() -> None:
    state = run(moving(at([(0.0, 0.0, 0.3)]), 0, (0.4, 0.2, 3.0)), still(), table([BLOCK]), 10)
    assert state.velocity[0, 0].abs().max() == 0
    after = run(state, still(), table([BLOCK]), 3)
    assert torch.equal(after.pose, state.pose)


def test_turning_and_sliding_share_the_friction() -> None:
    """A body that also spins slides farther, for part of the friction goes into the spin."""
    parameters = table([DISC], damping=0.0)
    straight = run(moving(at([(0.0, 0.0, 0.0)]), 0, (0.5, 0.0, 0.0)), still(), parameters, 10)
    spinning = run(moving(at([(0.0, 0.0, 0.0)]), 0, (0.5, 0.0, 15.0)), still(), parameters, 10)
    assert float(spinning.pose[0, 0, 0]) > 1.3 * float(straight.pose[0, 0, 0])


@pytest.mark.parametrize("name", ["friction", "damping", "mass"])
def test_gradients_of_sliding_match_finite_differences(name: str) -> None:
    start = moving(at([(-0.3, 0.0, 0.0)]), 0, (0.6, 0.1, 2.0))

    def travel(value: torch.Tensor) -> torch.Tensor:
        parameters = table([BLOCK])
        known = getattr(parameters, name)
        changed = torch.cat([value.expand(1, 1), known[:, 1:]], 1)
        return step(start, still(), replace(parameters, **{name: changed})).pose[0, 0].sum()

    value = torch.tensor(0.45, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(travel, (value,), eps=1e-6, atol=1e-6)


# -- pushing ---------------------------------------------------------------------------------------------------------------


def push(parameters: planar.PlanarParameters, aside: float = 0.0, steps: int = 8) -> PlanarState:
    """The pusher comes from the left, a bit above the middle of the object, and stays; then everything comes to rest."""
    state = at([(-0.1, 0.0, 0.0)], (-0.3, aside), dtype=parameters.mass.dtype)
    state = run(state, torch.tensor([[0.05, 0.0]], dtype=parameters.mass.dtype), parameters, steps)
    return run(state, still(dtype=parameters.mass.dtype), parameters, 15)


@pytest.mark.parametrize("body", [DISC, BLOCK])
def test_doubled_mass_and_doubled_friction_shorten_the_travel_of_a_hit(body: tuple[float, float, float]) -> None:
    def travel(**changes: float) -> float:
        state = moving(at([(0.0, 0.0, 0.0)], (-0.3, 0.0)), 1, (0.5, 0.0, 0.0))
        state = run(state, torch.tensor([[0.06, 0.0]], dtype=torch.float64), table([body], force=4.0, **changes), 6)
        return float(run(state, still(), table([body], force=4.0, **changes), 12).pose[0, 0, 0])

    usual, heavy, rough = travel(), travel(mass=1.0), travel(friction=0.8)
    assert usual > 0.05
    assert heavy < 0.95 * usual and rough < 0.95 * usual


def test_after_a_release_a_rough_disc_stops_earlier_and_a_heavy_damped_one_later() -> None:
    def travel(**changes: float) -> float:
        return float(run(moving(at([(-0.3, 0.0, 0.0)]), 0, (0.6, 0.0, 0.0)), still(), table([DISC], **changes), 10).pose[0, 0, 0]) + 0.3

    assert travel(friction=0.8) < 0.6 * travel()
    assert travel(mass=1.0, damping=2.0) > 1.1 * travel(damping=2.0)


def test_the_force_limit_lets_a_heavy_object_resist() -> None:
    light, heavy = (push(table([DISC], mass=mass, force=3.0)) for mass in (0.3, 1.5))
    assert float(light.pose[0, 0, 0]) > 0.1
    assert float(heavy.pose[0, 0, 0]) == pytest.approx(-0.1, abs=0.003)  # 3 N against 0.4 * 1.5 * 9.81 = 5.9 N
    assert float(heavy.pose[0, 1, 0]) < -0.2


def test_an_unresisted_pusher_goes_where_it_is_told() -> None:
    actions = torch.tensor([[0.06, 0.0], [-0.03, 0.06], [0.0, -0.06], [0.01, 0.02]], dtype=torch.float64)
    state = at([(0.3, 0.3, 0.0)], (0.0, 0.0))
    for action in actions:
        state = step(state, action[None], table([DISC]))
    assert torch.allclose(state.pose[0, 1, :2], actions.sum(0), atol=1e-9)


def test_a_central_push_does_not_turn_a_block_and_an_off_centre_push_does() -> None:
    central, above, below = (push(table([BLOCK]), aside, steps=5) for aside in (0.0, 0.025, -0.025))
    assert float(central.pose[0, 0, 0]) > -0.05
    assert float(central.pose[0, 0, 2]) == pytest.approx(0, abs=1e-9)
    assert float(above.pose[0, 0, 2]) < -0.1  # pushed along x above the centre: clockwise
    assert float(below.pose[0, 0, 2]) == pytest.approx(-float(above.pose[0, 0, 2]), rel=1e-6)


def test_a_pushed_row_of_objects_moves_together_without_overlap() -> None:
    parameters = table([DISC, BLOCK, DISC])
    state = at([(-0.2, 0.0, 0.0), (0.0, 0.01, 0.0), (0.2, 0.0, 0.0)], (-0.4, 0.0))
    state = run(state, torch.tensor([[0.04, 0.0]], dtype=torch.float64), parameters, 6)
    x = state.pose[0, :, 0]
    assert float(x[2]) > 0.22
    assert float(x[1] - x[0]) > 0.157 and float(x[2] - x[1]) > 0.157


# -- collisions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounce", [0.0, 0.5, 1.0])
def test_discs_collide_with_conserved_momentum_and_the_stated_bounce(bounce: float) -> None:
    parameters = table([DISC, DISC], friction=0.0, damping=0.0, bounce=bounce, grip=0.0)
    parameters = replace(parameters, mass=torch.tensor([[0.5, 0.3, 0.15]], dtype=torch.float64))
    state = moving(at([(-0.2, 0.0, 0.0), (0.05, 0.0, 0.0)]), 0, (0.6, 0.0, 0.0))
    after = run(state, still(), parameters, 4).velocity[0, :2, 0]
    assert float(0.5 * after[0] + 0.3 * after[1]) == pytest.approx(0.5 * 0.6, rel=1e-12)
    assert float(after[1] - after[0]) == pytest.approx(bounce * 0.6, abs=2e-3)


def test_an_oblique_collision_conserves_momentum_and_angular_momentum() -> None:
    parameters = table([BLOCK, DISC], friction=0.0, damping=0.0, grip=0.4)
    state = moving(at([(0.0, 0.0, 0.4), (-0.22, 0.05, 0.0)]), 1, (0.6, 0.0, 4.0))
    moment = planar.inertia(parameters.half, parameters.radius, parameters.mass)[0, :2]

    def momenta(now: PlanarState) -> torch.Tensor:
        p, v, m = now.pose[0, :2], now.velocity[0, :2], parameters.mass[0, :2]
        spin = m * (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) + moment * v[:, 2]
        return torch.stack([(m * v[:, 0]).sum(), (m * v[:, 1]).sum(), spin.sum()])

    after = run(state, still(), parameters, 3)
    assert float(after.velocity[0, 0].abs().min()) > 0.01
    assert torch.allclose(momenta(after)[:2], momenta(state)[:2], atol=1e-12)
    assert torch.allclose(momenta(after)[2], momenta(state)[2], atol=2e-5)  # the contact closes within the substep


def test_a_wall_stops_a_disc() -> None:
    state = run(moving(at([(0.3, 0.0, 0.0)]), 0, (0.8, 0.3, 0.0)), still(), table([DISC], friction=0.05, damping=0.0), 10)
    assert float(state.pose[0, 0, 0]) < 0.4205


def test_absent_bodies_neither_move_nor_collide() -> None:
    parameters = table([DISC, DISC])
    parameters = replace(parameters, present=torch.tensor([[True, False, True]]))
    state = moving(at([(-0.2, 0.0, 0.0), (0.0, 0.0, 0.0)]), 0, (0.8, 0.0, 0.0))
    after, alone = run(state, still(), parameters, 5), run(moving(at([(-0.2, 0.0, 0.0)]), 0, (0.8, 0.0, 0.0)), still(), table([DISC]), 5)
    assert torch.equal(after.pose[:, 0], alone.pose[:, 0]) and torch.equal(after.pose[:, 1], state.pose[:, 1])


# -- rows ------------------------------------------------------------------------------------------------------------------


def crowd(batch: int, dtype: torch.dtype) -> tuple[PlanarState, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    state = at([(-0.2, -0.2, 0.0), (0.2, -0.2, 0.5), (-0.2, 0.2, 1.0), (0.2, 0.2, -1.0)], (0.0, 0.0), batch)
    pose = state.pose + 0.03 * torch.randn(state.pose.shape, generator=generator, dtype=torch.float64)
    heading = 2 * math.pi * torch.rand(batch, generator=generator, dtype=torch.float64)
    return PlanarState(pose=pose, velocity=state.velocity).to(dtype=dtype), 0.08 * torch.stack([heading.cos(), heading.sin()], 1).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_are_bit_identical_in_any_company(dtype: torch.dtype) -> None:
    state, action = crowd(37, dtype)
    bodies = [DISC, BLOCK, BLOCK, DISC]
    together = run(state, action, table(bodies, 37, dtype), 12)
    assert together.pose.dtype == dtype
    for rows in (torch.tensor([5]), torch.tensor([36, 5, 0]), torch.arange(11, 30)):
        alone = run(state.select(rows), action[rows], table(bodies, len(rows), dtype), 12)
        assert torch.equal(alone.pose, together.pose[rows]) and torch.equal(alone.velocity, together.velocity[rows])


@pytest.mark.parametrize(
    "changes", [{"mass": 0.3, "friction": 0.3}, {"mass": 1.4, "friction": 0.7, "damping": 2.0}, {"mass": 0.3, "friction": 0.0, "damping": 0.0}]
)
def test_nothing_leaves_the_table_and_nothing_explodes(changes: dict[str, float]) -> None:
    state, action = crowd(64, torch.float32)
    parameters = table([DISC, BLOCK, BLOCK, DISC], 64, torch.float32, **changes)
    for _ in range(25):
        state = step(state, action, parameters)
        assert state.velocity[..., :2].abs().max() < 2.0
    assert state.pose[..., :2].abs().max() < 0.5 - 0.04
    assert contacts.gaps(state.pose, parameters.half, parameters.radius).min() > -0.012
