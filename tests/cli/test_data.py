"""`meshcil data check | prepare | unpack` on tiny archives, good and bad."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from meshcil.cli.application import app
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_tree
from meshcil.datasets.archives import extract
from meshcil.datasets.prepared import load_info
from meshcil.stages.prepare import main
from tests.datasets import archives

SETTINGS = {
    "description": "Tiny.",
    "root": "raw",
    "classes": ["boat", "bus"],
    "image_size": [64, 80],
    "focal": 300.0,
    "test_sets": {"clean": {"layout": "pascal3d"}},
    "suites": {"clean": ["clean"]},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a dataset in the Pascal3D+ layout."""
    monkeypatch.chdir(tmp_path)
    archives.pascal3d(tmp_path / "raw")
    configure()
    return tmp_path


def configure(**changes: object) -> None:
    path = Path("config/datasets/tiny.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(SETTINGS | changes))


def call(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["data", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit | InputError):
        raise done.exception
    if isinstance(done.exception, InputError):
        return 2, str(done.exception)
    return done.exit_code, done.output


def check(*arguments: str) -> tuple[int, str]:
    return call("check", "tiny", "--workers", "1", *arguments)


def test_a_good_folder_can_be_used_and_is_left_alone(place: Path) -> None:
    before = sha256_tree(place / "raw")
    code, text = check()
    assert code == 0, text
    assert [line.split() for line in text.splitlines()[:4]] == [
        ["class", "train", "clean"], ["boat", "7", "3"], ["bus", "7", "3"], ["all", "14", "6"],
    ]  # fmt: skip
    assert "MB" in text and "tiny can be used" in text
    assert sha256_tree(place / "raw") == before
    assert not (place / "data").exists()


def test_no_process_at_all_is_refused_by_both_commands(place: Path) -> None:
    for command in ("check", "prepare"):
        assert call(command, "tiny", "--workers", "0") == (2, "--workers 0: is less than 1. Give 1 or more")


def test_a_name_that_leads_out_of_the_folder_is_refused_by_both_commands(place: Path) -> None:
    for command in ("check", "prepare"):
        code, text = call(command, "../datasets/tiny", "--workers", "1")
        assert code == 2 and text.startswith("`../datasets/tiny`: is not a valid file name in config/datasets. ")


def test_a_wrong_root_says_what_belongs_there(place: Path) -> None:
    configure(obtain="Unpack the release there")
    code, text = check("--root", "nowhere")
    assert code == 2 and "nowhere" in text and "Unpack the release there" in text
    code, text = check("--root", "config")
    assert code == 2 and text.count("is missing") == 4 and "cannot be used" in text  # train, clean, two CAD models


def test_classes_in_another_spelling_are_named(place: Path) -> None:
    (place / "raw/Images/bus_imagenet").rename(place / "raw/Images/Bus_imagenet")
    code, text = check()
    assert code == 2 and "the folder has 'Bus'" in text
    assert ["boat", "7", "3"] in [line.split() for line in text.splitlines()]


def test_an_empty_class(place: Path) -> None:
    archives.lines(place / "raw/Image_sets/bus_imagenet_train.txt", [])
    code, text = check()
    assert code == 2 and "bus_imagenet_train.txt: lists no images" in text


def test_damaged_files_are_all_listed_and_block_unless_they_may_be_skipped(place: Path) -> None:
    image = place / "raw/Images/boat_imagenet/far.JPEG"
    image.write_bytes(image.read_bytes()[:300])
    archives.record(place / "raw/Annotations/bus_imagenet/fine.mat", archives.entry("bus", archives.EMPTY))
    (place / "raw/Annotations/bus_imagenet/val0.mat").unlink()
    code, text = check()
    assert code == 2 and "image: 3 problems, 3 make it unusable" in text
    assert "far.JPEG: is truncated" in text and "fine.mat: object 0 has no viewpoint" in text and "val0.mat" in text
    configure(unusable="skip")
    code, text = check()
    assert code == 0 and ["boat", "6", "3"] in [line.split() for line in text.splitlines()]


def test_an_image_that_is_listed_twice(place: Path) -> None:
    archives.lines(place / "raw/Image_sets/bus_imagenet_val.txt", ["val0", "val1", "val0"])
    code, text = check()
    assert code == 2 and "duplicate: 1 problems" in text and "bus/val0 is listed twice" in text
    assert call("prepare", "tiny", "--workers", "1")[0] == 2
    configure(unusable="skip")
    assert check()[0] == 0
    assert call("prepare", "tiny", "--workers", "1")[0] == 0
    assert load_info(place / "data/prepared/tiny").counts["clean"] == 5


def test_what_is_odd_but_usable_is_said(place: Path) -> None:
    archives.record(place / "raw/Annotations/bus_imagenet/fine.mat", archives.entry("Bus"), size=(81, 60))
    code, text = check()
    assert code == 0
    assert "states class 'Bus', the list 'bus'" in text and "states 81 x 60 pixels, the image has 80 x 60" in text


def test_prepare_refuses_or_skips_a_truncated_image(place: Path) -> None:
    image = place / "raw/Images/boat_imagenet/far.JPEG"
    image.write_bytes(image.read_bytes()[:300])
    code, text = call("prepare", "tiny", "--workers", "1")
    assert code == 2 and "far.JPEG" in text and not (place / "data/prepared/tiny").exists()
    configure(unusable="skip")
    before = sha256_tree(place / "raw")
    code, text = call("prepare", "tiny", "--workers", "1")
    assert code == 0, text
    info = load_info(place / "data/prepared/tiny")
    assert info.counts == {"train": 13, "clean": 6} and info.skipped == {"train": 1, "clean": 0}
    listed = (place / "data/prepared/tiny/skipped.csv").read_text().splitlines()
    assert listed[0] == "split,id,file,cause" and listed[1].startswith("train,boat/far,") and len(listed) == 2
    assert sha256_tree(place / "raw") == before


def test_preparing_again_gives_the_same_bytes(place: Path) -> None:
    digests = []
    for _ in range(2):
        assert call("prepare", "tiny", "--workers", "1")[0] == 0
        digests.append([(p.name, p.read_bytes()) for p in sorted(Path("data/prepared/tiny").glob("*.parquet"))])
    assert digests[0] == digests[1]


def test_an_interrupted_preparation_goes_on_with_another_number_of_workers(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[list[str]] = []

    def interrupted(_settings: object, folder: Path, *_rest: object) -> None:
        folder.mkdir(exist_ok=True)
        found.append([path.name for path in folder.iterdir()])
        (folder / "part").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("meshcil.stages.prepare.prepare", interrupted)
    for workers in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            main(Path("config/datasets/tiny.yaml"), Path("data/prepared/tiny"), workers)
    assert found == [[], ["part"]]


def test_a_class_of_which_nothing_is_left_is_no_dataset(place: Path) -> None:
    configure(unusable="skip")
    for image in (place / "raw/Images/bus_imagenet").glob("val*"):
        image.write_bytes(b"")
    code, text = check()
    assert code == 2 and ["bus", "7", "0"] in [line.split() for line in text.splitlines()]
    code, text = call("prepare", "tiny", "--workers", "1")
    assert code == 2 and "as every clean image of bus" in text


def test_a_folder_that_leads_out_of_the_tree_is_refused(place: Path) -> None:
    """A link within the tree is none that leads out, and the root itself may be one."""
    models = place / "raw/CAD"
    (models / "bus").rename(models / "coach")
    (models / "bus").symlink_to("coach")
    (place / "elsewhere").symlink_to("raw")
    assert check()[0] == check("--root", "elsewhere")[0] == 0
    (models / "coach").rename(place / "coach")
    (models / "bus").unlink()
    (models / "bus").symlink_to(place / "coach")
    code, text = check()
    assert code == 2 and "link: 1 problems, 1 make it unusable" in text and "CAD/bus: leads out of the dataset" in text


def test_digests_and_counts_of_the_release_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    archives.mnist(tmp_path / "m")
    test_sets = {"clean": {"layout": "mnist"}}
    settings = SETTINGS | {"layout": "mnist", "classes": ["zero", "one"], "root": "m", "focal": None}
    path = tmp_path / "config/datasets/mnist.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(settings | {"test_sets": test_sets, "image_size": [28, 28]}))
    code, text = call("check", "mnist", "--workers", "1")
    assert code == 0
    assert text.count("is not the published file") == 4
    assert "6 images are listed, the release has 60000" in text


def tar(path: Path, **members: bytes | str) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("UP", ".."))
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                file.addfile(entry)
            else:
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    return path


def test_archives_are_unpacked_whole(tmp_path: Path) -> None:
    good = tar(tmp_path / "good.tar.gz", **{"a/b.txt": b"b", "ü.txt": b"u", "a/link": "b.txt"})
    assert call("unpack", str(good), str(tmp_path / "out"))[0] == 0
    assert (tmp_path / "out/a/link").read_text() == "b" and (tmp_path / "out/ü.txt").read_text() == "u"
    with pytest.raises(InputError, match="exists already"):
        extract(good, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as file:
        file.writestr("x/y.txt", "y")
    assert extract(tmp_path / "good.zip", tmp_path / "zipped") == 1


@pytest.mark.parametrize("member", ["UP/evil.txt", "a/UP/UP/evil.txt"])
def test_members_that_lead_out_of_the_folder_are_refused(tmp_path: Path, member: str) -> None:
    bad = tar(tmp_path / "bad.tar.gz", **{"good.txt": b"g", member: b"e"})
    code, text = call("unpack", str(bad), str(tmp_path / "in/out"))
    assert code == 2 and "leads out of the folder" in text
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(member.replace("UP", ".."), "e")
    with pytest.raises(InputError, match="leads out of the folder"):
        extract(tmp_path / "bad.zip", tmp_path / "in/out")
    link = tar(tmp_path / "link.tar.gz", **{"a": "UP/elsewhere".replace("UP", ".."), "a/evil.txt": b"e"})
    with pytest.raises(InputError, match="leads out of the folder"):
        extract(link, tmp_path / "in/out")
    assert not list(tmp_path.rglob("evil.txt")) and not list(tmp_path.rglob("good.txt"))
    assert not list((tmp_path / "in").iterdir())


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    good = tar(tmp_path / "good.tar.gz", **{"a.bin": os.urandom(5000)})
    good.write_bytes(good.read_bytes()[:2000])
    (tmp_path / "text.tar").write_text("no archive")
    for name, cause in (("good.tar.gz", "is damaged"), ("text.tar", "neither a tar nor a zip"), ("none", "is missing")):
        with pytest.raises(InputError, match=cause):
            extract(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()
