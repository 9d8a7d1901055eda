"""Which hosts only this machine reaches. Ends and farewells are tried where there are servers (`serve`, `show`)."""

import pytest

from wam.listening import is_loopback, require_safe
from wam.world import SpecError


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    require_safe(host, None, "play")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "wam.example", ""])
def test_others_come_in_only_with_a_token(host: str) -> None:
    assert not is_loopback(host)
    require_safe(host, "t", "play")
    for token in (None, ""):
        with pytest.raises(SpecError, match="can be reached from other machines, and whoever reaches it could play"):
            require_safe(host, token, "play")
