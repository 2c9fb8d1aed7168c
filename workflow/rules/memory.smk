"""What is kept between the steps of a run; the next step waits for it."""


rule select:
    input:
        unpack(inputs("select")),
    output:
        **STAGES["select"].outputs,
    log:
        STAGES["select"].log,
    priority: 40
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("select"),
    message:
        "select exemplars {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"
