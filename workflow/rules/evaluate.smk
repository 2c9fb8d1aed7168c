"""Predictions first, metrics after: a new metric retrains nothing."""


localrules:
    collect,
    evaluation,
    runs,


rule runs:
    input:
        [f"results/runs/{key.path}/scores.csv" for key in PLAN.runs],
        [PLAN.study_scores(name) for name in EXPERIMENTS],


rule evaluation:
    input:
        expand("results/experiments/{name}.csv", name=EXPERIMENTS),


rule predict:
    input:
        run=f"{RUN}/run.json",
        data="data/prepared/{dataset}/dataset.json",
        state=state,
        exemplars=f"{STEP}/exemplars.json",
    output:
        predictions=f"{STEP}/predictions-{{suite}}.parquet",
        record=f"{STEP}/predict-{{suite}}.record.json",
    log:
        f"{STEP_LOG}/predict-{{suite}}.log",
    benchmark:
        f"{STEP_LOG}/predict-{{suite}}.tsv"
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("predict"),
    message:
        "predict {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}: {wildcards.suite}"
    shell:
        "python -m meshcil.stages.predict --run {input.run} --data data/prepared/{wildcards.dataset}"
        " --step {wildcards.step} --state {input.state} --exemplars {input.exemplars} --suite {wildcards.suite}"
        " --out {output.predictions} --threads {threads} > {log} 2>&1"


rule score:
    input:
        run=f"{RUN}/run.json",
        predictions=run_predictions,
        ledgers=run_ledgers,
    output:
        scores=f"{RUN}/scores.csv",
        record=f"{RUN}/score.record.json",
    log:
        f"{LOG}/score.log",
    benchmark:
        f"{LOG}/score.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("score"),
    message:
        "score {wildcards.method} {wildcards.budget} seed {wildcards.seed}"
    shell:
        "python -m meshcil.stages.score --run {input.run} --predictions {input.predictions}"
        " --ledgers {input.ledgers} --out {output.scores} > {log} 2>&1"


rule collect:
    input:
        unpack(experiment_scores),
    output:
        scores="results/experiments/{experiment}.csv",
        metrics="results/experiments/{experiment}.metrics.json",
        record="results/experiments/collect-{experiment}.record.json",
    log:
        "logs/experiments/{experiment}/collect.log",
    benchmark:
        "logs/experiments/{experiment}/collect.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("collect"),
        files=optional(scores="scores", runs="runs", studies="studies"),
    message:
        "collect {wildcards.experiment}"
    shell:
        "python -m meshcil.stages.collect {params.files} --out {output.scores} --metrics {output.metrics} > {log} 2>&1"
