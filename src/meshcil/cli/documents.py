"""Documents with results: as the commit has them, or as `meshcil export` writes them from the results that are here."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.paths import KEPT, REPORTS
from meshcil.lineage.source import git, is_checkout
from meshcil.lineage.tree import committed_files, differing_files
from meshcil.reporting.readme import EXPERIMENT, rewrite_readme
from meshcil.reporting.reproducibility import rewrite_claims
from meshcil.reporting.results import write_results

_README = Path("README.md")
_CLAIMS = Path("REPRODUCIBILITY.md")
_IMAGES = Path("docs/images")
_MEASURED = re.compile(rb"<!-- (\w+): begin -->(.*?)<!-- \w+: end -->", re.DOTALL)
"""What is exported to a document of other words."""


def check_documents(shown: Iterable[str]) -> list[str]:
    """Documents that are neither the commit's nor what the results here give; new ones are drafts.

    Args:
        shown: experiments of the report.
    """
    root = repository_root()
    if not is_checkout(root):
        return []
    _, files = committed_files(root)
    kept = {path: name for path, name in files.items() if path.startswith((f"{KEPT}/", f"{_IMAGES}/"))}
    kept |= {name: files[name] for name in (_README.name, _CLAIMS.name) if name in files}
    found = {Path(finding.partition(": ")[0]) for finding in differing_files(root, kept)}
    before = git(root, "cat-file", "blob", files[_README.name]) or b"" if _README in found else b""
    if _README in found and _measured(root / _README) == _MEASURED.findall(before):
        found.remove(_README)
    if not found:
        return []
    with TemporaryDirectory() as folder:
        (Path(folder) / _README).write_bytes(before)
        _export(root, Path(folder), list(shown))
        wrong = [path for path in sorted(found) if not _equal(root / path, Path(folder) / path, before)]
    remedy = "restore it, or export it anew from the results"
    return [f"{path}: is not that of the commit, nor what the results here give; {remedy}" for path in wrong]


def _measured(document: Path) -> list[tuple[bytes, bytes]]:
    return _MEASURED.findall(document.read_bytes()) if document.is_file() else []


def _equal(document: Path, exported: Path, before: bytes) -> bool:
    if document.name == _README.name:
        parts, known = _measured(document), _MEASURED.findall(before)
        return len(parts) == len(known) and set(parts) <= {*known, *_measured(exported)}
    return document.is_file() and exported.is_file() and document.read_bytes() == exported.read_bytes()


def _export(root: Path, into: Path, shown: list[str]) -> None:
    """Export what can be from here; what cannot is missing, and then a difference."""
    with suppress(InputError, OSError):
        if EXPERIMENT in shown:
            rewrite_readme(REPORTS, into / _README, into / _IMAGES)
    for name in shown:
        with suppress(InputError, OSError):
            write_results(name, REPORTS, root / "config", into / KEPT)
    with suppress(InputError, OSError):
        rewrite_claims(root / KEPT, root / "config", into / _CLAIMS, into / _README)
