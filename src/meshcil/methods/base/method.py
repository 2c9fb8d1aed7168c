"""What a method is: it says what to optimise, never how the loop runs (that is training/trainer.py)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from meshcil.config.methods.base import MethodSettings, TrainingSettings
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.core.seeding import torch_generator
from meshcil.geometry.poses import pose_error
from meshcil.memory.ledger import LedgerRow
from meshcil.memory.selection import select
from meshcil.memory.store import ExemplarStore
from meshcil.methods.base.images import ImagePool, LatentPool
from meshcil.methods.base.ledger import training_rows
from meshcil.models.chain import Backbone


@dataclass(frozen=True)
class RunFacts:
    """What a method may know of the run."""

    classes: tuple[str, ...]  # names in order of arrival; a label is a position here
    step_sizes: tuple[int, ...]  # classes that arrive at each step
    image_size: tuple[int, int]  # height and width of prepared images
    focal: float  # focal length of prepared images in pixels; NaN in a dataset without poses
    distance: float  # of the camera from the object
    # float32 [C, 3, 2], low and high end of each class's cuboid per CAD axis; NaN without poses
    bounds: Float[Tensor, "C 3 2"]
    seed: int  # of the run

    def seen(self, step: int) -> int:
        """Number of classes seen up to and including ``step``; 0 before the first."""
        return sum(self.step_sizes[: step + 1]) if step >= 0 else 0


@dataclass(frozen=True)
class Batch:
    """Training images as the network takes them, or features of such images."""

    # float32 [B, 3, H, W], normalised; features [B, D] in a phase that trains on latents
    images: Float[Tensor, "B ..."]
    labels: Int[Tensor, " B"]  # int64 [B]
    poses: Float[Tensor, "B 3"]  # float32 [B, 3], azimuth, elevation, theta in radians, after augmentation
    replayed: Bool[Tensor, " B"]  # bool [B], exemplars of earlier steps, or features that stand for their images
    generator: torch.Generator  # for draws that belong to this batch
    phase: str = "train"  # name of the phase that trains
    hidden: Bool[Tensor, "B H W"] | None = None  # bool [B, H, W], pixels that occluders were laid over, or None


@dataclass(frozen=True)
class Prediction:
    """Answers for a batch of images."""

    scores: Float[Tensor, "B C"]  # float [B, C], larger is better, one per class seen
    labels: Int[Tensor, " B"]  # int64 [B]
    poses: Float[Tensor, "B 3"] | None  # float [B, 3] in radians, or None when the method has no pose
    # float [B], of the camera from the object in CAD units, or None when it is not estimated
    distance: Float[Tensor, " B"] | None = None
    # bool [B, h, w], cells of the feature map that see the object in its pose, or None likewise
    covered: Bool[Tensor, "B h w"] | None = None
    occluded: Bool[Tensor, "B h w"] | None = None  # those of them where something hides it, or None likewise
    # float [B], how much better than the background the object explains a cell of the map on average, or None likewise
    fit: Float[Tensor, " B"] | None = None
    # int64 [B] by name of a classifier, for methods with several: `linear`, `nearest_mean`
    heads: Mapping[str, Int[Tensor, " B"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One stretch of optimisation within a step."""

    name: str  # `train`, or what sets it apart
    parameters: tuple[nn.Parameter, ...]  # that are optimised
    epochs: int  # passes over the data
    lr: float  # learning rate at its start
    training: TrainingSettings  # further settings
    balanced: bool = False  # train on equally many images of each class: all exemplars, and as many of each new class
    latents: LatentPool | None = None  # train on these in place of the step's images; a last partial batch is kept


class Method(ABC):
    """A class-incremental method.

    Life of a step: `load_state` of the step before, `consolidate` with its exemplars, `begin_step`, `prepare_step` with
    the new images, the optimiser loop over `phases`, `finish_step` with the new images, `state`. Life of a prediction:
    `load_state`, `consolidate`, `predict`.
    """

    trains_on_all_data = False
    """Train on all images of all seen classes (joint training) instead of new images and exemplars."""
    has_teacher = False
    """Keeps a frozen copy of the network while a later step trains."""

    def __init__(self, settings: MethodSettings, facts: RunFacts, device: torch.device) -> None:
        self.settings = settings
        self.facts = facts
        self.device = device
        self.step = -1
        self.network = self.initial_network()

    @property
    def seen(self) -> int:
        """Classes seen so far."""
        return self.facts.seen(self.step)

    def generator(self, *names: str | int) -> torch.Generator:
        """Generator for a purpose of the present step."""
        return torch_generator(self.facts.seed, self.settings.kind, self.step, *names)

    def initial_network(self) -> Any:
        """The network of `build_network`, initialised from the run's seed."""
        with seeded_initialisation(torch_generator(self.facts.seed, "network")):
            return self.build_network().to(self.device)

    def build_backbone(self) -> Backbone:
        """The configured backbone."""
        block = self.settings.backbone
        try:
            backbone = load_object("meshcil.models.backbones", block.name, "build")(**block.options)
        except ValueError as error:
            raise InputError("backbone", str(error), "Correct it in the method's YAML") from error
        if block.weights_file is not None:
            tensors = read_weights(block.weights_file, block.weights_sha256)
            try:
                backbone.load_weights(tensors)
            except ValueError as error:
                raise InputError(block.weights, str(error), "Name weights of this backbone, or none") from error
        return backbone

    def autocast(self) -> torch.autocast:
        """Context for the networks' training passes; geometry and losses stay outside, in full precision."""
        enabled = self.settings.training.precision == "mixed" and computes_bfloat16(self.device)
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    def phases(self) -> list[Phase]:
        """Stretches of optimisation of the present step; by default all trainable parameters at once."""
        training = self.settings.training
        first = self.step == 0
        epochs = training.first_epochs if first and training.first_epochs else training.epochs
        lr = training.lr if first or training.later_lr is None else training.later_lr
        parameters = tuple(p for p in self.network.parameters() if p.requires_grad)
        return [Phase("train", parameters, epochs, lr, training)]

    @abstractmethod
    def build_network(self) -> nn.Module:
        """The trainable network before any class has arrived."""

    @abstractmethod
    def begin_step(self, step: int) -> None:
        """Take in the classes of ``step``: grow heads, freeze a copy as teacher."""

    def prepare_step(self, images: ImagePool) -> None:  # noqa: B027 (a hook)
        """Look at the step's new images before training: start new rows from them. Called again by a resumed run."""

    @abstractmethod
    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Named loss terms, weights applied; their sum is minimised."""

    def held_out(self, images: ImagePool) -> Bool[Tensor, " n"] | None:
        """Which of the images of a step no batch may hold, or None; called with new ones and exemplars together."""
        return None

    def after_batch(self, batch: Batch) -> None:  # noqa: B027 (a hook: most methods need none)
        """Called after the optimiser's update for ``batch``."""

    def finish_step(self, images: ImagePool) -> None:  # noqa: B027 (a hook)
        """Look at the step's new images once it has trained: align weights, take statistics."""

    def checks(self, images: ImagePool) -> dict[str, float]:
        """Whether the method's mechanisms acted in the step, by name; looks at a few images of each class."""
        return {}

    def consolidate(self, exemplars: ImagePool) -> None:  # noqa: B027 (a hook)
        """Use the exemplars chosen after the step: class means, background bank."""

    @abstractmethod
    def predict(self, images: Float[Tensor, "B 3 H W"]) -> Prediction:
        """Classes and poses of normalised images."""

    @abstractmethod
    def scores(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """Class scores that need no exemplars: how hard an image is, for exemplar selection by difficulty."""

    @abstractmethod
    def features(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """One vector per image, for exemplar selection by features."""

    def rank_exemplars(self, count: int, *, seed: int, **arrays: NDArray[np.float64]) -> list[int]:
        """At most ``count`` images of one class, best first; arrays and strategies as in `meshcil.memory.selection`."""
        return select(self.settings.exemplars, count, seed=seed, **arrays)

    def update_exemplars(
        self, store: ExemplarStore, ranked: Mapping[str, Sequence[str]], per_class: int
    ) -> ExemplarStore:
        """The exemplars after the step; see `meshcil.memory.store.ExemplarStore.update`."""
        return store.update(ranked, per_class)

    def pose_error(self, true: Float[Tensor, "B 3"], found: Float[Tensor, "B 3"]) -> Float[Tensor, " B"]:
        """How far poses are from the true ones, in radians."""
        return pose_error(true, found)

    @abstractmethod
    def latents(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B P D"]:
        """Vectors that the classifier reads, P per image: what an aligner moves."""

    @abstractmethod
    def latent_logits(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, "B C"]:
        """Class scores of such vectors as `predict` would rank them; their softmax says how sure the method is."""

    @abstractmethod
    def ledger_rows(self) -> list[LedgerRow]:
        """Bytes of everything the method keeps after a step, exemplars aside (MEMO, section 3; memory/ledger.py)."""

    def training_rows(self) -> list[LedgerRow]:
        """Bytes held only while a step trains: optimiser state and, after the first step, a teacher."""
        teacher = self.network_before() if self.has_teacher and self.step > 0 else None
        return training_rows(self.network, teacher, self.optimiser_floats)

    def network_before(self) -> nn.Module:
        """A network as large as that of the step before, for its bytes alone; by default networks do not grow."""
        return self.network

    @property
    def optimiser_floats(self) -> int:
        """Floats that the optimiser keeps for each trained parameter."""
        training = self.settings.training
        return (1 if training.momentum > 0 else 0) if training.optimizer == "sgd" else 2

    def state(self) -> dict[str, Any]:
        """Everything needed to continue or predict; nested dicts of tensors and JSON values."""
        return {"step": self.step, "network": dict(self.network.state_dict())}

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`, onto a freshly built method."""
        self.step = int(state["step"])
        self.prepare_network(self.seen)
        self.network.load_state_dict(state["network"])

    def prepare_network(self, seen: int) -> None:  # noqa: B027 (a hook)
        """Give the network the shape it has after ``seen`` classes, before its tensors are loaded."""


def read_weights(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """Tensors of a local file: safetensors, or a plain state dict as PyTorch saves it (``.pth``).

    ``sha256`` may be a digest's beginning (torchvision puts eight digits into file names). Raises InputError when the
    file is missing, of another kind, or its sha256 is not the expected one.
    """
    if not path.is_file():
        raise InputError(path, "does not exist", "Put the weights there; nothing is downloaded")
    found = sha256_file(path)
    if sha256 is not None and not found.startswith(sha256):
        raise InputError(path, f"has sha256 {found}, not {sha256}", "Get the file again, or correct `weights_sha256`")
    try:
        if path.suffix in (".pth", ".pt"):
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        else:
            tensors = load_file(path)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        remedy = "Use a safetensors file, or a state dict of tensors alone (.pth)"
        raise InputError(path, f"is not a file of weights ({error})", remedy) from error
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(path, "holds more than named tensors", "Save the state dict of the network alone")
    return tensors


@contextmanager
def seeded_initialisation(generator: torch.Generator) -> Iterator[None]:
    """Let torch's own initialisers draw from the seed of ``generator``; the global state is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator.initial_seed())
        yield


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 pays: a processor without instructions for it takes ten times as long as in float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))
