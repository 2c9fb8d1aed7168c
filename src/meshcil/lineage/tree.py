"""The files of a folder against those of a commit, hashed here.

What git says of a working folder follows its index, filters and settings, which can be told to hide an edit. So the
names of the commit's files are taken from its tree, and the files are hashed as git does. So are the commit and its
trees: git itself takes what lies in its store for what the name says.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import git_blob
from meshcil.lineage.source import SOURCES, WRITTEN, changed_files, git, is_checkout

_TREE = "40000"
_FOLDER = "160000"
"""Mode of another repository, of which git keeps no files."""
_OWN = ("workflow/profiles/local.yaml",)
"""Where a machine is described; git leaves it alone."""
_ALGORITHMS = {40: "sha1", 64: "sha256"}


def check_tree() -> list[str]:
    """Files of the checkout that differ from its commit although git, as it is set up here, shows no change."""
    root = repository_root()
    if not is_checkout(root):
        return []
    _, files = committed_files(root)
    shown = set(changed_files(root))
    found = [finding for finding in differing_files(root, files) if finding.partition(": ")[0] not in shown]
    return [f"{finding}, and git is told not to show it" for finding in found]


def committed_files(root: Path) -> tuple[str, dict[str, str]]:
    """Commit of a checkout, and its files with the names that git gives to their content; without what runs write.

    Raises:
        InputError: when git does not answer.
        OSError: when something in git's store is not what its name says.
    """
    head = (git(root, "rev-parse", "HEAD") or b"").decode().strip()
    files = files_of(root, head)
    if not files:
        raise InputError(root, "is no clone that git answers for", "Clone the repository anew")
    return head, {path: name for path, name in files.items() if path.partition("/")[0] not in WRITTEN}


def files_of(root: Path, commit: str) -> dict[str, str]:
    """Files of a commit with the names of their content; none of a commit that is not here.

    Raises:
        OSError: when the commit, or one of its folders, is not what its name says.
    """
    found = objects(root, [commit]).get(commit, b"")
    folders = {"": found.partition(b"\n")[0].removeprefix(b"tree ").decode()} if found else {}
    files: dict[str, str] = {}
    while folders:
        texts = objects(root, folders.values())
        if lost := next((tree for tree in folders.values() if tree not in texts), None):
            raise OSError(errno.ENOENT, f"git's store lacks {lost}", str(root / ".git"))
        entries = [
            (f"{f}{name}", *facts) for f, tree in folders.items() for name, *facts in _entries(texts[tree], tree)
        ]
        folders = {f"{path}/": name for path, mode, name in entries if mode == _TREE}
        files |= {path: name for path, mode, name in entries if mode not in (_TREE, _FOLDER)}
    return files


def _entries(tree: bytes, name: str) -> Iterator[tuple[str, str, str]]:
    """Name, mode and content's name of each entry of a tree."""
    width = len(name) // 2
    while tree:
        head, _, rest = tree.partition(b"\0")
        mode, _, entry = head.partition(b" ")
        yield os.fsdecode(entry), mode.decode(), rest[:width].hex()
        tree = rest[width:]


def objects(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Contents of objects by their names; those that git does not have are left out.

    Raises:
        OSError: when a content is not what its name says.
    """
    names = list(dict.fromkeys(names))
    answer = git(root, "cat-file", "--batch", data="".join(f"{name}\n" for name in names).encode()) or b""
    found = {}
    for name in names:
        head, _, answer = answer.partition(b"\n")
        _, kind, *size = head.decode().split() or ["", "missing"]
        if size:
            content, answer = answer[: int(size[0])], answer[int(size[0]) + 1 :]
            if hashlib.new(_ALGORITHMS[len(name)], f"{kind} {len(content)}\0".encode() + content).hexdigest() != name:
                raise OSError(errno.EBADMSG, f"git's store holds another content under {name}", str(root / ".git"))
            found[name] = content
    return found


def differing_files(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Files that are missing in a folder, or are not those of a commit; each finding names the file first.

    Args:
        folder: to be compared.
        files: of the commit, see `committed_files`.
    """
    for path, name in files.items():
        try:
            if git_blob(folder / path, _ALGORITHMS[len(name)]) != name:
                yield f"{path}: is not the file of the commit"
        except (FileNotFoundError, NotADirectoryError):
            yield f"{path}: is missing, and the commit has it"
        except OSError as error:
            yield f"{path}: cannot be read ({error.strerror})"


def surplus_files(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Files where code and settings live, or that Python would take for modules, that a commit does not have."""
    places = [folder / name for name in SOURCES if (folder / name).is_dir()]
    found = [path for place in places for path in place.rglob("*") if path.is_symlink() or not path.is_dir()]
    found += [path for pattern in ("*.py", "*.pth", "*.so", "Snakefile") for path in folder.glob(pattern)]
    for path in sorted(found):
        name = path.relative_to(folder).as_posix()
        if name not in files and name not in _OWN and path.parent.name != "__pycache__":
            yield f"{name}: is not part of the commit"
