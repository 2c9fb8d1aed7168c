"""What is kept between the steps of a run."""


rule select:
    input:
        run=f"{RUN}/run.json",
        data="data/prepared/{dataset}/dataset.json",
        state=f"{STEP}/state.safetensors",
        previous=previous_exemplars,
    output:
        exemplars=f"{STEP}/exemplars.json",
        ledger=f"{STEP}/ledger.csv",
        record=f"{STEP}/select.record.json",
    log:
        f"{STEP_LOG}/select.log",
    benchmark:
        f"{STEP_LOG}/select.tsv"
    # Short, and the next step waits for it.
    priority: 40
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        code=code("select"),
        lock=LOCK,
        previous=optional(previous="previous"),
    message:
        "select exemplars {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "python -m meshcil.stages.select --run {input.run} --data data/prepared/{wildcards.dataset} --step {wildcards.step}"
        " --state {input.state} {params.previous} --out {output.exemplars} --ledger {output.ledger}"
        " --threads {threads} > {log} 2>&1"
