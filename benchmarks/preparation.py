"""5 000 images in the layout of Pascal3D+: prepared by one and two processes, and read again by one core."""

import io
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
import torch
import trimesh
from PIL import Image

from meshcil.datasets.preparation import Frame, make_reader, prepare_dataset
from meshcil.datasets.prepared import load_split

IMAGES, TEST, DISTINCT = 5000, 12, 50
CLASSES = tuple(f"class{number:02d}" for number in range(12))
PART = 16
"""Images decoded together."""
FRAME = Frame((640, 800), 3000.0, encoding="jpeg")


def measure() -> dict[str, dict[str, object]]:
    """Images per second, bytes, and the loader's share of the bare decoding rate."""
    with tempfile.TemporaryDirectory(prefix="preparation-") as name:
        folder = Path(name)
        write_archive(folder / "raw", IMAGES)
        results = {f"{workers} processes": _prepare(folder, workers) for workers in (1, 2)}
        results["reading, 1 core"] = _read(folder / "prepared/train.parquet")
        return results


def write_archive(root: Path, count: int) -> None:
    """Images of 500 x 375 pixels as photographs compress: smooth structure with a little noise."""
    rng = np.random.default_rng(0)
    names: dict[str, list[str]] = {}
    views = [_view(rng) for _ in range(DISTINCT)]
    images = [_photograph(rng) for _ in range(DISTINCT)]
    for number in range(count + TEST):
        class_name = CLASSES[number % len(CLASSES)]
        group = f"{class_name}_imagenet"
        split = "train" if number < count else "val"
        names.setdefault(f"{group}_{split}", []).append(f"n{number:08d}")
        for kind in ("Images", "Annotations"):
            (root / kind / group).mkdir(parents=True, exist_ok=True)
        (root / "Images" / group / f"n{number:08d}.JPEG").write_bytes(images[number % DISTINCT])
        entry = {"class": class_name, "bbox": [[100.0, 90.0, 400.0, 300.0]], "viewpoint": views[number % DISTINCT]}
        record = {"imgsize": [[500, 375, 3]], "objects": entry}
        scipy.io.savemat(root / "Annotations" / group / f"n{number:08d}.mat", {"record": record})
    for group, listed in names.items():
        path = root / "Image_sets" / f"{group}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in listed))
    for class_name in CLASSES:
        (root / "CAD" / class_name).mkdir(parents=True)
        trimesh.creation.box((1.0, 0.5, 0.4)).export(root / "CAD" / class_name / "01.off")


def _photograph(rng: np.random.Generator) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = (smooth + rng.integers(-6, 7, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _view(rng: np.random.Generator) -> dict[str, float]:
    angles = {"azimuth": rng.uniform(0, 360), "elevation": rng.uniform(-5, 40), "theta": rng.uniform(-10, 10)}
    camera = {"distance": rng.uniform(4, 12), "focal": 1.0, "viewport": 3000.0}
    return angles | camera | {"px": rng.uniform(200, 300), "py": rng.uniform(150, 220)}


def _prepare(folder: Path, workers: int) -> dict[str, object]:
    out = folder / "prepared"
    shutil.rmtree(out, ignore_errors=True)
    readers = {split: make_reader(folder / "raw", CLASSES, {"layout": "pascal3d"}) for split in ("train", "clean")}
    start = time.perf_counter()
    prepare_dataset(readers, FRAME, out, classes=CLASSES, workers=workers)
    taken = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.rglob("*.parquet") if path.is_file())
    files = sum(path.is_file() for path in out.rglob("*.parquet"))
    return {"images per second": (IMAGES + TEST) / taken, "bytes written": size, "files": files}


def _read(table: Path) -> dict[str, object]:
    """The loader, from the file to pixels, against decoding the same JPEGs to arrays; processor time of one core.

    A class is read part by part, and each part given back: the first touch of fresh memory on a virtual machine can
    cost as much as decoding, and only one side would pay it.
    """
    torch.set_num_threads(1)
    encoded = load_split(table, {CLASSES[0]}).encoded

    def decode() -> None:
        for data in encoded:
            with Image.open(io.BytesIO(data)) as image:
                np.asarray(image)

    def load() -> None:
        split = load_split(table, {CLASSES[0]})
        for start in range(0, len(split), PART):
            split.subset(range(start, min(start + PART, len(split)))).images()

    # The shortest of several: fresh memory is slow on a virtual machine until its host has provided it.
    bare, ours = (min(_processor_seconds(call) for _ in range(4)) for call in (decode, load))
    return {
        "images": len(encoded),
        "images per second": len(encoded) / ours,
        "bare JPEG decoding, images per second": len(encoded) / bare,
        "share of the decoding rate": bare / ours,
    }


def _processor_seconds(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    print(measure())
