"""Records go to MLflow in one local job: stages neither pay for it, nor race on it, nor depend on it."""


localrules:
    track,


rule track:
    input:
        records=experiment_records,
        claims="reports/tables/claims.record.json",
        report="reports/report.record.json",
    output:
        runs="results/tracking/{experiment}.json",
        record="results/tracking/track-{experiment}.record.json",
    log:
        "logs/experiments/{experiment}/track.log",
    benchmark:
        "logs/experiments/{experiment}/track.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("track"),
    message:
        "log {wildcards.experiment} to MLflow"
    shell:
        "python -m meshcil.stages.track --experiment {wildcards.experiment} --records {input.records}"
        " {input.claims} {input.report} --out {output.runs} > {log} 2>&1"
