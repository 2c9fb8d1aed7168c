"""What is kept between the steps of a run; the next step waits for it."""


rule select:
    input:
        unpack(selection_inputs),
    output:
        exemplars=f"{STEP}/exemplars.json",
        ledger=f"{STEP}/ledger.csv",
        record=f"{STEP}/select.record.json",
    log:
        f"{STEP_LOG}/select.log",
    benchmark:
        f"{STEP_LOG}/select.tsv"
    priority: 40
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("select"),
        previous=optional(previous="exemplars"),
    message:
        "select exemplars {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "python -m meshcil.stages.select --run {input.run} --data data/prepared/{wildcards.dataset} --step {wildcards.step}"
        " --state {input.state} {params.previous} --out {output.exemplars} --ledger {output.ledger}"
        " --threads {threads} > {log} 2>&1"
