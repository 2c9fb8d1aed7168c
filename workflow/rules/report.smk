"""Tables, figures and the page."""


localrules:
    table,
    figure,
    report,


rule table:
    input:
        scores=artifact_scores("table"),
    output:
        table="reports/tables/{table}.csv",
        record="reports/tables/table-{table}.record.json",
    log:
        "logs/reports/tables/{table}.log",
    benchmark:
        "logs/reports/tables/{table}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("table"),
        lock=LOCK,
        settings=settings("table"),
        config=CONFIG,
        experiment=artifact_experiment("table"),
    message:
        "table {wildcards.table}"
    shell:
        "python -m meshcil.stages.table --config {params.config} --experiment {params.experiment}"
        " --name {wildcards.table} --scores {input.scores} --out {output.table} > {log} 2>&1"


rule figure:
    input:
        scores=artifact_scores("figure"),
    output:
        figure="reports/figures/{figure}.svg",
        record="reports/figures/figure-{figure}.record.json",
    log:
        "logs/reports/figures/{figure}.log",
    benchmark:
        "logs/reports/figures/{figure}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("figure"),
        lock=LOCK,
        settings=settings("figure"),
        config=CONFIG,
        experiment=artifact_experiment("figure"),
    message:
        "figure {wildcards.figure}"
    shell:
        "python -m meshcil.stages.figure --config {params.config} --experiment {params.experiment}"
        " --name {wildcards.figure} --scores {input.scores} --out {output.figure} > {log} 2>&1"


rule report:
    input:
        tables=expand("reports/tables/{name}.csv", name=PLAN.artifacts("tables")),
        figures=expand("reports/figures/{name}.svg", name=PLAN.artifacts("figures")),
        scores=expand("results/experiments/{name}.csv", name=EXPERIMENTS),
    output:
        page="reports/index.html",
        record="reports/report.record.json",
    log:
        "logs/reports/report.log",
    benchmark:
        "logs/reports/report.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("report"),
        lock=LOCK,
        settings=PLAN.experiments_digest,
        config=CONFIG,
        experiments=EXPERIMENTS,
    message:
        "report"
    shell:
        "python -m meshcil.stages.report --config {params.config} --experiments {params.experiments}"
        " --out {output.page} > {log} 2>&1"
