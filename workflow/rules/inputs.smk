"""Input functions: which file depends on which."""

from meshcil.config.gates import GATES


def raw_files(wildcards):
    """What preparation waits for: the record of the rendering, or the folders with one's own files."""
    return PLAN.raw_inputs(wildcards.dataset)


def state_file(wildcards, step):
    """State that a run is in after a step."""
    return f"results/runs/{PLAN.key(wildcards).trained_in(step)}/state.safetensors"


def state(wildcards):
    """State that a run is in after the step that the wildcards name."""
    return state_file(wildcards, int(wildcards.step))


def step_inputs(wildcards):
    """What a step starts from: the run, the data, and after the first step what the step before left."""
    files = {"run": f"{RUN}/run.json", "data": "data/prepared/{dataset}/dataset.json"}
    before = int(wildcards.step) - 1
    if before >= 0:
        files |= {"previous": state_file(wildcards, before), "exemplars": f"{RUN}/step{before}/exemplars.json"}
    return {name: path.format(**wildcards) for name, path in files.items()}


def training_inputs(wildcards):
    """Inputs of training; where the settings name a file of weights, it as well."""
    weights = PLAN.run(wildcards).method.backbone.weights
    return step_inputs(wildcards) | ({"weights": weights} if weights else {})


def selection_inputs(wildcards):
    """Inputs of selection: the run, the data, the state, and the exemplars of the step before."""
    files = {name: path for name, path in step_inputs(wildcards).items() if name != "previous"}
    return files | {"state": state(wildcards)}


def alignment_inputs(wildcards):
    """Inputs of fitting: the run, the data, the states before and after the step, exemplars and ledger."""
    return step_inputs(wildcards) | {"state": state(wildcards), "ledger": f"{STEP}/ledger.csv".format(**wildcards)}


def run_predictions(wildcards):
    """Predictions that a run is scored from."""
    return PLAN.predictions(PLAN.key(wildcards))


def run_ledgers(wildcards):
    """Ledgers of all steps of a run."""
    key = PLAN.key(wildcards)
    return [f"results/runs/{key.path}/step{step}/ledger.csv" for step in range(len(PLAN.runs[key].steps))]


def aligned_files(wildcards):
    """What a run is scored from through an aligner: the first step's predictions, then those of every gate."""
    steps = range(1, len(PLAN.runs[PLAN.key(wildcards)].steps))
    folders = [f"{RUN}/step{step}/{{aligner}}".format(**wildcards) for step in steps]
    first = f"{RUN}/step0/predictions-clean.parquet".format(**wildcards)
    gated = [f"{folder}/predictions-{gate}.parquet" for folder in folders for gate in GATES]
    return {"predictions": [first, *gated], "ledgers": [f"{folder}/ledger.csv" for folder in folders]}


def study_files(wildcards):
    """What a study reads: files of a real dataset where they are there, the record of a rendered one."""
    return PLAN.study_inputs(wildcards.study)


def experiment_scores(wildcards):
    """Scores of an experiment's runs, the resolved settings that go with each, and scores of its studies."""
    scores, runs = PLAN.score_files(wildcards.experiment)
    return {"scores": scores, "runs": runs, "studies": PLAN.study_scores(wildcards.experiment)}


def artifact_scores(stage):
    """Input of `table` and `figure`: the scores of its experiment."""

    def path(wildcards):
        return f"results/experiments/{PLAN.artifact(stage, wildcards[stage])[0]}.csv"

    return path


def experiment_records(wildcards):
    """Records of all jobs of an experiment."""
    return PLAN.records(wildcards.experiment)
