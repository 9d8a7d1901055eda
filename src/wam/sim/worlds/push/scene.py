"""What a row of the `push` world consists of before anything moves: bodies, looks, zones, and what is wanted."""

from jaxtyping import Float, Int
from torch import Tensor

from wam.sim.engines.planar import PlanarParameters
from wam.world import Record, record

HALF_TABLE = 0.5  # m, the table is a square around the origin
PUSHER_RADIUS = 0.05  # m
PUSHER_MASS = 0.15  # kg; light, so that it presses rather than hits
PUSHER_LIMIT = 0.06  # m per step and axis
RIM = 0.2  # m, half thickness of the outer walls, which lie outside the table


def outer_walls(like: Tensor) -> Float[Tensor, "4 4"]:
    """Centre and half extents of the four walls around the table, in the dtype and on the device of `like`."""
    out, long = HALF_TABLE + RIM, HALF_TABLE + 2 * RIM
    return like.new_tensor([[-out, 0, RIM, long], [out, 0, RIM, long], [0, -out, long, RIM], [0, out, long, RIM]])


def length(vector: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n"]:
    """Euclidean length in the plane, with the same rounding wherever a row stands in a batch."""
    x, y = vector.unbind(-1)
    return (x * x + y * y).sqrt()


@record
class Scene(Record):
    """B tables with N objects, M = N + 1 bodies (the pusher is last) and Z zones."""

    parameters: PlanarParameters
    start: Float[Tensor, "B M 3"]  # x, y (m), angle (rad)
    goal: Float[Tensor, "B M 3"]  # where the goal image shows the bodies; the start, where there is none
    colour: Int[Tensor, "B N"]  # into COLOURS
    shape: Int[Tensor, "B N"]  # into SHAPES
    radius: Float[Tensor, "B N"]  # m, of the disc with the same area: the measure of "near enough"
    zones: Float[Tensor, "B Z 3"]  # centre x, y and half width, m
    zone_colour: Int[Tensor, "B Z"]  # into ZONE_COLOURS
    background: Int[Tensor, "B"]  # into BACKGROUNDS
    target: Int[Tensor, "B"]  # object of the instruction
    target_zone: Int[Tensor, "B"]  # zone of the instruction
    instruction: Int[Tensor, "B"]  # into SENTENCES, -1 = none
