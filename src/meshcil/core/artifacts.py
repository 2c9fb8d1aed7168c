"""Atomic artifact files: a reader sees the whole new file or the old one, never a part.

Tensors are stored as safetensors; nothing here reads or writes a pickle.
"""

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

from meshcil.core import limits
from meshcil.core.errors import InputError


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to a temporary name in the same folder, sync it, and rename it to ``path``.

    Raises InputError when the folder cannot be written (disk full, read-only, a file where a folder should be).
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not `mkstemp`, whose files are for their owner alone: the umask says who may read and write.
        temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> InputError:
    """What to say where a file or folder cannot be written."""
    return InputError(path, f"cannot be written ({error.strerror})", _remedy(error), "folders-and-files")


def remove_unfinished(path: Path) -> None:
    """Delete what writers of ``path`` left that were killed while writing; nobody else may be writing it now."""
    for leftover in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; when the body ends well it takes the place of ``path``, files and all."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        _swap(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def resume_folder(path: Path, identity: str) -> Iterator[Path]:
    """Yield a folder to fill; when the body ends well it takes the place of ``path``, otherwise it stays.

    Args:
        path: of the finished folder.
        identity: of the job, hex; a later call with the same one gets what an interrupted body left, others' leftovers
            are deleted.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{identity[:16]}.partial")
    for other in path.parent.glob(f".{path.name}.*.partial"):
        if other != partial:
            shutil.rmtree(other, ignore_errors=True)
    yield partial
    _swap(partial, path)


def _swap(new: Path, path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        new.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error


def _remedy(error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "Free disk space and run the same command again; finished files are kept",
        errno.EDQUOT: "Your disk quota is used up; free space and run the same command again",
        errno.EROFS: "The file system is read-only; choose a folder that can be written",
        errno.EACCES: "Check who owns the folder and its permissions",
        errno.ENOTDIR: "A file stands where a folder is needed; move it away",
        errno.EEXIST: "A file stands where a folder is needed; move it away",
    }
    return remedies.get(error.errno or 0, "Check the folder and its permissions")


def write_text_atomic(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` atomically; see `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode())


def write_json_atomic(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """Write ``value`` as indented JSON; sorted keys give equal bytes for equal values, unless their order matters."""
    write_text_atomic(path, json_text(value, sort_keys=sort_keys))


def json_text(value: Any, *, sort_keys: bool = True) -> str:
    """``value`` as `write_json_atomic` writes it."""
    return json.dumps(value, indent=1, sort_keys=sort_keys, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises InputError when the file is missing, not a regular one, too large, nested too deeply, or not valid JSON.
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise InputError(path, "does not exist", "Run the stage that writes it, or correct the path")
    text = limits.read_text(path, limits.TEXT_BYTES, "Delete what is there and run the stage that writes it")
    try:
        value = json.loads(text)
        limits.check_depth(value)
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not valid JSON ({error})", "Delete it and run the stage that writes it") from error
    return value


def save_state(path: Path, tree: Mapping[str, Any]) -> None:
    """Save a tree of nested dicts and lists whose leaves are tensors or JSON values as one safetensors file.

    Tensors keep their dtype and shape; everything else travels as JSON in the file's header. Equal trees
    give equal bytes.

    Raises InputError when the file cannot be written.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    skeleton = _detach_tensors(dict(tree), "", tensors)
    metadata = {"tree": json.dumps(skeleton, sort_keys=True)}
    write_bytes_atomic(path, save(dict(sorted(tensors.items())), metadata))


def load_state(path: Path) -> dict[str, Any]:
    """Load what `save_state` wrote; tensors are on the CPU.

    Raises InputError when the file is missing, truncated or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as handle:
            metadata = handle.metadata() or {}
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118
        return _attach_tensors(json.loads(metadata["tree"]), tensors)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "Run the training stage that writes it") from error
    except (SafetensorError, KeyError, OSError, json.JSONDecodeError) as error:
        raise InputError(path, f"is not a readable state ({error})", "Delete it and train the step again") from error


_TENSOR = "__tensor__"


def _detach_tensors(value: Any, name: str, tensors: dict[str, Any]) -> Any:
    if hasattr(value, "detach"):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        # Integer keys (optimiser states) would silently become strings in JSON.
        return {
            "__items__": [[k, _detach_tensors(v, f"{name}/{k}" if name else str(k), tensors)] for k, v in value.items()]
        }
    if isinstance(value, list | tuple):
        return [_detach_tensors(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _attach_tensors(value: Any, tensors: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        return {k: _attach_tensors(v, tensors) for k, v in value["__items__"]}
    if isinstance(value, list):
        return [_attach_tensors(v, tensors) for v in value]
    return value


def csv_text(rows: Sequence[Mapping[str, Any]], digits: int | None = None) -> str:
    """Text of a table as pandas would write it: columns in order of appearance, blanks where a row lacks one.

    Args:
        rows: values by column.
        digits: significant digits of floating numbers; None keeps them all.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value, digits) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _text(value: Any, digits: int | None) -> Any:
    return f"{value:.{digits}g}" if digits is not None and isinstance(value, float) else value
