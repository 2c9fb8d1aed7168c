"""What is said of failed jobs, from a log as Snakemake 9 writes it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshcil.cli import submit
from meshcil.cli.submit import bring_to_present, explain, failures
from meshcil.core.errors import InputError

COMMAND = "python -m meshcil.stages.train --run run.json --out results/a/state.safetensors --threads 1"
BLOCK = """\
RuleException:
CalledProcessError in file "workflow/rules/train.smk", line 44:
Command 'set -euo pipefail;  {command} > {log} 2>&1' returned non-zero exit status {status}.
[Fri Nov 20 12:04:56 2026]
Error in rule train:
    message: None
    jobid: 4
    input: run.json, data/prepared/d/dataset.json
    output: results/{name}/state.safetensors, results/{name}/train.record.json
    log: {log} (check log file(s) for error details)
    shell:
        {command} > {log} 2>&1
        (command exited with non-zero exit code)
"""
GROUP = """\
Error in group train-x-0:
    message: SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'.
    log: {slurm} (check log file(s) for error details)
    jobs:
        rule train:
            jobid: 3
            output: results/a/state.safetensors
            log: logs/a.log (check log file(s) for error details)
        rule select:
            jobid: 4
            output: results/a/exemplars.json
            log: logs/b.log (check log file(s) for error details)
"""
END = "Shutting down, this might take some time.\nWorkflowError:\nAt least one job did not complete successfully.\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()


def block(name: str = "a", status: int = 2) -> str:
    return BLOCK.format(name=name, log=f"logs/{name}.log", status=status, command=COMMAND)


def test_a_failure_ends_with_its_last_lines_and_its_command() -> None:
    Path("logs/a.log").write_text("\n".join([f"line {i}" for i in range(40)] + ["error: run.json: is broken. Mend it"]))
    Path("log").write_text(block() + END)
    text = explain(failures(Path("log")))
    assert "FAILED: train (results/a/state.safetensors)" in text
    assert "line 10\n" not in text and "line 39" in text and "error: run.json: is broken. Mend it" in text
    assert "python" in text and COMMAND.removeprefix("python ") in text and "2>&1" not in text
    assert "killed" not in text
    assert text.splitlines()[-1].startswith("1 job failed.")


def test_a_retried_job_counts_once_and_a_rescued_one_not_at_all() -> None:
    Path("log").write_text(block("a") + block("b") + block("a") + END)
    assert [failure.outputs[0] for failure in failures(Path("log"))] == [
        "results/b/state.safetensors",
        "results/a/state.safetensors",
    ]
    for name in ("state.safetensors", "train.record.json"):
        path = Path("results/a") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [failure.outputs[0] for failure in failures(Path("log"))] == ["results/b/state.safetensors"]


def test_a_command_that_dies_without_a_shell_is_called_killed() -> None:
    Path("logs/a.log").write_text("error: told in vain")
    died = block().replace("returned non-zero exit status 2.", "died with <Signals.SIGKILL: 9>.")
    Path("log").write_text(died + END)
    assert "It was killed" in explain(failures(Path("log")))


@pytest.mark.parametrize(("status", "log"), [(137, "error: told in vain"), (1, "epoch 3: loss 0.1")])
def test_a_killed_job_is_called_killed(status: int, log: str) -> None:
    Path("logs/a.log").write_text(log)
    Path("log").write_text(block(status=status) + END)
    assert "It was killed, most often because memory ran out" in explain(failures(Path("log")))


def test_a_job_that_says_why_is_not_called_killed() -> None:
    Path("logs/a.log").write_text(
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database or disk is full"
    )
    Path("log").write_text(block(status=1) + END)
    assert "killed" not in explain(failures(Path("log")))


def test_of_a_group_those_are_named_whose_output_is_missing(tmp_path: Path) -> None:
    slurm = tmp_path / "slurm.log"
    slurm.write_text("slurmstepd: error: Detected 1 oom_kill event in StepId=7.0\n")
    Path("log").write_text(GROUP.format(slurm=slurm) + END)
    Path("results/a").mkdir(parents=True)
    assert [failure.rule for failure in failures(Path("log"))] == ["train", "select"]
    Path("results/a/state.safetensors").touch()
    assert [failure.rule for failure in failures(Path("log"))] == ["select"]


def test_a_log_without_failures_gives_none() -> None:
    Path("log").write_text("Building DAG of jobs...\n" + END)
    assert failures(Path("log")) == []


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("results/runs/a/score.json", True),
        ("reports/index.html", True),
        ("data/prepared/a/train.parquet", True),
        ("data/raw/a/generate.record.json", True),
        ("data/raw/a/image.png", False),
        ("config/experiments/a.yaml", False),
    ],
)
def test_what_runs_made_takes_the_present_and_nothing_else(tmp_path: Path, name: str, made: bool) -> None:
    ahead, past = time.time() + 86400, time.time() - 86400
    path, old = tmp_path / name, tmp_path / "results/old"
    for file, moment in ((path, ahead), (old, past)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        os.utime(file, (moment, moment))
    assert bring_to_present(tmp_path) == int(made)
    assert (path.stat().st_mtime < time.time() + 1) == made
    assert old.stat().st_mtime == pytest.approx(past)
    assert bring_to_present(tmp_path) == 0


REFUSED = """\
Error in rule train:
    message: SLURM sbatch failed. The error message was 'sbatch: error: first line
sbatch: error: Batch job submission failed: Requested time limit is invalid'.
    sbatch call:
        sbatch --parsable --job-name x

For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 3
    output: results/a/state.safetensors
    log: logs/a.log (check log file(s) for error details)
    shell:
        python -m meshcil.stages.train > logs/a.log 2>&1
"""


def test_the_words_of_slurm_are_shown_and_no_other_cause_is_guessed() -> None:
    Path("log").write_text(REFUSED + END)
    (failure,) = failures(Path("log"))
    assert failure.outputs == ("results/a/state.safetensors",)
    text = explain([failure])
    assert "first line; sbatch: error: Batch job submission failed: Requested time limit is invalid" in text
    assert "memory" not in text and "by hand:" in text


def test_only_tracking_failed_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(submit, "_attend", lambda command, handle: (1, 0))
    monkeypatch.setattr(submit, "check_options", lambda names, config: None)
    monkeypatch.setattr(submit, "snakemake_logs", lambda logs=iter([set(), {Path("log")}]): next(logs))
    Path("log").write_text("Error in rule track:\n    output: results/tracking/smoke.json\n    log: logs/t.log\n" + END)
    monkeypatch.delenv("MESHCIL_DEVICE", raising=False)
    for name in ("MESHCIL_PIPELINE_ID", "XDG_CACHE_HOME", "MESHCIL_DEVICE"):
        monkeypatch.setenv(name, "kept")
    assert submit.submit("smoke", None) == submit.TRACKING_FAILED == 3
    assert "The results are complete; only MLflow does not have them yet." in capsys.readouterr().err


def test_a_folder_of_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("logs/make.lock").mkdir()
    with pytest.raises(InputError, match=r"logs/make\.lock: cannot be written .*troubleshooting"):
        submit.lock()
    Path("logs/make.lock").rmdir()
    Path("results").mkdir()
    Path("results/tracking").write_text("in the way")
    with pytest.raises(InputError, match=r"results/tracking: cannot be written"):
        submit.check_folders()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_asked_to_end_has_the_exit_code_that_shells_expect(number: int, tmp_path: Path) -> None:
    script = f"""
import os, signal, sys
from meshcil.cli.submit import _attend
signal.signal({number}, signal.SIG_DFL)  # whoever runs the tests may ignore it, as nohup does
child = [sys.executable, "-c", "import os, time; os.kill(os.getppid(), {number}); time.sleep(60)"]
code, stopped = _attend(child, os.open("lock", os.O_CREAT))
print(code, stopped)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert done.stdout == f"{128 + number} {number}\n", done.stderr


def test_snakemake_imports_no_module_of_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "tqdm.py").write_text("raise SystemExit('of the working folder')\n")
    (tmp_path / "snakemake.py").write_text("raise SystemExit('of the working folder')\n")
    command = submit.snakemake_command(tmp_path, "smoke")
    call = [*command[: command.index("--nolock")], "--version"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("9."), done.stdout + done.stderr
