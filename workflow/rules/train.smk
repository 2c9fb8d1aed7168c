"""The chain of a run: resolved settings, then one job per incremental step."""


localrules:
    resolve,


rule resolve:
    output:
        run=f"{RUN}/run.json",
        record=f"{RUN}/resolve.record.json",
    log:
        f"{LOG}/resolve.log",
    benchmark:
        f"{LOG}/resolve.tsv"
    wildcard_constraints:
        budget=RESOLVED,
    priority: 50
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("resolve"),
        settings=settings("resolve"),
        config=CONFIG,
    message:
        "resolve {wildcards.dataset} {wildcards.protocol} {wildcards.method} {wildcards.budget} seed {wildcards.seed}"
    shell:
        "python -m meshcil.stages.resolve --config {params.config} --dataset {wildcards.dataset}"
        " --protocol {wildcards.protocol} --method {wildcards.method} --budget {wildcards.budget}"
        " --seed {wildcards.seed} --out {output.run} > {log} 2>&1"


rule train:
    input:
        unpack(training_inputs),
    output:
        state=f"{STEP}/state.safetensors",
        epochs=f"{STEP}/epochs.csv",
        record=f"{STEP}/train.record.json",
    log:
        f"{STEP_LOG}/train.log",
    benchmark:
        f"{STEP_LOG}/train.tsv"
    wildcard_constraints:
        budget=TRAINED,
    priority: train_priority
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("train"),
        previous=optional(previous="previous", exemplars="exemplars"),
    message:
        "train {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "python -m meshcil.stages.train --run {input.run} --data data/prepared/{wildcards.dataset} --step {wildcards.step}"
        " {params.previous} --out {output.state} --epochs {output.epochs} --threads {threads} > {log} 2>&1"
