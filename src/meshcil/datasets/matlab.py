"""MATLAB v5 files as the annotations of Pascal3D+ are stored; nothing is parsed before its size is known.

SciPy's parser calls itself for each level of a cell, without a limit, and a file may ask for more levels than the
interpreter's stack has. So the headers of all elements are read first, as that parser reads them but without recursion.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import scipy.io

from meshcil.core import limits
from meshcil.core.errors import InputError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHARACTERS, _SPARSE, _LAST_NUMBERS = 1, 2, 4, 5, 15
_COMPLEX = 0x800


def load_struct(path: Path, name: str, remedy: str) -> Any:
    """The variable ``name`` of a file, as SciPy gives it.

    Raises InputError when the file is missing, damaged, too large, nested too deeply, of another version, or lacks the
    variable.
    """
    data = limits.read_file(path, limits.ANNOTATION_BYTES, remedy)
    if data.startswith(b"MATLAB 7.3") or data[:8] == b"\x89HDF\r\n\x1a\n":
        raise InputError(path, "is a MATLAB v7.3 file (HDF5), which is not supported", "Save it with `-v7` in MATLAB")
    try:
        _check(data)
        content = scipy.io.loadmat(io.BytesIO(data), variable_names=[name])
    # A damaged file can fail anywhere inside the reader: zlib, struct, index or type errors.
    except Exception as error:
        reason = "an element is cut off" if isinstance(error, struct.error) else error
        raise InputError(path, f"is truncated or not a MATLAB v5 file ({reason})", remedy) from error
    if name not in content:
        raise InputError(path, f"has no '{name}' struct", remedy)
    return content[name]


def _check(data: bytes) -> None:
    """Read the headers of all elements.

    Raises ValueError when arrays are nested too deeply, one is too large, or an element is damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:_HEADER])
    if order is None:
        raise ValueError("its header is not that of MATLAB v5")
    unpacked, position = len(data), _HEADER
    while position + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        element = data[position : position + 8 + size]
        position += 8 + size
        if kind == _COMPRESSED:
            inner = zlib.decompressobj()
            element = inner.decompress(element[8:], limits.ANNOTATION_BYTES)
            unpacked += len(element)
            if inner.unconsumed_tail or unpacked > limits.ANNOTATION_BYTES:
                raise ValueError(f"it unpacks to more than {limits.ANNOTATION_BYTES:,} bytes")
            if not inner.eof:
                raise ValueError("a compressed element is cut off")
        _walk(element, order)


def _walk(data: bytes, order: str) -> None:
    """One array and, in the order in which they lie in the file, all those inside of it.

    Sizes that arrays state are not believed: SciPy, too, steps from header to header.
    """
    position, left = 0, [1]  # arrays still to come at each level

    def element() -> bytes:
        nonlocal position
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start = position + 8
        if kind >> 16:  # a small one: its content stands in place of its size
            start, size, position = position + 4, min(kind >> 16, 4), position + 8
        else:
            position += 8 + size + -size % 8
        if start + size > len(data):
            raise ValueError("an element is cut off")
        return data[start : start + size]

    while left:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        kind, size = struct.unpack_from(f"{order}II", data, position)
        position += 8
        if kind != _MATRIX:
            raise ValueError("an array is missing")
        if size:
            left.append(_inner(element, order, len(data)))
        if len(left) > limits.DEPTH:
            raise ValueError(f"cells are nested more than {limits.DEPTH} deep")


def _inner(element: Callable[[], bytes], order: str, size: int) -> int:
    """Number of the arrays that follow inside of one, whose own elements are read; ``size`` of the file is the most."""
    (flags,) = struct.unpack(f"{order}I", element()[:4])
    extents = element()
    entries = math.prod(struct.unpack(f"{order}{len(extents) // 4}i", extents))
    element()  # its name
    kind = flags & 255
    if kind == _STRUCT:
        (width,) = struct.unpack(f"{order}i", element()[:4])
        entries *= len(element()) // max(width, 1)
    elif kind != _CELL:
        if not _CHARACTERS <= kind <= _LAST_NUMBERS:
            raise ValueError(f"it holds an array of kind {kind}")
        for _ in range((3 if kind == _SPARSE else 1) + bool(flags & _COMPLEX)):
            element()
    if not 0 <= entries <= size:
        raise ValueError("an array is larger than the file")
    return entries if kind in (_STRUCT, _CELL) else 0
