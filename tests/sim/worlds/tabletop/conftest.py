import pytest

from tests.sim.worlds.tabletop.tables import needs_physics


@pytest.fixture(autouse=True, scope="package")
def physics():
    needs_physics()
