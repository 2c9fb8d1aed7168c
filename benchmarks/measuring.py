"""Time and memory of a call, on the CPU or on a GPU."""

import ctypes
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch


def devices() -> list[str]:
    """The CPU, and the GPU if there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def seconds(call: Callable[[], object], repeats: int, device: str = "cpu") -> float:
    """Shortest wall time of some calls after one that is not counted: what else the machine does only adds."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def extra_bytes(call: Callable[[], object], device: str = "cpu") -> int:
    """Most bytes held during a call beyond those held before it (resident memory on the CPU; Linux with glibc)."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    # The allocator keeps what earlier calls freed; without giving it back, nothing new would be held.
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    call()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(found.group(1))


def matmul_peak(device: str = "cpu", size: int = 2048) -> float:
    """Floating point operations per second of a square single-precision matrix product."""
    matrix = torch.randn(size, size, device=device, generator=torch.Generator(device).manual_seed(0))
    return 2 * size**3 / seconds(lambda: matrix @ matrix, 5, device)
