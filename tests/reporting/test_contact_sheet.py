"""Contact sheets: rows, groups, size, damaged input."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy
import pandas as pd
import pytest
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.reporting.contact_sheet import MAX_BYTES, TILE, contact_sheet

CLASSES = [f"class{i:02d}" for i in range(12)]


def png(generator: numpy.random.Generator) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(generator.integers(0, 255, (96, 96, 3), dtype=numpy.uint8)).save(stream, "PNG")
    return stream.getvalue()


def write(folder: Path, classes: list[str], sets: dict[str, str], per_class: int) -> None:
    """A prepared dataset; ``sets`` gives the prefix of each test set's ids."""
    generator = numpy.random.default_rng(0)
    for name, prefix in ({"train": "train"} | sets).items():
        rows = [(f"{prefix}/{c}/{i}", c, png(generator)) for c in classes for i in range(per_class)]
        pd.DataFrame(rows, columns=["id", "class_name", "image"]).to_parquet(folder / f"{name}.parquet")
    (folder / "dataset.json").write_text(json.dumps({"classes": classes, "test_sets": list(sets)}))


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_groups_by_shared_ids(tmp_path: Path) -> None:
    write(tmp_path, CLASSES[:3], {"clean": "test", "L1": "test", "snow": "ood"}, per_class=5)
    svg = contact_sheet(tmp_path)
    assert texts(svg) == [
        "training", "one test image", "other test images", "clean", "L1", "snow", "class00", "class01", "class02",
    ]  # fmt: skip
    assert contact_sheet(tmp_path) == svg
    image = Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', svg)[1])))
    assert image.size[1] == 3 * (TILE + 4) - 4
    assert len(re.findall(r"M \d+ \d+ h", svg)) == 3 * (4 + 2 + 1)


def test_even_noise_stays_below_the_limit(tmp_path: Path) -> None:
    sets = {"clean": "t", "L1": "t", "L2": "t", "L3": "t"} | {f"ood{i}": f"o{i}" for i in range(5)}
    write(tmp_path, CLASSES, sets, per_class=4)
    assert len(contact_sheet(tmp_path)) < MAX_BYTES


def test_too_few_images_leave_gaps(tmp_path: Path) -> None:
    write(tmp_path, CLASSES[:2], {"clean": "test", "snow": "ood"}, per_class=1)
    snow = pd.read_parquet(tmp_path / "snow.parquet").iloc[:1]
    snow.to_parquet(tmp_path / "snow.parquet")
    assert len(re.findall(r"M \d+ \d+ h", contact_sheet(tmp_path))) == 2 * (4 + 1) + 1


def test_damaged_input_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.json"):
        contact_sheet(tmp_path)
    write(tmp_path, CLASSES[:2], {"clean": "test"}, per_class=2)
    frame = pd.read_parquet(tmp_path / "clean.parquet")
    frame.assign(image=b"\x89PNG broken").to_parquet(tmp_path / "clean.parquet")
    with pytest.raises(InputError, match="damaged image"):
        contact_sheet(tmp_path)
    (tmp_path / "clean.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"clean\.parquet"):
        contact_sheet(tmp_path)
    (tmp_path / "clean.parquet").unlink()
    with pytest.raises(InputError, match="missing"):
        contact_sheet(tmp_path)


def test_with_poses_a_column_shows_the_cuboid_at_the_annotated_pose(tmp_path: Path) -> None:
    write(tmp_path, CLASSES[:2], {"clean": "test"}, per_class=2)
    for name in ("train", "clean"):
        frame = pd.read_parquet(tmp_path / f"{name}.parquet")
        frame.assign(azimuth=0.5, elevation=0.3, theta=0.0).to_parquet(tmp_path / f"{name}.parquet")
    plain = json.loads((tmp_path / "dataset.json").read_text())
    posed = plain | {"focal": 400.0, "distance": 5.0, "image_size": [96, 96]}
    (tmp_path / "dataset.json").write_text(json.dumps(posed))
    bounds = {name: [[-0.5, 0.5], [-0.3, 0.3], [-0.2, 0.2]] for name in CLASSES[:2]}
    (tmp_path / "cuboids.json").write_text(json.dumps(bounds))
    svg = contact_sheet(tmp_path)
    assert "its cuboid" in texts(svg) and "pose" in texts(svg)
    image = Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]+)', svg)[1]))).convert("RGB")
    last, first = (numpy.asarray(image.crop((x, 0, x + TILE, TILE)), dtype=float) for x in (image.width - TILE, 0))
    # Noise is grey on average; the edges are not.
    assert abs(last.mean(axis=(0, 1)) - last.mean()).max() > 2 * abs(first.mean(axis=(0, 1)) - first.mean()).max()
