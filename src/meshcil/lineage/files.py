"""Digests of a job's inputs and outputs, and where its record lies."""

import os
import sysconfig
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_tree, tree_files
from meshcil.lineage.schema import SUFFIX, FileFacts


def record_path(stage: str, output: Path, name: str = "") -> Path:
    """Record of the job of ``stage`` that writes ``output``: next to a file, inside a folder."""
    return record_in(output if output.is_dir() else output.parent, stage, name)


def record_in(folder: Path, stage: str, name: str = "") -> Path:
    """Record of a job of ``stage`` that writes to ``folder``; ``name`` tells it from others that do."""
    return folder / f"{stage}{f'-{name}' if name else ''}{SUFFIX}"


def file_facts(path: Path) -> FileFacts:
    """Digest and size of a file or folder.

    Raises:
        InputError: when it does not exist or cannot be read.
    """
    base, name = locate(path)
    try:
        if path.is_dir():
            digest, size = _folder_digest(path)
            return FileFacts(path=name, base=base, kind="folder", sha256=digest, size=size)
        return FileFacts(path=name, base=base, kind="file", sha256=sha256_file(path), size=path.stat().st_size)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "Run the stage that writes it, or correct the path") from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "Check the file and its permissions") from error


def place_of(entry: FileFacts) -> Path:
    """Where the file or folder lies now."""
    roots = {"repository": repository_root(), "packages": _packages()}
    return roots[entry.base] / entry.path if entry.base in roots else Path(entry.path)


def is_configuration(entry: FileFacts) -> bool:
    """Whether an input is a file of settings, in which comments and layout may change."""
    return entry.base == "repository" and entry.path.startswith("config/")


def locate(path: Path) -> tuple[str, str]:
    """What a path is relative to (`FileFacts.base`), and the relative path."""
    # A link out of the folder, such as results on another disk, leaves the path what it is here.
    for place in (path.resolve(), Path(os.path.abspath(path))):  # noqa: PTH100
        if found := _below(place):
            return found
    return "absolute", path.resolve().as_posix()


def _below(absolute: Path) -> tuple[str, str] | None:
    work, repository = Path.cwd().resolve(), repository_root()
    # Configuration belongs to the checkout, whether or not the outputs are in it too.
    for base, root, part in (
        ("packages", _packages(), _packages()),
        ("repository", repository, repository / "config"),
        ("work", work, work),
        ("repository", repository, repository),
    ):
        if absolute.is_relative_to(part):
            return base, absolute.relative_to(root).as_posix()
    return None


def _packages() -> Path:
    return Path(sysconfig.get_path("purelib")).resolve()


def _folder_digest(root: Path) -> tuple[str, int]:
    # Records are left out: they are written last, into the very folder they describe.
    size = sum(path.stat().st_size for path in tree_files(root) if not path.name.endswith(SUFFIX))
    return sha256_tree(root, without=SUFFIX), size
