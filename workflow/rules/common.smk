"""Plan, wildcards and input functions: which file depends on which; no science."""

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from meshcil.core.code_digest import code_digest, repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_tree
from meshcil.stages.plan import load_plan

# Jobs run the interpreter that runs Snakemake, whether or not the environment is activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]))

# Relative, so that a moved checkout changes no parameter.
CONFIG = os.path.relpath(Path(workflow.basedir) / "config")
LOCK = sha256_file(repository_root() / "requirements.lock")
TEMPLATES = sha256_tree(repository_root() / "src/meshcil/reporting/templates")
EXPERIMENTS = str(config.get("experiment", "laptop")).split(",")
RUN = "results/runs/{dataset}/{protocol}/{method}/{budget}/seed{seed}"
STEP = f"{RUN}/step{{step}}"
LOG = RUN.replace("results/", "logs/")
STEP_LOG = f"{LOG}/step{{step}}"

try:
    PLAN = load_plan(EXPERIMENTS, Path(CONFIG))
except InputError as error:
    raise WorkflowError(str(error)) from None

LIGHT = PLAN.resources(mem_mb=1000, runtime=10)
HEAVY = PLAN.resources(mem_mb=4000, runtime=120)


def alternatives(values):
    """Pattern of a wildcard that takes one of these values."""
    return "|".join(sorted({re.escape(str(value)) for value in values})) or "none"


wildcard_constraints:
    dataset=alternatives(PLAN.datasets),
    protocol=alternatives(key.protocol for key in PLAN.runs),
    method=alternatives(key.method for key in PLAN.runs),
    budget=alternatives(key.budget for key in PLAN.runs),
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


def artifact_scores(stage):
    """Input of `table` and `figure`: the scores of its experiment."""

    def path(wildcards):
        return f"results/experiments/{PLAN.artifact(stage, wildcards[stage])[0]}.csv"

    return path


def raw_files(wildcards):
    """What preparation waits for: the record of the rendering, or the folders with one's own files."""
    dataset = PLAN.datasets[wildcards.dataset]
    textures = [dataset.texture_root] if dataset.texture_root else []
    return [f"{dataset.root}/generate.record.json"] if dataset.generator else [*dataset.roots(), *textures]


def step_inputs(wildcards):
    """Inputs of training: the run, the data, and after the first step what the step before left."""
    files = {"run": f"{RUN}/run.json", "data": "data/prepared/{dataset}/dataset.json"}
    if int(wildcards.step) > 0:
        before = f"{RUN}/step{int(wildcards.step) - 1}"
        files |= {"previous": f"{before}/state.safetensors", "exemplars": f"{before}/exemplars.json"}
    return {name: path.format(**wildcards) for name, path in files.items()}


def selection_inputs(wildcards):
    """Inputs of selection: the run, the data, the state, and the exemplars of the step before."""
    files = {name: path for name, path in step_inputs(wildcards).items() if name != "previous"}
    return files | {"state": f"{STEP}/state.safetensors".format(**wildcards)}


def optional(**options):
    """Parameter with the options whose input exists at this step, e.g. `previous="previous"`."""

    def text(wildcards, input):
        given = {option: input.get(name) for option, name in options.items()}
        return " ".join(f"--{option} {path}" for option, path in given.items() if path)

    return text


def train_priority(wildcards):
    """Mesh methods take longest: their chains start first, so that no core idles at the end."""
    return 30 if PLAN.runs[PLAN.key(wildcards)].method.kind == "inemo" else 10


def run_predictions(wildcards):
    """Predictions that a run is scored from."""
    return PLAN.predictions(PLAN.key(wildcards))


def run_ledgers(wildcards):
    """Ledgers of all steps of a run."""
    key = PLAN.key(wildcards)
    return [f"results/runs/{key.path}/step{step}/ledger.csv" for step in range(len(PLAN.runs[key].steps))]


def experiment_records(wildcards):
    """Records of all jobs of an experiment."""
    return PLAN.records(wildcards.experiment)
