"""Images of one's own: what lies in class folders, and tables written by hand."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.datasets.folder import LINE, read_table
from meshcil.datasets.inspection import Inspection, inspect_dataset
from meshcil.datasets.preparation import Frame, make_reader
from tests.datasets import archives


def inspect(root: Path, layout: str, classes: tuple[str, ...], frame: Frame = Frame((16, 16))) -> Inspection:
    read_table.cache_clear()
    reader = make_reader(root, classes, {"layout": layout})
    return inspect_dataset({"train": reader, "clean": reader}, frame)


def found(inspection: Inspection, kind: str) -> list[str]:
    return [f"{Path(p.where).name}: {p.cause}" for p in inspection.problems if p.kind == kind]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return archives.class_folders(tmp_path)


def test_files_that_are_not_taken_for_images_are_counted_and_named(folders: Path) -> None:
    place = folders / "train/n01"
    for name in ("a.gif", "b.AVIF", "c.jfif", "d.webp"):
        shutil.copy(place / "n01_0.JPEG", place / name)
    for name in ("notes.txt", "e.heic", "none", ".hidden.jpg"):
        (place / name).write_bytes(b"x")
    archives.picture(place / ".ipynb_checkpoints/n01_0.JPEG", "boat", 0)
    archives.picture(place / "more/n01_9.JPEG", "boat", 9)
    (place / "more/loop").symlink_to("..")
    inspection = inspect(folders, "class-folders", ("n01", "n02"))
    assert inspection.counts["train"] == {"n01": 8, "n02": 3}
    left = {".ipynb_checkpoints", "notes.txt", "e.heic", "none", ".hidden.jpg", "loop"}
    assert set(found(inspection, "left out")) == {f"{name}: is not recognised as an image" for name in left}
    assert found(inspection, "link")[0].startswith("loop: leads back to a folder that contains it")


def test_two_endings_of_one_name_are_two_images(folders: Path) -> None:
    for name in ("1.png", "1.jpg", "2.jpg"):
        archives.picture(folders / "train/n01" / name, "boat", len(name) + int(name[0]))
    samples = make_reader(folders, ("n01",), {"layout": "class-folders"}).samples("train")
    assert [s.id for s in samples][:3] == ["n01/1.jpg", "n01/1.png", "n01/2"]
    assert not found(inspect(folders, "class-folders", ("n01", "n02")), "duplicate")


def test_a_picture_in_both_splits_is_named_in_every_layout(tmp_path: Path, folders: Path) -> None:
    shutil.copy(folders / "train/n01/n01_1.JPEG", folders / "val/n02/other.JPEG")
    inspection = inspect(folders, "class-folders", ("n01", "n02"))
    said = "other.JPEG: has the same pixels as the training image n01/n01_1"
    assert said in found(inspection, "in both splits") and inspection.usable(skip=False)
    table = archives.folder(tmp_path / "own", ("boat", "bus"), poses=False)
    (table / "Bilder/boat test ü1.jpg").write_bytes((table / "Bilder/bus train ü2.jpg").read_bytes())
    said = "boat test ü1.jpg: has the same pixels as the training image bus/Bilder/bus train ü2"
    assert said in found(inspect(table, "folder", ("boat", "bus")), "in both splits")


def test_missing_classes_are_all_named_where_a_layout_has_one_file(tmp_path: Path) -> None:
    inspection = inspect(archives.mnist(tmp_path), "mnist", ("zero", "seven", "nine"))
    assert [text.split(",")[0] for text in found(inspection, "listing") if "test" not in text][:2] == [
        "train-images-idx3-ubyte: has no image of seven",
        "train-images-idx3-ubyte: has no image of nine",
    ]


def test_images_without_a_scale_are_found_before_they_are_prepared(tmp_path: Path) -> None:
    root = archives.folder(tmp_path / "own", ("boat", "bus"))
    path = root / "annotations.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",5,40,30,300", ",1500,40,30,300"), encoding="utf-8")
    inspection = inspect(root, "folder", ("boat", "bus"), Frame((64, 80), 300.0))
    assert len(found(inspection, "image")) == 12 and "rescaled 300 times" in found(inspection, "image")[0]


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "annotations.csv").write_bytes(text.encode())
    read_table.cache_clear()
    return tmp_path


ROWS = "image,class,split\na.jpg,a,train\n\nb.jpg,b,test\n"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_spreadsheets_are_read_with_their_separators(tmp_path: Path, separator: str) -> None:
    rows = read_table(write(tmp_path, "\ufeff" + ROWS.replace(",", separator).replace("\n", "\r\n")))
    assert [(row["image"], row[LINE]) for row in rows] == [("a.jpg", "2"), ("b.jpg", "4")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (ROWS.replace("split", "set"), r"lacks the columns split \(it is separated by commas\)"),
        (ROWS.replace(",", "|"), "lacks the columns"),
        (ROWS.replace("test", "text"), "line 4 needs"),
        (ROWS.replace("b.jpg", '"b\n.jpg"').replace("test", "no"), "line 5 needs"),
        (ROWS + "c.jpg,c,test,1,5\n", "line 5 has more fields"),
        (ROWS + '"c.jpg,c,test\n', r"cannot be read|can be read \(line"),
        (ROWS + f"{'x' * 200_000},c,test\n", "field larger than field limit"),
        (ROWS + "c\0.jpg,c,test\n", "zero byte"),
    ],
)
def test_mistakes_in_a_table_are_named_with_their_line(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        read_table(write(tmp_path, text))


def test_a_decimal_comma_is_told_how_to_be_written(tmp_path: Path) -> None:
    root = archives.folder(tmp_path / "own", ("boat", "bus"))
    path = root / "annotations.csv"
    text = path.read_text(encoding="utf-8").replace(",", ";").replace(";5;40;30;300", ";5,5;40;30;300")
    path.write_text(text, encoding="utf-8")
    reader = make_reader(root, ("boat", "bus"), {"layout": "folder"})
    with pytest.raises(InputError, match=r"Write 1\.5, not 1,5"):
        reader.read(reader.samples("train")[0])


def test_a_photograph_on_its_side_with_a_pose_is_refused(tmp_path: Path) -> None:
    root = archives.folder(tmp_path / "own", ("boat", "bus"))
    reader = make_reader(root, ("boat", "bus"), {"layout": "folder"})
    sample = reader.samples("train")[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(sample.image).save(sample.image, exif=exif)
    with pytest.raises(InputError, match="rotated by its EXIF"):
        reader.read(sample)
