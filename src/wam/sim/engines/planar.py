"""Rigid bodies on a horizontal table, seen from above: B tables at once, in plain torch.

Bodies are rounded boxes: a rectangle of half extents `half`, grown by `radius` (a disc has half = 0). The last body is the
pusher: a velocity servo of limited force drives it, it does not turn, and the table does not brake it. Walls are boxes along
the axes that never move.

Each substep: half of the table's friction, the servo, the contacts (impulses, `contacts.py`), the motion, the other half.
The table brakes a body by Coulomb friction on an ellipsoidal limit surface (Lynch et al., 1992), which couples sliding and
turning, and by viscous damping, which is integrated exactly. Friction never reverses a motion: a slow body stops exactly,
and stays until the contacts of one substep overcome what friction can hold.

Shapes: B tables, M bodies, W walls. Units: m, rad, s, kg. Any device and floating dtype. Differentiable in state, action
and parameters. Rows do not influence each other. Does not know: colours, tasks, pictures.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.sim.engines.contacts import Drive, Shapes, solve
from wam.world.record import Record, record

GRAVITY = 9.81  # m/s^2
FRICTION_ARM = 0.94  # mean distance from the centre / radius of gyration: 0.943 for a disc, 0.937 for a square


@record
class PlanarState(Record):
    """Where the bodies are and how they move; the pusher is the last one."""

    pose: Float[Tensor, "B M 3"]  # x, y (m), angle (rad, counter-clockwise)
    velocity: Float[Tensor, "B M 3"]  # m/s, m/s, rad/s


@record
class PlanarParameters(Record):
    """The constants of B tables."""

    half: Float[Tensor, "B M 2"]  # m, half extents of the rectangle inside the rounding; 0 for a disc
    radius: Float[Tensor, "B M"]  # m, rounding; the radius of a disc
    mass: Float[Tensor, "B M"]  # kg
    friction: Float[Tensor, "B M"]  # Coulomb coefficient between body and table
    damping: Float[Tensor, "B M"]  # N s/m, viscous
    present: Bool[Tensor, "B M"]  # absent bodies neither move nor collide
    walls: Float[Tensor, "B W 4"]  # m: centre x, y and half extents x, y
    grip: Float[Tensor, "B"]  # Coulomb coefficient between bodies
    bounce: Float[Tensor, "B"]  # coefficient of restitution
    force: Float[Tensor, "B"]  # N per axis, the most that the servo pushes


@dataclass(frozen=True)
class PlanarSolver:
    """How finely a control step is integrated."""

    period: float = 0.1  # s, one control step
    substeps: int = 6  # of the control step
    iterations: int = 12  # of the contact solver, per substep
    servo_speed: float = 0.8  # m/s per axis, the servo never asks for more


def area(half: Tensor, radius: Tensor) -> Tensor:
    """Area of rounded boxes in m^2: "... 2", "..." -> "..."."""
    x, y = half.unbind(-1)
    return 4 * x * y + 4 * radius * (x + y) + math.pi * radius**2


def inertia(half: Tensor, radius: Tensor, mass: Tensor) -> Tensor:
    """Moment of inertia about the centre in kg m^2, of uniform rounded boxes: core, two pairs of strips, four quarter discs."""
    x, y = half.unbind(-1)
    core = 4 * x * y * (x**2 + y**2) / 3
    along_x = 4 * x * radius * ((4 * x**2 + radius**2) / 12 + (y + radius / 2) ** 2)
    along_y = 4 * y * radius * ((4 * y**2 + radius**2) / 12 + (x + radius / 2) ** 2)
    corners = math.pi * radius**4 / 2 + 8 / 3 * radius**3 * (x + y) + math.pi * radius**2 * (x**2 + y**2)
    return mass * (core + along_x + along_y + corners) / area(half, radius)


def reach(half: Tensor, radius: Tensor) -> Tensor:
    """Radius of the circle around a rounded box, m."""
    return half.square().sum(-1).sqrt() + radius


def table_friction(velocity: Tensor, brake: Tensor, decay: Tensor, gyration: Tensor) -> Tensor:
    """Coulomb friction for the time that `brake` = friction * g * time stands for. Then damping, `decay` = exp(-damping / mass * time).

    velocity "3 B M", the others "B M". On the limit surface, force and torque oppose the velocity (v, arm * turn).
    """
    x, y, turn = velocity
    arm = FRICTION_ARM * gyration
    speed = (x * x + y * y + (arm * turn).square()).clamp(min=1e-12).sqrt()
    slide = (1 - brake / speed).clamp(min=0) * decay
    spin = (1 - FRICTION_ARM**2 * brake / speed).clamp(min=0) * decay
    return torch.stack([x * slide, y * slide, turn * spin])


def step(state: PlanarState, action: Float[Tensor, "B 2"], parameters: PlanarParameters, solver: PlanarSolver | None = None) -> PlanarState:
    """One control step: the pusher tries to move by `action` (m, world frame), everything else follows."""
    solver = solver or PlanarSolver()
    bodies, time = state.pose.shape[1], solver.period / solver.substeps
    moment = inertia(parameters.half, parameters.radius, parameters.mass)
    gyration = (moment / parameters.mass).sqrt()
    brake = parameters.friction * (GRAVITY * time / 2)
    decay = (-parameters.damping / parameters.mass * (time / 2)).exp()
    shapes = _shapes(parameters, moment)

    centre = parameters.walls.unbind(-1)
    still = torch.zeros_like(centre[0])
    place = torch.stack([torch.cat([part, wall], 1) for part, wall in zip(state.pose.unbind(-1), (centre[0], centre[1], still), strict=True)])
    moving = state.velocity.permute(2, 0, 1)
    pusher = bodies - 1
    target = (state.pose[:, pusher, :2] + action).T
    mass = parameters.mass[:, pusher]
    limit = parameters.force * time
    walls = torch.ones_like(still, dtype=torch.bool)

    for substep in range(solver.substeps):
        moving = table_friction(moving, brake, decay, gyration)
        resting = (moving == 0).all(0)
        left = solver.period - substep * time
        speed = ((target - place[:2, :, pusher]) / left).clamp(-solver.servo_speed, solver.servo_speed)
        now = moving[:2, :, pusher]
        spent = torch.minimum(torch.maximum((speed - now) * mass, -limit), limit)
        driven = torch.cat([now + spent / mass, torch.zeros_like(now[:1])])
        moving = torch.cat([moving[:, :, :pusher], driven[:, :, None], still.expand(3, *still.shape)], 2)
        drive = Drive(body=pusher, speed=speed, mass=mass, limit=limit, spent=spent)
        moving = solve(place, moving, shapes, drive, time, solver.iterations)
        held = resting & (table_friction(moving[:, :, :bodies], 2 * brake, decay, gyration) == 0).all(0)
        moving = torch.where(torch.cat([held, walls], 1), 0, moving)
        place = place + moving * time
        moving = table_friction(moving[:, :, :bodies], brake, decay, gyration)
    pose, velocity = place[:, :, :bodies].permute(1, 2, 0), moving.permute(1, 2, 0)
    return PlanarState(pose=pose.contiguous(), velocity=velocity.contiguous())


def _shapes(parameters: PlanarParameters, moment: Tensor) -> Shapes:
    """The bodies as the contact solver wants them, walls at the end."""
    walls = parameters.walls[:, :, 0]
    still = torch.zeros_like(walls)
    half = torch.stack([torch.cat([parameters.half[:, :, k], parameters.walls[:, :, 2 + k]], 1) for k in (0, 1)])
    light = torch.where(parameters.present, 1 / parameters.mass, 0)
    turn = torch.where(parameters.present, 1 / moment, 0)
    turn = torch.cat([turn[:, :-1], torch.zeros_like(turn[:, -1:]), still], 1)
    slide = torch.cat([light, still], 1)
    around = reach(parameters.half, parameters.radius)
    return Shapes(
        half=half,
        radius=torch.cat([parameters.radius, still], 1),
        reach=torch.where(parameters.present, around, -math.inf),
        inverse_mass=torch.stack([slide, slide, turn]),
        grip=parameters.grip,
        bounce=parameters.bounce,
    )
