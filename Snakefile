# The graph of MeshCIL: data -> one job per incremental step -> evaluation -> report -> MLflow.
# Choose what to run with `--config experiment=<name in config/experiments>` (several: name,name).
from snakemake.utils import min_version

min_version("9.0")

# `--software-deployment-method apptainer --config container=meshcil.sif` runs the jobs in that image (`make image`).
if "container" in config:

    container: config["container"]


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/memory.smk"
include: "workflow/rules/align.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/lineage.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        STAGES["report"].outputs["page"],
        # Named here too, so that a deleted one is made again although the page is still there.
        [shown_files_of(PLAN, name) for name in EXPERIMENTS],
        expand(STAGES["track"].outputs["runs"], experiment=EXPERIMENTS),
