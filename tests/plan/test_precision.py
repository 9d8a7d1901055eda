"""bfloat16 is used where it was asked for and the machine has it."""

import pytest
import torch

from wam.plan.control.precision import autocast, has_bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize(("processor", "has"), [("AVX512", True), ("AVX2", False), ("DEFAULT", False)])
def test_only_processors_that_have_it_multiply_in_it(monkeypatch: pytest.MonkeyPatch, processor: str, has: bool) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    assert has_bfloat16(CPU) == has
    for asked in (False, True):
        with autocast(CPU, bf16=asked):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if asked and has else torch.float32)
