"""Limits on every file that somebody else made, and the one way to read such a file."""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from meshcil.core.errors import InputError

MEBIBYTE = 2**20
TEXT_BYTES = 64 * MEBIBYTE
"""Tables, lists, YAML and JSON files."""
ANNOTATION_BYTES = 16 * MEBIBYTE
"""One annotation (.mat, .xml), as it lies on disk and unpacked."""
IMAGE_BYTES = 256 * MEBIBYTE
"""One encoded image, or one file of masks."""
MODEL_BYTES = 64 * MEBIBYTE
"""One CAD model."""
TABLE_BYTES = 2048 * MEBIBYTE
"""One file that holds many images (CIFAR-100, MNIST, a part of a prepared table)."""
PIXELS = 89_478_485
"""Pixels of an image, decoded or enlarged: where Pillow begins to warn of decompression bombs."""
DROPPED_MEBIBYTES = 20
DROPPED_PIXELS = 50_000_000
"""An image dropped on the page of the demo."""
SIDE = 8192
"""Pixels of one side of a prepared image."""
DEPTH = 32
"""Nesting of YAML, JSON, XML and MATLAB files."""
NODES = 200_000
"""Values of a YAML file with its aliases written out."""
ARCHIVE_MEMBERS = 5_000_000
"""Files and folders of an archive."""
ARCHIVE_BYTES = 256 * MEBIBYTE
"""What any archive may unpack to; a larger one up to `ARCHIVE_RATIO` times its size."""
ARCHIVE_RATIO = 100
HEADER_BYTES = MEBIBYTE
"""Name and attributes of one member of an archive."""
SCALE = 64.0
"""How many times larger or smaller an image may become to look as if taken from the prepared distance."""


def open_file(path: Path, limit: int, remedy: str) -> BinaryIO:
    """Open a regular file for reading; a pipe or device is refused before it can block.

    Args:
        path: the file.
        limit: bytes that it may hold.
        remedy: what to do when it cannot be used.

    Raises:
        InputError: when the file is missing, no regular file, unreadable, too large, or its name is too long.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InputError(path, "is missing", remedy) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise InputError(path, "is not a file", remedy) from error
    except OSError as error:
        known = {errno.ENAMETOOLONG: "has too long a name", errno.ELOOP: "is a link that leads back to itself"}
        cause = known.get(error.errno or 0, f"cannot be read ({error.strerror})")
        raise InputError(_short(path), cause, remedy) from error
    except ValueError as error:  # a name with a zero byte
        raise InputError(repr(str(path)), "is not a valid file name", remedy) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise InputError(path, "is not a file", remedy)
    if status.st_size > limit:
        os.close(handle)
        cause = f"has {status.st_size:,} bytes; at most {limit:,} are read"
        raise InputError(path, cause, remedy)
    return os.fdopen(handle, "rb")


def read_file(path: Path, limit: int, remedy: str) -> bytes:
    """Content of a regular file; see `open_file`."""
    with open_file(path, limit, remedy) as stream:
        try:
            content = stream.read(limit + 1)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})", remedy) from error
    if len(content) > limit:
        raise InputError(path, f"grew beyond {limit:,} bytes while it was read", remedy)
    return content


def read_text(path: Path, limit: int, remedy: str) -> str:
    """Text of a UTF-8 file, with or without a byte order mark; see `open_file`.

    Raises InputError also when it is not UTF-8, or holds a zero byte.
    """
    try:
        text = read_file(path, limit, remedy).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text ({error.reason} at byte {error.start})", remedy) from error
    if "\0" in text:
        raise InputError(path, "is not a text file: it holds a zero byte", remedy)
    return text


def check_depth(value: Any) -> None:
    """Refuse lists and mappings that are nested too deeply for what works on them by recursion.

    Raises ValueError beyond `DEPTH`.
    """
    level = [value]
    for _ in range(DEPTH):
        inner = [e.values() if isinstance(e, dict) else e for e in level if isinstance(e, dict | list)]
        level = [one for entry in inner for one in entry]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEPTH} deep")


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:120]}...{text[-40:]}"
