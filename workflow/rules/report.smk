"""Tables, figures and the page."""

from meshcil.config.claims import kept_claim_files

# Scores of earlier runs, where the checkout has any; those of the page's own experiments were made from the page.
KEPT = [str(path) for path in kept_claim_files(Path(CONFIG).parent / "docs/results", EXPERIMENTS)]


localrules:
    contact_sheet,
    table,
    figure,
    claims,
    report,


rule table:
    input:
        scores=artifact_scores("table"),
    output:
        table="reports/tables/{table}.csv",
        latex="reports/tables/{table}.tex",
        record="reports/tables/table-{table}.record.json",
    log:
        "logs/reports/tables/{table}.log",
    benchmark:
        "logs/reports/tables/{table}.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("table"),
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
        unpack(PLAN.figure_inputs),
    output:
        figure=[f"reports/figures/{{figure}}.{kind}" for kind in ("svg", "pdf")],
        record="reports/figures/figure-{figure}.record.json",
    log:
        "logs/reports/figures/{figure}.log",
    benchmark:
        "logs/reports/figures/{figure}.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("figure"),
        settings=settings("figure"),
        templates=TEMPLATES,
        config=CONFIG,
        experiment=artifact_experiment("figure"),
        files=optional(scores="scores", data="data", predictions="predictions"),
    message:
        "figure {wildcards.figure}"
    shell:
        "python -m meshcil.stages.figure --config {params.config} --experiment {params.experiment}"
        " --name {wildcards.figure} {params.files} --out {output.figure[0]} > {log} 2>&1"


rule contact_sheet:
    input:
        data="data/prepared/{dataset}/dataset.json",
    output:
        sheet="reports/figures/contact-sheet-{dataset}.svg",
        record="reports/figures/contact_sheet-{dataset}.record.json",
    log:
        "logs/reports/figures/contact-sheet-{dataset}.log",
    benchmark:
        "logs/reports/figures/contact-sheet-{dataset}.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("contact_sheet"),
        templates=TEMPLATES,
    message:
        "contact sheet {wildcards.dataset}"
    shell:
        "python -m meshcil.stages.contact_sheet --data data/prepared/{wildcards.dataset} --out {output.sheet} > {log} 2>&1"


rule claims:
    input:
        scores=expand("results/experiments/{name}.csv", name=EXPERIMENTS),
    output:
        table="reports/tables/claims.csv",
        latex="reports/tables/claims.tex",
        record="reports/tables/claims.record.json",
    log:
        "logs/reports/tables/claims.log",
    benchmark:
        "logs/reports/tables/claims.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("claims"),
        settings=PLAN.claims_digest,
        config=CONFIG,
    message:
        "claims"
    shell:
        "python -m meshcil.stages.claims --config {params.config} --scores {input.scores} --out {output.table}"
        " > {log} 2>&1"


rule report:
    input:
        files=[KEPT, *[[*PLAN.artifact_files(name), f"results/experiments/{name}.csv"] for name in EXPERIMENTS]],
        records=[rules.claims.output, *[PLAN.records(name) for name in EXPERIMENTS]],
    output:
        page="reports/index.html",
        beside=[f"reports/{name}" for name in ("runtime.csv", "runtime.tex", "origins.json", "ANCHOR")],
        record="reports/report.record.json",
    log:
        "logs/reports/report.log",
    benchmark:
        "logs/reports/report.tsv"
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("report"),
        settings=[PLAN.experiments_digest, PLAN.claims_digest, TEMPLATES],
        config=CONFIG,
        experiments=EXPERIMENTS,
    message:
        "report"
    shell:
        "python -m meshcil.stages.report --config {params.config} --experiments {params.experiments}"
        " --out {output.page} > {log} 2>&1"
