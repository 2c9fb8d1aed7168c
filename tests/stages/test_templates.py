"""What is filled into a template names the templates among its inputs."""

from pathlib import Path

import pytest

from meshcil.lineage.reading import read_record
from meshcil.reporting.style import FigureFiles
from meshcil.stages import contact_sheet, figure
from tests.methods.factory import CONFIG

TEMPLATES = "src/meshcil/reporting/templates"


@pytest.fixture(autouse=True)
def _work_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("data/dataset.json", "scores.csv", "predictions.parquet"):
        Path(name).touch()


def inputs(record: str) -> set[str]:
    return {entry.path for entry in read_record(Path(record)).inputs}


def test_a_contact_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "contact_sheet", lambda _data: "<svg/>")
    contact_sheet.main(Path("data"), Path("sheet.svg"))
    assert TEMPLATES in inputs("contact_sheet-data.record.json")


@pytest.mark.parametrize(("name", "filled"), [("smoke-overlays", True), ("smoke-steps", False)])
def test_a_figure_of_images_but_none_of_scores(name: str, filled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure, "draw_figure", lambda *_arguments: FigureFiles(b"<svg/>", b"%PDF"))
    for read in ("read_scores", "read_shown", "keep"):
        monkeypatch.setattr(figure, read, lambda *_arguments: None)
    figure.main(
        CONFIG,
        "smoke",
        name,
        Path("figure.svg"),
        Path("scores.csv"),
        Path("data/dataset.json"),
        [Path("predictions.parquet")],
    )
    assert (TEMPLATES in inputs(f"figure-{name}.record.json")) == filled
