"""Records go to MLflow in one local job: stages neither pay for it, nor race on it, nor depend on it."""


localrules:
    track,


rule track:
    input:
        unpack(inputs("track")),
    output:
        **STAGES["track"].outputs,
    log:
        STAGES["track"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("track"),
    message:
        "log {wildcards.experiment} to MLflow"
    shell:
        "{params.command} > {log:q} 2>&1"
