"""What an edit reruns: a loss exactly the stages that import it, a docstring or a new module nothing."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import ROOT, snakemake

SCRIPT = """
import json, sys
from pathlib import Path
from meshcil.core.code_digest import code_digest
from meshcil.lineage.plan import names_of
from meshcil.lineage.stages import job
from meshcil.stages.plan import load_plan
plan = load_plan(["laptop", "smoke"], Path(sys.argv[1]))
jobs = {}
for key in plan.runs:
    for stage in ("resolve", "train", "select", "predict", "score"):
        jobs[f"{stage} {key.method}"] = job(plan, stage, names_of(key)).modules
for name in plan.datasets:
    for stage in ("generate", "prepare", "contact_sheet"):
        jobs[f"{stage} {name}"] = job(plan, stage, {"dataset": name}).modules
for stage in ("table", "figure"):
    for name in plan.artifacts(f"{stage}s"):
        jobs[f"{stage} {name}"] = job(plan, stage, {stage: name}).modules
for stage in ("collect", "report", "track"):
    jobs[stage] = job(plan, stage, {"experiment": "smoke"}).modules
print(json.dumps({job: [code_digest(*modules), modules] for job, modules in jobs.items()}))
"""

LOSSES = sorted(p.stem for p in (ROOT / "src/meshcil/losses").glob("*.py") if p.stem != "__init__")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, to be edited; each test puts back what it changed."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.lock", folder)
    return folder


def digests(copy: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Digest and root modules of every kind of job, as the workflow computes them from the copy."""
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "config")]
    environment = os.environ | {"PYTHONPATH": str(copy / "src")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {job: (digest, tuple(modules)) for job, (digest, modules) in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    return digests(copy)


def changed(copy: Path, before: dict[str, tuple[str, tuple[str, ...]]]) -> set[str]:
    return {job for job, (digest, _) in digests(copy).items() if digest != before[job][0]}


def imports(copy: Path, module: str) -> set[str]:
    """Modules of the package that a module names in its import statements, read without the import graph."""
    path = copy.joinpath("src", *module.split(".")).with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {n for n in names if copy.joinpath("src", *n.split(".")).with_suffix(".py").is_file()}
    return found


def closure(copy: Path, modules: tuple[str, ...]) -> set[str]:
    """Everything that ``modules`` import, directly or not."""
    reached: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports(copy, module)
    return reached


@pytest.mark.parametrize("loss", LOSSES)
def test_an_edited_loss_changes_exactly_the_jobs_that_import_it(copy: Path, before: dict, loss: str) -> None:
    expected = {job for job, (_, roots) in before.items() if f"meshcil.losses.{loss}" in closure(copy, roots)}
    path = copy / "src/meshcil/losses" / f"{loss}.py"
    original = path.read_text()
    path.write_text(f"{original}\n_EDITED = 1\n")
    try:
        assert changed(copy, before) == expected
    finally:
        path.write_text(original)


def test_a_loss_of_inemo_is_no_matter_to_icarl(copy: Path, before: dict) -> None:
    users = {job for job, (_, roots) in before.items() if "meshcil.losses.contrastive" in closure(copy, roots)}
    methods = ("inemo-pretrained", "inemo-pretrained-paper-rules", "inemo-smoke")
    assert users == {f"{stage} {method}" for stage in ("train", "select", "predict") for method in methods}


def test_docstrings_comments_and_layout_change_nothing(copy: Path, before: dict) -> None:
    originals = {path: path.read_text() for path in (copy / "src/meshcil").rglob("*.py")}
    for path, text in originals.items():
        tree = ast.parse(text)
        docstring = tree.body[0].end_lineno if ast.get_docstring(tree) else 0
        path.write_text("\n".join(['"""Another docstring."""', "", "# A comment.", *text.splitlines()[docstring:], ""]))
    try:
        assert changed(copy, before) == set()
    finally:
        for path, text in originals.items():
            path.write_text(text)


@pytest.mark.parametrize("package", ["methods", "config/methods", "losses", "reporting/figures", "reporting/tables"])
def test_a_new_module_changes_nothing(copy: Path, before: dict, package: str) -> None:
    path = copy / "src/meshcil" / package / "brand_new.py"
    path.write_text('"""New."""\n\nVALUE = 1\n')
    try:
        assert changed(copy, before) == set()
    finally:
        path.unlink()


@pytest.mark.workflow
@pytest.mark.timeout(900)
def test_snakemake_agrees(smoke: Path, copy: Path) -> None:
    def plan() -> str:
        return snakemake(smoke, "--dry-run", PYTHONPATH=str(copy / "src"))

    path = copy / "src/meshcil/losses/contrastive.py"
    original = path.read_text()
    assert "Nothing to be done" in plan()
    path.write_text(original.replace('"""', '"""Reworded. ', 1))
    assert "Nothing to be done" in plan()
    path.write_text(f"{original}\n_EDITED = 1\n")
    output = plan()
    path.write_text(original)
    for job in ("train", "select exemplars", "predict"):
        assert f"{job} inemo-smoke" in output
        assert f"{job} icarl-smoke" not in output
    assert "prepare" not in output and "render" not in output
