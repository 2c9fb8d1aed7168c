"""Raw files and prepared splits."""


localrules:
    data,


rule data:
    input:
        expand("data/prepared/{name}/dataset.json", name=PLAN.datasets),


rule generate:
    input:
        unpack(inputs("generate")),
    output:
        **STAGES["generate"].outputs,
    log:
        STAGES["generate"].log,
    priority: 100
    threads: 8
    resources:
        **HEAVY,
    params:
        **provenance("generate"),
    message:
        "render {wildcards.dataset}"
    shell:
        "{params.command} --workers {threads} > {log:q} 2>&1"


rule prepare:
    input:
        unpack(inputs("prepare")),
    output:
        **STAGES["prepare"].outputs,
    log:
        STAGES["prepare"].log,
    threads: 8
    resources:
        **HEAVY,
    params:
        **provenance("prepare"),
    message:
        "prepare {wildcards.dataset}"
    shell:
        "{params.command} --workers {threads} > {log:q} 2>&1"
