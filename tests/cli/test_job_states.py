"""What `meshcil status` says of a folder, and its estimate of the time left."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from meshcil.cli.job_states import JobState, progress, remaining_seconds, show
from meshcil.core.code_digest import repository_root
from meshcil.stages.plan import load_plan


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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_states_come_from_records_locks_and_logs(folder: Path) -> None:
    plan = load_plan(["smoke"], repository_root() / "config")
    records = plan.records("smoke")
    train = [path for path in records if "/train" in path]
    for path in (records[0], train[0]):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps({"seconds": 120.0}))
    lock = Path(train[1]).with_name(".state.safetensors.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    log = folder / ".snakemake/log/1.snakemake.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Error in rule train:\n    jobid: 4\n    output: x, {train[2]}\n    log: logs/t.log (check log)\n")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found = progress(plan)
    states = {job.record.as_posix(): job.state for job in found.jobs}
    assert [states[path] for path in (records[0], *train)] == ["done", "done", "running", "failed", "waiting"]
    assert sum(state == "waiting" for state in states.values()) == len(records) - 4
    text = show(found)
    assert "failed: train (x), see logs/t.log" in text and f"running: {lock.parent} (train)" in text
    minutes = max(round(3 * 120 / (os.cpu_count() or 1) / 60), 4)
    assert f"Nobody is at work; `make reproduce` goes on; about {minutes} min left." in text


def test_a_fresh_folder_has_no_estimate_and_a_full_one_is_done(folder: Path) -> None:
    plan = load_plan(["smoke"], repository_root() / "config")
    assert "unknown time left" in show(progress(plan))
    for path in plan.records("smoke"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps({"seconds": 1.0}))
    assert show(progress(plan)).splitlines()[-1] == "Everything is done."
