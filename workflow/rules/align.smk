"""Aligners: fitted beside the chain of a run, and judged under every gate."""

ALIGNED = f"{STEP}/{{aligner}}"
ALIGNED_LOG = f"{STEP_LOG}/{{aligner}}"


rule align:
    input:
        unpack(alignment_inputs),
    output:
        files=[f"{ALIGNED}/{name}" for name in ("aligner.safetensors", "progress.csv", "ledger.csv")],
        record=f"{ALIGNED}/align-{{aligner}}.record.json",
    log:
        f"{ALIGNED_LOG}/align.log",
    benchmark:
        f"{ALIGNED_LOG}/align.tsv"
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("align"),
        settings=settings("align"),
        config=CONFIG,
    message:
        "align {wildcards.method} {wildcards.budget} seed {wildcards.seed}, step {wildcards.step}: {wildcards.aligner}"
    shell:
        "python -m meshcil.stages.align --run {input.run} --data data/prepared/{wildcards.dataset} --step {wildcards.step}"
        " --previous {input.previous} --state {input.state} --exemplars {input.exemplars} --held {input.ledger}"
        " --aligner {params.config}/aligners/{wildcards.aligner}.yaml --out {output.files[0]}"
        " --progress {output.files[1]} --ledger {output.files[2]} --threads {threads} > {log} 2>&1"


rule predict_aligned:
    input:
        unpack(selection_inputs),
        chosen=f"{STEP}/exemplars.json",
        aligner=f"{ALIGNED}/aligner.safetensors",
    output:
        predictions=[f"{ALIGNED}/predictions-{gate}.parquet" for gate in GATES],
        record=f"{ALIGNED}/predict_aligned-{{aligner}}.record.json",
    log:
        f"{ALIGNED_LOG}/predict_aligned.log",
    benchmark:
        f"{ALIGNED_LOG}/predict_aligned.tsv"
    threads: 1
    resources:
        **HEAVY,
    params:
        **provenance("predict_aligned"),
        folder=output_folder,
    message:
        "predict through {wildcards.aligner}: {wildcards.method} seed {wildcards.seed}, step {wildcards.step}"
    shell:
        "python -m meshcil.stages.predict_aligned --run {input.run} --data data/prepared/{wildcards.dataset}"
        " --step {wildcards.step} --state {input.state} --exemplars {input.chosen} --aligner {input.aligner}"
        " --task-identity data/prepared/{wildcards.dataset}/clean.parquet --out {params.folder}"
        " --threads {threads} > {log} 2>&1"


rule score_aligned:
    input:
        unpack(aligned_files),
        run=f"{RUN}/run.json",
    output:
        scores=f"{RUN}/{{aligner}}/scores.csv",
        record=f"{RUN}/{{aligner}}/score_aligned-{{aligner}}.record.json",
    log:
        f"{LOG}/{{aligner}}/score_aligned.log",
    benchmark:
        f"{LOG}/{{aligner}}/score_aligned.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("score_aligned"),
    message:
        "score {wildcards.method} {wildcards.budget} seed {wildcards.seed} through {wildcards.aligner}"
    shell:
        "python -m meshcil.stages.score_aligned --run {input.run} --predictions {input.predictions}"
        " --ledgers {input.ledgers} --out {output.scores} > {log} 2>&1"
