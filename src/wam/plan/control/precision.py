"""In which numbers models compute: bfloat16 where that was asked for and the machine has it, otherwise as they are.

A processor without it imitates it, several times slower than it multiplies float32 (`benchmarks/bfloat16.py`).
"""

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Does this device multiply in bfloat16 at least as fast as in float32? GPUs that say so, x86 processors with AVX512_BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def autocast(device: torch.device, *, bf16: bool) -> torch.autocast:
    """Context in which matrices are multiplied in bfloat16, where `bf16` asks for it and the device has it; otherwise nothing changes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16 and has_bfloat16(device))
