"""The exported crate: what is in it, and what an independent validator says."""

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from meshcil.cli.application import app
from meshcil.core.hashing import sha256_file
from meshcil.lineage.reading import read_records
from meshcil.stages import resolve
from meshcil.stages.command import run
from tests.cli.conftest import ROOT
from tests.cli.fabrication import CONFIG, DATASET

LOCK = Path(__file__).with_name("roc-validator.lock")
# The address of a file in the crate is its path; the validator would have an absolute one.
UNAVOIDABLE = {"process-run-crate-0.5_5.1"}


@pytest.fixture(scope="session")
def validator() -> Path:
    """Python of the validator's environment, made when it is missing (`.pytest_cache/roc-validator-<lock>`)."""
    folder = ROOT / ".pytest_cache" / f"roc-validator-{sha256_file(LOCK)[:12]}"
    python, finished = folder / "bin" / "python", folder / "finished"
    if not finished.exists():
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(LOCK)]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), *install]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"roc-validator cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        finished.touch()
    return python


def export(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run(app, ["export", "crate", *arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def crate(checkout: Path, tmp_path: Path) -> Path:
    """The crate of a finished run."""
    for name in ("Snakefile", "dvc.yaml", "README.md", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, checkout / name)
    shutil.copytree(ROOT / "workflow", checkout / "workflow")
    assert export(str(tmp_path / "crate")) == 0
    return tmp_path / "crate"


def entities(crate: Path) -> dict[str, dict]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_it_holds_the_results_and_how_they_were_made_but_no_weights(crate: Path) -> None:
    records, _ = read_records()
    found = entities(crate)
    actions = [entity for entity in found.values() if entity["@type"] == "CreateAction"]
    assert len(actions) == len(records) + 1
    names = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert {"reports/index.html", "reports/ANCHOR", "reports/tables/smoke-summary.csv", "Snakefile"} <= names
    assert {path.as_posix() for path in records} <= names
    assert not any(name.endswith((".safetensors", ".parquet")) for name in names)
    train = next(action for action in actions if action["name"] == "train")
    written = found[train["result"][0]["@id"]]
    assert written["@id"] == f"urn:sha256:{written['sha256']}" and written["name"].endswith("state.safetensors")
    for name in names - {"ro-crate-metadata.json", "ro-crate-preview.html"}:
        assert found[name]["sha256"] == sha256_file(crate / name)


@pytest.mark.parametrize("damaged", [False, True])
def test_what_the_report_does_not_rest_on_is_left_out(crate: Path, tmp_path: Path, damaged: bool) -> None:
    other = Path("results/runs/primitives3d-tiny/2-2/icarl-smoke/total-16/seed7")
    resolve.main(CONFIG, DATASET, "2-2", "icarl-smoke", "total-16", 7, other / "run.json")
    if damaged:
        (other / "resolve.record.json").write_text("{")
    assert export(str(tmp_path / "after")) == 0
    before, after = ({path.relative_to(folder) for path in folder.rglob("*")} for folder in (crate, tmp_path / "after"))
    assert after == before


def test_weights_are_included_when_asked_for(crate: Path, tmp_path: Path) -> None:
    assert export("--weights", str(tmp_path / "heavy")) == 0
    assert list((tmp_path / "heavy").rglob("state.safetensors"))


def test_the_validator_finds_nothing_that_could_be_avoided(crate: Path, validator: Path) -> None:
    context = str(files("rocrate") / "data" / "ro-crate.jsonld")
    script = Path(__file__).with_name("validate_crate.py")
    done = subprocess.run([validator, script, crate, context, "RECOMMENDED"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [issue for issue in found if issue["check"] not in UNAVOIDABLE] == []
    damaged = crate / "ro-crate-metadata.json"
    damaged.write_text(damaged.read_text().replace('"HowToStep"', '"Thing"'))
    done = subprocess.run([validator, script, crate, context, "REQUIRED"], capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1])


def test_what_stands_in_the_way_is_named(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(str(checkout)) == 2
    assert "exists already" in capsys.readouterr().err
    Path("reports/report.record.json").write_text("{")
    assert export(str(tmp_path / "crate")) == 2
    assert "is not valid JSON" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert export("crate") == 2
