"""Predictions first, metrics after: a new metric retrains nothing."""


localrules:
    collect,
    evaluation,
    runs,


rule runs:
    input:
        [listed(job(PLAN, "collect", {"experiment": name}).inputs) for name in EXPERIMENTS],


rule evaluation:
    input:
        expand(STAGES["collect"].outputs["scores"], experiment=EXPERIMENTS),


rule predict:
    input:
        unpack(inputs("predict")),
    output:
        **STAGES["predict"].outputs,
    log:
        STAGES["predict"].log,
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("predict"),
    message:
        "predict {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}: {wildcards.suite}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"


rule score:
    input:
        unpack(inputs("score")),
    output:
        **STAGES["score"].outputs,
    log:
        STAGES["score"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("score"),
    message:
        "score {wildcards.method} {wildcards.budget} seed {wildcards.seed}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule collect:
    input:
        unpack(inputs("collect")),
    output:
        **STAGES["collect"].outputs,
    log:
        STAGES["collect"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("collect"),
    message:
        "collect {wildcards.experiment}"
    shell:
        "{params.command} > {log:q} 2>&1"
