"""What of the files that jobs were configured by may change: comments and layout, but no setting and no template."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.cli.configuration import check_configuration
from meshcil.cli.inspection import inspect
from meshcil.config.aligners.base import load_aligner
from meshcil.config.base import yaml_files
from meshcil.config.studies.base import load_study
from meshcil.core import code_digest
from meshcil.lineage.reading import read_record
from meshcil.lineage.record import record_job
from tests.cli.conftest import ROOT

STUDY, ALIGNER = Path("config/studies/toy-smoke.yaml"), Path("config/aligners/eli-smoke.yaml")
RUN = {"depth": 2}


def study() -> tuple[dict, dict]:
    """Settings and key of a study's job."""
    return load_study(STUDY).model_dump(mode="json"), {"study": STUDY.stem, "seed": 0}


def align() -> tuple[dict, dict]:
    """Settings and key of an aligner's job."""
    return RUN | {"aligner": load_aligner(ALIGNER).model_dump(mode="json")}, {"aligner": ALIGNER.stem, "step": 1}


JOBS: dict[str, tuple[Path, Callable[[], tuple[dict, dict]]]] = {"study": (STUDY, study), "align": (ALIGNER, align)}


@pytest.mark.parametrize("stage", JOBS)
def test_comments_in_the_file_of_a_study_or_an_aligner_do_not_count(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.setattr(code_digest, "_source_root", lambda: tmp_path / "src")
    monkeypatch.chdir(tmp_path)
    file, facts = JOBS[stage]
    settings, key = facts()
    with record_job(stage, inputs=yaml_files(file), outputs=[Path("out.csv")], settings=settings, modules=(), key=key):
        Path("out.csv").touch()
    record = Path(f"{stage}.record.json")

    def findings() -> list[str]:
        return check_configuration({record: read_record(record)})

    text = file.read_text()
    file.write_text(f"# A remark.\n{text}")
    assert findings() == []
    label = "digits_epochs: " if stage == "study" else "iterations: "
    assert label in text
    file.write_text(text.replace(label, f"{label}1", 1))
    (finding,) = findings()
    assert finding.startswith(f"{file}: has changed (`") and label.split(":")[0] in finding
    file.unlink()
    assert findings() == [f"{file}: is missing since {record} was written"]


def test_an_edited_template_is_named(checkout: Path, locked_packages: None) -> None:
    assert inspect().findings == ()
    page = Path("src/meshcil/reporting/templates/report.css")
    page.write_text(page.read_text() + "p {color: red}\n")
    (finding,) = inspect().findings
    assert finding.startswith(f"{page.parent}: has changed since ")
