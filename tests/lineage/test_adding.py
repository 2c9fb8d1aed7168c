"""What docs/adding-a-stage.md says does what it says: a row, a module and a rule, and everything knows the stage."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pages import ROOT, steps

PLAN = """
import json, sys
from pathlib import Path
from meshcil.core.code_digest import code_digest
from meshcil.lineage.stages import planned_jobs
from meshcil.stages.plan import load_plan

plan = load_plan(["smoke"], Path(sys.argv[1]))
print(json.dumps({str(path): [job.digest, code_digest(*job.modules)] for path, job in planned_jobs(plan).items()}))
"""

AUDIT = """
import sys
from pathlib import Path
from meshcil.cli.recomputation import check_recomputed
from meshcil.core.artifacts import write_json_atomic
from meshcil.lineage.reading import read_records
from meshcil.lineage.stages import job
from meshcil.lineage.trace import trace
from meshcil.stages.census import main
from meshcil.stages.plan import load_plan

config = Path(sys.argv[1])
planned = job(load_plan(["smoke"], config), "census", {"dataset": "primitives3d-tiny"})
info = Path(planned.inputs["data"])
info.parent.mkdir(parents=True)
write_json_atomic(info, {"counts": {"train": 3}})
words = planned.command[planned.command.index("--data") :]
options = dict(zip(words[::2], words[1::2], strict=True))
main(Path(options["--data"]), Path(options["--out"]))
records, findings = read_records()
assert list(records) == [planned.record] and not findings
record = records[planned.record]
assert record.settings.values == planned.settings and set(planned.modules) <= set(record.code.modules)
assert trace(Path(planned.outputs["counts"])).root == str(planned.record)
assert check_recomputed(records) == []
Path(planned.outputs["counts"]).write_text("split,images\\ntrain,4\\n")
assert check_recomputed(records) == [f"{planned.outputs['counts']}: is not what its inputs give, computed again"]
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Source, configuration and workflow in a folder of their own."""
    for name in ("src", "config", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "Snakefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "work").mkdir()
    return tmp_path


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy / "work", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_stage_is_a_row_a_module_and_a_rule(copy: Path) -> None:
    before = json_of(run(copy, "-c", PLAN, "../config"))
    page = steps("adding-a-stage.md")
    assert len({step.carry_out(copy) for step in page}) == len(page) == 3
    after = json_of(run(copy, "-c", PLAN, "../config"))
    new = "reports/census-primitives3d-tiny.record.json"
    assert after.keys() - before.keys() == {new} and {path: after[path] for path in before} == before
    run(copy, "-c", AUDIT, "../config")
    output = run(copy, "-m", "snakemake", "-s", "../Snakefile", "-n", "--config", "experiment=smoke", "--cores", "1")
    assert "count primitives3d-tiny" in output


def json_of(text: str) -> dict:

    return json.loads(text.splitlines()[-1])
