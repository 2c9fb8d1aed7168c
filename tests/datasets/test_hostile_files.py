"""Raw files that are damaged on purpose: each reader gives a result or one message that names the file."""

import csv
import io
import os
import pickle
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshcil.config.base import read_yaml
from meshcil.core import limits
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.datasets import archives as unpacking
from meshcil.datasets.base import Annotation, read_list
from meshcil.datasets.cad import read_off
from meshcil.datasets.folder import read_table
from meshcil.datasets.images import read_image
from meshcil.datasets.matlab import load_struct
from meshcil.datasets.mnist import read_split
from meshcil.datasets.occluded_pascal3d import read_masks
from meshcil.datasets.pascal3d import read_annotation
from meshcil.datasets.prepared import PreparedRow, encode_png, load_split, write_split
from meshcil.datasets.voc2007 import read_objects
from meshcil.datasets.windows import cover, cut_image, locate
from tests.datasets import archives

EXAMPLES = int(os.environ.get("MESHCIL_FUZZ", "60"))
"""Damaged versions of each format; thousands take minutes (docs/reliability.md)."""


def matlab(*elements: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM" + b"".join(elements)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def array(kind: int, name: bytes, rest: bytes, extents: tuple[int, int] = (1, 1), size: int | None = None) -> bytes:
    flags, shape = element(6, struct.pack("<II", kind, 0)), element(5, struct.pack("<ii", *extents))
    content = flags + shape + element(1, name) + rest
    return struct.pack("<II", 14, len(content) if size is None else size) + content


def nested(levels: int, size: int | None) -> bytes:
    """Cells in cells; each may state a size of ``size`` bytes."""
    inner = array(6, b"", element(9, bytes(8)))
    for level in range(levels):
        inner = array(1, b"record" if level == levels - 1 else b"", inner, size=size)
    return matlab(inner)


@pytest.mark.parametrize("size", [None, 48], ids=["true", "stated-too-small"])
def test_cells_nested_to_the_end_of_the_stack_are_refused(tmp_path: Path, size: int | None) -> None:
    """SciPy's parser ends the process at a few thousand levels."""
    (tmp_path / "a.mat").write_bytes(nested(4000, size))
    with pytest.raises(InputError, match=r"a\.mat.*(nested more than|cut off)"):
        load_struct(tmp_path / "a.mat", "record", "Do it")


def test_a_matlab_file_of_another_version_or_size_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    for content, cause in [
        (b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n", "v7.3"),
        (matlab(array(6, b"record", element(9, bytes(8)), (2**30, 2**30))), "larger than the file"),
        (matlab(array(17, b"record", b"")), "an array of kind 17"),
        (b"", "not a MATLAB v5 file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=cause):
            load_struct(path, "record", "Do it")
    scipy.io.savemat(path, {"record": np.zeros(10**6)}, do_compression=True)
    assert load_struct(path, "record", "Do it").shape == (1, 10**6)
    monkeypatch.setattr(limits, "ANNOTATION_BYTES", 10**6)
    with pytest.raises(InputError, match="unpacks to more than 1,000,000 bytes"):
        load_struct(path, "record", "Do it")


@pytest.mark.parametrize("box", ["left", np.array([1.0, np.nan, 3, 4]), np.array([1.0, 2]), np.array(["a", "b"])])
def test_a_box_that_is_not_four_numbers_is_named(tmp_path: Path, box: object) -> None:
    path = archives.record(tmp_path / "a.mat", archives.entry("boat", bbox=box))
    with pytest.raises(InputError, match="no bounding box of four numbers"):
        read_annotation(path)


def test_masks_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    for mask, cause in ((np.array(["a"]), "holds no numbers"), (np.zeros(3), "shapes"), (np.array(1), "shapes")):
        np.savez_compressed(path, mask=mask, occluder_mask=np.zeros((2, 2)))
        with pytest.raises(InputError, match=cause):
            read_masks(path)
    np.savez_compressed(path, mask=np.zeros((1000, 1000)), occluder_mask=np.zeros((1000, 1000)))
    assert read_masks(path).object.shape == (1000, 1000)
    monkeypatch.setattr(limits, "IMAGE_BYTES", 10**6)
    with pytest.raises(InputError, match="unpacks to 8,000,128 bytes"):
        read_masks(path)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("<a>" * 5000 + "</a>" * 5000, "nested more than 32 deep"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type"),
        ("<annotation/>", "`size/height` is missing"),
        ("<annotation><object/></annotation>", "is missing or empty"),
    ],
)
def test_xml_is_shallow_and_declares_nothing(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=cause):
        read_objects(tmp_path / "a.jpg", tmp_path / "a.xml")


def viewed(distance: float, principal: tuple[float, float] = (40, 30)) -> Annotation:
    return Annotation("bus", 0, 0, 0, distance, 300, principal, (20, 15, 60, 45), 1)


@pytest.mark.parametrize("distance", [1500.0, 0.001, 1e300, 5e-324])
def test_distances_in_another_unit_are_refused(distance: float) -> None:
    with pytest.raises(InputError, match="Give distances in the units of the CAD models"):
        locate((60, 80), viewed(distance), (64, 80), 300.0)


def test_what_would_become_enormous_is_refused_and_what_lies_outside_costs_nothing() -> None:
    with pytest.raises(InputError, match="such narrow"):
        cover((1, 20000), (224, 224), 1.0)
    with pytest.raises(InputError, match="rescaled 50 times"):
        locate((600, 800), viewed(250.0), (64, 80), 300.0)
    with pytest.raises(InputError, match="far outside"):
        locate((60, 80), viewed(5.0, (1e9, 0)), (64, 80), 300.0)
    window = locate((60, 80), viewed(5.0, (9e5, 0)), (64, 80), 300.0)
    assert not cut_image(np.full((60, 80, 3), 255, np.uint8), window).any()


def test_pipes_and_long_names_are_named_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    readers = (read_image, read_annotation, read_off, read_masks, read_list, read_json)
    for read in (*readers, lambda path: read_objects(path, path)):
        with pytest.raises(InputError, match="is not a file"):
            read(tmp_path / "pipe")
        with pytest.raises(InputError, match=r"too long a name|does not exist"):
            read(tmp_path / ("n" * 300))
        with pytest.raises(InputError, match=r"not a valid file name|does not exist"):
            read(tmp_path / "a\0b")


def test_records_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    for depth in (40, 100_000):
        (tmp_path / "a.json").write_text('{"a": ' + "[" * depth + "]" * depth + "}")
        with pytest.raises(InputError, match="is not valid JSON"):
            read_json(tmp_path / "a.json")


def test_labels_that_no_class_has_are_named(tmp_path: Path) -> None:
    from meshcil.datasets.preparation import make_reader

    root = archives.cifar100(tmp_path)
    path = root / "cifar-100-python/test"
    content = pickle.loads(path.read_bytes())
    key = next(k for k in content if "fine" in str(k))
    path.write_bytes(pickle.dumps(content | {key: [*content[key][:-1], 99]}))
    with pytest.raises(InputError, match="has the label 99"):
        make_reader(tmp_path, ("apple",), {"layout": "cifar100"}).samples("test")


def write_mat(path: Path) -> None:
    archives.record(path, archives.entry("boat"), archives.entry("car"))


def write_off(path: Path) -> None:
    archives.cad(path.parent / "cad")
    shutil.copy(path.parent / "cad/01.off", path)


def write_voc(path: Path) -> None:
    path.write_bytes(next((archives.voc2007(path.parent / "voc")).rglob("*.xml")).read_bytes())


def write_jpeg(path: Path) -> None:
    archives.picture(path, "boat", 0)


def write_masks(path: Path) -> None:
    np.savez_compressed(path, mask=np.eye(9, dtype=np.uint8) * 255, occluder_mask=np.eye(9))
    path.with_suffix(".bin.npz").replace(path)


def write_parquet(path: Path) -> None:
    image = encode_png(np.zeros((8, 8, 3), np.uint8))
    write_split(path, [PreparedRow(f"a/{k}", "a", image, 0, 0, 0, 5, (0, 0, 0, 0), 0, None, None) for k in range(3)])


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as content:
        for name in ("a/b", "c"):
            entry = tarfile.TarInfo(name)
            entry.size = 100
            content.addfile(entry, io.BytesIO(bytes(range(100))))


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("a/b", "text" * 30)
        content.writestr("c", "more")


def unpack(path: Path) -> object:
    out = path.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    unpacking.extract(path, out)
    return [p for p in out.rglob("*") if not p.resolve().is_relative_to(out.resolve())] and pytest.fail("left")


def table(path: Path) -> object:
    shutil.copy(path, path.parent / "annotations.csv")
    read_table.cache_clear()
    return read_table(path.parent)


def digits(path: Path) -> object:
    raw = path.parent / "MNIST/raw"
    shutil.copy(path, raw / "train-images-idx3-ubyte")
    read_split.cache_clear()
    return read_split(path.parent, "train")


def write_digits(path: Path) -> None:
    archives.mnist(path.parent)
    shutil.copy(path.parent / "MNIST/raw/train-images-idx3-ubyte", path)


def write_table(path: Path) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["image", "class", "split"], ["a.jpg", "a", "train"], ["b,c.jpg", "a", "test"]])


def write_yaml(path: Path) -> None:
    path.write_text("a: &x {b: [1, 2.5, yes]}\nc: {<<: *x, d: 2001-01-01}\ne: 'text'\n")


FORMATS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "mat": (write_mat, read_annotation),
    "off": (write_off, read_off),
    "csv": (write_table, table),
    "yaml": (write_yaml, read_yaml),
    "parquet": (write_parquet, lambda path: load_split(path).images()),
    "jpeg": (write_jpeg, read_image),
    "npz": (write_masks, read_masks),
    "tar": (write_tar, unpack),
    "zip": (write_zip, unpack),
    "xml": (write_voc, lambda path: read_objects(path, path)),
    "idx": (write_digits, digits),
}


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(damage=st.data())
def test_damaged_files_give_a_result_or_one_message(tmp_path: Path, name: str, damage: st.DataObject) -> None:
    write, read = FORMATS[name]
    path, whole = tmp_path / "a.bin", tmp_path / "whole.bin"
    if not whole.exists():
        write(path)
        path.replace(whole)
    content = bytearray(whole.read_bytes())
    for _ in range(damage.draw(st.integers(1, 4))):
        at = damage.draw(st.integers(0, max(len(content) - 1, 0)))
        kind = damage.draw(st.sampled_from(["set", "cut", "insert", "repeat", "remove"]))
        some = damage.draw(st.binary(min_size=1, max_size=8))
        if kind == "cut":
            del content[at:]
        elif kind == "insert":
            content[at:at] = some
        elif kind == "repeat":
            content[at:at] = content[at : at + 64]
        elif kind == "remove":
            del content[at : at + len(some)]
        else:
            content[at : at + len(some)] = some
    path.write_bytes(bytes(content))
    try:
        read(path)
    except InputError as error:
        assert error.cause and "Traceback" not in error.cause
