"""Progress of a run: what is counted, what is shown, and that no error is swallowed."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from meshcil.cli.progress import Job, Progress, clock, recorded_seconds, view
from tests.records import write_record

SNAKEFILE = """
rule all:
    input: "b.txt"
rule prepare:
    output: "a.txt"
    message: "prepare the data"
    shell: "echo done > {output}"
rule train:
    input: "a.txt"
    output: "b.txt"
    log: "train.log"
    message: "train step 0"
    shell: "echo epoch 0: loss 1.25 > {log}; COMMAND {output}"
"""


def started() -> Progress:
    """Two of five jobs done: a preparation in 2 s, a training in 10 s; one training runs since t = 12 s."""
    progress = Progress()
    progress.plan({"train": 3, "prepare": 1, "score": 1, "all": 1, "total": 6})
    progress.start(1, Job("prepare", "prepare", 0.0, None))
    progress.finish(1, 2.0)
    progress.start(2, Job("train", "train step 0", 2.0, None))
    progress.finish(2, 12.0)
    progress.start(3, Job("train", "train step 1", 12.0, None))
    return progress


def test_stages_are_counted_in_the_order_of_the_pipeline() -> None:
    progress = started()
    assert progress.rows() == [("prepare", 1, 0, 0), ("train", 1, 1, 1), ("score", 0, 0, 1)]
    assert (progress.done, progress.total) == (2, 5)
    progress.fail(3)
    assert progress.rows()[1] == ("train", 1, 0, 2)


def test_time_to_go_follows_from_jobs_of_the_same_stage() -> None:
    # Two trainings of 10 s, less 4 s that one has run, and a score as long as the mean of 2 s and 10 s.
    assert started().remaining(now=16.0, elapsed=16.0) == pytest.approx(20 - 4 + 6)
    assert started().remaining(now=16.0, elapsed=8.0) == pytest.approx((20 - 4 + 6) / 2)
    assert Progress({"train": 3}).remaining(1.0, 1.0) is None


def test_a_job_may_end_while_the_view_counts() -> None:
    class Ending(list):
        def __iter__(self):
            progress.seconds.setdefault("score", []).append(1.0)
            return super().__iter__()

    progress = started()
    progress.seconds["prepare"] = Ending([2.0])
    assert progress.remaining(now=16.0, elapsed=16.0) is not None
    assert progress.seconds["score"], "this would show nothing"


def test_records_of_earlier_runs_give_a_time_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, stage, seconds in (("a/train", "train", 30), ("b/train", "train", 10), ("score", "score", 2)):
        path = tmp_path / "results" / f"{name}.record.json"
        write_record(path, stage, seconds=seconds)
    (tmp_path / "results/bad.record.json").write_text("{")
    progress = Progress({"train": 3, "score": 1}, recorded=recorded_seconds())
    assert progress.remaining(now=0.0, elapsed=0.1) == pytest.approx(3 * 20 + 2)
    progress.start(1, Job("train", "train step 0", 0.0, None))
    progress.finish(1, 8.0)
    # A job of this run says more than any record.
    assert progress.remaining(now=8.0, elapsed=8.0) == pytest.approx(2 * 8 + 2)
    assert Progress({"train": 3, "study": 1}, recorded=recorded_seconds()).remaining(0.0, 0.1) is None


def test_stages_of_aligners_and_studies_have_their_place() -> None:
    order = ["train", "align", "predict", "predict_aligned", "score", "score_aligned", "study", "collect", "table"]
    progress = Progress(dict.fromkeys(reversed(order), 1))
    assert [rule for rule, *_ in progress.rows()] == order


def test_the_view_names_running_jobs_with_their_losses(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("train epoch 0: loss 2.0\ntrain epoch 1: loss 1.5\n")
    progress = started()
    progress.start(3, Job("train", "train step 1", 12.0, log))
    console = Console(file=io.StringIO(), width=100)
    console.print(view(progress, 16.0, 16.0))
    text = console.file.getvalue()
    assert "train step 1, 4 s  train epoch 1: loss 1.5" in text
    assert "2 of 5 jobs, 16 s, about 22 s to go" in text


@pytest.mark.parametrize(("seconds", "text"), [(8.4, "8 s"), (90, "2 min"), (3700, "1 h 02 min")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def command(folder: Path, shell: str) -> list[str]:
    (folder / "Snakefile").write_text(SNAKEFILE.replace("COMMAND", shell))
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "meshcil", "--nolock", "--show-failed-logs"]
    return [*words, "--directory", str(folder), "--snakefile", str(folder / "Snakefile")]


def test_without_a_terminal_there_is_a_line_per_job(tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path, "touch"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert [line.rsplit(" (", 1)[0] for line in lines] == ["[1/2] prepare the data", "[2/2] train step 0"]


def test_a_failure_is_the_last_thing_on_a_terminal(tmp_path: Path) -> None:
    screen, end = pty.openpty()
    process = subprocess.Popen(command(tmp_path, "false"), stdout=end, stderr=end, env=os.environ | {"TERM": "xterm"})
    os.close(end)
    written = b""
    while True:
        try:
            written += os.read(screen, 65536)
        except OSError:
            break
    assert process.wait() == 1
    text = written.decode()
    assert "1 of 2 jobs" in text
    after = text[text.rindex("Error in rule train") :]
    assert "epoch 0: loss 1.25" in after and "train.log" in after and "waiting" not in after
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor stays hidden"


def test_a_job_that_starts_while_the_view_is_drawn_does_no_harm() -> None:
    progress = Progress(planned={"train": 2})

    class Slow(Job):
        def last_line(self) -> str:
            progress.start(2, Job("train", "second", 0.0, None))
            return ""

    progress.start(1, Slow("train", "first", 0.0, None))
    view(progress, 1.0, 1.0)
    assert len(progress.running) == 2
