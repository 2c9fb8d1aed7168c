"""Tables, figures and the page."""


localrules:
    contact_sheet,
    table,
    figure,
    claims,
    report,


rule table:
    input:
        unpack(inputs("table")),
    output:
        **STAGES["table"].outputs,
    log:
        STAGES["table"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("table"),
    message:
        "table {wildcards.table}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule figure:
    input:
        unpack(inputs("figure")),
    output:
        **STAGES["figure"].outputs,
    log:
        STAGES["figure"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("figure"),
    message:
        "figure {wildcards.figure}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule contact_sheet:
    input:
        unpack(inputs("contact_sheet")),
    output:
        **STAGES["contact_sheet"].outputs,
    log:
        STAGES["contact_sheet"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("contact_sheet"),
    message:
        "contact sheet {wildcards.dataset}"
    shell:
        "{params.command} > {log:q} 2>&1"


rule claims:
    input:
        unpack(inputs("claims")),
    output:
        **STAGES["claims"].outputs,
    log:
        STAGES["claims"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("claims"),
    message:
        "claims"
    shell:
        "{params.command} > {log:q} 2>&1"


rule report:
    input:
        unpack(inputs("report")),
    output:
        **STAGES["report"].outputs,
    log:
        STAGES["report"].log,
    threads: 1
    resources:
        **LIGHT,
    params:
        **provenance("report"),
    message:
        "report"
    shell:
        "{params.command} > {log:q} 2>&1"
