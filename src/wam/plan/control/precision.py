"""In which numbers models compute: bfloat16 where that was asked for and the machine gains by it, otherwise as they are.

A processor without it imitates it, several times slower than it multiplies float32, and Intel's AVX512_BF16 alone is slower than its float32 too
(`benchmarks/bfloat16.py`).
"""

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Does this device multiply in bfloat16 at least as fast as in float32? GPUs that say so, x86 processors with AMX or AMD's AVX512_BF16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    wide = able.get("avx512_bf16", False) and not str(able.get("cpu_name", "")).startswith("Intel")
    return device.type == "cpu" and bool(wide or able.get("amx_bf16", False))


def autocast(device: torch.device, *, bf16: bool) -> torch.autocast:
    """Context in which matrices are multiplied in bfloat16, where `bf16` asks for it and the device has it; otherwise nothing changes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16 and has_bfloat16(device))
