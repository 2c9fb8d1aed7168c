"""Check the code that records name: against the checkout, and against the commit they say it came from."""

import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshcil.core.code_digest import raw_digest, repository_root, source_digest, source_file
from meshcil.lineage.schema import Record
from meshcil.lineage.source import git, git_refusal, is_checkout
from meshcil.lineage.tree import files_of, objects

_DIGITS = 16
"""Hex digits of a module's digest in a record."""


def of_this_python(records: Mapping[Path, Record]) -> dict[Path, Record]:
    """Records whose digests of modules can be compared here: versions of Python change the syntax trees they are of."""
    here = _release(platform.python_version())
    return {path: record for path, record in records.items() if _release(record.environment.python) == here}


def _release(version: str) -> str:
    return ".".join(version.split(".")[:2])


def check_code(records: Mapping[Path, Record]) -> list[str]:
    """Modules of the checkout that are not what the jobs ran; comments and docstrings do not count.

    Where a job ran with another version of Python, its files are compared byte by byte, and if they differ as they are
    in the commit that the job names.
    """
    same = of_this_python(records)
    findings = _check_other_pythons({path: record for path, record in records.items() if path not in same})
    for (module, digest), paths in _modules(same.items()).items():
        file = source_file(module)
        name = file.relative_to(repository_root())
        found = _digest(file.read_bytes()) if file.is_file() else None
        if found != digest:
            cause = "has changed" if found else "is missing or is not Python" if file.is_file() else "is missing"
            findings.append(f"{name}: {cause} since {_several(paths)} written")
    return findings


def _check_other_pythons(records: Mapping[Path, Record]) -> list[str]:
    findings = []
    alike: dict[tuple[str, str | None, tuple[str, ...]], list[Path]] = defaultdict(list)
    for path, record in records.items():
        commit = None if record.source.dirty else record.source.commit
        alike[record.code.raw, commit, tuple(sorted(record.code.modules))].append(path)
    root = repository_root()
    for (raw, commit, modules), paths in alike.items():
        names = {module: source_file(module).relative_to(root).as_posix() for module in modules}
        now = {m: source_file(m).read_bytes() for m in modules if source_file(m).is_file()}
        if raw_digest(now) == raw:
            continue
        texts = _committed(commit, list(names.values())) if commit and _is_known(commit) else {}
        then = {module: texts[name] for module, name in names.items() if name in texts}
        if raw_digest(then) != raw:
            findings.append(f"src: holds other files than {_several(paths)} made with, by another version of Python")
        findings += [
            f"{names[module]}: has changed since {_several(paths)} written, by another version of Python"
            for module in then
            if module not in now or _digest(then[module]) != _digest(now[module])
        ]
    return findings


def _modules(records: Iterable[tuple[Path, Record]]) -> dict[tuple[str, str], list[Path]]:
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, record in records:
        for pair in record.code.modules.items():
            found[pair].append(path)
    return found


def _digest(text: bytes) -> str | None:
    try:
        return source_digest(text)[:_DIGITS]
    except (SyntaxError, ValueError):
        return None


def _several(paths: list[Path]) -> str:
    return f"{paths[0]} was" if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more were"


def check_commits(records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Compare the modules of clean checkouts with the commits that the records name.

    Returns:
        Findings, and notes on what cannot be known: jobs run from uncommitted changes or without git.
    """
    findings, notes = [], []
    known, refusal = is_checkout(repository_root()), git_refusal(repository_root())
    by_commit: dict[str | None, dict[Path, Record]] = defaultdict(dict)
    for path, record in records.items():
        by_commit[record.source.commit][path] = record
    for commit, jobs in by_commit.items():
        if commit is None:
            notes.append(f"{len(jobs)} jobs ran without git: only digests of the source vouch for their code")
            continue
        if not known:
            why = f"git does not answer ({refusal}); do what it says" if refusal else "there is no git here"
            notes.append(f"{why}: {len(jobs)} jobs are not compared with their commit {commit[:12]}")
            continue
        if not _is_known(commit):
            findings.append(f"commit {commit}: is not in this repository, and {_several(list(jobs))} made from it")
            continue
        clean = {path: record for path, record in jobs.items() if not record.source.dirty}
        if len(clean) < len(jobs):
            notes.append(f"{len(jobs) - len(clean)} jobs ran with changes that are not in commit {commit[:12]}")
        findings += _compare(commit, of_this_python(clean))
    return findings, notes


def _is_known(commit: str) -> bool:
    return git(repository_root(), "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _compare(commit: str, records: Mapping[Path, Record]) -> list[str]:
    modules = _modules(records.items())
    root = repository_root()
    names = {module: source_file(module).relative_to(root).as_posix() for module, _ in modules}
    texts = _committed(commit, sorted(set(names.values())))
    digests = {name: _digest(text) for name, text in texts.items()}
    return [
        f"{names[module]}: in commit {commit[:12]} is not what {_several(paths)} made with"
        for (module, digest), paths in modules.items()
        if digests.get(names[module]) != digest
    ]


def _committed(commit: str, names: list[str]) -> dict[str, bytes]:
    """Content of files of a commit; those it lacks are left out."""
    root = repository_root()
    files = {name: blob for name, blob in files_of(root, commit).items() if name in set(names)}
    texts = objects(root, files.values())
    return {name: texts[blob] for name, blob in files.items() if blob in texts}
