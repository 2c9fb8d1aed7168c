"""The files behind a score: plain, through an aligner, of a study."""

import pytest

from meshcil.reporting.evidence import Scorings

RUN = {"dataset": "digits", "protocol": "5-5", "method": "icarl", "budget": "total-20", "seed": 0}
FOLDER = "results/runs/digits/5-5/icarl/total-20/seed0"


def record(stage: str, key: dict, inputs: list[str], outputs: list[str], parents: list[str]) -> dict:
    def files(paths: list[str]) -> list[dict]:
        return [{"path": path, "sha256": f"digest of {path}"} for path in paths]

    settings = {"values": {"dataset": {"suites": {"clean": ["clean"], "all": ["clean", "L2"]}}}}
    found = {"inputs": files(inputs), "outputs": files(outputs), "parents": files(parents)}
    return {"stage": stage, "key": key, "settings": settings, **found}


STUDY = "results/studies/toy/seed0"
PLAIN = [f"{FOLDER}/step{k}/{name}" for k in (0, 1, 2) for name in ("predictions-clean.parquet", "ledger.csv")]
GATED = [f"{FOLDER}/step0/predictions-clean.parquet"]
GATED += [f"{FOLDER}/step{k}/eli/{name}" for k in (1, 2)
          for name in ("predictions-pred-gate.parquet", "predictions-max-conf.parquet", "ledger.csv")]  # fmt: skip
GATED_JOB = "predict_aligned-eli"
RECORDS = [
    record("score", RUN, PLAIN, [], [f"{FOLDER}/step2/predict-clean.record.json"]),
    record("score_aligned", {**RUN, "aligner": "eli"}, GATED, [], [f"{FOLDER}/step2/eli/{GATED_JOB}.record.json"]),
    record("study", {"study": "toy", "seed": 0}, [], [f"{STUDY}/scores.csv", f"{STUDY}/evidence.parquet"], []),
    record("collect", {}, [], [], [f"{STUDY}/study.record.json"]),
]


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
        noted = any(parent["path"] == found[-1].record for r in RECORDS for parent in r["parents"])
        assert found[-1].record_sha256 == (f"digest of {found[-1].record}" if noted else "")


def test_a_score_of_a_study_comes_from_what_the_study_wrote() -> None:
    score = {"dataset": "digits", "protocol": "5-5", "method": "toy", "budget": "none", "seed": 0}
    found = Scorings(RECORDS).evidence({**score, "step": 0, "test_set": "first", "metric": "aligned"})
    assert [e.name for e in found] == ["seed0/scores.csv", "seed0/evidence.parquet"]
    assert {(e.record, e.record_sha256) for e in found} == {
        (f"{STUDY}/study.record.json", f"digest of {STUDY}/study.record.json")
    }
    assert Scorings(RECORDS).evidence({**score, "seed": 1, "step": 0, "test_set": "first", "metric": "aligned"}) == []
