"""The files of a folder against those of a commit, hashed here.

What git says of a working folder follows its index, filters and settings, which can be told to hide an edit. So the
names of the commit's files are taken from its tree, and the files are hashed as git does.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import git_blob
from meshcil.lineage.source import SOURCES, WRITTEN, changed_files, git, is_checkout

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
    """
    head, listed = git(root, "rev-parse", "HEAD"), git(root, "ls-tree", "-r", "-z", "--full-tree", "HEAD")
    if head is None or listed is None:
        raise InputError(root, "is no clone that git answers for", "Clone the repository anew")
    entries = [entry.partition("\t") for entry in listed.decode("utf-8", "surrogateescape").split("\0") if entry]
    found = {path: facts.split() for facts, _, path in entries if path.partition("/")[0] not in WRITTEN}
    return head.decode().strip(), {path: facts[2] for path, facts in found.items() if facts[0] != _FOLDER}


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
