"""What can be chosen about the `tabletop` world. The defaults are the smallest interesting task: push one block to a zone."""

import math
from dataclasses import dataclass
from typing import Literal

from wam.sim.sizes import require_size
from wam.world import SpecError

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
KINDS = ("block", "cup", "bowl")
ZONE_COLOURS = ("red", "green", "blue", "yellow")
CAMERAS = ("front", "side", "wrist", "free")
CHAINS = ("clear", "dishes", "store", "fetch", "tower")  # tasks of several steps
TASKS = ("push", "sink", "stack", "open", "close", *CHAINS)

# Combinations of colour and kind that only split="colours" shows; each colour and each kind is seen in training.
HELD_OUT = (("green", "block"), ("purple", "block"), ("red", "cup"), ("blue", "cup"), ("yellow", "bowl"), ("orange", "bowl"))

# Budgets, at 10 per second.
STEPS = {"push": 80, "sink": 80, "stack": 80, "open": 60, "close": 60, "clear": 420, "dishes": 160, "store": 180, "fetch": 180, "tower": 140}

Split = Literal["train", "colours", "shapes", "looks", "clutter", "dynamics", "gripper"]
Ask = Literal["instruction", "goal_image", "both", "nothing"]


@dataclass(frozen=True, kw_only=True)
class TabletopConfig:
    """One family of tables; everything else about a row follows from its seed."""

    tasks: tuple[str, ...] = ("push",)  # of TASKS; each row draws one
    ask: Ask = "instruction"  # how the task is put; nothing = free play
    goal_arm: Literal["start", "above"] = "start"  # where a goal image shows the arm: where it started, or above what was moved last
    offset: int = 0  # steps from the start to the goal image, both on an expert's path; 0 = from the very start, to things put at their goal
    blocks: int = 1  # 0 to 3; stack and tower need two
    dishes: int = 0  # 0 to 2 cups and bowls; sink takes a block where there are none
    zones: int = 1  # 0 to 2 coloured places on the table; push needs one
    colours: tuple[str, ...] = COLOURS  # no two things of a row share one
    cameras: tuple[str, ...] = ("front",)  # of CAMERAS; none = physics and proprioception alone, which needs no graphics
    size: int = 64  # px, height and width of each picture
    depth: bool = False  # also metric depth and camera poses
    segmentation: bool = True  # truth() also tells which thing each pixel shows (one more picture per camera) and, with depth, how far that has moved
    free_place: tuple[float, float, float] = (-0.1, 0.0, 1.1)  # m, where the free camera stands
    free_target: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m, what it looks at
    steered_camera: bool = False  # each action also says where the free camera stands (world_T_camera)
    budget: int | None = None  # steps of 0.1 s, then the episode is over; None = as the longest of the tasks needs, or twice the offset
    varied_dynamics: bool = False  # draw mass, friction and the drawer's resistance per row
    varied_looks: bool = False  # draw the colours of table and room, and the light, per row
    split: Split = "train"  # what is drawn from: training ranges, or those held out

    def __post_init__(self) -> None:
        """Raise SpecError for what cannot be drawn."""
        for what, chosen, known in (("tasks", self.tasks, TASKS), ("colours", self.colours, COLOURS), ("cameras", self.cameras, CAMERAS)):
            if unknown := set(chosen) - set(known):
                raise SpecError(f"tabletop has {what} {known}, asked for {sorted(unknown)}.")
        if not self.tasks or (not self.cameras and self.ask in ("goal_image", "both")):
            raise SpecError(f"tabletop needs a task, and a camera where it asks with images: got tasks={self.tasks}, cameras={self.cameras}, ask={self.ask!r}.")
        if not 0 <= self.blocks <= 3 or not 0 <= self.dishes <= 2 or not 0 <= self.zones <= 2:
            raise SpecError(f"tabletop has 0 to 3 blocks, 0 to 2 dishes and 0 to 2 zones, asked for {self.blocks}, {self.dishes} and {self.zones}.")
        for task, lacks, remedy in (
            ("push", not self.blocks or not self.zones, "blocks=1, zones=1"),
            ("stack", self.blocks < 2, "blocks=2"),
            ("sink", not self.blocks + self.dishes, "dishes=1"),
            ("clear", not self.blocks + self.dishes, "blocks=1, dishes=1"),
            ("dishes", not self.dishes, "dishes=2"),
            ("store", not self.blocks, "blocks=1"),
            ("fetch", not self.blocks, "blocks=1"),
            ("tower", self.blocks < 2, "blocks=3"),
        ):
            if task in self.tasks and lacks:
                raise SpecError(f"the task {task!r} lacks things to be done with: set {remedy}.")
        if len(self.colours) < self.things:
            raise SpecError(f"{self.things} things of different colours need as many colours, got {self.colours}.")
        if self.steered_camera and "free" not in self.cameras:
            raise SpecError(f"steered_camera moves the free camera, which is not among cameras={self.cameras}: add it.")
        if self.offset < 0:
            raise SpecError(f"tabletop starts a number of steps before the goal, asked for offset={self.offset}. Set 1 or more, or 0 for the very start.")
        if self.offset and self.goal_arm != "start":
            raise SpecError(
                f"with offset={self.offset} the goal shows the arm where the expert's is by then; goal_arm={self.goal_arm!r} says otherwise. Leave one out."
            )
        require_size("tabletop", self.size)
        apart = math.dist(self.free_place, self.free_target)
        if not 0.01 <= apart < math.inf:
            raise SpecError(
                f"the free camera at free_place={self.free_place} is to look at free_target={self.free_target}, {apart:.3g} m away: that is no direction. "
                "Set two places that are at least 1 cm apart."
            )

    @property
    def clutter(self) -> int:
        """Further things that no task is about: only split="clutter" has them."""
        return 2 if self.split == "clutter" else 0

    @property
    def things(self) -> int:
        """N, the number of things on the table."""
        return self.blocks + self.dishes + self.clutter

    @property
    def steps(self) -> int:
        """Steps of an episode."""
        usual = 2 * self.offset or max(STEPS[task] for task in self.tasks)
        return usual if self.budget is None else self.budget
