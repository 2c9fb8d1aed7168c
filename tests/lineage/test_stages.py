"""The table of stages says what the workflow does, and nothing that runs in a job knows it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from meshcil.core.code_digest import import_closure
from meshcil.lineage.code import stage_modules
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.stages import STAGES, planned_jobs, records, writer
from meshcil.stages.plan import load_plan

ROOT = Path(__file__).resolve().parents[2]
TABLE = {f"meshcil.lineage.{name}" for name in ("inputs", "jobs", "plan", "stages")}

GRAPH = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

with SnakemakeApi() as api:
    workflow = api.workflow(
        ResourceSettings(cores=2),
        ConfigSettings(config={"experiment": sys.argv[2]}),
        snakefile=Path(sys.argv[1]),
        workdir=Path.cwd(),
    )
    workflow.dag()
    inner = workflow._workflow
    inner._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    inner._build_dag()
    jobs = [[j.rule.name, sorted({*map(str, j.input)}), sorted(map(str, j.output)), j.shellcmd] for j in inner.dag.jobs]
    Path("graph.json").write_text(json.dumps(jobs))
"""


def test_no_job_imports_the_table() -> None:
    known = {name: TABLE & set(import_closure(stage_modules(name))) for name in STAGES}
    assert not {name: modules for name, modules in known.items() if modules}, "a new row would run these again"


def test_the_profile_for_gpus_names_the_stages_that_use_one() -> None:
    profile = yaml.safe_load((ROOT / "workflow/profiles/gpu/config.yaml").read_text())
    assert set(profile["set-resources"]) == {name for name, stage in STAGES.items() if stage.gpu}


@pytest.mark.timeout(300)
def test_snakemake_plans_the_same_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job with every input and output and its command, of an experiment with runs, aligners and pictures."""
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-c", GRAPH, str(ROOT / "Snakefile"), "smoke,eli-smoke"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plan = load_plan(["smoke", "eli-smoke"], Path(os.path.relpath(ROOT / "config")))
    graph = [(tuple(out), rule, inputs, shell.split(" > ")[0]) for rule, inputs, out, shell in jobs_in(tmp_path)]
    planned = [(tuple(sorted(listed(j.outputs))), j.stage.name, sorted(listed(j.inputs)), j) for j in jobs(plan)]
    assert len(graph) == len(planned) > 40
    for ours, theirs in zip(sorted(planned, key=lambda job: job[:2]), sorted(graph), strict=True):
        assert ours[:3] == theirs[:3]
        shell = ours[3].shell
        assert re.fullmatch(rf"{re.escape(shell)}( --(threads|workers) \d)?", theirs[3])


def jobs_in(folder: Path) -> list[tuple[str, list[str], list[str], str]]:
    """Jobs of Snakemake's graph, but for the rules that only name files."""
    return [job for job in json.loads((folder / "graph.json").read_text()) if job[2]]


def jobs(plan: object) -> list[Job]:
    return list(planned_jobs(plan).values())


def test_a_path_leads_to_its_job_and_files_of_others_to_none() -> None:
    plan = load_plan(["smoke", "eli-smoke"], ROOT / "config")
    for path, job in planned_jobs(plan).items():
        for file in listed(job.outputs):
            assert writer(file) == (job.stage, job.names), file
        assert writer(path) == (job.stage, job.names)
    assert set(records(plan, "smoke")) < {path.as_posix() for path in planned_jobs(plan)}
    for path in ("README.md", "data/raw/mnist", "data/raw/mnist/train.gz", "results/runs/a/b/c/d/seed0/notes.csv"):
        assert writer(path) is None
