"""Tables in parts: the same rows as in one, resumable after any of them."""

import pytest

from meshcil.core.artifacts import resume_folder
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_path
from meshcil.datasets import shards
from meshcil.datasets.preparation import Frame, make_reader, prepare_dataset
from meshcil.datasets.prepared import load_info, load_split
from tests.datasets import archives

CLASSES = ("bus", "boat")
ROWS_3 = 3 * 3 * 64 * 80


@pytest.fixture
def readers(tmp_path):
    root = archives.pascal3d(tmp_path / "raw")
    return {name: make_reader(root, CLASSES, {"layout": "pascal3d"}) for name in ("train", "clean")}


def prepare(readers, out, **options):
    prepare_dataset(readers, Frame((64, 80), 300.0), out, classes=CLASSES, **options)


def test_parts_hold_the_rows_of_one_file(readers, tmp_path, monkeypatch):
    prepare(readers, tmp_path / "one")
    monkeypatch.setattr(shards, "SHARD_BYTES", ROWS_3)
    prepare(readers, tmp_path / "parts")
    assert [p.name for p in sorted((tmp_path / "parts/train.parquet").iterdir())] == [
        f"{k:05d}.parquet" for k in range(5)
    ]
    one, parts = (load_split(tmp_path / name / "train.parquet") for name in ("one", "parts"))
    assert one.ids == parts.ids and one.encoded == parts.encoded and one.class_names[0] == "bus"
    assert load_info(tmp_path / "parts").sha256["train"] == sha256_path(tmp_path / "parts/train.parquet")
    assert not (tmp_path / "parts" / shards.PROGRESS).exists()


def test_only_the_classes_asked_for_are_read(readers, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", ROWS_3)
    prepare(readers, tmp_path / "parts")
    table = tmp_path / "parts/train.parquet"
    whole = load_split(table)
    part = load_split(table, {"boat"})
    assert set(part.class_names) == {"boat"} and len(part) == 7
    assert part.encoded == whole.subset([i for i, c in enumerate(whole.class_names) if c == "boat"]).encoded
    (table / "00000.parquet").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"00000\.parquet"):
        load_split(table)


def test_an_interrupted_preparation_goes_on_where_it_stood(readers, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", ROWS_3)
    prepare(readers, tmp_path / "undisturbed")
    made = []

    class Stop(Exception):
        pass

    def interrupt(done, total):
        made.append((done, total))
        if done == 8:
            raise Stop

    out = tmp_path / "out"
    with pytest.raises(Stop), resume_folder(out, "a" * 64) as folder:
        prepare(readers, folder, name="out", progress=interrupt)
    assert not out.exists() and made[-1] == (8, 20)
    (folder / "train.parquet/.00002.parquet.a1b2.tmp").write_bytes(b"of a killed writer")
    again = []
    with resume_folder(out, "a" * 64) as folder:
        prepare(readers, folder, name="out", progress=lambda done, total: again.append(done))
    assert again[0] == 7, "the two finished parts of three images are not made again"
    assert load_info(out).sha256 == load_info(tmp_path / "undisturbed").sha256
    assert not list(tmp_path.glob(".out*")) and not list(out.rglob("*.tmp"))


def test_what_another_job_left_is_not_used(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyError), resume_folder(out, "a" * 64) as folder:
        folder.mkdir()
        raise KeyError
    with resume_folder(out, "b" * 64) as folder:
        assert not folder.exists() and not list(tmp_path.glob(".out*"))
        folder.mkdir()
    assert out.is_dir()


def test_the_size_of_a_part_follows_from_the_images():
    assert shards.shard_rows((640, 800)) == 699
    assert shards.shard_rows((32, 32)) > 300_000
