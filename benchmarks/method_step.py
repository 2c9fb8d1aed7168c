"""One optimiser step of every 2D method against replay's: same backbone, batch and images, third step of a run.

A method may cost more by forward passes of its own (teacher, old parts); the ratio without them is what its loss and
bookkeeping add.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.measuring import devices, in_turn
from meshcil.config.run import load_method
from meshcil.core.naming import load_object
from meshcil.methods.base.method import Batch, Method, RunFacts
from meshcil.training.trainer import build_optimizer

CONFIG = Path(__file__).parents[1] / "config"
METHODS = ("replay", "finetune", "lwf", "icarl", "wa", "der", "memo", "podnet", "lucir", "afc", "fetril")
STEPS, CLASSES, SIDE, BATCH, REPEATS = 3, 4, 96, 16, 15


def measure() -> dict[str, dict[str, object]]:
    """Seconds of a step and of the forward passes that replay does not have, per method."""
    cases: dict[str, dict[str, object]] = {}
    for device in devices():
        calls = {name: _step(name, torch.device(device)) for name in METHODS}
        whole = in_turn({name: step for name, (step, _) in calls.items()}, REPEATS, device)
        extra = in_turn({name: forward for name, (_, forward) in calls.items()}, REPEATS, device)
        for name in METHODS:
            own = max(0.0, extra[name] - extra["replay"])
            cases[f"{name} ({device})"] = {
                "seconds": whole[name],
                "ratio_to_replay": whole[name] / whole["replay"],
                "ratio_without_extra_forward": (whole[name] - own) / whole["replay"],
            }
    return cases


def _step(name: str, device: torch.device) -> tuple[Callable[[], object], Callable[[], object]]:
    settings = load_method(name, CONFIG).model_copy(update={"pose": None})
    training = settings.training.model_copy(update={"precision": "float32"})
    settings = settings.model_copy(update={"training": training})
    names = tuple(f"class {i}" for i in range(STEPS * CLASSES))
    bounds = torch.full((len(names), 3, 2), torch.nan)
    facts = RunFacts(names, (CLASSES,) * STEPS, (SIDE, SIDE), 1.0, 5.0, bounds, 0)
    method: Method = load_object("meshcil.methods", settings.kind, "Learner")(settings, facts, device)
    for step in range(STEPS):
        method.begin_step(step)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=generator).to(device)
    low = 0 if settings.replay == "required" else (STEPS - 1) * CLASSES
    labels = torch.randint(low, len(names), (BATCH,), generator=generator).to(device)
    if name == "fetril":
        method.mean_features = torch.randn(len(names), method.network.backbone.channels, generator=generator).to(device)
    replayed = labels < (STEPS - 1) * CLASSES
    batch = Batch(images, labels, torch.zeros(BATCH, 3, device=device), replayed, generator)
    [phase, *_] = method.phases()
    optimizer = build_optimizer(phase, method)

    def whole() -> None:
        method.network.train()
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(method.losses(batch).values())).sum().backward()
        optimizer.step()

    def forward() -> None:
        """All forward passes of a step without gradients: the network's and, where there is one, the teacher's."""
        with torch.no_grad():
            method.network.features(images)
            if method.has_teacher:
                method.teacher.features(images)

    return whole, forward
