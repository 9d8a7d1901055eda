"""What a model can be used as beside acting, asked in one place: itself, its views (`Views`), the video inside it (`Envisions`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wam.world.protocols import Envisions, Infers, Views
from wam.world.spec import SpecError
from wam.world.specs import WorldModelSpec

View = Literal["world_model", "inverse", "video"]


@dataclass(frozen=True)
class Offers:
    """None for what it is not. `declined`: in a model's own words, why it is not what others of its class are."""

    world_model: Any | None  # a WorldModel: what given actions lead to
    inverse: Any | None  # Infers
    video: Any | None  # a WorldModel that is told no actions
    declined: Mapping[View, str]  # by the names above


def offers(model: Any) -> Offers:
    """What a world model or a policy offers. Views are thin faces: asking costs nothing."""
    itself, declined = isinstance(model.spec, WorldModelSpec), dict[View, str]()

    def asked(name: View, view: Callable[[], Any]) -> Any | None:
        try:
            return view()
        except SpecError as error:
            declined[name] = str(error)
            return None

    views, envisions = isinstance(model, Views), isinstance(model, Envisions)
    return Offers(
        world_model=model if itself else asked("world_model", model.as_world_model) if views else None,
        inverse=model if isinstance(model, Infers) else asked("inverse", model.as_inverse) if views else None,
        video=asked("video", model.as_video) if envisions else None,
        declined=declined,
    )
