"""What a model can be used as is what it says, and where it declines, why; what can be seen of it is asked in one way."""

from types import SimpleNamespace

import torch

from tests.check.checkable_models import ChunkModel
from tests.evaluate.dots import DotModel
from tests.models.world_action.test_joint import make
from wam.world import Decodes, Future, Latent, Observation, ObservationSpec, cameras_shown, offers, pictures_of


def test_a_world_model_is_itself():
    model = ChunkModel()
    found = offers(model)
    assert found.world_model is model and found.inverse is None and found.video is None and not found.declined


def test_a_joint_model_gives_its_views_or_says_why_not():
    uwm, fast, blind = (offers(make(arm)) for arm in ("uwm", "fast", "no_video"))
    assert uwm.world_model.spec.consumes.told and not uwm.video.spec.consumes.told and uwm.inverse is not None and not uwm.declined
    assert fast.world_model is None and fast.video is not None and "the video does not see the actions" in fast.declined["world_model"]
    assert blind.video is None and blind.declined.keys() == {"world_model", "inverse", "video"}


def test_what_can_be_seen_of_a_model():
    assert cameras_shown(DotModel()) == ("top",)
    rgb = {"top": torch.zeros(1, 2, 3, 8, 8)}
    assert pictures_of(DotModel(), Future(observation=Observation(rgb=rgb))) == rgb

    class Shows(Decodes):
        """Predicts what it feels, and states that it can show."""

        spec = SimpleNamespace(observes=SimpleNamespace(cameras={"top": None}), predicts=SimpleNamespace(observation=ObservationSpec(), state=object()))

        def decode(self, state):
            return Observation(rgb=rgb)

    felt = Future(observation=Observation(proprio=torch.zeros(1, 2, 1)), state=Latent(z=torch.zeros(1, 2, 3)))
    assert cameras_shown(Shows()) == ("top",) and pictures_of(Shows(), felt) == rgb
    assert cameras_shown(SimpleNamespace(spec=Shows.spec)) == () and pictures_of(SimpleNamespace(), felt) is None
