"""What `meshcil status` says of a folder, and its estimate of the time left."""

import fcntl
import os
import re
from pathlib import Path

import pytest

from meshcil.cli.status import JobState, Scheduling, progress, remaining_seconds, scheduling, show
from meshcil.config.gates import GATES
from meshcil.core.code_digest import repository_root
from meshcil.core.hashing import sha256_json
from meshcil.lineage.jobs import listed
from meshcil.lineage.lock import exclusive
from meshcil.lineage.plan import Plan
from meshcil.lineage.stages import planned_jobs, records
from meshcil.stages.plan import load_plan
from tests.cli.fabrication import write
from tests.records import write_record


def job(stage: str, chain: str, state: str, seconds: float | None = None, method: str = "a") -> JobState:
    return JobState(Path(f"{chain}/{stage}"), stage, f"{stage} {method}", chain, state, seconds)


def test_the_rest_takes_as_long_as_its_longest_chain_or_all_work_over_the_workers() -> None:
    done = [job("train", "x", "done", 10.0), job("train", "y", "done", 30.0, "b")]
    chain = [job("train", "x", "waiting") for _ in range(3)]
    assert remaining_seconds([*done, *chain], workers=8) == 30
    assert remaining_seconds([*done, *chain, job("train", "y", "running", method="b")], workers=1) == 60
    # A method without a finished job is guessed by its stage; a stage without one counts as nothing.
    assert remaining_seconds([*done, job("train", "z", "waiting", method="c")], workers=1) == 20
    assert remaining_seconds([*done, job("predict", "z", "waiting"), *chain], workers=1) == 30
    assert remaining_seconds([job("train", "x", "waiting")], workers=1) is None
    assert remaining_seconds(done, workers=1) == 0


def test_the_runs_of_all_budgets_wait_for_their_first_step() -> None:
    done = job("train", "d/p/a/any/seed1", "done", 10.0)
    first, budgets = job("train", "d/p/a/any/seed0", "waiting"), ("total-8", "total-16", "none")
    later = [job("train", f"d/p/a/{budget}/seed0", "waiting") for budget in budgets]
    assert remaining_seconds([done, first, *later], workers=8) == 20
    assert remaining_seconds([done, *later], workers=8) == 10


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_states_come_from_records_locks_and_logs(folder: Path) -> None:
    plan = load_plan(["smoke"], repository_root() / "config")
    paths = records(plan, "smoke")
    train = [path for path in paths if "/train" in path]
    for path in (paths[0], train[0]):
        complete(plan, path, seconds=120.0)
    lock = Path(train[1]).with_name(".state.safetensors.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    log = folder / ".snakemake/log/1.snakemake.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Error in rule train:\n    jobid: 4\n    output: x, {train[2]}\n    log: logs/t.log (check log)\n")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = progress(plan)
    states = {job.record.as_posix(): job.state for job in found.jobs}
    assert [states[path] for path in (paths[0], *train)] == ["done", "done", "running", "failed", "waiting"]
    assert sum(state == "waiting" for state in states.values()) == len(paths) - 4
    text = show(found, "smoke")
    assert "failed: train (x), see logs/t.log" in text and f"running: {lock.parent} (train)" in text
    minutes = max(round(3 * 120 / (os.cpu_count() or 1) / 60), 4)
    assert f"Not running; `make reproduce EXPERIMENT=smoke` resumes it; about {minutes} min left." in text


# Stage -> the first output by its command line in workflow/rules, whose lock a running job holds.
FIRST = {
    "train": "state.safetensors",
    "select": "exemplars.json",
    "score": "scores.csv",
    "align": "aligner.safetensors",
    "predict_aligned": f"predictions-{GATES[0]}.parquet",
    "score_aligned": "scores.csv",
    "study": "scores.csv",
}


@pytest.mark.parametrize("stage", FIRST)
def test_every_job_that_takes_long_is_seen_running(folder: Path, stage: str) -> None:
    plan = load_plan(["eli-smoke"], repository_root() / "config")
    record = next(Path(path) for path in records(plan, "eli-smoke") if re.match(rf"{stage}[-.]", Path(path).name))
    record.parent.mkdir(parents=True)
    with exclusive(record.with_name(FIRST[stage])):
        (running,) = [job for job in progress(plan).jobs if job.state == "running"]
    assert running.record == record and running.stage == stage


def test_a_fresh_folder_has_no_estimate_and_a_full_one_is_done(folder: Path) -> None:
    plan = load_plan(["smoke"], repository_root() / "config")
    assert "unknown time left" in show(progress(plan), "smoke")
    for path in records(plan, "smoke"):
        complete(plan, path, pipeline="20261120T120000Z-7", ended="2026-11-20T12:00:50.000+00:00", seconds=1.0)
    text = show(progress(plan), "smoke").splitlines()
    assert text[-1] == "Everything is done."
    share = 1 - len(records(plan, "smoke")) / 100
    assert text[-2] == f"{share:.0%} of 2 cores x 0.8 min was spent outside stages."
    Path(next(path for path in records(plan, "smoke") if "/train" in path)).with_name("state.safetensors").unlink()
    assert "Not running; `make reproduce EXPERIMENT=smoke` resumes it" in show(progress(plan), "smoke")


def complete(plan: Plan, path: str, **facts: object) -> None:
    """Files and record of a finished job of the plan."""
    job = planned_jobs(plan)[Path(path)]
    write(Path(), dict.fromkeys([*listed(job.outputs), *([] if job.stage.folder else [str(job.first)])], ""))
    if job.stage.folder:
        job.first.mkdir(parents=True, exist_ok=True)
    settings = {"values": job.settings, "sha256": sha256_json(job.settings)}
    write_record(path, job.stage.name, settings=settings, **facts)


def finished(path: Path | str, pipeline: str, ended: str, seconds: float, **environment: object) -> None:
    write_record(path, "train", environment, pipeline=pipeline, ended=ended, seconds=seconds)


def test_time_outside_stages_counts_every_invocation_and_every_core(folder: Path) -> None:
    paths = [folder / str(i) for i in range(4)]
    finished(paths[0], "20261120T120000Z-7", "2026-11-20T12:00:40.000+00:00", 30.0)
    finished(paths[1], "20261120T120000Z-7", "2026-11-20T12:00:50.000+00:00", 20.0, threads=8)
    finished(paths[2], "20261120T130000Z-9", "2026-11-20T13:00:50.000+00:00", 30.0)
    times = scheduling(paths)
    assert times == Scheduling(wall=100.0, cores=2, inside=100.0)
    assert times.outside == 0.5
    finished(paths[3], "20261120T130000Z-9", "2026-11-20T13:00:50.000+00:00", 1.0, slurm_job_id="4")
    assert scheduling(paths) is None
