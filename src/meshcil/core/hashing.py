"""Digests of files and values."""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def sha256_bytes(data: bytes) -> str:
    """Hex sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks.

    Raises OSError when it is missing, cannot be read, or is a device or a pipe, which might never end.
    """
    with open(path, "rb", opener=_open_file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob(path: Path, algorithm: str = "sha1") -> str:
    """Hex name that git gives to the content of a file, or to the target of a link.

    Args:
        path: of the file.
        algorithm: of the repository, `sha1` or `sha256`.

    Raises:
        OSError: see `sha256_file`.
    """
    if path.is_symlink():
        content = os.fsencode(path.readlink())
    else:
        with open(path, "rb", opener=_open_file) as stream:
            content = stream.read()
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _open_file(path: str, flags: int) -> int:
    # Opened without waiting: the other end of a pipe may never come.
    handle = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", path)
    return handle


def tree_files(root: Path) -> list[Path]:
    """Everything below ``root`` that is not a folder, sorted by its path; linked folders are looked into.

    Raises OSError when a folder cannot be read or a link leads to a folder that contains it.
    """
    return sorted(_files(Path(root), ()), key=lambda path: path.relative_to(root).as_posix())


def _files(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    facts = folder.stat()
    here = (facts.st_dev, facts.st_ino)
    if here in above:
        raise OSError(errno.ELOOP, "is a link to a folder that contains it", str(folder))
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path, (*above, here))
        else:
            yield path


def sha256_tree(root: Path, *, without: str = "") -> str:
    """Hex sha256 over name, size and content of all files below ``root``, so framed that no two trees share one.

    Args:
        root: a folder.
        without: suffix of the names of files that are left out, if any.

    Raises:
        OSError: when a file cannot be read or is not a regular one; a link to nothing is missing.
    """
    files = [path for path in tree_files(root) if not (without and path.name.endswith(without))]
    return sha256_json([[os.fsencode(p.relative_to(root)).hex(), p.stat().st_size, sha256_file(p)] for p in files])


def sha256_path(path: Path) -> str:
    """Hex sha256 of a file, or of a folder's files (`sha256_tree`)."""
    return sha256_tree(path) if Path(path).is_dir() else sha256_file(path)


def sha256_json(value: Any) -> str:
    """Hex sha256 of a JSON value in canonical form (sorted keys, no spaces)."""
    return sha256_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
