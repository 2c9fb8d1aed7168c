"""The record of a job: written last and atomically beside its outputs, so that it exists only for finished work."""

import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshcil.core.artifacts import json_text, remove_unfinished, write_text_atomic
from meshcil.core.code_digest import PACKAGE, code_digest, module_digests, raw_digest, source_file
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_bytes, sha256_json
from meshcil.lineage import log
from meshcil.lineage.files import file_facts, locate, place_of, record_path
from meshcil.lineage.lock import exclusive
from meshcil.lineage.reading import find_parents
from meshcil.lineage.schema import CodeFacts, FileFacts, Record, SettingsFacts
from meshcil.lineage.source import environment_facts, source_facts


@contextmanager
def record_job(
    stage: str,
    *,
    inputs: Iterable[Path],
    outputs: Iterable[Path],
    settings: Mapping[str, Any],
    modules: Iterable[str],
    key: Mapping[str, str | int],
    possible: Iterable[Path] = (),
    name: str = "",
    seed: int | None = None,
    threads: int = 1,
    workers: int = 1,
    device: str = "cpu",
) -> Iterator[str]:
    """Run the body of a stage and write its record.

    Yields the job's identity: a digest of its code, settings, inputs, packages, device, threads and the processor's
    instructions. What an interrupted job leaves for its continuation bears it in its name, so that no job of other
    code, settings, inputs or arithmetic picks it up.

    Args:
        stage: name of the stage.
        inputs: files and folders that are read; hashed before and after the body.
        outputs: files and folders that the body writes; the record lies beside the first.
        settings: resolved configuration values used, as JSON.
        modules: stage module and the modules chosen by name (`meshcil.lineage.code`).
        key: names that identify the job.
        possible: further files that the body may write; they are outputs where it did.
        name: distinguishes jobs of one stage that write to one folder.
        seed: seed of the random draws.
        threads: threads allowed to a process; results may depend on it in the last bit.
        workers: processes that share the work; outputs do not depend on it, and the identity neither.
        device: `cpu`, or the accelerator's name.

    Raises:
        InputError: when an input is missing, or changed while the body ran.
    """
    targets = [Path(path) for path in outputs]
    with exclusive(targets[0]):
        before = [file_facts(Path(path)) for path in inputs]
        parents = find_parents(before)
        target = record_path(stage, targets[0], name)
        for path in (*targets, target):
            remove_unfinished(path)
        # The record of an earlier attempt must not vouch for what the body is about to write.
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()
        source, environment = source_facts(), environment_facts(device, threads * workers)
        started, clock = datetime.now(UTC), time.monotonic()
        roots, values = tuple(modules), dict(settings)
        digests = [entry.sha256 for entry in before]
        place = [device, threads, environment.instructions]
        yield sha256_json([code_digest(*roots), values, digests, source.lock_sha256, *place])
        _refuse_changes(before)
        targets += [Path(path) for path in possible if Path(path).exists()]
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        record = Record(
            stage=stage,
            name=name,
            key=dict(key),
            seed=seed,
            argv=("python", *sys.orig_argv[1:]),
            pipeline=os.environ.get("MESHCIL_PIPELINE_ID"),
            started=started.isoformat(timespec="milliseconds"),
            # A clock that is set back meanwhile lets no job end before it starts.
            ended=max(started, datetime.now(UTC)).isoformat(timespec="milliseconds"),
            seconds=round(time.monotonic() - clock, 3),
            processor_seconds=round(sum(part.ru_utime + part.ru_stime for part in usage), 3),
            peak_bytes=1024 * max(part.ru_maxrss for part in usage),
            exit_code=0,
            settings=SettingsFacts(sha256=sha256_json(values), values=values),
            code=code_facts(roots),
            source=source,
            environment=environment,
            inputs=tuple(before),
            outputs=tuple(file_facts(path) for path in targets),
            parents=parents,
            log=log.head(),
        )
        # Asked again: an output that is a folder may not have been there before.
        _write(record, record_path(stage, targets[0], name))


def _write(record: Record, path: Path) -> None:
    # In the order of the settings, which a table's columns may follow: the audit computes them again from here.
    text = json_text(record.model_dump(mode="json"), sort_keys=False)
    # The log comes first: it then has a line of every record that there is.
    log.append(Path(locate(path)[1]), sha256_bytes(text.encode()))
    write_text_atomic(path, text)


def _refuse_changes(before: Iterable[FileFacts]) -> None:
    for entry in before:
        path = place_of(entry)
        if file_facts(path).sha256 != entry.sha256:
            raise InputError(path, "changed while the stage was reading it", "Run the stage again on quiet files")


def code_facts(modules: tuple[str, ...]) -> CodeFacts:
    """Digests of the modules that a job runs, and modules that were loaded besides."""
    digests = module_digests(*modules)
    loaded = {m for m in sys.modules if m.startswith(f"{PACKAGE}.") and source_file(m).name != "__init__.py"}
    raw = raw_digest({module: source_file(module).read_bytes() for module in digests})
    outside = tuple(sorted(loaded - set(digests)))
    return CodeFacts(digest=code_digest(*modules), modules=digests, outside=outside, raw=raw)
