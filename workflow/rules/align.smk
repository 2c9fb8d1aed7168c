"""Aligners: fitted to the chain of a run, which they leave as it is, and judged under every gate."""


rule align:
    input:
        unpack(inputs("align")),
    output:
        **STAGES["align"].outputs,
    log:
        STAGES["align"].log,
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("align"),
    message:
        "align {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}: {wildcards.aligner}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"


rule predict_aligned:
    input:
        unpack(inputs("predict_aligned")),
    output:
        **STAGES["predict_aligned"].outputs,
    log:
        STAGES["predict_aligned"].log,
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("predict_aligned"),
    message:
        "predict through {wildcards.aligner}: {wildcards.method} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "{params.command} --threads {threads} > {log:q} 2>&1"


rule score_aligned:
    input:
        unpack(inputs("score_aligned")),
    output:
        **STAGES["score_aligned"].outputs,
    log:
        STAGES["score_aligned"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("score_aligned"),
    message:
        "score {wildcards.method} {wildcards.budget} seed {wildcards.seed} through {wildcards.aligner}"
    shell:
        "{params.command} > {log:q} 2>&1"
