"""Raw files and prepared splits."""


localrules:
    data,


rule data:
    input:
        expand("data/prepared/{name}/dataset.json", name=PLAN.datasets),


rule generate:
    output:
        record="data/raw/{dataset}/generate.record.json",
    log:
        "logs/data/{dataset}/generate.log",
    benchmark:
        "logs/data/{dataset}/generate.tsv"
    priority: 100
    threads: 8
    resources:
        **HEAVY,
    params:
        **provenance("generate"),
        settings=settings("generate"),
        config=CONFIG,
    message:
        "render {wildcards.dataset}"
    shell:
        "python -m meshcil.stages.generate --dataset {params.config}/datasets/{wildcards.dataset}.yaml"
        " --out data/raw/{wildcards.dataset} --workers {threads} > {log} 2>&1"


rule prepare:
    input:
        raw=raw_files,
    output:
        dataset="data/prepared/{dataset}/dataset.json",
        record="data/prepared/{dataset}/prepare.record.json",
    log:
        "logs/data/{dataset}/prepare.log",
    benchmark:
        "logs/data/{dataset}/prepare.tsv"
    threads: 8
    resources:
        **HEAVY,
    params:
        **provenance("prepare"),
        settings=settings("prepare"),
        config=CONFIG,
    message:
        "prepare {wildcards.dataset}"
    shell:
        "python -m meshcil.stages.prepare --dataset {params.config}/datasets/{wildcards.dataset}.yaml"
        " --out data/prepared/{wildcards.dataset} --workers {threads} > {log} 2>&1"
