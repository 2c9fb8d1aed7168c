"""Scores of studies and of aligned runs follow from what was stored, or are named."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from meshcil.cli import recomputation
from meshcil.cli.planned import plan_of
from meshcil.cli.recomputation import Sample, check_recomputed, check_sample, recomputing
from meshcil.config.gates import GATES, View
from meshcil.config.studies.base import load_study
from meshcil.core.errors import InputError
from meshcil.lineage.code import study_modules
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.reading import read_record
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.lineage.stages import planned_jobs
from meshcil.stages import score, score_aligned, table
from meshcil.studies import two_tasks
from meshcil.studies.base import StudyResult, tidy
from tests.cli.fabrication import CONFIG, LEDGER
from tests.cli.test_audit import RUN, TABLE

STUDY = Path("results/studies/toy-32/seed0")


def findings(record: Path) -> list[str]:
    return check_recomputed({record: read_record(record)})


@pytest.fixture
def study(checkout: Path) -> Path:
    """Record of a study with made-up answers, and a score that follows from none of them."""
    looks = [("after-first", 0), ("after-second", 0), ("aligning", 0), ("aligning", 300)]
    answers = [
        {"moment": moment, "split": split, "iteration": i, "true_class": k, "predicted_class": k % (4 + i % 7)}
        for moment, i in looks
        for split in ("first", "held-out")
        for k in range(5)
    ]
    settings = load_study(Path("config/studies/toy-32.yaml"))
    result = StudyResult("digits", "5-5", pd.DataFrame(answers), [(0, "", "", "aligner_bytes", 12.0, 1)])
    outputs = [STUDY / "scores.csv", STUDY / "evidence.parquet"]
    with record_job(
        "study",
        inputs=[],
        outputs=outputs,
        settings=settings.model_dump(mode="json"),
        modules=study_modules("study", settings),
        key={"study": "toy-32", "seed": 0},
    ):
        STUDY.mkdir(parents=True, exist_ok=True)
        result.evidence.to_parquet(outputs[1], index=False)
        measured = two_tasks.scores_of(result.evidence)
        outputs[0].write_text(tidy("toy-32", "two-tasks", settings.label, result, 0, measured).to_csv(index=False))
    return STUDY / "study.record.json"


@pytest.mark.parametrize("altered", ["score", "evidence", "no table"])
def test_a_study_follows_from_its_evidence(study: Path, altered: str) -> None:
    scores, evidence = STUDY / "scores.csv", STUDY / "evidence.parquet"
    assert findings(study) == []
    if altered == "evidence":
        pd.read_parquet(evidence).assign(predicted_class=0).to_parquet(evidence, index=False)
    else:
        scores.write_text(scores.read_text().replace(",0.8,", ",0.9,", 1) if altered == "score" else "")
    (finding,) = findings(study)
    assert finding.startswith(f"{scores}: ")


def test_an_aligned_run_follows_from_the_predictions_under_each_gate(checkout: Path) -> None:
    folder = RUN / "step1/eli-smoke"
    folder.mkdir()
    answers = pd.read_parquet(RUN / "step1/predictions-robustness.parquet").query("test_set == 'clean'")
    for gate in GATES:
        named = answers.assign(test_set=View("clean", "eli-smoke", gate).name)
        named.to_parquet(folder / f"predictions-{gate}.parquet", index=False)
    (folder / "ledger.csv").write_text(LEDGER.format(5))
    predictions = [RUN / "step0/predictions-clean.parquet", *sorted(folder.glob("*.parquet"))]
    scores = RUN / "eli-smoke/scores.csv"
    score_aligned.main(RUN / "run.json", predictions, [folder / "ledger.csv"], scores)
    record = scores.with_name("score_aligned-eli-smoke.record.json")
    assert findings(record) == []
    scores.write_text(scores.read_text().replace("0.", "0.9", 1))
    assert findings(record) == [f"{scores}: is not what its inputs give, computed again"]


def test_published_values_may_get_a_remark_but_no_other_value(checkout: Path) -> None:
    published = Path("config/published/smoke-summary.yaml")
    published.write_text("source: A paper.\nvalues:\n  icarl-smoke: {average: 50.0}\n")
    table.main(CONFIG, "smoke", "smoke-summary", Path("results/experiments/smoke.csv"), TABLE)
    record = TABLE.with_name("table-smoke-summary.record.json")
    published.write_text("# A remark.\n" + published.read_text())
    assert findings(record) == []
    published.write_text(published.read_text().replace("50.0", "51.0"))
    assert f"{TABLE}: is not what its inputs give, computed again" in findings(record)


class Copying(Job):
    """A job whose command copies a file to where its output belongs."""

    @property
    def command(self) -> tuple[str, ...]:
        copy = "import pathlib, shutil, sys; _, source, out, *_ = sys.argv; out = pathlib.Path(out); "
        copy += "out.parent.mkdir(parents=True); shutil.copy(source, out)"
        return ("python", "-c", copy, "made.csv", str(RUN / "scores.csv"))


def test_equal_bytes_pass_and_others_are_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, path = plan_of(["smoke"]), RUN / "score.record.json"
    record = read_record(path)
    job = next(job for place, job in planned_jobs(plan).items() if place == path)
    monkeypatch.setattr(recomputation, "RETRAINED", "score")
    monkeypatch.setattr(recomputation, "planned_jobs", lambda _: {path: Copying(job.stage, job.names, plan)})
    before = (RUN / "scores.csv").read_bytes()
    Path("made.csv").write_bytes(before)
    drawn = "drawn with --seed 7, of 1 training steps"
    assert check_sample(plan, {path: record}, Sample()) == ([], [])
    told = [drawn, f"{path}: trained again, with the same bytes"]
    assert check_sample(plan, {path: record}, Sample(5, 7)) == ([], told)
    assert (RUN / "scores.csv").read_bytes() == before
    Path("made.csv").write_bytes(before + b"more")
    findings, notes = check_sample(plan, {path: record}, Sample(1, 7))
    assert findings == [f"{RUN}/scores.csv: is not what the job writes when it runs again"]
    assert notes == [drawn, f"{path}: trained again, with another result"]
    Path("made.csv").unlink()
    findings, _ = check_sample(plan, {path: record}, Sample(1))
    assert findings[0].startswith(f"{RUN}/scores.csv: cannot be made again (")


def test_a_step_of_another_processor_is_judged_by_its_accuracy(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(["smoke"])
    records = {path: read_record(path) for path, job in planned_jobs(plan).items() if job.stage.name == "train"}
    for path, record in records.items():
        elsewhere = record.environment.model_copy(update={"instructions": "avx10"})
        records[path] = record.model_copy(update={"environment": elsewhere})
    wrong = 0.0

    def execute(job: Job, record: Record, folder: Path, instead: Mapping[str, Path]) -> list[str]:
        for path in (Path(path) for path in listed(job.outputs) if path.endswith(".parquet")):
            assert instead
            frame = pd.read_parquet(path)
            right = frame.index[frame["predicted_class"] == frame["true_class"]]
            frame.loc[right[: round(wrong * len(frame))], "predicted_class"] = "none"
            (folder / path).parent.mkdir(parents=True)
            frame.to_parquet(folder / path)
        return []

    monkeypatch.setattr(recomputation, "_execute", execute)
    findings, notes = check_sample(plan, records, Sample(1, 3))
    assert findings == [] and "3 points are tolerated" in notes[1]
    assert check_sample(plan, records, Sample(1, 3))[1] == notes
    wrong = 0.3
    (finding,) = check_sample(plan, records, Sample(1, 3))[0]
    assert "state.safetensors: trained again on another processor gets" in finding


def test_processes_find_what_this_one_finds(checkout: Path) -> None:
    altered = Path(f"{RUN}/scores.csv")
    altered.write_text(altered.read_text().replace("accuracy", "luck", 1))
    records = {path: read_record(path) for path in Path(RUN).rglob("score.record.json")}
    expected = check_recomputed(records)
    with recomputing(records) as recompute:
        assert recompute(records) == expected == [f"{altered}: is not what its inputs give, computed again"]


def test_a_process_that_is_killed_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "recompute", lambda record: os.kill(os.getpid(), signal.SIGKILL))
    records = {path: read_record(path) for path in Path(RUN).rglob("score.record.json")}
    with pytest.raises(InputError, match="memory ran out"), recomputing(records) as recompute:
        recompute(records)
