"""Digests of files and folders: no two contents share one, and nothing is waited for."""

import os
from pathlib import Path

import pytest

from meshcil.core.hashing import sha256_file, sha256_path, sha256_tree


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_a_line_break_in_a_name_gives_no_other_folders_digest(tmp_path: Path) -> None:
    two = write(tmp_path / "two", {"a": b"1", "b": b"2"})
    forged = write(tmp_path / "one", {f"a {sha256_file(two / 'a')}\nb": b"2"})
    assert sha256_tree(forged) != sha256_tree(two)


def test_names_sizes_and_contents_count_and_the_order_of_creation_does_not(tmp_path: Path) -> None:
    first = sha256_tree(write(tmp_path / "first", {"x/a": b"1", "b": b"2"}))
    assert sha256_tree(write(tmp_path / "second", {"b": b"2", "x/a": b"1"})) == first
    for number, files in enumerate(
        ({"x/a": b"1"}, {"x/a": b"1", "c": b"2"}, {"x/a": b"1", "b": b"3"}, {"x_a": b"1", "b": b"2"})
    ):
        assert sha256_tree(write(tmp_path / str(number), files)) != first


def test_what_lies_behind_a_linked_folder_counts(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", {"a": b"1"})
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    before = sha256_path(tmp_path / "root")
    write(tmp_path / "elsewhere", {"a": b"2"})
    assert sha256_path(tmp_path / "root") != before


def test_a_link_to_a_folder_above_is_refused(tmp_path: Path) -> None:
    (write(tmp_path, {"a": b"1"}) / "loop").symlink_to(tmp_path)
    with pytest.raises(OSError, match="contains it"):
        sha256_tree(tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_device_in_place_of_a_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "scores.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for digest, place in ((sha256_file, path), (sha256_tree, tmp_path)):
        with pytest.raises(OSError, match="not a regular file"):
            digest(place)
