"""Contrastive loss, forward and backward: blocks with a running softmax against one matrix of logits.

Each form runs in a process of its own, where the peak of resident memory is the kernel's on the CPU (Linux; one
thread) and the allocator's on the GPU.
"""

import json
import math
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from benchmarks.measuring import devices, memory
from meshcil.losses.contrastive import vertex_contrastive

ROOT = Path(__file__).parents[1]
KAPPA, BACKGROUND_WEIGHT = 1 / 0.07, 5e-3


@dataclass(frozen=True)
class Problem:
    """Sizes of one comparison."""

    rows: int
    classes: int
    vertices: int
    background: int
    dim: int
    repeats: int


PROBLEMS = {
    "embedded default (12 classes)": Problem(2000, 12, 200, 1280, 64, 15),
    "Pascal3D+ (12 classes)": Problem(8000, 12, 1100, 2560, 128, 5),
    "ObjectNet3D (100 classes)": Problem(8000, 100, 1100, 2560, 128, 5),
}
DENSE_COPIES = 8
"""Of the matrix of logits that the dense form may hold at once, and so must fit (ObjectNet3D's is 3.6 GB)."""


def inputs(problem: Problem) -> dict[str, Tensor]:
    """Random unit vectors; a tenth of the class's vertices are neighbours of each target."""
    generator = torch.Generator().manual_seed(0)

    def unit(*shape: int) -> Tensor:
        return normalize(torch.randn(*shape, generator=generator), dim=-1)

    size = problem.classes * problem.vertices
    return {
        "features": unit(problem.rows, problem.dim),
        "target": torch.randint(size, (problem.rows,), generator=generator),
        "bank": unit(problem.classes, problem.vertices, problem.dim),
        "valid": torch.ones(problem.classes, problem.vertices, dtype=torch.bool),
        "background": unit(problem.background, problem.dim),
        "excluded": torch.rand(problem.rows, problem.vertices, generator=generator) < 0.1,
    }


def dense(data: dict[str, Tensor]) -> Tensor:
    """The whole logit matrix, differentiated by autograd."""
    features, target, vertices = data["features"], data["target"], data["bank"].shape[1]
    keys = torch.cat([data["bank"].flatten(0, 1), data["background"]])
    offset = torch.zeros(len(keys), device=keys.device)
    offset[data["valid"].numel() :] = math.log(BACKGROUND_WEIGHT)
    offset[: data["valid"].numel()].masked_fill_(~data["valid"].flatten(), -torch.inf)
    logits = torch.addmm(offset, features * KAPPA, keys.T)
    excluded = data["excluded"].scatter(1, (target % vertices)[:, None], False)
    row, vertex = excluded.nonzero(as_tuple=True)
    ignored = torch.zeros_like(logits, dtype=torch.bool)
    ignored[row, target[row] // vertices * vertices + vertex] = True
    return cross_entropy(logits.masked_fill_(ignored, -torch.inf), target)


def blocked(data: dict[str, Tensor]) -> Tensor:
    """The form that training uses."""
    return vertex_contrastive(**data, kappa=KAPPA, background_weight=BACKGROUND_WEIGHT)


FORMS: dict[str, Callable[[dict[str, Tensor]], Tensor]] = {"dense": dense, "blocked": blocked}


def measure_one(form: str, problem: Problem, device: str) -> dict[str, float]:
    """Median time of forward and backward in seconds, extra peak memory in bytes, loss and gradient norm."""
    torch.set_num_threads(1)
    data = {name: value.to(device).detach() for name, value in inputs(problem).items()}
    data["features"].requires_grad_()
    before = reset_peak(device)
    times = []
    for _ in range(1 + problem.repeats):
        data["features"].grad = None
        start = time.perf_counter()
        loss = FORMS[form](data)
        loss.backward()
        value = loss.item()  # waits for the device
        times.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(times[1:]),
        "extra_bytes": peak(device) - before,
        "loss": value,
        "gradient_norm": data["features"].grad.norm().item(),
    }


def reset_peak(device: str) -> int:
    """Start a new peak; returns the bytes held now."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak(device: str) -> int:
    """Most bytes held since `reset_peak`."""
    return torch.cuda.max_memory_allocated() if device == "cuda" else _status("VmHWM")


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(found.group(1))


def measure() -> dict[str, dict[str, object]]:
    """Both forms side by side for every problem on every device; the dense one only where its logits fit."""
    return {f"{name}, {device}": compare(name, device) for device in devices() for name in PROBLEMS}


def compare(name: str, device: str) -> dict[str, object]:
    """Time and memory of a problem's forms."""
    problem = PROBLEMS[name]
    logits = 4 * problem.rows * (problem.classes * problem.vertices + problem.background)
    forms = list(FORMS) if DENSE_COPIES * logits < memory(device) else ["blocked"]
    found = {form: _in_own_process(form, name, device) for form in forms}
    row: dict[str, object] = {"problem": asdict(problem), **found, "logit_matrix_bytes": logits}
    if "dense" in found:
        row["speedup"] = found["dense"]["seconds"] / found["blocked"]["seconds"]
        row["memory_ratio"] = found["dense"]["extra_bytes"] / max(1, found["blocked"]["extra_bytes"])
    return row


def _in_own_process(form: str, name: str, device: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.contrastive", form, name, device]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(json.dumps(measure(), indent=1))
    else:
        print(json.dumps(measure_one(sys.argv[1], PROBLEMS[sys.argv[2]], sys.argv[3])))
