"""Unpacking an archive that someone else made: whole or not at all, and nowhere but into its folder.

The libraries only decode. Where each member goes is decided here, whatever their own filters would allow: folders and
regular files are written first, into a folder without links; links are made last, and only to what then lies in it.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from tarfile import EOFHeaderError, HeaderError, ReadError  # pyright: ignore[reportAttributeAccessIssue]
from typing import IO

from meshcil.core import limits
from meshcil.core.artifacts import replace_folder
from meshcil.core.errors import InputError

_REMEDY = "Do not use this archive: get it again from its publisher"
_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_BLOCK = 2**20
Stream = IO[bytes] | io.BufferedIOBase


def extract(archive: Path, folder: Path) -> int:
    """Unpack a tar (also compressed) or zip archive into a folder that appears only when complete; the number of files.

    Raises InputError when the archive is damaged, encrypted, of another kind, or larger than the limits allow, a member
    or link leads out of the folder, or the folder has content.
    """
    with limits.open_file(archive, 2**62, "Correct the path") as stream:
        size = os.fstat(stream.fileno()).st_size
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(folder, "exists already", "Choose a folder that does not exist yet")
    with replace_folder(folder) as partial:
        try:
            partial.mkdir(parents=True)
            _Unpacking(archive, partial, max(limits.ARCHIVE_BYTES, limits.ARCHIVE_RATIO * size)).run()
        except OSError as error:
            cause = f"cannot be written ({error.strerror or error})"
            raise InputError(partial, cause, "Free some space, or choose another folder") from error
    return sum(path.is_file() for path in folder.rglob("*"))


class _Member(tarfile.TarInfo):
    """Refuses what `tarfile` takes for the end of an archive though it is damage, and boundless headers."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "_Member":
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if isinstance(error, EOFHeaderError):
                raise
            raise ReadError(f"{error} at byte {tarfile.offset}") from error

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > limits.HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)  # pyright: ignore[reportAttributeAccessIssue]


class _Unpacking:
    """One archive on its way into a folder."""

    def __init__(self, archive: Path, target: Path, allowed: int) -> None:
        self.archive, self.target, self.allowed = archive, target, allowed
        self.members = 0
        self.links: dict[str, str] = {}

    def run(self) -> None:
        """Write all members, then the links."""
        try:
            with self.archive.open("rb") as stream:
                start = stream.read(6)
                stream.seek(0)
                if start.startswith(b"PK"):
                    self._zip(stream)
                else:
                    self._tar(stream, start)
        except InputError:
            raise
        except OSError as error:
            # Decompressors report damage as an OSError without a number.
            if error.errno is not None:
                raise
            raise InputError(self.archive, f"is damaged ({error})", "Get it again") from error
        # Headers of a damaged archive can fail anywhere inside the libraries.
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise InputError(self.archive, f"is damaged ({error})", "Get it again") from error
        except (NotImplementedError, RuntimeError, OverflowError, IndexError, KeyError, TypeError) as error:
            raise InputError(self.archive, f"cannot be read ({error})", "Unpack it with another tool") from error
        for name, to in self.links.items():
            self._link(name, to)

    def _tar(self, stream: Stream, start: bytes) -> None:
        opener = next((opener for magic, opener in _COMPRESSED.items() if start.startswith(magic)), None)
        source = stream if opener is None else opener(stream, "rb")
        try:
            tar = tarfile.open(fileobj=source, mode="r:", tarinfo=_Member)  # noqa: SIM115
        except tarfile.ReadError as error:
            cause = f"is neither a tar nor a zip archive, or damaged ({error})"
            raise InputError(self.archive, cause, "Unpack it with another tool") from error
        for member in tar:
            tar.members = []  # pyright: ignore[reportAttributeAccessIssue]  # it would keep them all
            if member.issym() or member.islnk():
                up = PurePosixPath() if member.islnk() else PurePosixPath(member.name).parent
                self.links[self._count(member.name, 0)] = (up / member.linkname).as_posix()
            elif member.isdir():
                self._folder(self._count(member.name, 0))
            elif member.isreg() and not member.issparse():
                self._write(self._count(member.name, member.size), tar.extractfile(member))
            else:
                raise InputError(self.archive, f"has a member of a special kind ({member.name!r})", _REMEDY)
        for block in iter(lambda: source.read(_BLOCK), b""):  # also has the decompressor compare its checksum
            if block.strip(b"\0"):
                raise InputError(self.archive, "is damaged (there is data after its end)", "Get it again")
            self._allow(len(block))

    def _zip(self, stream: Stream) -> None:
        with zipfile.ZipFile(stream) as content:
            for member in content.infolist():
                name = self._count(member.filename.replace("\\", "/"), member.file_size)
                if member.flag_bits & 1:
                    raise InputError(self.archive, f"is encrypted ({name!r})", "Unpack it with another tool")
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise InputError(self.archive, f"has a link or a special file ({name!r})", _REMEDY)
                if member.is_dir():
                    self._folder(name)
                else:
                    self._write(name, content.open(member))

    def _count(self, name: str, size: int) -> str:
        """The member's name, as a path below the folder; its size is taken from what may be written."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
            raise InputError(self.archive, f"has a member that leads out of the folder ({name!r})", _REMEDY)
        if "\0" in name or any(len(os.fsencode(part)) > 255 for part in path.parts):
            raise InputError(self.archive, f"has a member whose name is not valid ({name[:100]!r})", _REMEDY)
        self.members += 1
        if self.members > limits.ARCHIVE_MEMBERS:
            raise InputError(self.archive, f"has more than {limits.ARCHIVE_MEMBERS:,} members", _REMEDY)
        self._allow(size)
        return path.as_posix()

    def _allow(self, size: int) -> None:
        self.allowed -= size
        if size < 0 or self.allowed < 0:
            cause = f"unpacks to more than {limits.ARCHIVE_RATIO} times its size"
            raise InputError(self.archive, cause, "If you trust it, unpack it with another tool")

    def _folder(self, name: str) -> None:
        try:
            (self.target / name).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(self.archive, f"has {name!r} as a file and as a folder", _REMEDY) from error

    def _write(self, name: str, source: Stream | None) -> None:
        path = self.target / name
        if source is None or path == self.target:
            raise InputError(self.archive, f"has a member without a name or content: {name!r}", _REMEDY)
        self._folder(PurePosixPath(name).parent.as_posix())
        try:
            with source, path.open("xb") as written:
                shutil.copyfileobj(source, written, _BLOCK)
        except (FileExistsError, IsADirectoryError) as error:
            raise InputError(self.archive, f"has {name!r} twice", _REMEDY) from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise InputError(self.archive, f"has a member whose name is too long ({name[:100]!r})", _REMEDY) from error

    def _link(self, name: str, to: str) -> None:
        """Make a link when it leads to something that was unpacked; everything on its way is there by now."""
        path, aim, root = self.target / name, Path(os.path.normpath(self.target / to)), self.target.resolve()
        start = end = root
        inside = aim.is_relative_to(os.path.normpath(self.target))
        try:
            if inside:
                path.parent.mkdir(parents=True, exist_ok=True)
                start, end = path.parent.resolve(), aim.resolve(strict=True)
                inside = start.is_relative_to(root) and end.is_relative_to(root)
            if inside:
                path.symlink_to(os.path.relpath(end, start))
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(self.archive, f"has a link that leads nowhere ({name!r} -> {to!r})", _REMEDY) from error
        if not inside:
            raise InputError(self.archive, f"has a link that leads out of the folder ({name!r} -> {to!r})", _REMEDY)
