"""Time and memory of a call, on the CPU or on a GPU."""

import ctypes
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
import torch

DEVICE_VARIABLE = "MESHCIL_BENCHMARK_DEVICE"
"""Names the one device to measure on."""


def available_devices() -> list[str]:
    """The CPU, and the GPU if there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def devices() -> list[str]:
    """Those to measure on: of the available ones the named one, or all."""
    return [name for name in available_devices() if name == os.environ.get(DEVICE_VARIABLE, name)]


def memory(device: str) -> int:
    """Bytes of the device's memory."""
    return torch.cuda.mem_get_info()[1] if device == "cuda" else psutil.virtual_memory().total


def seconds(call: Callable[[], object], repeats: int, device: str = "cpu") -> float:
    """Shortest wall time of some calls after one that is not counted: what else the machine does only adds."""
    return in_turn({"": call}, repeats, device)[""]


def in_turn(
    calls: Mapping[str, Callable[[], object]],
    repeats: int,
    device: str = "cpu",
    summary: Callable[[Sequence[float]], float] = min,
) -> dict[str, float]:
    """Wall time of each of several calls, made in turn, so that a busy spell meets all sides alike.

    Each turn makes a call twice: the first finds the caches filled with what the other sides left there. Of the
    times of a call, ``summary`` makes one: by default the shortest.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(math.ceil(repeats / 2)):
        for name, call in calls.items():
            for _ in range(2):
                start = time.perf_counter()
                call()
                if device == "cuda":
                    torch.cuda.synchronize()
                times[name].append(time.perf_counter() - start)
    # The very first call warms up.
    return {name: summary(found[1:]) for name, found in times.items()}


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


def square_product(device: str = "cpu", size: int = 2048) -> tuple[Callable[[], object], int]:
    """A square single-precision matrix product, whose speed is the machine's peak, and its number of operations."""
    matrix = torch.randn(size, size, device=device, generator=torch.Generator(device).manual_seed(0))
    result = torch.empty_like(matrix)

    def products() -> None:
        # Several, so that the call is no shorter than what it is compared with by orders of magnitude.
        for _ in range(10):
            torch.mm(matrix, matrix, out=result)

    return products, 10 * 2 * size**3
