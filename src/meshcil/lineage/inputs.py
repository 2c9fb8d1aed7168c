"""Which files a job reads where a path alone does not say it: files of other steps, of all steps, of experiments."""

from collections.abc import Callable, Sequence
from pathlib import Path

from meshcil.config.gates import GATES
from meshcil.config.run import RunKey
from meshcil.lineage import paths
from meshcil.lineage.files import record_in
from meshcil.lineage.plan import Names, Plan

Found = str | Sequence[str] | None
Reader = Callable[[Plan, Names], Found]
"""From the names of a job to the files of one of its inputs; None or nothing where it has none."""
_RENDERED = record_in(Path(paths.RAW), "generate").as_posix()
"""Record of a rendered dataset, which stands for its folder."""


def cad_models(plan: Plan, names: Names) -> Found:
    """Folders of CAD models that a dataset is rendered from; none where its shapes are made here."""
    dataset = plan.dataset(names)
    folder = dataset.generator.models if dataset.generator else ""
    return [f"{folder}/{name}" for name in dataset.classes] if folder else None


def raw_files(plan: Plan, names: Names) -> Found:
    """What the preparation of a dataset waits for: the record of its rendering, or one's own files."""
    if plan.dataset(names).generator:
        return _RENDERED.format(**names)
    return plan.raw_files(plan.dataset(names))


def state(plan: Plan, names: Names) -> Found:
    """State of a run after the step of a job."""
    return _state_after(plan, names, int(names["step"]))


def previous_state(plan: Plan, names: Names) -> Found:
    """State of a run after the step before that of a job."""
    return _state_after(plan, names, int(names["step"]) - 1) if int(names["step"]) else None


def _state_after(plan: Plan, names: Names, step: int) -> str:
    return f"{paths.RUNS}/{plan.key(names).trained_in(step)}/state.safetensors"


def previous_exemplars(plan: Plan, names: Names) -> Found:
    """Exemplars that a run keeps after the step before that of a job."""
    before = int(names["step"]) - 1
    return f"{paths.STEP}/exemplars.json".format(**{**names, "step": before}) if before >= 0 else None


def weights(plan: Plan, names: Names) -> Found:
    """File of weights that a run starts from, unless a package ships it: that is as the lock says, which jobs know."""
    file = plan.run(names).method.backbone.weights
    return None if file is None or ":" in file else file


def predictions(plan: Plan, names: Names) -> Found:
    """Predictions that a run is scored from."""
    return predictions_of(plan, plan.key(names))


def predictions_of(plan: Plan, key: RunKey) -> tuple[str, ...]:
    """Predictions that a run is scored from, step by step."""
    steps = range(len(plan.runs[key].steps))
    return tuple(path for step in steps for path in step_predictions(plan, key, step))


def step_predictions(plan: Plan, key: RunKey, step: int) -> tuple[str, ...]:
    """Predictions of a run after a step."""
    folder = f"{paths.RUNS}/{key.path}/step{step}"
    return tuple(f"{folder}/predictions-{suite}.parquet" for suite in plan.step_suites(key, step))


def ledgers(plan: Plan, names: Names) -> Found:
    """Ledgers of all steps of a run."""
    return [f"{paths.RUN}/step{step}/ledger.csv".format(**names) for step in range(len(plan.run(names).steps))]


def checks(plan: Plan, names: Names) -> Found:
    """What training found out about the mechanisms of a run, step by step."""
    key = plan.key(names)
    return [f"{paths.RUNS}/{key.trained_in(step)}/checks.csv" for step in range(len(plan.run(names).steps))]


def gated_predictions(plan: Plan, names: Names) -> Found:
    """Predictions that a run is scored from through an aligner: those of the first step, then those of every gate."""
    first = f"{paths.RUN}/step0/predictions-clean.parquet".format(**names)
    return [first, *(f"{folder}/predictions-{gate}.parquet" for folder in _aligned(plan, names) for gate in GATES)]


def aligned_ledgers(plan: Plan, names: Names) -> Found:
    """Ledgers of a run with the bytes of an aligner."""
    return [f"{folder}/ledger.csv" for folder in _aligned(plan, names)]


def _aligned(plan: Plan, names: Names) -> list[str]:
    return [paths.ALIGNED.format(**{**names, "step": step}) for step in range(1, len(plan.run(names).steps))]


def study_files(plan: Plan, names: Names) -> Found:
    """Files of a real dataset, and of weights, that a study reads."""
    return plan.study_files(plan.study(names))


def study_data(plan: Plan, names: Names) -> Found:
    """Record of the dataset that is rendered for a study."""
    dataset = plan.study(names).rendered()
    return _RENDERED.format(dataset=dataset) if dataset else None


def scored(plan: Plan, names: Names) -> Found:
    """Scores of an experiment's runs, those through aligners last."""
    return [f"{folder}/scores.csv" for _, folder in _scored(plan, names["experiment"])]


def scored_runs(plan: Plan, names: Names) -> Found:
    """Resolved settings of the runs, one for each file of scores."""
    return [f"{paths.RUNS}/{key.path}/run.json" for key, _ in _scored(plan, names["experiment"])]


def _scored(plan: Plan, experiment: str) -> list[tuple[RunKey, str]]:
    pairs = [(key, f"{paths.RUNS}/{key.path}") for key in plan.members[experiment]]
    return pairs + [(key, f"{paths.RUNS}/{key.path}/{aligner}") for key, aligner in plan.aligned[experiment]]


def scored_studies(plan: Plan, names: Names) -> Found:
    """Scores of an experiment's studies."""
    jobs = plan.study_members[names["experiment"]]
    return [f"{paths.STUDY}/scores.csv".format(study=study, seed=seed) for study, seed in jobs]


def table_scores(plan: Plan, names: Names) -> Found:
    """Scores of the experiment that a table belongs to."""
    return paths.COLLECTED.format(experiment=plan.artifacts("tables")[names["table"]][0])


def figure_scores(plan: Plan, names: Names) -> Found:
    """Scores of the experiment that a figure belongs to, unless it shows test images."""
    experiment, figure = plan.artifacts("figures")[names["figure"]]
    return paths.COLLECTED.format(experiment=experiment) if figure.run is None else None


def figure_data(plan: Plan, names: Names) -> Found:
    """Dataset of a figure that shows test images."""
    run = plan.figure(names).run
    return f"{paths.PREPARED}/dataset.json".format(dataset=run.dataset) if run else None


def figure_predictions(plan: Plan, names: Names) -> Found:
    """Last predictions of the run whose test images a figure shows."""
    run = plan.figure(names).run
    return step_predictions(plan, run, len(plan.runs[run].steps) - 1) if run else None


def all_scores(plan: Plan, names: Names) -> Found:
    """Scores of all experiments."""
    return [paths.COLLECTED.format(experiment=name) for name in plan.experiments]


def datasets(plan: Plan, experiment: str) -> list[Names]:
    """Datasets of the runs of an experiment."""
    return [{"dataset": name} for name in dict.fromkeys(key.dataset for key in plan.members[experiment])]


def tables(plan: Plan, experiment: str) -> list[Names]:
    """Tables of an experiment."""
    return [{"table": table.name} for table in plan.experiments[experiment].tables]


def figures(plan: Plan, experiment: str) -> list[Names]:
    """Figures of an experiment."""
    return [{"figure": figure.name} for figure in plan.experiments[experiment].figures]
