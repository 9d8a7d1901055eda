"""bfloat16 is used where it was asked for and the machine gains by it."""

import pytest
import torch

from wam.plan.control.precision import autocast, has_bfloat16

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "has"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),  # AVX-512 multiplies float32 alone before it got bfloat16
        ({"cpu_name": "AMD EPYC 9R14", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),  # a third to two thirds of its speed in float32 (`benchmarks/bfloat16.py`)
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({"neon": True}, False),
    ],
)
def test_only_processors_that_gain_by_it_multiply_in_it(monkeypatch: pytest.MonkeyPatch, able: dict[str, bool | str], has: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert has_bfloat16(CPU) == has
    for asked in (False, True):
        with autocast(CPU, bf16=asked):
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if asked and has else torch.float32)
