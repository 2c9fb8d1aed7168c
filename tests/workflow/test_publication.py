"""Publish, restore in a clean clone, and agreement of DVC and Snakemake about what an edit reruns."""

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
import yaml

from meshcil.core.hashing import sha256_file
from meshcil.stages.plan import load_plan
from tests.workflow.conftest import ROOT
from tests.workflow.published import (
    call,
    changed_stages,
    clone,
    install,
    jobs,
    make,
    own_variables,
    publish,
    workflow,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

FIGURE = Path("reports/figures/smoke-steps.svg")


def test_dvc_keeps_the_default_experiment_with_all_its_rendered_datasets() -> None:
    kept = yaml.safe_load((ROOT / "dvc.yaml").read_text())["vars"][0]
    datasets = load_plan([kept["experiment"]], ROOT / "config").datasets
    assert kept["rendered"] == [name for name, settings in datasets.items() if settings.generator]


@pytest.fixture(scope="module")
def origin(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkout whose results are in a remote beside it."""
    if not (ROOT / ".git").exists():
        pytest.skip("publishing needs a git checkout")
    return publish(smoke, tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def restored(origin: Path) -> tuple[Path, str]:
    """A clean clone of it after `make restore`, and what that printed."""
    folder = clone(origin, origin.with_name("clone"))
    return folder, make(folder, "restore")


def contents(folder: Path) -> dict[str, str]:
    names = ("data", "results", "reports")
    files = [path for name in names for path in (folder / name).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files if path.name[0] != "."}


def test_a_clean_clone_gets_the_same_report_and_has_nothing_to_run(origin: Path, restored: tuple[Path, str]) -> None:
    folder, printed = restored
    assert "the audit found no difference. Left to run: nothing" in printed
    assert contents(folder) == contents(origin)
    assert "mlflow.db is not here" in make(folder, "audit")


def test_a_deleted_figure_is_the_only_one_drawn_again(restored: tuple[Path, str]) -> None:
    folder, _ = restored
    before = sha256_file(folder / FIGURE)
    (folder / FIGURE).unlink()
    assert jobs(workflow(folder)) == {"figure": 1, "report": 1, "track": 1}
    assert sha256_file(folder / FIGURE) == before


# Of each kind of file one, altered by another line at its end.
FILES = (
    "data/prepared/*/train.parquet",
    "results/runs/*/*/icarl-smoke/*/seed0/step0/exemplars.json",
    "results/runs/*/*/icarl-smoke/*/seed0/step0/state.safetensors",
    "results/runs/*/*/icarl-smoke/*/seed0/step0/predictions-clean.parquet",
    "results/runs/*/*/icarl-smoke/*/seed0/step0/train.record.json",
    "reports/tables/smoke-summary.csv",
    "reports/figures/smoke-steps.svg",
    "requirements.lock",
    "src/meshcil/evaluation/metrics.py",
)


def test_the_audit_names_all_that_was_altered(origin: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(origin, tmp_path / "altered", symlinks=True))
    paths = [next(folder.glob(pattern)) for pattern in FILES]
    for path in [*paths, next(folder.glob("data/raw/*/**/*.JPEG"))]:
        path.write_bytes(path.read_bytes() + b"\n_ALTERED = 1\n")
    for name, before, after in (
        ("config/methods/icarl.yaml", r"first_epochs: 3", "first_epochs: 13"),
        ("dvc.lock", r"(path: results/experiments\n.*?\n *md5: )\w+", r"\g<1>" + "ab" * 16),
    ):
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub(before, after, text, count=1, flags=re.DOTALL))
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("update tags set value = 'elsewhere' where key = 'meshcil.host'")
    database.close()
    install(folder)
    command = [".venv/bin/meshcil", "audit"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=own_variables())
    assert done.returncode == 1 and done.stderr == "", done.stderr
    named = {line.partition(":")[0] for line in done.stdout.splitlines()}
    assert {path.relative_to(folder).as_posix() for path in paths} <= named, done.stdout
    assert {"data/raw/primitives3d-tiny", "config/methods/icarl.yaml", "mlflow.db"} <= named, done.stdout
    assert "results/experiments: is modified by dvc.lock (out of stage evaluation)" in done.stdout


# Edit -> what it replaces, by what, and rules that it must rerun.
EDITS = {
    "docstring": ("src/meshcil/losses/contrastive.py", '"""', '"""Reworded. ', set()),
    "comment": ("config/methods/icarl.yaml", "", "# A remark.\n", set()),
    "loss": ("src/meshcil/losses/contrastive.py", "\nimport ", "\n_EDITED = 1\nimport ", {"train", "predict"}),
    "figure": ("src/meshcil/reporting/figures/steps.py", "\nfrom ", "\n_EDITED = 1\nfrom ", {"figure"}),
    "setting": ("config/methods/icarl.yaml", "epochs: 3", "epochs: 13", {"resolve"}),
    "another variant": ("config/methods/icarl.yaml", "width: 32", "width: 33", set()),
    "dataset": ("config/datasets/primitives3d-tiny.yaml", "focal: 250.0", "focal: 251.0", {"generate", "prepare"}),
    "kept results": ("docs/results/laptop/provenance.json", '"measured": "', '"measured": "About ', {"report"}),
    "lock": ("requirements.lock", "", "# Another.\n", {"generate", "prepare", "train", "score", "table", "report"}),
    "rule": ("workflow/rules/evaluate.smk", '"{params.command} > {log:q}', '"{params.command}  > {log:q}', {"score"}),
}


def test_the_last_stage_of_dvc_is_what_make_reproduce_runs(origin: Path) -> None:
    (command,) = re.findall(r"snakemake (.*) --workflow-profile (.*)", (ROOT / "dvc.yaml").read_text())[-1:]
    assert command == ("all", "workflow/profiles/default --config experiment=${experiment}")
    made = call(origin, "make", "--dry-run", "reproduce")
    assert 'meshcil submit "smoke"' in made and "dvc commit" in made


@pytest.mark.parametrize("edit", EDITS)
def test_what_an_edit_reruns_is_no_matter_of_who_is_asked(origin: Path, edit: str) -> None:
    name, before, after, expected = EDITS[edit]
    path = origin / name
    original = path.read_text()
    assert before in original
    path.write_text(original.replace(before, after, 1))
    try:
        wanted = jobs(workflow(origin, "--dry-run", "--quiet", "rules"))
        changed = changed_stages(origin)
    finally:
        path.write_text(original)
    assert expected <= set(wanted) and bool(expected) == bool(wanted)
    # DVC then runs the workflow itself: the same jobs, or none. What it must not do is leave the workflow alone.
    assert not wanted or "report" in changed, f"DVC would run only {sorted(changed)}"
