"""Plan, paths, wildcards and parameters that all rules share; no science."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from meshcil.core.code_digest import code_digest, repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.jobs import listed
from meshcil.lineage.stages import STAGES, job, shown_files_of
from meshcil.stages.plan import load_plan, resources, study_resources

# Jobs run the interpreter that runs Snakemake, whether or not the environment is activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]))

# Relative, so that a moved checkout changes no parameter.
CONFIG = os.path.relpath(Path(str(workflow.current_basedir)).parents[1] / "config")
LOCK = sha256_file(repository_root() / "requirements.lock")
EXPERIMENTS = str(config.get("experiment", "laptop")).split(",")

# DVC keeps these folders whole, also where an experiment leaves one of them empty.
for folder in ("data/raw", "data/prepared", "results/runs", "results/studies"):
    os.makedirs(folder, exist_ok=True)

try:
    PLAN = load_plan(EXPERIMENTS, Path(CONFIG))
except InputError as error:
    raise WorkflowError(str(error)) from None

LIGHT = resources(PLAN, mem_mb=1000, runtime=10)
HEAVY = resources(PLAN, mem_mb=4000, runtime=120)


def alternatives(values):
    """Pattern of a wildcard that takes one of these values."""
    return "|".join(sorted({re.escape(str(value)) for value in values})) or "none"


# Runs, and the first steps that they share: these are resolved under a budget of their own, and only there is the first
# step trained. A path says after the budget which step it is.
OWN, SHARED = (alternatives(key.budget for key in keys) for keys in (PLAN.runs, PLAN.first_steps))
RESOLVED = f"{OWN}|{SHARED}"
TRAINED = rf"(?:{SHARED})(?=/seed\d+/step0/)|(?:{OWN})(?!/seed\d+/step0/)"


wildcard_constraints:
    dataset=alternatives(PLAN.datasets),
    protocol=alternatives(key.protocol for key in PLAN.runs),
    method=alternatives(key.method for key in PLAN.runs),
    budget=OWN,
    seed=r"\d+",
    step=r"\d+",
    suite=alternatives(suite for dataset in PLAN.datasets.values() for suite in dataset.suites),
    experiment=alternatives(EXPERIMENTS),
    aligner=alternatives(PLAN.aligners),
    study=alternatives(PLAN.studies),
    table=alternatives(PLAN.artifacts("tables")),
    figure=alternatives(PLAN.artifacts("figures")),


def inputs(stage):
    """Inputs of a rule: what the table of stages says that the job reads."""

    def files(wildcards):
        return job(PLAN, stage, dict(wildcards.items())).inputs

    return files


def provenance(stage):
    """What reruns a job: its command, and digests of its settings, of the code that runs, and of the lock."""

    def command(wildcards):
        return job(PLAN, stage, dict(wildcards.items())).shell

    def settings(wildcards):
        return job(PLAN, stage, dict(wildcards.items())).digest

    def code(wildcards):
        return code_digest(*job(PLAN, stage, dict(wildcards.items())).modules)

    return {"command": command, "settings": settings, "code": code, "lock": LOCK}


def train_priority(wildcards):
    """Mesh methods take longest: their chains start first, so that no core idles at the end."""
    return 30 if PLAN.run(wildcards).method.kind == "inemo" else 10
