import importlib.util

import pytest


@pytest.fixture(autouse=True, scope="package")
def physics():
    """MuJoCo is not imported here: the engine first says how it shall draw."""
    if importlib.util.find_spec("mujoco") is None:
        pytest.skip("the tabletop world needs the extra `sim`")
