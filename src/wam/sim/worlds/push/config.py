"""What can be chosen about the `push` world. The defaults are the smallest interesting task: one red disc, one goal image."""

from dataclasses import dataclass
from typing import Literal

from wam.sim.sizes import require_size
from wam.world import SpecError

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
SHAPES = ("disc", "block")
ZONE_COLOURS = ("red", "green", "blue", "yellow")

# Combinations of colour and shape that only split="colour_shape" shows; each colour and each shape is seen in training.
HELD_OUT = (("green", "disc"), ("purple", "disc"), ("blue", "block"), ("yellow", "block"))

# The zone that an object of each colour is told to go to in split="colour_goal" alone; in training it is sent to all others.
HELD_OUT_GOALS = {"red": "blue", "green": "red", "blue": "yellow", "yellow": "green", "purple": "yellow", "cyan": "red"}

Split = Literal["train", "colour_shape", "colour_goal", "background", "dynamics"]
TaskKind = Literal["goal_image", "instruction", "play"]
PusherPlace = Literal["beside", "anywhere"]
Sees = Literal["pixels", "state"]


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """One family of tables; everything else about a row follows from its seed."""

    task: TaskKind = "goal_image"  # what is asked for; play asks for nothing
    sees: Sees = "pixels"  # pictures and the pusher's place; or true places and velocities, no pictures
    objects: int = 1  # 1 to 4
    moves: int = 1  # how many of them the goal image displaces; the others must stay
    zones: int = 0  # 0 to 4 coloured places on the table; instructions need at least one
    inner_walls: int = 0  # 0 to 2 bars on the table
    shapes: tuple[str, ...] = ("disc",)  # of "disc", "block"
    colours: tuple[str, ...] = ("red",)  # at least as many as objects: no two objects of a row share one
    radius: float = 0.085  # m, of a disc; a block is 2.3 x 1.6 radii
    size: int = 32  # px, height and width of the picture
    budget: int = 42  # steps of 0.1 s; then the episode is over
    nearest: float = 2.0  # radii, the least that the goal image displaces an object
    farthest: float = 5.0  # radii, the most
    pusher: PusherPlace = "beside"  # where it starts: beside the first object to move, or anywhere on the table (harder: long ways round)
    around: float = 60.0  # degrees, how far round from the place behind the object "beside" may be
    varied_dynamics: bool = False  # draw mass, friction and damping per object
    varied_background: bool = False  # draw the table's look per row
    split: Split = "train"  # what is drawn from: training ranges, or those held out

    def __post_init__(self) -> None:
        """Raise SpecError for what cannot be drawn."""
        if not 1 <= self.objects <= 4:
            raise SpecError(f"push has 1 to 4 objects, asked for {self.objects}.")
        if unknown := (set(self.colours) - set(COLOURS)) | (set(self.shapes) - set(SHAPES)):
            raise SpecError(f"push has colours {COLOURS} and shapes {SHAPES}, asked for {sorted(unknown)}.")
        if repeated := [names for names in (self.colours, self.shapes) if len(set(names)) < len(names)]:
            raise SpecError(f"push draws colours and shapes from lists in which each stands once, asked for {repeated[0]}. Name each once.")
        if not (self.radius > 0 and 0 <= self.nearest <= self.farthest):
            raise SpecError(
                f"push has discs of a radius above 0 m, displaced by 0 <= nearest <= farthest radii; asked for radius={self.radius}, "
                f"nearest={self.nearest}, farthest={self.farthest}."
            )
        if not 1 <= self.moves <= self.objects:
            raise SpecError(f"the goal image can displace 1 to {self.objects} objects, asked for {self.moves}.")
        if not 0 <= self.zones <= len(ZONE_COLOURS) or not 0 <= self.inner_walls <= 2:
            raise SpecError(f"push has 0 to 4 zones and 0 to 2 inner walls, asked for {self.zones} and {self.inner_walls}.")
        if self.task == "instruction" and not self.zones:
            raise SpecError("an instruction names a zone, but the table has none: set zones=2.")
        if self.split == "colour_goal" and self.task != "instruction":
            raise SpecError(f"split='colour_goal' holds out instructions, and task={self.task!r} gives none: set task='instruction'.")
        require_size("push", self.size)
        if self.sees == "state":
            self._require_state_says_all()
        usable = [colour for colour in self.colours if self.shapes_of(colour)]
        if len(usable) < self.objects:
            raise SpecError(
                f"{self.objects} objects of different colours are asked for, but split={self.split!r} with colours {self.colours} and shapes "
                f"{self.shapes} allows only {usable}. Held out are {HELD_OUT}; name more colours or shapes."
            )

    def shapes_of(self, colour: str) -> tuple[str, ...]:
        """Shapes in which a colour comes in this split."""
        held = self.split == "colour_shape"
        return tuple(shape for shape in self.shapes if ((colour, shape) in HELD_OUT) == held)

    def _require_state_says_all(self) -> None:
        """SpecError for what only pictures show, and for options of pictures: they would be ignored."""
        only_seen = {"inner_walls": 0, "varied_background": False, "size": PushConfig.size}
        odd = {name: getattr(self, name) for name, usual in only_seen.items() if getattr(self, name) != usual}
        odd |= {"shapes": self.shapes} if len(self.shapes) > 1 else {}
        odd |= {"split": self.split} if self.split in ("colour_shape", "background") else {}
        odd |= {"colours of objects and zones": self.task} if self.task == "instruction" and self.objects + self.zones > 2 else {}
        if odd:
            raise SpecError(f"sees='state' gives places and velocities only, so it cannot show {odd}. Leave these options out, or use sees='pixels'.")
