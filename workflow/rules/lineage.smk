"""Records go to MLflow in one local job: stages neither pay for it, nor race on it, nor depend on it."""


localrules:
    track,


rule track:
    input:
        records=experiment_records,
    output:
        runs="results/experiments/{experiment}.mlflow.json",
        record="results/experiments/track-{experiment}.record.json",
    log:
        "logs/experiments/{experiment}/track.log",
    benchmark:
        "logs/experiments/{experiment}/track.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code("track"),
        lock=LOCK,
    message:
        "log {wildcards.experiment} to MLflow"
    shell:
        "python -m meshcil.stages.track --experiment {wildcards.experiment} --records {input.records}"
        " --out {output.runs} > {log} 2>&1"
