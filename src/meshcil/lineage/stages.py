"""The table of stages, in the order of the pipeline: what each reads, writes, is told and works by, said once.

The workflow, the plan, `meshcil status`, `audit` and `trace` read it. No stage imports it, so that a new row reruns
nothing. How to add a stage: docs/adding-a-stage.md.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from meshcil.config.gates import GATES
from meshcil.core.hashing import sha256_tree
from meshcil.lineage import code, inputs, paths
from meshcil.lineage.jobs import Job, Stage, find, jobs_behind, listed
from meshcil.lineage.plan import Names, Plan
from meshcil.lineage.schema import SUFFIX


def job(plan: Plan, stage: str, names: Names) -> Job:
    """Job of a stage."""
    return Job(STAGES[stage], names, plan)


def writer(path: Path | str) -> tuple[Stage, dict[str, str]] | None:
    """Stage that writes a file, and the names of the job; None for a file of one's own."""
    return find(STAGES.values(), Path(path).as_posix())


def parents(of: Job) -> list[Path]:
    """Records of the jobs whose files a job reads, sorted."""
    found = [(pair[0], pair[1]) for path in listed(of.inputs) if (pair := writer(path))]
    return sorted({Path(stage.record.format(**names)) for stage, names in found})


def planned_jobs(plan: Plan) -> dict[Path, Job]:
    """All jobs of a plan by the path of their record, in the order of the pipeline."""
    if "jobs" not in plan.found:
        logged = [paths.TRACKED.format(experiment=name) for name in plan.experiments]
        plan.found["jobs"] = jobs_behind(STAGES.values(), plan, [paths.PAGE, *logged])
    return plan.found["jobs"]


def experiment_jobs(plan: Plan, experiment: str) -> dict[Path, Job]:
    """Jobs behind what the page shows of an experiment, by the path of their record, in the order of the pipeline."""
    key = f"jobs of {experiment}"
    if key not in plan.found:
        shown = [paths.COLLECTED.format(experiment=experiment), *shown_files_of(plan, experiment)]
        plan.found[key] = jobs_behind(STAGES.values(), plan, shown)
    return plan.found[key]


def shown_files_of(plan: Plan, experiment: str) -> list[str]:
    """Files that the page of an experiment asks for: contact sheets, tables and figures, in every form."""
    jobs = [(stage, names) for stage in STAGES.values() for names in stage.wanted(plan, experiment)]
    return [path for stage, names in jobs for path in listed(stage.written(names)) if not path.endswith(SUFFIX)]


def records(plan: Plan, experiment: str) -> list[str]:
    """Records of the jobs behind what the page shows of an experiment."""
    return [path.as_posix() for path in experiment_jobs(plan, experiment)]


def all_claims(plan: Plan, names: Names) -> Any:
    """All claims."""
    return {"claims": list(plan.claims)}


def all_experiments(plan: Plan, names: Names) -> Any:
    """Settings of all experiments."""
    return plan.experiments


def collected(plan: Plan, names: Names) -> Any:
    """The experiment whose scores are collected."""
    return {"experiment": names["experiment"]}


def tracked(plan: Plan, names: Names) -> Any:
    """The experiment whose records are logged, and to what."""
    return {"experiment": names["experiment"], "tracker": "mlflow"}


def published(plan: Plan, names: Names) -> Any:
    """What a paper states next to a table."""
    return plan.published.get(names["table"])


@cache
def _templates() -> str:
    return sha256_tree(code.templates())


def templates(plan: Plan, names: Names) -> Any:
    """What pages and pictures are filled into."""
    return _templates()


def claims_and_templates(plan: Plan, names: Names) -> Any:
    """What the page shows besides what it reads, and what it is filled into."""
    return [*plan.claims, _templates()]


def experiment_of(kind: str) -> Callable[[Plan, Names], dict[str, str]]:
    """Function that finds the experiment of a `table` or `figure`."""

    def facts(plan: Plan, names: Names) -> dict[str, str]:
        return {"experiment": plan.artifacts(f"{kind}s")[names[kind]][0]}

    return facts


def experiments(plan: Plan, names: Names) -> dict[str, list[str]]:
    """Names of all experiments."""
    return {"experiments": list(plan.experiments)}


def shown_files(plan: Plan, names: Names) -> list[str]:
    """What the page shows: scores of earlier runs; tables, figures and scores of all experiments."""
    found = [path for name in plan.experiments for path in shown_files_of(plan, name)]
    scores = [paths.COLLECTED.format(experiment=name) for name in plan.experiments]
    claims = [form.format(table="claims") for form in (paths.TABLE, paths.LATEX)]
    return [*plan.kept_files, *claims, *found, *scores]


def shown_records(plan: Plan, names: Names) -> list[str]:
    """Records of all jobs behind the page."""
    return list(
        dict.fromkeys([STAGES["claims"].record, *(p for name in plan.experiments for p in records(plan, name))])
    )


def tracked_records(plan: Plan, names: Names) -> list[str]:
    """Records of an experiment, of the claims and of the page."""
    return [*records(plan, names["experiment"]), STAGES["claims"].record, STAGES["report"].record]


_DATA = f"{paths.PREPARED}/dataset.json"
_RUN = f"{paths.RUN}/run.json"
_EXEMPLARS = f"{paths.STEP}/exemplars.json"
_STEP = f"--run {{input.run}} --data {paths.PREPARED} --step {{step}}"
_ARTIFACT = "--config {config} --experiment {experiment}"

_ROWS = (
    Stage(
        "generate",
        reads={"models": inputs.cad_models},
        writes={"folder": paths.RAW},
        options=f"--dataset {{config}}/datasets/{{dataset}}.yaml --out {paths.RAW}",
        settings=Plan.dataset,
        modules=code.generator_modules,
        folder=True,
        shown=("classes", "generator", "image_size", "focal"),
    ),
    Stage(
        "prepare",
        reads={"raw": inputs.raw_files},
        writes={"dataset": _DATA},
        options=f"--dataset {{config}}/datasets/{{dataset}}.yaml --out {paths.PREPARED}",
        settings=Plan.dataset,
        modules=code.reader_modules,
        shown=("image_size", "focal", "cuboid_coverage"),
    ),
    Stage(
        "resolve",
        reads={},
        writes={"run": _RUN},
        options="--config {config} --dataset {dataset} --protocol {protocol} --method {method} --budget {budget}"
        " --seed {seed} --out {output.run}",
        settings=Plan.run,
        modules=code.settings_modules,
        shown=("key", "steps", "method"),
    ),
    Stage(
        "train",
        reads={
            "run": _RUN,
            "data": _DATA,
            "previous": inputs.previous_state,
            "exemplars": inputs.previous_exemplars,
            "weights": inputs.weights,
        },
        writes={
            "state": f"{paths.STEP}/state.safetensors",
            "epochs": f"{paths.STEP}/epochs.csv",
            "checks": f"{paths.STEP}/checks.csv",
        },
        options=f"{_STEP} --previous {{input.previous}} --exemplars {{input.exemplars}}"
        " --out {output.state} --epochs {output.epochs}",
        settings=Plan.run,
        modules=code.run_modules,
        gpu=True,
    ),
    Stage(
        "select",
        reads={"run": _RUN, "data": _DATA, "state": inputs.state, "exemplars": inputs.previous_exemplars},
        writes={"exemplars": _EXEMPLARS, "ledger": f"{paths.STEP}/ledger.csv"},
        options=f"{_STEP} --state {{input.state}} --previous {{input.exemplars}}"
        " --out {output.exemplars} --ledger {output.ledger}",
        settings=Plan.run,
        modules=code.run_modules,
        gpu=True,
    ),
    Stage(
        "align",
        reads={
            "run": _RUN,
            "data": _DATA,
            "previous": inputs.previous_state,
            "exemplars": inputs.previous_exemplars,
            "state": inputs.state,
            "ledger": f"{paths.STEP}/ledger.csv",
        },
        writes={
            "aligner": f"{paths.ALIGNED}/aligner.safetensors",
            "progress": f"{paths.ALIGNED}/progress.csv",
            "ledger": f"{paths.ALIGNED}/ledger.csv",
        },
        options=f"{_STEP} --previous {{input.previous}} --state {{input.state}} --exemplars {{input.exemplars}}"
        " --held {input.ledger} --aligner {config}/aligners/{aligner}.yaml --out {output.aligner}"
        " --progress {output.progress} --ledger {output.ledger}",
        settings=Plan.aligned_run,
        modules=code.aligner_modules,
        label="aligner",
        gpu=True,
    ),
    Stage(
        "predict",
        reads={"run": _RUN, "data": _DATA, "state": inputs.state, "exemplars": _EXEMPLARS},
        writes={"predictions": f"{paths.STEP}/predictions-{{suite}}.parquet"},
        options=f"{_STEP} --state {{input.state}} --exemplars {{input.exemplars}} --suite {{suite}}"
        " --out {output.predictions}",
        settings=Plan.run,
        modules=code.run_modules,
        label="suite",
        gpu=True,
    ),
    Stage(
        "predict_aligned",
        reads={
            "run": _RUN,
            "data": _DATA,
            "state": inputs.state,
            "exemplars": _EXEMPLARS,
            "aligner": f"{paths.ALIGNED}/aligner.safetensors",
        },
        writes={"predictions": tuple(f"{paths.ALIGNED}/predictions-{gate}.parquet" for gate in GATES)},
        options=f"{_STEP} --state {{input.state}} --exemplars {{input.exemplars}} --aligner {{input.aligner}}"
        f" --task-identity {paths.PREPARED}/clean.parquet --out {paths.ALIGNED}",
        settings=Plan.aligned_run,
        modules=code.aligner_modules,
        label="aligner",
        gpu=True,
    ),
    Stage(
        "score",
        reads={"run": _RUN, "predictions": inputs.predictions, "ledgers": inputs.ledgers, "checks": inputs.checks},
        writes={"scores": f"{paths.RUN}/scores.csv"},
        options="--run {input.run} --predictions {input.predictions} --ledgers {input.ledgers} --checks {input.checks}"
        " --out {output.scores}",
        settings=Plan.run,
        modules=code.settings_modules,
        recomputed=True,
    ),
    Stage(
        "score_aligned",
        reads={"run": _RUN, "predictions": inputs.gated_predictions, "ledgers": inputs.aligned_ledgers},
        writes={"scores": f"{paths.RUN}/{{aligner}}/scores.csv"},
        options="--run {input.run} --predictions {input.predictions} --ledgers {input.ledgers} --out {output.scores}",
        settings=Plan.run,
        modules=code.settings_modules,
        label="aligner",
        recomputed=True,
    ),
    Stage(
        "study",
        reads={"files": inputs.study_files, "data": inputs.study_data},
        writes={"scores": f"{paths.STUDY}/scores.csv", "evidence": f"{paths.STUDY}/evidence.parquet"},
        options="--study {config}/studies/{study}.yaml --seed {seed} --out {output.scores}",
        settings=Plan.study,
        modules=code.study_modules,
        recomputed=True,
        gpu=True,
    ),
    Stage(
        "collect",
        reads={"scores": inputs.scored, "runs": inputs.scored_runs, "studies": inputs.scored_studies},
        writes={"scores": paths.COLLECTED, "metrics": paths.METRICS},
        options="--scores {input.scores} --runs {input.runs} --studies {input.studies} --out {output.scores}"
        " --metrics {output.metrics}",
        settings=collected,
        label="experiment",
        recomputed=True,
    ),
    # The page, and what it shows.
    Stage(
        "contact_sheet",
        reads={"data": _DATA},
        writes={"sheet": paths.SHEET},
        options=f"--data {paths.PREPARED} --out {{output.sheet}}",
        label="dataset",
        watches=templates,
        wanted=inputs.datasets,
    ),
    Stage(
        "table",
        reads={"scores": inputs.table_scores},
        writes={"table": paths.TABLE, "latex": paths.LATEX},
        options=f"{_ARTIFACT} --name {{table}} --scores {{input.scores}} --out {{output.table}}",
        settings=Plan.table,
        modules=code.artifact_modules,
        label="table",
        facts=experiment_of("table"),
        watches=published,
        wanted=inputs.tables,
        recomputed=True,
        shown=("kind", "select", "options"),
    ),
    Stage(
        "figure",
        reads={"scores": inputs.figure_scores, "data": inputs.figure_data, "predictions": inputs.figure_predictions},
        writes={"figure": paths.FIGURE, "paper": paths.PAPER},
        options=f"{_ARTIFACT} --name {{figure}} --scores {{input.scores}} --data {{input.data}}"
        " --predictions {input.predictions} --out {output.figure}",
        settings=Plan.figure,
        modules=code.artifact_modules,
        label="figure",
        facts=experiment_of("figure"),
        watches=templates,
        wanted=inputs.figures,
        recomputed=True,
        shown=("kind", "select", "options"),
    ),
    Stage(
        "claims",
        reads={"scores": inputs.all_scores},
        writes={"table": paths.TABLE.format(table="claims"), "latex": paths.LATEX.format(table="claims")},
        options="--config {config} --scores {input.scores} --out {output.table}",
        settings=all_claims,
        recomputed=True,
    ),
    Stage(
        "report",
        reads={"files": shown_files, "records": shown_records},
        writes={
            "page": paths.PAGE,
            "runtime": f"{paths.REPORTS}/runtime.csv",
            "latex": f"{paths.REPORTS}/runtime.tex",
            "origins": f"{paths.REPORTS}/origins.json",
            "anchor": f"{paths.REPORTS}/ANCHOR",
        },
        options="--config {config} --experiments {experiments} --out {output.page}",
        settings=all_experiments,
        modules=code.report_modules,
        facts=experiments,
        watches=claims_and_templates,
        recomputed=True,
    ),
    Stage(
        "track",
        reads={"records": tracked_records},
        writes={"runs": paths.TRACKED},
        options="--experiment {experiment} --records {input.records} --out {output.runs}",
        settings=tracked,
        modules=code.track_modules,
        label="experiment",
    ),
)

STAGES: dict[str, Stage] = {stage.name: stage for stage in _ROWS}
