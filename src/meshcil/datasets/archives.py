"""Unpacking an archive that someone else made: whole or not at all, and nowhere but into its folder."""

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from meshcil.core.errors import InputError

_REMEDY = "Do not use this archive: get it again from its publisher"


def extract(archive: Path, folder: Path) -> int:
    """Unpack a tar (also compressed) or zip archive.

    Args:
        archive: the file.
        folder: to create; it appears under its name only when everything is in it.

    Returns:
        Number of files.

    Raises:
        InputError: when the archive is damaged or of another kind, a member or link leads out of the folder, or the
            folder has content.
    """
    if not archive.is_file():
        raise InputError(archive, "is missing" if not archive.exists() else "is not a file", "Correct the path")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(folder, "exists already", "Choose a folder that does not exist yet")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        _fill(archive, partial)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sum(path.is_file() for path in folder.rglob("*"))


def _fill(archive: Path, target: Path) -> None:
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                # Refuses absolute names, `..`, links out of the folder and devices; drops owners and special modes.
                tar.extractall(target, filter="data")
        elif zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                for name in content.namelist():
                    _refuse_outside(archive, name)
                content.extractall(target)
        else:
            raise InputError(archive, "is neither a tar nor a zip archive", "Unpack it by its own tool")
    except tarfile.FilterError as error:
        raise InputError(archive, f"has a member that leads out of the folder ({error})", _REMEDY) from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(archive, f"is damaged ({error})", "Get it again") from error
    except OSError as error:
        remedy = "Free some space, or choose another folder"
        raise InputError(target, f"cannot be written ({error.strerror or error})", remedy) from error


def _refuse_outside(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(archive, f"has a member that leads out of the folder ({name!r})", _REMEDY)
