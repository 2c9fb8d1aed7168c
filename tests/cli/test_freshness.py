"""What a run makes again although Snakemake sees no reason: missing files, and records that the plan contradicts."""

from pathlib import Path

import pytest

from meshcil.cli.check import plan_of
from meshcil.cli.freshness import MISSING, described, outdated

RUN = Path("results/runs/primitives3d-tiny/2-2/icarl-smoke/total-16/seed0")
TRAINED = RUN / "step1/train.record.json"
COLLECTED = Path("results/experiments/collect-smoke.record.json")


def found() -> dict[Path, str]:
    """What the finished, made-up run would make again, but for the pictures and the logging that it leaves out."""
    every = outdated(plan_of("smoke", Path("config")))
    return {path: why for path, why in every.items() if path.parent.name not in ("figures", "tracking")}


def test_deleted_files_are_noticed_where_something_reads_them(checkout: Path) -> None:
    assert found() == {}
    (RUN / "step1/exemplars.json").unlink()
    assert found() == {RUN / "step1/select.record.json": MISSING}
    for path in (
        RUN / "step1/predictions-robustness.parquet",
        RUN / "scores.csv",
        Path("results/experiments/smoke.csv"),
    ):
        path.unlink()
    assert set(found()) >= {COLLECTED, RUN / "step1/select.record.json"}
    assert described({COLLECTED: MISSING, TRAINED: MISSING}).endswith(
        "results/experiments (files are missing), and 1 more"
    )


def test_a_job_of_other_settings_or_code_is_noticed_without_snakemake_s_memory(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("config/methods/icarl.yaml")
    text = file.read_text()
    file.write_text(f"# Another comment.\n{text}")
    assert found() == {}
    file.write_text(text.replace("first_epochs: 3, epochs: 3", "first_epochs: 3, epochs: 4"))
    changed = found()
    assert changed[TRAINED] == "made with other settings" and not any("inemo" in str(path) for path in changed)
    file.write_text(text)
    monkeypatch.setattr("meshcil.cli.freshness.code_digest", lambda *modules: "other")
    assert found()[TRAINED] == "made by other code"
