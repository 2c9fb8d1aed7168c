"""Plan, paths, wildcards and parameters that all rules share; no science."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from meshcil.core.code_digest import code_digest, repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_tree
from meshcil.lineage.code import templates
from meshcil.stages.plan import load_plan

# Jobs run the interpreter that runs Snakemake, whether or not the environment is activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]))

# Relative, so that a moved checkout changes no parameter.
CONFIG = os.path.relpath(Path(workflow.basedir) / "config")
LOCK = sha256_file(repository_root() / "requirements.lock")
TEMPLATES = sha256_tree(templates())
EXPERIMENTS = str(config.get("experiment", "laptop")).split(",")
RUN = "results/runs/{dataset}/{protocol}/{method}/{budget}/seed{seed}"
STEP = f"{RUN}/step{{step}}"
LOG = RUN.replace("results/", "logs/")
STEP_LOG = f"{LOG}/step{{step}}"

# DVC keeps these folders whole, also where an experiment leaves one of them empty.
for folder in ("data/raw", "data/prepared", "results/runs", "results/studies"):
    os.makedirs(folder, exist_ok=True)

try:
    PLAN = load_plan(EXPERIMENTS, Path(CONFIG))
except InputError as error:
    raise WorkflowError(str(error)) from None

LIGHT = PLAN.resources(mem_mb=1000, runtime=10)
HEAVY = PLAN.resources(mem_mb=4000, runtime=120)


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


def provenance(stage):
    """Parameters of a stage that rerun it: digests of the code that runs, given the wildcards, and of the lock."""

    def code(wildcards):
        return code_digest(*PLAN.modules(stage, dict(wildcards.items())))

    return {"code": code, "lock": LOCK}


def settings(stage):
    """Parameter of a stage: digest of the settings it works by, given the wildcards."""

    def digest(wildcards):
        return PLAN.settings(stage, dict(wildcards.items()))

    return digest


def artifact_experiment(stage):
    """Parameter of `table` and `figure`: the experiment it belongs to."""

    def name(wildcards):
        return PLAN.artifact(stage, wildcards[stage])[0]

    return name


def optional(**options):
    """Parameter with the options whose input exists at this step, e.g. `previous="previous"`."""

    def text(wildcards, input):
        given = {option: input.get(name) for option, name in options.items()}
        return " ".join(f"--{option} {path}" for option, path in given.items() if path)

    return text


def output_folder(wildcards, output):
    """Parameter: the folder that a job writes to."""
    return os.path.dirname(output.record)


def train_priority(wildcards):
    """Mesh methods take longest: their chains start first, so that no core idles at the end."""
    return 30 if PLAN.run(wildcards).method.kind == "inemo" else 10
