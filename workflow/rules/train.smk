"""The chain of a run: resolved settings, then one job per incremental step."""


localrules:
    resolve,


rule resolve:
    input:
        unpack(inputs("resolve")),
    output:
        **STAGES["resolve"].outputs,
    log:
        STAGES["resolve"].log,
    wildcard_constraints:
        budget=RESOLVED,
    priority: 50
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("resolve"),
    message:
        "resolve {wildcards.dataset} {wildcards.protocol} {wildcards.method} {wildcards.budget} seed {wildcards.seed}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule train:
    input:
        unpack(inputs("train")),
    output:
        **STAGES["train"].outputs,
    log:
        STAGES["train"].log,
    wildcard_constraints:
        budget=TRAINED,
    priority: train_priority
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("train"),
    message:
        "train {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"
