"""A trained model as the pipeline stored it, to be asked about other images."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageOps

from meshcil.cli.open_set import OpenSet, fit_open_set, measures
from meshcil.config.run import ANY_BUDGET, RunConfig, load_run
from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.images import decode_image
from meshcil.datasets.prepared import load_info
from meshcil.lineage.files import record_in
from meshcil.lineage.reading import read_record
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method, Prediction
from meshcil.reporting.overlay import View, cuboid_edges, draw_overlay
from meshcil.training.setup import choose_device, exemplar_pool, load_method, read_exemplars

_IMAGE = "Give an image file, for instance PNG or JPEG"
_BATCH = 32
_STEP = re.compile(r"step(\d+)")
_REPRODUCE = "Run `make reproduce` first, or name a finished run with `--model results/runs/...`"


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says about one image.

    Attributes:
        window: the image as the model sees it, RGB.
        class_name: best class.
        scores: of all classes, best first.
        pose: azimuth, elevation and in-plane rotation in radians.
        distance: of the camera from the object, in CAD units.
        focal: of the window, in pixels.
        bounds: (low, high) of the class's cuboid per CAD axis.
        covered: cells of the feature map that see the object; None when the method does not say.
        occluded: those of them where something hides it; likewise.
        unlike: whether the image is unlike anything learned (`meshcil.cli.open_set`); None when that is not known.
    """

    window: UInt8[np.ndarray, "H W 3"]
    class_name: str
    scores: Mapping[str, float]
    pose: tuple[float, float, float]
    distance: float
    focal: float
    bounds: Float[np.ndarray, "3 2"]
    covered: Bool[np.ndarray, "h w"] | None
    occluded: Bool[np.ndarray, "h w"] | None
    unlike: bool | None = None

    def drawing(self, zoom: int = 4) -> Image.Image:
        """The class's cuboid in this pose over the window, and the occlusion map, ``zoom`` times as large."""
        view = View(*self.pose, self.distance, self.focal, self.window.shape[:2])
        edges = cuboid_edges(self.bounds, view)
        window = Image.fromarray(self.window)
        return draw_overlay(window, edges, covered=self.covered, occluded=self.occluded, zoom=zoom)


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A method after the last step of a run.

    Attributes:
        folder: of the run.
        run: its settings.
        data: folder of the prepared dataset.
        method: in that state.
        exemplars: training images that it keeps.
    """

    folder: Path
    run: RunConfig
    data: Path
    method: Method
    exemplars: ImagePool | None = None

    @cached_property
    def open_set(self) -> OpenSet | None:
        """When an image is unlike anything learned; None where too few images are kept to tell."""
        batches = () if self.exemplars is None else self.exemplars.batches(_BATCH, self.method.device)
        return fit_open_set(map(self.method.predict, batches))

    @property
    def title(self) -> str:
        """Name of the method, folder, and the classes that it knows, which are all that it can answer."""
        classes = self.run.classes
        return f"{self.run.method.label}, {self.folder}; knows {len(classes)} classes: {', '.join(classes)}"

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the window that the model sees, in pixels."""
        return self.run.dataset.image_size

    def predict(self, windows: Sequence[UInt8[np.ndarray, "H W 3"]]) -> Prediction:
        """What the method says of the object in each window; without a pose where it estimates none."""
        images = torch.from_numpy(np.stack(windows)).permute(0, 3, 1, 2).contiguous()
        count = len(images)
        pool = ImagePool(("",) * count, images, torch.zeros(count, dtype=torch.int64), torch.zeros(count, 3))
        return self.method.predict(next(pool.batches(count, self.method.device)))

    def ask(self, windows: Sequence[UInt8[np.ndarray, "H W 3"]]) -> list[Answer]:
        """Class, pose and occlusion of the object in each window.

        Raises:
            InputError: when the method estimates no pose.
        """
        found = self.predict(windows)
        if found.poses is None:
            label = self.run.method.label
            raise InputError(self.folder, f"is a model of {label}, which estimates no pose", "Choose an iNeMo run")
        facts, limits, sure = self.method.facts, self.open_set, measures(found)
        answers = []
        for i, window in enumerate(windows):
            order = found.scores[i].argsort(descending=True).tolist()
            label = int(found.labels[i])
            azimuth, elevation, theta = found.poses[i].tolist()
            answers.append(
                Answer(
                    window=window,
                    class_name=facts.classes[label],
                    scores={facts.classes[c]: float(found.scores[i, c]) for c in order},
                    pose=(azimuth, elevation, theta),
                    distance=facts.distance if found.distance is None else float(found.distance[i]),
                    focal=facts.focal,
                    bounds=facts.bounds[label].double().numpy(),
                    covered=None if found.covered is None else found.covered[i].cpu().numpy(),
                    occluded=None if found.occluded is None else found.occluded[i].cpu().numpy(),
                    unlike=limits and limits.unlike({name: float(values[i]) for name, values in sure.items()}),
                )
            )
        return answers


def find_run(results: Path = Path("results/runs")) -> Path:
    """Folder of the finished iNeMo run to ask when none is named.

    A run that knows more classes goes before one that knows fewer, so that a short trial takes no full experiment's
    place; then the newest; of its siblings with other budgets, the one that keeps most images.

    Raises:
        InputError: when there is none.
    """
    finished: dict[Path, tuple[int, str]] = {}
    for scores in results.glob("*/*/*/*/seed*/scores.csv"):
        folder = scores.parent
        record = record_in(folder, "score")
        if record.is_file() and (run := load_run(folder / "run.json")).method.kind == "inemo":
            finished[folder] = len(run.classes), read_record(record).ended
    if not finished:
        raise InputError(results, "holds no finished iNeMo run", _REPRODUCE)
    best = max(finished, key=lambda folder: finished[folder])
    siblings = [folder for folder in finished if folder.parents[1] == best.parents[1] and folder.name == best.name]
    return max(siblings, key=lambda folder: (_exemplars(folder), finished[folder]))


def _exemplars(folder: Path) -> int:
    return sum(len(ids) for ids in read_exemplars(_last(folder) / "exemplars.json").values())


def _last(folder: Path) -> Path:
    return folder / f"step{len(load_run(folder / 'run.json').steps) - 1}"


def _first_step(folder: Path) -> Path:
    """Folder with the state after the first step, which lies beside the runs that share it."""
    run = folder.resolve()
    return run.parents[1] / ANY_BUDGET / run.name / "step0"


def load_model(folder: Path | None, data: Path = Path("data/prepared")) -> StoredModel:
    """Build the method of a run and load its last state.

    Args:
        folder: of the run, or of one of its steps for the model as it was then; that of `find_run` when None.
        data: folder with the prepared datasets.

    Raises:
        InputError: when there is no such run, it is not finished, or its files are of another step.
    """
    folder = find_run() if folder is None else folder
    asked = _STEP.fullmatch(folder.name)
    folder = folder.parent if asked else folder
    if not (folder / "run.json").is_file():
        raise InputError(folder, "is not the folder of a run", _REPRODUCE)
    run = load_run(folder / "run.json")
    if run.key.budget == ANY_BUDGET:
        raise InputError(folder, "is the first step that several runs share", "Name one of the runs next to it")
    step = int(asked[1]) if asked else len(run.steps) - 1
    last = folder / f"step{step}"
    state = (last if step > 0 else _first_step(folder)) / "state.safetensors"
    missing = [path for path in (state, last / "exemplars.json") if not path.is_file()]
    if missing:
        raise InputError(missing[0], "is missing: the run is not finished", _REPRODUCE)
    prepared = data / run.key.dataset
    load_info(prepared)
    method = load_method(run, prepared, state, step, choose_device("cpu", torch.get_num_threads()))
    exemplars = exemplar_pool(run, prepared, read_exemplars(last / "exemplars.json", step))
    method.consolidate(exemplars)
    # The state is the whole run's, whose classes it names; the model knows those that it has seen.
    return StoredModel(folder, run.model_copy(update={"steps": run.steps[: step + 1]}), prepared, method, exemplars)


def read_window(path: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """An image file as the model sees it: its middle, as large as fits, rescaled to height and width ``size``.

    Raises:
        InputError: when the file is missing or no image.
    """
    return decode_window(limits.read_file(path, limits.IMAGE_BYTES, _IMAGE), size, path)


def decode_window(data: bytes, size: tuple[int, int], where: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """An encoded image as the model sees it; see `read_window`.

    Args:
        data: the encoded image.
        size: height and width of the window.
        where: its name, for the message.

    Raises:
        InputError: when it is not an image.
    """
    return fit_window(Image.fromarray(decode_image(data, where, _IMAGE, upright=True)), size)


def fit_window(image: Image.Image, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """The middle of an RGB image in height and width ``size``."""
    height, width = size
    return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR))
