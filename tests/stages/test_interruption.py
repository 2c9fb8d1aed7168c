"""A job that dies after its outputs and before its record goes on from its last checkpoint."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from meshcil.stages import study
from meshcil.stages.train import train
from meshcil.studies.base import StudyContext, StudyResult
from tests.methods.factory import CONFIG
from tests.stages.test_chain import resolved, write_runs


class Killed(Exception):
    """Stands for the death of the process."""


def die_before_the_record(job: Callable[[], None]) -> None:
    """Run a job that dies when it has written its outputs."""

    def killed(_before: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr("meshcil.lineage.record._refuse_changes", killed)
        job()


def test_no_epoch_is_trained_twice(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, _ = write_runs(resolved("finetune"))
    folder, trained = Path("step0"), []
    monkeypatch.setattr("meshcil.stages.train.show", lambda row, _bar: trained.append(row))

    def job() -> None:
        train(first, data, 0, folder / "state.safetensors", folder / "epochs.csv")

    die_before_the_record(job)
    outputs = [(folder / name).read_bytes() for name in ("state.safetensors", "epochs.csv")]
    assert len(trained) == 1 and list(folder.glob("checkpoint-*.safetensors"))
    (folder / ".checkpoint-0.safetensors.x.tmp").touch()
    job()
    assert len(trained) == 1
    assert outputs == [(folder / name).read_bytes() for name in ("state.safetensors", "epochs.csv")]
    left = {path.name for path in folder.iterdir()}
    assert left == {"state.safetensors", "epochs.csv", "checks.csv", "train.record.json"}


def test_a_study_keeps_what_it_can_go_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[bool] = []

    def run(_settings: object, context: StudyContext) -> StudyResult:
        stored = Path(f"{context.checkpoint}-model.safetensors")
        found.append(stored.exists())
        stored.touch()
        return StudyResult("d", "p", pd.DataFrame({"answer": [1]}))

    module = SimpleNamespace(run=run, scores_of=lambda _evidence: [(0, "clean", "", "accuracy", 1.0, 1)])
    monkeypatch.setattr(study, "load_module", lambda *_names: module)

    def job() -> None:
        study.main(CONFIG / "studies/toy-smoke.yaml", 0, Path("study/scores.csv"))

    die_before_the_record(job)
    job()
    assert found == [False, True]
    assert {path.name for path in Path("study").iterdir()} == {"scores.csv", "evidence.parquet", "study.record.json"}
