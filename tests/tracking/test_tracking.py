"""What of a record is logged, and that logging twice changes nothing."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_json
from meshcil.lineage.schema import Record
from meshcil.tracking.base import Job
from meshcil.tracking.jobs import job_of
from meshcil.tracking.stored import tracked_runs
from tests.lineage.test_record import job as run_job
from tests.records import write_record

KEY = {"dataset": "d", "protocol": "2-2", "method": "m", "budget": "none", "seed": 0}
GROUP = "d/2-2/m/none/seed0"


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def logged(stage: str, output: str, text: str, **key: object) -> Job:
    """What is logged of a job of a run that wrote ``text``."""
    record = run_job(stage, [], output, text) | {"key": {**KEY, **key}}
    path = Path(output).parent / f"{stage}.record.json"
    path.write_text(json.dumps(record))
    return job_of(path, Record.model_validate(record), sha256_file(path))


def test_training_logs_its_loss_terms_per_epoch() -> None:
    text = "step,phase,epoch,lr,contrastive,pose\n1,train,0,0.1,2.5,\n1,train,1,0.05,1.5,\n"
    job = logged("train", "step1/epochs.csv", text, step=1)
    curves = {(m.name, m.step): m.value for m in job.measurements}
    assert job.name == "train step1" and job.group == GROUP
    assert curves[("contrastive", 0)] == 2.5 and curves[("contrastive", 1)] == 1.5 and curves[("lr", 1)] == 0.05
    assert not any(name == "pose" for name, _ in curves)


def test_scores_belong_to_the_run() -> None:
    text = (
        "step,test_set,task,class_name,metric,value,count\n"
        "1,clean,,,accuracy,0.75,8\n1,clean,0,,accuracy,0.5,4\n1,clean,,car,accuracy,0.5,4\n1,,,,paper_bytes,9,1\n"
    )
    job = logged("score", "scores.csv", text)
    found = {(m.name, m.step, m.value) for m in job.group_measurements}
    assert found == {("clean/accuracy", 1, 0.75), ("memory/paper_bytes", 1, 9.0)}


def test_jobs_of_an_aligner_belong_to_the_run_that_it_aligns() -> None:
    jobs = {}
    for stage, output, settings in (
        ("resolve", "run.json", {"depth": 2}),
        ("score", "scores.csv", {"depth": 2}),
        ("align", "step1/eli/progress.csv", {"depth": 2, "aligner": {"kind": "eli"}}),
        ("predict_aligned", "step1/eli/p.parquet", {"depth": 2, "aligner": {"kind": "eli"}}),
        ("score_aligned", "eli/scores.csv", {"depth": 2}),
        ("other", "other.csv", {"depth": 3}),
    ):
        text = "test_set,task,class_name,metric,value,step\nclean:eli:align-all,,,accuracy,0.5,1\n"
        record = run_job(stage, [], output, text if output.endswith("scores.csv") else "{}")
        record |= {"key": KEY, "settings": {"values": settings, "sha256": sha256_json(settings)}}
        jobs[stage] = job_of(Path(output).with_name(f"{stage}.record.json"), Record.model_validate(record), stage)
    other = jobs.pop("other")
    (group,) = {job.group_id for job in jobs.values()}
    assert other.group == GROUP and other.group_id != group
    assert [m.name for m in jobs["score_aligned"].group_measurements] == ["clean:eli:align-all/accuracy"]
    assert jobs["resolve"].group_params == {"depth": "2"}


def test_tags_carry_what_an_auditor_searches_for() -> None:
    tags = logged("score", "scores.csv", "test_set,task,class_name,metric,value,step\n").tags
    assert {"meshcil.stage", "meshcil.config_sha256", "meshcil.lock_sha256", "meshcil.code", "meshcil.host"} <= set(
        tags
    )


def test_the_data_tag_follows_the_bytes_of_the_data() -> None:
    tags = []
    for content in ("first", "second", "first"):
        data = Path("data/prepared/d/dataset.json")
        data.parent.mkdir(parents=True, exist_ok=True)
        data.write_text(content)
        record = run_job("train", [data], "epochs.csv", "step,phase,epoch,lr\n") | {"key": {**KEY, "step": 0}}
        job = job_of(Path("train.record.json"), Record.model_validate(record), "0" * 64)
        tags.append(job.tags["meshcil.data_sha256"])
    assert tags[0] == tags[2] != tags[1]


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.mark.filterwarnings("ignore")
def test_mlflow_nests_jobs_and_logs_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    from meshcil.tracking.mlflow import MlflowTracker

    resolve = logged("resolve", "run.json", "{}")
    train = logged(
        "train", "step0/epochs.csv", "step,phase,epoch,lr,ce\n0,train,0,0.1,2.5\n0,train,1,0.1,2.0\n", step=0
    )
    tracker = MlflowTracker(tmp_path)
    (tmp_path / ".mlflow.db.tmp").write_bytes(b"of a run that was killed while it made the tables")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("meshcil.tracking.mlflow._log_numbers", Mock(side_effect=Killed))
        tracker.log("e", [resolve, train])
    first = tracker.log("e", [resolve, train])
    assert tracker.log("e", [resolve, train]) == first
    client = MlflowClient(tracker.uri)
    runs = {run.info.run_id: run for run in client.search_runs([client.get_experiment_by_name("e").experiment_id])}
    assert len(runs) == 3
    assert not list(tmp_path.glob(".mlflow*"))
    parents = {runs[run].data.tags["mlflow.parentRunId"] for run in first.values()}
    (parent,) = parents
    assert runs[parent].info.run_name == "m, no exemplars, seed 0, d 2-2" and runs[parent].data.params["depth"] == "2"
    child = first["step0/train.record.json"]
    assert [m.value for m in client.get_metric_history(child, "ce")] == [2.5, 2.0]
    assert runs[child].data.tags["meshcil.record_sha256"] == train.record_sha256
    assert runs[child].info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_a_copied_folder_logs_to_itself_also_what_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow.tracking import MlflowClient

    from meshcil.tracking.mlflow import MlflowTracker

    first = logged("resolve", "run.json", "{}")
    second = logged("train", "step0/epochs.csv", "step,phase,epoch,lr,ce\n0,train,0,0.1,2.5\n", step=0)
    old, new = tmp_path / "o%ld", tmp_path / "n w"
    for folder in (old, new):
        folder.mkdir()
    before = MlflowTracker(old).log("e", [first])
    (new / "mlflow.db").write_bytes((old / "mlflow.db").read_bytes())
    tracker = MlflowTracker(new)
    assert tracker.log("e", [first, second])[first.record] == before[first.record]
    client = MlflowClient(tracker.uri)
    place = client.get_experiment_by_name("e")
    runs = client.search_runs([place.experiment_id])
    addresses = {place.artifact_location, *(run.info.artifact_uri.partition("/e/")[0] + "/e" for run in runs)}
    assert addresses == {(new / "mlruns/e").as_uri()} and len(runs) == 3
    client.delete_experiment(place.experiment_id)
    assert tracker.log("e", [first])[first.record] == before[first.record]
    said = capsys.readouterr().err
    assert "its addresses now lead to this folder" in said and "experiment e had been deleted in MLflow" in said
    monkeypatch.setattr("meshcil.tracking.mlflow._all_runs", Mock(side_effect=OSError("no route")))
    with pytest.raises(InputError, match=r"does not take the runs \(no route\)\. The results are complete"):
        tracker.log("e", [first])


@pytest.mark.parametrize("later", ["laptop", "smoke"])
def test_of_several_experiments_the_one_logged_last_says_which_run_is_the_report_s(later: str) -> None:
    for name in ("laptop", "smoke"):
        runs = {"reports/report.record.json": f"run of {name}", f"{name}.record.json": name}
        write_json_atomic(Path(f"results/tracking/{name}.json"), {"experiment": name, "runs": runs})
        ended = f"2026-11-20T12:0{2 if name == later else 1}:00.000+00:00"
        write_record(f"results/tracking/track-{name}.record.json", "track", ended=ended)
    found = tracked_runs()
    assert found["reports/report.record.json"] == f"run of {later}"
    assert found["laptop.record.json"] == "laptop" and found["smoke.record.json"] == "smoke"
