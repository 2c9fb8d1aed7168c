"""The smoke experiment through Snakemake, from nothing to the report."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from meshcil.cli.audit import inspect
from meshcil.core.code_digest import import_closure
from meshcil.core.hashing import sha256_file
from meshcil.lineage.reading import Records
from meshcil.lineage.stages import parents, planned_jobs
from meshcil.stages.plan import load_plan
from tests.workflow.conftest import ROOT, snakemake, snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

RUNS = "results/runs/primitives3d-tiny/2-2"


def records(folder: Path) -> dict[str, dict]:
    return {p.relative_to(folder).as_posix(): json.loads(p.read_text()) for p in folder.rglob("*.record.json")}


def results(folder: Path) -> dict[str, str]:
    """Digest of every result that must not depend on when or how it was made."""
    patterns = ("data/**/*", "results/runs/**/*", "results/experiments/*", "reports/tables/*", "reports/figures/*")
    files = [p for pattern in patterns for p in folder.glob(pattern) if p.is_file()]
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files if not p.name.endswith(".record.json")}


def test_report_and_tables_are_written(smoke: Path) -> None:
    assert "iNeMo (smoke)" in (smoke / "reports/index.html").read_text()
    summary = (smoke / "reports/tables/smoke-summary.csv").read_text()
    assert "iCaRL (smoke)" in summary and "iNeMo (smoke)" in summary


def test_logs_mirror_the_results(smoke: Path) -> None:
    stages = {"train": "state.safetensors", "select": "exemplars.json"}
    outputs = [(stage, path) for stage, name in stages.items() for path in (smoke / RUNS).glob(f"*/*/*/step*/{name}")]
    assert {stage for stage, _ in outputs} == stages.keys()
    for stage, path in outputs:
        log = smoke / "logs" / path.parent.relative_to(smoke / "results")
        assert (log / f"{stage}.log").is_file()


def test_second_run_does_nothing(smoke: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in smoke.rglob("*.record.json")}
    assert "Nothing to be done" in snakemake(smoke)
    assert before == {p: p.stat().st_mtime_ns for p in smoke.rglob("*.record.json")}


def test_no_job_ran_code_outside_its_digest(smoke: Path) -> None:
    outside = {path: record["code"]["outside"] for path, record in records(smoke).items()}
    assert outside and not any(outside.values()), outside


def test_records_form_a_chain_from_report_to_raw_images(smoke: Path) -> None:
    known = records(smoke)
    reached, waiting = set(), ["results/tracking/track-smoke.record.json"]
    while waiting:
        path = waiting.pop()
        reached.add(path)
        for parent in known[path]["parents"]:
            assert sha256_file(smoke / parent["path"]) == parent["sha256"]
            waiting += [parent["path"]] if parent["path"] not in reached else []
    assert reached == set(known)


def test_records_state_what_the_plan_says(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(smoke)
    plan, found = load_plan(["smoke"], Path(os.path.relpath(ROOT / "config"))), Records()
    for path, job in planned_jobs(plan).items():
        record, width = found[path], len(job.command)
        assert record.argv[:width] == job.command and record.argv[width::2] in ((), ("--threads",), ("--workers",))
        assert record.settings.values == job.settings and record.name == job.names.get(job.stage.label, "")
        assert list(record.code.modules) == import_closure(job.modules)
        assert [Path(parent.path) for parent in record.parents] == parents(job), path


def test_audit_accepts_the_run_and_names_a_changed_file(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(smoke)
    assert inspect().findings == ()
    table = smoke / "reports/tables/smoke-summary.csv"
    original = table.read_bytes()
    table.write_bytes(original.replace(b"iNeMo", b"INeMo", 1))
    try:
        assert any("reports/tables/smoke-summary.csv" in finding for finding in inspect().findings)
    finally:
        table.write_bytes(original)


def test_every_job_is_logged_once_below_its_run(smoke: Path) -> None:
    query = "select run_uuid, value from tags where key = ?"
    with sqlite3.connect(smoke / "mlflow.db") as database:
        logged = dict(database.execute(query, ("meshcil.record_sha256",)))
        paths = dict(database.execute(query, ("meshcil.record",)))
        children = dict(database.execute(query, ("mlflow.parentRunId",)))
    expected = {sha256_file(smoke / path): str(path) for path in records(smoke) if "track-" not in str(path)}
    # A job that another test had made again is logged again, under its new record.
    present = {run: digest for run, digest in logged.items() if digest in expected}
    assert sorted(present.values()) == sorted(expected)
    assert all(paths[run] == expected[digest] for run, digest in present.items())
    assert len(set(logged.values())) == len(logged)
    assert {paths[run] for run in logged} == set(expected.values())
    assert set(logged) == set(children)


def test_bytes_are_the_same_after_a_kill_and_from_scratch(smoke: Path, tmp_path: Path) -> None:
    kill_while_training(tmp_path)
    assert not (tmp_path / "reports/index.html").exists()
    snakemake(tmp_path)
    expected, found = results(smoke), results(tmp_path)
    assert any(path.endswith("state.safetensors") for path in expected)
    assert found == expected


def kill_while_training(folder: Path) -> None:
    """Start the experiment and end it, with all its jobs, by SIGKILL in the middle of a second training step."""
    command = snakemake_command(folder, "--config", "experiment=smoke")
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 600
    while not list(folder.glob(f"{RUNS}/*/*/*/step1/checkpoint-*.safetensors")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
