"""Aligners and a study through Snakemake, on top of the finished smoke experiment: from fitting to the answer."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from meshcil.cli.audit import inspect
from meshcil.cli.trace import as_json, find_trace
from meshcil.config.gates import CONTROL, GATES, ORACLE_GATES, RESTRICTED
from meshcil.core.artifacts import load_state
from meshcil.core.hashing import sha256_file
from meshcil.reporting.scores import read_scores
from meshcil.reporting.table import read_table, read_texts
from tests.workflow.conftest import snakemake
from tests.workflow.published import jobs

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

HOSTS = ("inemo-smoke", "icarl-smoke")
RUNS = "results/runs/primitives3d-tiny/2-2"
TABLES = Path("reports/tables")


@pytest.fixture(scope="module")
def finished(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder with the smoke experiment and the one that aligns its runs, and what Snakemake printed of the second."""
    # As deep as the original: the path of the configuration is part of every command.
    folder = shutil.copytree(smoke, tmp_path_factory.mktemp("aligned"), symlinks=True, dirs_exist_ok=True)
    return folder, snakemake(folder, experiment="eli-smoke")


@pytest.fixture
def aligned(finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, which is the working folder."""
    monkeypatch.chdir(finished[0])
    return finished[0]


def last_accuracies() -> pd.Series:
    """Method, test set -> accuracy after the last step, in percent."""
    scores = read_scores(Path("results/experiments/eli-smoke.csv"))
    return 100 * scores[scores["metric"] == "last_accuracy"].set_index(["method", "test_set"])["value"]


def test_finished_runs_are_aligned_without_training_them_again(finished: tuple[Path, str]) -> None:
    aligning = {"align": 2, "predict_aligned": 2, "score_aligned": 2, "study": 2}
    assert jobs(finished[1]) == aligning | {"collect": 1, "table": 3, "claims": 1, "report": 1, "track": 1}


def test_every_host_stands_under_every_gate_without_and_with_alignment(aligned: Path) -> None:
    table, last = pd.read_csv(TABLES / "eli-smoke.csv"), last_accuracies()
    shown = [(row["method"], row["gate"]) for row in table.to_dict("records")]
    assert sorted(shown) == sorted((host, gate) for host in HOSTS for gate in GATES if gate != CONTROL)
    for row in table.to_dict("records"):
        host, gate = row["method"], row["gate"]
        before = f"clean:eli-smoke:{CONTROL}" if gate == RESTRICTED else "clean"
        assert row["last without [%]"] == pytest.approx(last[host, before], abs=0.006)
        assert row["last with [%]"] == pytest.approx(last[host, f"clean:eli-smoke:{gate}"], abs=0.006)
        assert row["told the task"] == ("yes" if gate in ORACLE_GATES else "no")


def test_one_sentence_says_whether_alignment_helps_without_being_told(aligned: Path) -> None:
    last = last_accuracies()
    blind = [gate for gate in GATES if gate not in ORACLE_GATES]
    gains = [last[host, f"clean:eli-smoke:{gate}"] - last[host, "clean"] for host in HOSTS for gate in blind]
    row = read_texts(TABLES / "eli-smoke-answer.csv").set_index("gate").loc["all that are not told"]
    size = f"{sum(gains) / len(gains):+.2f} points (95% interval over 2 hosts {float(row['low [%]']):+.2f} to"
    assert row["hosts"] == "2" and size in row["answer"]
    assert row["answer"].startswith("Averaged over the gates that are not told the task")
    page = re.sub(r"\s+", " ", Path("reports/index.html").read_text(encoding="utf-8"))
    assert f'<p class="answer">{row["answer"]}</p>' in page


def test_a_mesh_method_is_aligned_before_its_features_meet_the_vertices(aligned: Path) -> None:
    for host, width in zip(HOSTS, (16, 64), strict=True):
        folder = Path(RUNS, host, "total-16/seed0/step1/eli-smoke")
        stored = load_state(folder / "aligner.safetensors")
        assert (stored["width"], stored["step"], stored["diverged_at"]) == (width, 1, None)
        held = pd.read_csv(folder / "ledger.csv").set_index("name")["bytes"]
        assert held["aligner"] == 4 * (16 * width + 16 + 16 * 16 + 16 + 16 + 1)


def test_the_study_names_its_data(aligned: Path) -> None:
    (row,) = read_texts(TABLES / "toy-smoke.csv").to_dict("records")
    assert (row["method"], row["data"], row["seeds"]) == ("toy-smoke", "digits", "2")
    assert float(row["learned [%]"]) > 80 and row["aligned [%]"] and row["stopped at"] in ("0", "100", "200")


def test_every_number_leads_to_the_files_it_was_computed_from(aligned: Path) -> None:
    known = json.loads(Path("reports/origins.json").read_text())
    page = Path("reports/index.html").read_text(encoding="utf-8")
    for name in ("eli-smoke", "eli-smoke-answer", "toy-smoke"):
        table = read_table(TABLES / f"{name}.csv")
        for part in (part for part in table.parts() if part.unit or part.name == "stopped at"):
            for key in (key for key, text in zip(table.keys, part.cells, strict=True) if text):
                anchor = known["numbers"][f"tables/{name}.csv"][key][part.heading]
                assert f'id="{anchor}"' in page
                assert known["origins"][anchor]["evidence"], (name, key, part.heading)
    for origin in known["origins"].values():
        for file in origin["evidence"]:
            assert sha256_file(Path(file["path"])) == file["sha256"]
            assert sha256_file(Path(file["record"])) == file["record_sha256"]


def stages(table: str, row: str, column: str) -> set[str]:
    """Stages behind a number."""
    return {job["title"].split()[0] for job in as_json(find_trace(TABLES / f"{table}.csv", row, column))["jobs"]}


def test_numbers_are_traced_through_the_aligner_and_through_a_study(aligned: Path) -> None:
    row = next(key for key in read_table(TABLES / "eli-smoke.csv").keys if key.endswith("pred-gate"))
    training = {"resolve", "align", "train", "select", "prepare", "generate"}
    assert stages("eli-smoke", row, "last with") == {"table", "collect", "score_aligned", "predict_aligned", *training}
    both = stages("eli-smoke", row, "last gain")
    assert both == {"table", "collect", "score", "predict", "score_aligned", "predict_aligned", *training}
    assert stages("toy-smoke", "toy-smoke", "aligned") == {"table", "collect", "study"}


def test_records_are_whole(aligned: Path) -> None:
    assert inspect().findings == ()
