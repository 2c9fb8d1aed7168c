"""A record that cannot be used is named, with the cause, and without a traceback."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.lineage.audit import find_records
from meshcil.lineage.reading import Records, producer, read_record, read_records, walk
from tests.lineage.test_record import job

RECORD = Path("results/run/score.record.json")


@pytest.fixture(autouse=True)
def _one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job("score", [], "results/run/scores.csv")


def edit(change: Callable[[dict], None]) -> None:
    content = json.loads(RECORD.read_text())
    change(content)
    RECORD.write_text(json.dumps(content))


def become_folder() -> None:
    RECORD.unlink()
    RECORD.mkdir()


def become_loop() -> None:
    RECORD.unlink()
    RECORD.symlink_to(RECORD.name)


SPOILED: dict[str, tuple[Callable[[], object], str]] = {
    "missing": (RECORD.unlink, "does not exist"),
    "truncated": (lambda: RECORD.write_text(RECORD.read_text()[:100]), "is not valid JSON"),
    "binary": (lambda: RECORD.write_bytes(b"\xff\xfe\x00"), "is not UTF-8 text"),
    "no object": (lambda: RECORD.write_text("[]"), "is not a valid record"),
    "newer layout": (
        lambda: edit(lambda c: c.update(schema_version=2)),
        "layout 2; this MeshCIL knows layouts up to 1",
    ),
    "unknown layout": (lambda: edit(lambda c: c.update(schema_version="one")), "`schema_version`"),
    "missing field": (lambda: edit(lambda c: c.pop("source")), "`source`: Field required"),
    "unknown field": (lambda: edit(lambda c: c.update(colour="red")), "`colour`"),
    "text for a number": (lambda: edit(lambda c: c.update(seconds="1.0")), "`seconds`"),
    "unknown hash": (
        lambda: edit(lambda c: c["outputs"][0].update(sha256="blake3:4f2a")),
        "`outputs.0.sha256` is not a SHA-256 digest: 'blake3:4f2a'",
    ),
    "settings and digest apart": (lambda: edit(lambda c: c["settings"]["values"].update(depth=3)), "`settings.sha256`"),
    "exit code": (lambda: edit(lambda c: c.update(exit_code=1)), "`exit_code`"),
    "times backwards": (lambda: edit(lambda c: c.update(ended="2020-01-01T00:00:00+00:00")), "before it started"),
    "no time": (lambda: edit(lambda c: c.update(started="yesterday")), "is not a valid record"),
    "negative threads": (lambda: edit(lambda c: c["environment"].update(threads=-4)), "`environment.threads`"),
    "negative bytes": (lambda: edit(lambda c: c["outputs"][0].update(size=-1)), "`outputs.0.size`"),
    "an age of seconds": (lambda: edit(lambda c: c.update(seconds=1e300)), "`seconds`"),
    "option for git": (lambda: edit(lambda c: c["source"].update(commit="--output=x")), "`source.commit`"),
    "module elsewhere": (lambda: edit(lambda c: c["code"]["modules"].update({"/etc/x": "0"})), "`code.modules"),
    "zero byte in a path": (lambda: edit(lambda c: c["outputs"][0].update(path="a\0b")), "`outputs.0.path`"),
    "folder": (become_folder, "is not a file"),
    "loop of links": (become_loop, "is a link that leads back to itself"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_wrong_is_said(case: str) -> None:
    spoil, cause = SPOILED[case]
    assert read_record(RECORD).stage == "score"
    spoil()
    with pytest.raises(InputError) as refusal:
        read_record(RECORD)
    assert refusal.value.where == str(RECORD) and cause in refusal.value.cause, refusal.value


@pytest.mark.parametrize("case", [case for case in SPOILED if case != "missing"])
def test_the_audit_names_it(case: str) -> None:
    SPOILED[case][0]()
    assert any(finding.startswith(f"{RECORD}: ") for finding in find_records().damaged)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_record_without_permission_is_said() -> None:
    RECORD.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_record(RECORD)


def test_a_walk_lists_each_record_once_and_those_that_are_missing() -> None:
    job("resolve", [], "results/run/run.json")
    job("predict", ["results/run/run.json"], "results/run/step0/p.csv")
    job("score", ["results/run/step0/p.csv", "results/run/run.json"], "results/run/scores.csv")
    first, second = Path("results/run/step0/predict.record.json"), Path("results/run/resolve.record.json")
    assert walk(Records(), [RECORD]) == [RECORD, second, first], "the first parent comes first"
    assert walk(Records(), [RECORD], lambda job, parent: parent.stage == "predict") == [RECORD, first]
    second.unlink()
    assert walk(read_records()[0], [RECORD]) == [RECORD, second, first]
    with pytest.raises(InputError, match=r"resolve\.record\.json: does not exist"):
        walk(Records(), [RECORD])


def test_a_file_leads_to_the_record_of_its_job_from_wherever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.csv").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert producer(Path("results/run/scores.csv"), Path("..")) == RECORD
    assert producer(RECORD, Path("..")) == RECORD
    assert producer(Path("own.csv"), Path("..")) is None
    assert list(Records(Path(".."))) == [RECORD] and Records(Path(".."))[RECORD].stage == "score"
