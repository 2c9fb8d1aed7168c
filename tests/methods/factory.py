"""Tiny runs built in memory: methods with small networks and images whose class is easy to see."""

import os
from pathlib import Path

import torch

from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import load_method
from meshcil.config.variants import method_names
from meshcil.core.naming import load_object
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method, RunFacts
from meshcil.training.setup import choose_device

CONFIG = Path(__file__).parents[2] / "config"
SIZE = 32
DEVICE = choose_device(os.environ.get("MESHCIL_DEVICE", "cpu"), 1)
"""Where the conformance tests run, as the stages do: `make test-gpu` asks for the GPU."""


def facts(step_sizes: tuple[int, ...] = (2, 2), seed: int = 0) -> RunFacts:
    """Facts of a run with classes of different cuboids."""
    count = sum(step_sizes)
    bounds = torch.tensor([[[-0.5, 0.5], [-0.3, 0.3], [-0.2, 0.2 + 0.05 * c]] for c in range(count)])
    names = tuple(f"class{c}" for c in range(count))
    return RunFacts(names, step_sizes, (SIZE, SIZE), 120.0, 5.0, bounds, seed)


def settings(kind: str, **training: object) -> MethodSettings:
    """Settings of the smallest sensible method of a kind."""
    name = f"{kind}-smoke" if f"{kind}-smoke" in method_names(CONFIG) else kind
    loaded = load_method(name, CONFIG)
    small = loaded.backbone.model_copy(update={"width": 8, "depth": 1})
    short = {"first_epochs": None, "epochs": 2, "batch_size": 8, "precision": "float32"}
    block = loaded.training.model_copy(update={**short, **training})
    return loaded.model_copy(update={"backbone": small, "training": block})


def build(kind: str, run: RunFacts | None = None, device: torch.device = DEVICE, **training: object) -> Method:
    """An untrained method."""
    return load_object("meshcil.methods", kind, "Learner")(settings(kind, **training), run or facts(), device)


def pool(labels: list[int], seed: int = 0) -> ImagePool:
    """Noise images with a bar whose colour and place tell the class."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 120, (len(labels), 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label % 3, 4 * label + 4 : 4 * label + 12, 6:26] = 250
    poses = (torch.rand(len(labels), 3, generator=generator) - 0.5) * torch.tensor([6.0, 0.5, 0.3])
    ids = tuple(f"image{seed}-{i}" for i in range(len(labels)))
    return ImagePool(ids, images, torch.tensor(labels), poses)
