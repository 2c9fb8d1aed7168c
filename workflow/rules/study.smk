"""Studies: experiments of their own making, one job per seed."""


rule study:
    input:
        unpack(inputs("study")),
    output:
        **STAGES["study"].outputs,
    log:
        STAGES["study"].log,
    priority: 20
    threads: 1
    resources:
        **study_resources(PLAN),
    params:
        **provenance("study"),
    message:
        "study {wildcards.study} seed {wildcards.seed}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"
