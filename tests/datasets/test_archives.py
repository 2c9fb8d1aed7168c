"""Archives that are damaged, hostile or larger than they look."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.archives import extract


def tar(path: Path, *members: tuple[str, bytes | str, bytes], mode: str = "w:gz") -> Path:
    """An archive of (name, content or link, type)."""
    with tarfile.open(path, mode) as file:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if isinstance(content, str):
                entry.linkname = content
                file.addfile(entry)
            else:
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    return path


def file(name: str, content: bytes = b"x") -> tuple[str, bytes, bytes]:
    return name, content, tarfile.REGTYPE


def link(name: str, to: str) -> tuple[str, str, bytes]:
    return name, to, tarfile.SYMTYPE


def zipped(path: Path, edit: Callable[[bytes], bytes] = bytes, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(name, data)
    path.write_bytes(edit(path.read_bytes()))
    return path


def refuse(archive: Path, cause: str) -> None:
    out = archive.parent / "deep" / "out"
    with pytest.raises(InputError, match=cause) as caught:
        extract(archive, out)
    assert caught.value.where == str(archive)
    assert not out.exists() and not list(out.parent.iterdir())


def test_links_inside_stay_and_may_pass_through_each_other(tmp_path: Path) -> None:
    members = [file("a/b.txt", b"b"), link("a/link", "b.txt"), link("c", "a"), link("d", "c/link")]
    hard = ("e/hard", "a/b.txt", tarfile.LNKTYPE)
    assert extract(tar(tmp_path / "a.tar.gz", *members, hard), tmp_path / "out") == 4
    assert {(tmp_path / "out" / name).read_text() for name in ("a/link", "c/b.txt", "d", "e/hard")} == {"b"}


def test_a_chain_of_links_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Of CVE-2025-4517: a path too long to be resolved hides where the last link leads."""
    step, members, path = "d" * 247, [], ""
    for letter in "abcdefghijklmnop":
        members += [(path + step, "", tarfile.DIRTYPE), link(path + letter, step)]
        path += f"{step}/"
    short = "/".join("abcdefghijklmnop")
    members += [link(f"{short}/{'l' * 254}", "../" * 16), link("escape", f"{short}/{'l' * 254}/../../../f")]
    members += [("escape", b"x", tarfile.REGTYPE)]
    refuse(tar(tmp_path / "a.tar", *members, mode="w"), "link that leads|twice|too long")
    assert not (tmp_path / "f").exists()
    chain = [file("in/f"), link("in/up", "."), link("in/up/up", ".."), link("out", "in/up/up/../..")]
    refuse(tar(tmp_path / "b.tar", *chain, mode="w"), "link that leads")


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ([file("f"), link("a", "/etc")], "link that leads out"),
        ([file("f"), link("a", "../f")], "link that leads out"),
        ([file("f"), ("a", "../../f", tarfile.LNKTYPE)], "link that leads out"),
        ([link("a", "b"), file("a/f")], "link that leads"),
        ([link("a", "none")], "leads nowhere"),
        ([("a", "", tarfile.FIFOTYPE)], "special kind"),
        ([("a", "", tarfile.CHRTYPE)], "special kind"),
        ([file("a"), file("a")], "twice"),
        ([file("a"), file("a/b")], "as a file and as a folder"),
        ([file("/f")], "leads out of the folder"),
        ([file("n" * 300)], "name is not valid"),
        ([file(".")], "without a name"),
    ],
)
def test_odd_members_of_a_tar_are_refused(tmp_path: Path, members: list, cause: str) -> None:
    refuse(tar(tmp_path / "a.tar", *members, mode="w"), cause)


def damaged_gzip(data: bytes) -> bytes:
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]


def test_damage_is_never_taken_for_the_end(tmp_path: Path) -> None:
    good = tar(tmp_path / "a.tar", file("a", bytes(600)), file("b"), mode="w").read_bytes()
    second = 512 + 1024  # header and content of the first member
    for name, data in {
        "header": good[:second] + b"?" * 100 + good[second + 100 :],
        "cut": good[:second],
        "more": good + b"more",
        "checksum": damaged_gzip(gzip.compress(good)),
        "gzip": gzip.compress(good)[:-20],
    }.items():
        path = tmp_path / f"{name}.tar"
        path.write_bytes(data)
        refuse(path, "is damaged")


def test_a_header_without_bound_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2**32
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    refuse(path, "a header of 4,294,967,296 bytes")


def set_encrypted(data: bytes) -> bytes:
    at, central = data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8
    return data[:at] + b"\1" + data[at + 1 : central] + b"\1" + data[central + 1 :]


def set_method(data: bytes) -> bytes:
    at, central = data.index(b"PK\3\4") + 8, data.index(b"PK\1\2") + 10
    return data[:at] + struct.pack("<H", 77) + data[at + 2 : central] + struct.pack("<H", 77) + data[central + 2 :]


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (set_encrypted, "is encrypted"),
        (set_method, "cannot be read"),
        (lambda data: data[:36] + b"??" + data[38:], "is damaged"),
        (lambda data: data[:-10], "is damaged"),
    ],
)
def test_odd_zip_archives_are_refused(tmp_path: Path, edit: Callable[[bytes], bytes], cause: str) -> None:
    refuse(zipped(tmp_path / "a.zip", edit, a=b"text" * 40), cause)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as content:
        entry = zipfile.ZipInfo("a")
        entry.external_attr = 0o120777 << 16
        content.writestr(entry, "/etc")
    refuse(path, "has a link")


@pytest.mark.parametrize("name", [".", "..", "../f", "/f", "C:/f", "a/../../f"])
def test_names_in_a_zip_stay_inside(tmp_path: Path, name: str) -> None:
    refuse(zipped(tmp_path / "a.zip", **{name: b"x"}), "leads out of the folder|without a name")


def test_bombs_are_refused_before_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_BYTES", 2**20)
    zeros = bytes(3 * 2**20)
    refuse(zipped(tmp_path / "a.zip", a=zeros), "unpacks to more than 100 times")
    refuse(tar(tmp_path / "a.tar.gz", file("a", zeros)), "unpacks to more than 100 times")
    monkeypatch.setattr(limits, "ARCHIVE_MEMBERS", 3)
    refuse(tar(tmp_path / "b.tar", *(file(f"{k}") for k in range(4)), mode="w"), "more than 3 members")


def test_a_pipe_in_place_of_an_archive_does_not_block(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a file"):
        extract(tmp_path / "pipe", tmp_path / "out")
