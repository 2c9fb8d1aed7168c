"""Studies: experiments of their own making, one job per seed."""

STUDY = "results/studies/{study}/seed{seed}"


rule study:
    input:
        unpack(study_files),
    output:
        files=[f"{STUDY}/scores.csv", f"{STUDY}/evidence.parquet"],
        record=f"{STUDY}/study.record.json",
    log:
        "logs/studies/{study}/seed{seed}/study.log",
    benchmark:
        "logs/studies/{study}/seed{seed}/study.tsv"
    priority: 20
    threads: 1
    resources:
        **PLAN.study_resources(),
    params:
        **provenance("study"),
        settings=settings("study"),
        config=CONFIG,
    message:
        "study {wildcards.study} seed {wildcards.seed}"
    shell:
        "python -m meshcil.stages.study --study {params.config}/studies/{wildcards.study}.yaml --seed {wildcards.seed}"
        " --out {output.files[0]} --threads {threads} > {log} 2>&1"
