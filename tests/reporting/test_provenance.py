"""The files behind a score: plain, through an aligner, of a study."""

from pathlib import Path

import pytest

from meshcil.lineage.schema import FileFacts, Record, SettingsFacts
from meshcil.reporting.provenance import Scorings, rests_on

RUN = {"dataset": "digits", "protocol": "5-5", "method": "icarl", "budget": "total-20", "seed": 0}
FOLDER = "results/runs/digits/5-5/icarl/total-20/seed0"


def record(stage: str, key: dict[str, str | int], inputs: list[str], outputs: list[str], parents: list[str]) -> Record:
    def files(paths: list[str]) -> tuple[FileFacts, ...]:
        common = {"base": "work", "kind": "file", "size": 1}
        return tuple(FileFacts.model_construct(path=path, sha256=f"digest of {path}", **common) for path in paths)

    values = {"dataset": {"suites": {"clean": ["clean"], "all": ["clean", "L2"]}}}
    settings = SettingsFacts.model_construct(sha256="", values=values)
    found = {"inputs": files(inputs), "outputs": files(outputs), "parents": files(parents)}
    return Record.model_construct(stage=stage, key=key, settings=settings, **found)


STUDY = "results/studies/toy/seed0"
PLAIN = [f"{FOLDER}/step{k}/{name}" for k in (0, 1, 2) for name in ("predictions-clean.parquet", "ledger.csv")]
GATED = [f"{FOLDER}/step0/predictions-clean.parquet"]
GATED += [f"{FOLDER}/step{k}/eli/{name}" for k in (1, 2)
          for name in ("predictions-pred-gate.parquet", "predictions-max-conf.parquet", "ledger.csv")]  # fmt: skip


def writers() -> dict[Path, Record]:
    """Jobs of each step."""
    jobs = {}
    for step in (0, 1, 2):
        key, folder = {**RUN, "step": step}, f"{FOLDER}/step{step}"
        aligned = [path for path in GATED if f"step{step}/eli/predictions" in path]
        for stage, name, outputs in (
            ("predict", "predict-clean", [f"{folder}/predictions-clean.parquet"]),
            ("select", "select", [f"{folder}/ledger.csv"]),
            ("predict_aligned", "eli/predict_aligned-eli", aligned),
            ("align", "eli/align-eli", [f"{folder}/eli/ledger.csv"]),
        ):
            jobs[Path(folder, f"{name}.record.json")] = record(stage, key, [], outputs, [])
    return jobs


SCORE = record("score", RUN, PLAIN, [], [f"{FOLDER}/step2/predict-clean.record.json"])
GATES = [f"{FOLDER}/step2/eli/predict_aligned-eli.record.json"]
ALIGNED = record("score_aligned", {**RUN, "aligner": "eli"}, GATED, [], GATES)
TOY = record("study", {"study": "toy", "seed": 0}, [], [f"{STUDY}/scores.csv", f"{STUDY}/evidence.parquet"], [])
COLLECT = record("collect", {}, [], [], [f"{STUDY}/study.record.json"])
RECORDS = writers() | {
    Path(FOLDER, "score.record.json"): SCORE,
    Path(FOLDER, "score_aligned-eli.record.json"): ALIGNED,
    Path(STUDY, "study.record.json"): TOY,
    Path("collect.record.json"): COLLECT,
}


@pytest.mark.parametrize(
    ("score", "files", "job"),
    [
        ({"test_set": "clean", "metric": "accuracy"}, ["step2/predictions-clean.parquet"], "predict-clean"),
        ({"test_set": "", "metric": "carry_bytes"}, ["step2/ledger.csv"], "select"),
        (
            {"test_set": "clean:eli:pred-gate", "metric": "last_accuracy"},
            ["step2/eli/predictions-pred-gate.parquet"],
            "predict_aligned-eli",
        ),
        (
            {"test_set": "clean:eli:pred-gate", "metric": "average_incremental_accuracy"},
            ["step0/predictions-clean.parquet", *(f"step{k}/eli/predictions-pred-gate.parquet" for k in (1, 2))],
            "predict_aligned-eli",
        ),
        ({"test_set": "memory:eli", "metric": "deploy_bytes"}, ["step2/eli/ledger.csv"], "align-eli"),
        ({"test_set": "clean:other:pred-gate", "metric": "accuracy"}, [], ""),
    ],
)
def test_a_score_of_a_run_comes_from_its_own_predictions_or_ledgers(score: dict, files: list[str], job: str) -> None:
    found = Scorings(RECORDS).evidence({**RUN, "step": 2, **score})
    assert [e.path for e in found] == [f"{FOLDER}/{file}" for file in files]
    assert all(e.sha256 == f"digest of {e.path}" for e in found)
    if found:
        assert found[-1].record == f"{FOLDER}/{files[-1].rpartition('/')[0]}/{job}.record.json"
        noted = any(parent.path == found[-1].record for r in RECORDS.values() for parent in r.parents)
        assert found[-1].record_sha256 == (f"digest of {found[-1].record}" if noted else "")


def test_a_score_of_a_study_comes_from_what_the_study_wrote() -> None:
    score = {"dataset": "digits", "protocol": "5-5", "method": "toy", "budget": "none", "seed": 0}
    found = Scorings(RECORDS).evidence({**score, "step": 0, "test_set": "first", "metric": "aligned"})
    assert [e.name for e in found] == ["seed0/scores.csv", "seed0/evidence.parquet"]
    assert {(e.record, e.record_sha256) for e in found} == {
        (f"{STUDY}/study.record.json", f"digest of {STUDY}/study.record.json")
    }
    assert Scorings(RECORDS).evidence({**score, "seed": 1, "step": 0, "test_set": "first", "metric": "aligned"}) == []


@pytest.mark.parametrize(
    ("score", "job", "jobs"),
    [
        ({"test_set": "clean", "metric": "accuracy"}, SCORE, ["step2/predict-clean"]),
        ({"test_set": "", "metric": "carry_bytes"}, SCORE, ["step2/select"]),
        ({"test_set": "clean", "metric": "last_accuracy"}, SCORE, ["step2/predict-clean"]),
        (
            {"test_set": "clean:eli:pred-gate", "metric": "average_incremental_accuracy"},
            ALIGNED,
            ["step0/predict-clean", "step1/eli/predict_aligned-eli", "step2/eli/predict_aligned-eli"],
        ),
        ({"test_set": "clean", "metric": "accuracy"}, COLLECT, ["score"]),
        ({"test_set": "clean:eli:pred-gate", "metric": "accuracy"}, COLLECT, ["score_aligned-eli"]),
    ],
)
def test_a_score_rests_on_the_jobs_that_wrote_these(score: dict, job: Record, jobs: list[str]) -> None:
    names = {**RUN, "step": 2, **score}
    found = [path for path, parent in RECORDS.items() if parent.stage != "collect" and rests_on(names, job, parent)]
    expected = [Path(FOLDER, f"{name}.record.json") for name in jobs]
    assert [path for path in found if "step" in RECORDS[path].key or job is COLLECT] == expected
